"""What browsers load: built once, without maps, light, and nothing newer than the oldest browser we promise."""

from __future__ import annotations

import json
import re

import pytest

from haochaping.kit.config import Misconfigured
from haochaping.project import assets

TOO_NEW = {  # Chromium 72 must do (look.md §3)
    "citizen.js": r"=>|`|\b(let|const|class|async|await)\b|\.\.\.|\?\.",
    "citizen.css": r":has\(|:is\(|:where\(|color-mix|@layer|@container|\binset\s*:|aspect-ratio|(?<![-\w])gap\s*:|dvh",
    "tokens.css": r"color-mix|@layer",
}


def test_building_again_does_nothing() -> None:
    assets.build()
    assert assets.build() is False


def test_everything_on_the_list_is_published_hashed_and_without_a_source_map() -> None:
    assets.build()
    paths = json.loads((assets.PUBLISHED / "staticfiles.json").read_text(encoding="utf-8"))["paths"]
    assert set(assets.ALLOWED) <= set(paths)
    for name in assets.ALLOWED:
        published = assets.PUBLISHED / paths[name]
        assert re.search(r"\.[0-9a-f]{12}\.", published.name)
        assert b"sourceMappingURL=" not in published.read_bytes()[-300:]


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(assets.ALLOWED, "vendor/x.js", ("npm:no-such-package", "x.js"))
    with pytest.raises(Misconfigured, match=r"no-such-package/x\.js is not installed: run `make demo`"):
        assets.build()


@pytest.mark.parametrize("name", TOO_NEW)
def test_nothing_newer_than_the_oldest_browser(name: str) -> None:
    source = (assets.OWN / "hcp" / name).read_text(encoding="utf-8")
    plain = re.sub(r"/\*.*?\*/|'[^']*'", "", source, flags=re.DOTALL)
    assert re.findall(TOO_NEW[name], plain) == []


def test_the_citizens_script_stays_under_a_kilobyte() -> None:
    assert (assets.OWN / "hcp" / "citizen.js").stat().st_size < 1024
