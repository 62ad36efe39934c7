"""异常数据 and 批次 in a real browser: sound on a telephone and a desk, by script and without."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from haochaping.accounts.queries import app_info
from haochaping.channels.door import _admit_chunk
from haochaping.evaluation import batches
from haochaping.evaluation.models import Batch, BatchMark, Parked, Rejected
from haochaping.flow import repair
from haochaping.flow.services import admit_services
from haochaping.kit import clock
from tests.browser.test_console import log_in
from tests.cast import BAD, NANJING_ITEM, wire_rating, wire_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

Visit = "Callable[..., Page]"
WIDTHS = (375, 1440)
PERSON = {"name": "钱密探", "certKey": "320102197703074419", "mobile": "13912345678"}


def push(live: Live, *more: Any, count: int = 3) -> str:
    """A batch of Nanjing's app: so many good ones and a bad one, and then `more`."""
    now = clock.now()
    app = app_info(live.cast.app_id)
    assert app is not None
    at = clock.to_wire(now - timedelta(minutes=30))
    numbers = [live.serve().project_no for _ in range(count + 1)]
    number = batches.open_batch(lane="batch", source=app.app_id, name=app.name, now=now, place=("3201", "", ""))
    lines = [wire_rating(n, assessTime=at) for n in numbers[:-1]]
    lines.append(wire_rating(numbers[-1], **(BAD | {"assessTime": at})))
    _admit_chunk([*lines, *({**line, "assessTime": at} for line in more)], 0, number, app, now)
    return number


@pytest.fixture
def scene(live: Live) -> dict[str, str]:
    """One of each: refused, refused when its service came, waiting, discarded, and a batch that is void."""
    now = clock.now()
    served = live.serve().project_no
    number = push(
        live,
        wire_rating(served, evalDetail="501,510", writingEvaluation="说来话长", **PERSON),
        wire_rating(served + "-later"),
        wire_rating("nobody-knows", evalDetail="510", pf=10),
    )
    admit_services(
        [wire_service(f"{served}-w", taskCode=NANJING_ITEM[:-1] + "7", serviceTime=clock.to_wire(now))],
        source=live.cast.app_id,
        now=now,
    )
    rows = Rejected.objects.filter(batch=number)
    gone = rows.get(reason="out_of_range")
    repair.discard(gone.id, reason="联调时的测试数据", actor=live.cast.supervisor, now=now)
    waiting = Parked.objects.filter(kind="service").latest("received_at")
    return {
        "batch": number,
        "refused": f"kept/evaluation/{rows.get(reason='indicator_retired').id}/",
        "discarded": f"kept/evaluation/{gone.id}/",
        "waiting": f"waiting/service/{waiting.id}/",
    }


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_axe_finds_nothing(
    live: Live,
    visit: Visit,
    axe: Callable[[Page], list[str]],
    fits: Callable[[Page], bool],
    scene: dict[str, str],
    *,
    width: int,
) -> None:
    page = visit(width=width, height=900)
    log_in(page, live, "supervisor")
    for path in (
        "", "repair/?tab=rejected", "repair/?tab=waiting", "repair/?tab=discarded", "repair/?tab=fixed&reason=none",
        "repair/{refused}", "repair/{discarded}", "repair/{waiting}", "batches/", "batches/?q=none", "batches/{batch}/",
    ):  # fmt: skip
        page.goto(f"{live.url}/console/{path.format(**scene)}")
        for summary in page.locator("details.move > summary").all():
            summary.click()
        assert axe(page) == [], page.url
        assert fits(page), page.url
    page.get_by_label("理由").fill("联调数据误推到正式环境")
    page.get_by_role("button", name="下一步：核对").click()
    expect(page.get_by_role("heading", name="请核对：标记整批无效")).to_be_visible()
    assert axe(page) == []
    assert fits(page)
    log_out_and_in(page, live, "admin")
    page.goto(f"{live.url}/console/repair/")
    assert axe(page) == []
    assert fits(page)


def log_out_and_in(page: Page, live: Live, username: str) -> None:
    page.context.clear_cookies()
    log_in(page, live, username)


def test_without_a_script_a_rating_is_mended_and_counts(live: Live, visit: Visit, scene: dict[str, str]) -> None:
    page = visit(width=375, java_script_enabled=False)
    log_in(page, live, "city")
    page.goto(f"{live.url}/console/repair/{scene['refused']}")
    page.get_by_text("更正后入库").click()
    page.get_by_label("去掉第 1 项").check()
    page.get_by_role("button", name="更正并入库").click()
    expect(page.get_by_role("status")).to_contain_text("已入库")


def test_with_a_script_a_whole_list_is_tried_to_its_end_by_itself(live: Live, visit: Visit) -> None:
    push(live, *(wire_rating(f"x{n}", evalDetail="510", pf=10) for n in range(230)), count=1)
    page = visit(width=1440)
    log_in(page, live, "supervisor")
    page.goto(f"{live.url}/console/repair/?tab=rejected&reason=out_of_range")
    page.get_by_role("button", name="重试这").click()
    expect(page.get_by_role("heading", name="重试完成")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("已重试 230 / 230 条，其中 0 条入库")
    page.get_by_role("link", name="回到列表").click()
    expect(page.get_by_text("共 230 条")).to_be_visible()


def test_a_large_batch_is_marked_to_its_end_while_one_watches(
    live: Live, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PART", 2)
    number = push(live, count=12)
    page = visit(width=1440)
    log_in(page, live, "supervisor")
    page.goto(f"{live.url}/console/batches/{number}/")
    page.get_by_label("理由").fill("联调数据误推到正式环境")
    page.get_by_role("button", name="下一步：核对").click()
    page.get_by_role("button", name="确认：整批无效").click()
    expect(page.get_by_text("13 条评价已不计入统计")).to_be_visible()
    assert BatchMark.objects.get(batch=number).finished_at is not None
    assert Batch.objects.filter(id=number).exists()
