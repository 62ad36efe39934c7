"""One definition everywhere (issue 5, point 2): whoever prints a figure of the same slice prints the same figure.

The slice: this month, the whole province. What prints figures has a line in PRINTED; whoever adds a page adds a line.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import docx
import pypdfium2
import pytest
from django.test import Client

from haochaping.accounts.commands import create_app
from haochaping.accounts.models import Person
from haochaping.accounts.signing import sign
from haochaping.analytics.commands import rebuild_lake
from haochaping.analytics.export import statistics
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.queries import Figure, figures
from haochaping.analytics.reports import contents, paper, word
from haochaping.analytics.reports.document import from_json, to_json
from haochaping.analytics.reports.kinds import Kind, Period
from haochaping.evaluation.commands import rule
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit.clock import day, held_at
from haochaping.project import assets
from haochaping.publication import queries as publication
from tests.cast import NOW, logged_in, settle, wire_rating, wire_service
from tests.console.stage import bad_order, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from haochaping.analytics.reports.document import Document

SHOWN = ("ratings", "good_rate", "bad_rate", "active_rate", "orders", "on_time_rate", "excluded")
START, END = day(NOW).replace(day=1), day(NOW)


@pytest.fixture
def expected(db: None) -> Iterator[dict[str, Figure]]:
    """Forty good ratings and ten bad ones, two more excluded, as the dictionary counts them."""
    assets.build()
    settle()
    publication.forget()
    for n in range(40):
        admit_services([wire_service(f"G-{n}")], source="test", now=NOW)
        admit([read_evaluation(wire_rating(f"G-{n}"), source="test", best_is_one=False)], now=NOW)
    orders = [bad_order(f"B-{n}") for n in range(12)]
    for order in orders[:2]:
        rule(order.pk, excludes=True, kind="fraud", reason="刷评", by="督办", now=NOW)
    rebuild_lake(now=NOW)
    with held_at(NOW):
        yield figures(SHOWN, [], START, END, now=NOW).total.figures


def leader(path: str) -> str:
    return logged_in(Person.objects.get(username="leader")).get(path).content.decode()


def as_tiles(page: str) -> Callable[[Figure], bool]:
    """Name, figure and parts follow each other."""
    words = text(page)
    return lambda figure: f"{figure.name} {figure.text} {figure.parts}".strip() in words


def overview() -> Callable[[Figure], bool]:
    return as_tiles(leader("/console/overview/"))


def screen() -> Callable[[Figure], bool]:
    """The count of ratings stands before its name there, its period with it."""
    words = text(leader("/screen"))
    return lambda figure: any(
        part in words for part in (f"{figure.text} 本月{figure.name}", f"{figure.text} {figure.name} {figure.parts}")
    )


def public() -> Callable[[Figure], bool]:
    with held_at(NOW + timedelta(days=1)):  # today is told tomorrow
        return as_tiles(Client().get(f"/public/?month={START:%Y-%m}").content.decode())


def slice_page() -> Callable[[Figure], bool]:
    page = leader(f"/console/analysis/slice/?by=-&metrics={','.join(SHOWN)}")
    cells = [text(cell) for cell in page.partition("<tbody>")[2].partition("</tbody>")[0].split("<td")[1:]]
    told = {key: cell.partition(">")[2].split() for key, cell in zip(SHOWN, cells, strict=True)}
    return lambda figure: told[figure.metric.key] == f"{figure.text} {figure.parts}".split()


def sheet() -> Callable[[Figure], bool]:
    client = logged_in(Person.objects.get(username="leader"))
    answer = client.post(f"/console/analysis/slice/export?by=-&metrics={','.join(SHOWN)}")
    head, row = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    return lambda figure: row[head.index(figure.name)] == figure.text


def api() -> Callable[[Figure], bool]:
    app, secret = create_app("省平台", organ_code="P", organ_path="", area="32", now=NOW)
    target = f"/api/v1/statistics?metrics={','.join(SHOWN)}&from={START}&to={END}"
    answer = Client().get(target, headers=sign(app, secret, "GET", target, b"", NOW))
    (row,) = json.loads(answer.content)["rows"]
    return lambda figure: (
        (row[figure.metric.key]["value"], row[figure.metric.key]["numerator"], row[figure.metric.key]["denominator"])
        == (figure.value, figure.numerator, figure.denominator)
    )


def command() -> Callable[[Figure], bool]:
    head, lines = statistics({"metrics": ",".join(SHOWN), "from": f"{START}", "to": f"{END}"}, now=NOW)
    told = {line[head.index("metric")]: line[head.index("value")] for line in lines}
    return lambda figure: told[figure.metric.key] == figure.value


def _report() -> Document:
    period = Period(START, END)
    return contents.build(
        Kind.TOPIC, period, place="江苏省", issuer="办", filters={"area": "32"}, title="专报", now=NOW
    )


def as_cells(rows: Iterable[Sequence[str]]) -> Callable[[Figure], bool]:
    told: dict[str, tuple[str, str]] = {}
    for row in rows:
        told.setdefault(row[0], (row[1], (*row, "")[2]))  # what it means stands in the annex
    return lambda figure: told.get(figure.name) == (figure.text, figure.parts.replace(" ", "") or "—")


def report_page() -> Callable[[Figure], bool]:
    """As the page of a report shows it, out of what is kept as JSON."""
    return as_cells(row for table in from_json(to_json(_report())).tables for row in table.rows)


def report_pdf() -> Callable[[Figure], bool]:
    pdf = pypdfium2.PdfDocument(paper.pdf(_report(), []))
    said = "".join("".join(pdf[n].get_textpage().get_text_range() for n in range(len(pdf))).split())
    pdf.close()
    return lambda figure: f"{figure.name}{figure.text}{figure.parts.replace(' ', '') or '—'}" in said


def report_word() -> Callable[[Figure], bool]:
    document = docx.Document(io.BytesIO(word.docx(_report(), [], at=NOW)))
    return as_cells([cell.text for cell in row.cells] for table in document.tables for row in table.rows)


def ranking() -> Callable[[Figure], bool]:
    """All of it lies in Nanjing, so its row is the whole."""
    page = leader(f"/console/analysis/ranking/?metric=good_rate&of=city&from={START}&to={END}")
    (row,) = [text(row) for row in page.split("<tr>") if "南京市" in row and "<td" in row]
    return lambda figure: figure.text in row and figure.parts in row


def rectification() -> Callable[[Figure], bool]:
    return as_tiles(leader(f"/console/analysis/themes/rectification/?from={START}&to={END}"))


# What prints figures, and which of these it has.
PRINTED: dict[str, tuple[Callable[[], Callable[[Figure], bool]], tuple[str, ...]]] = {
    "综合概览": (overview, ("ratings", "good_rate", "bad_rate", "active_rate", "orders", "on_time_rate")),
    "自助分析": (slice_page, SHOWN),
    "自助分析的导出": (sheet, SHOWN),
    "统计接口": (api, SHOWN),
    "hcp export statistics": (command, SHOWN),
    "报告": (report_page, SHOWN),
    "报告的 PDF": (report_pdf, SHOWN),
    "报告的 Word": (report_word, SHOWN),
    "效能排名": (ranking, ("good_rate",)),
    "整改效能": (rectification, ("orders",)),
    "大屏": (screen, ("ratings", "good_rate", "bad_rate", "active_rate", "on_time_rate")),
    "结果公示": (public, ("ratings", "good_rate", "bad_rate", "on_time_rate")),
}


@pytest.mark.parametrize("place", PRINTED)
def test_whoever_prints_a_figure_prints_the_same(expected: dict[str, Figure], place: str) -> None:
    read, keys = PRINTED[place]
    is_printed = read()
    assert [METRICS[key].name for key in keys if not is_printed(expected[key])] == []


def test_the_figures_are_what_was_rated(expected: dict[str, Figure]) -> None:
    told = {key: (figure.text, figure.parts) for key, figure in expected.items()}
    assert told["ratings"] == ("50", "")
    assert told["good_rate"] == ("80.00%", "40 ÷ 50")
    assert told["bad_rate"] == ("20.00%", "10 ÷ 50")
    assert told["excluded"] == ("2", "")
    assert told["orders"] == ("10", "")
