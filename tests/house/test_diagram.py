"""What is drawn is what is."""

from __future__ import annotations

from haochaping.kit.config import ROOT
from haochaping.rectification.workflow import MOVES, State, diagram, page


def test_the_flow_page_is_fresh() -> None:
    said = (ROOT / "docs" / "flow.md").read_text(encoding="utf-8")
    assert said == page(), "run: python -m haochaping.rectification.workflow > docs/flow.md"


def test_every_state_and_every_change_of_state_is_drawn() -> None:
    drawn = diagram()
    for state in State:
        assert f'"{state.name_zh}" as {state}' in drawn
    for line in MOVES:
        if line.target is not line.source:
            assert f"{line.source} --> {line.target}: {line.label}" in drawn
