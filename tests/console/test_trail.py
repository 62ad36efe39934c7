"""审计日志: found by person, action, subject, result, day and kind; read page by page; taken out whole."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest

from haochaping.accounts.commands import audit
from haochaping.accounts.models import Audit
from haochaping.accounts.rules import SYSTEM, Actor
from haochaping.console.pages.system import ACTIONS
from haochaping.kit.clock import held_at
from haochaping.kit.config import ROOT
from tests.cast import NOW
from tests.console.stage import CANARIES, bad_order, text

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=1)


def read(client, query: str = "") -> list[tuple[str, ...]]:
    """The lines of the page: time, who, action, subject, result, facts."""
    with held_at(LATER):
        page = client.get(f"/console/audit/{query}").content.decode()
    rows = re.findall(r"<tr><td data-label=\"时间\".*?</tr>", page, re.DOTALL)
    return [tuple(text(cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)) for row in rows]


def sheet(client, query: str = "") -> list[dict[str, str]]:
    with held_at(LATER):
        answer = client.get(f"/console/audit/export{query}")
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


@pytest.fixture
def lines(cast):
    """What a handful of actors did on one day."""
    citizen = Actor("citizen", "7", "评价人")
    app = Actor("app", cast.app_id, "南京一体化平台")
    for minute, (who, action, subject, result) in enumerate(
        [
            (cast.city, "export", "orders", "ok"),
            (cast.rectifier, "login", "rectifier", "refused"),
            (cast.rectifier, "login", "rectifier", "ok"),
            (citizen, "withdraw_words", "7", "ok"),
            (app, "repair_retry", "x", "rejected"),
            (SYSTEM, "device_code", "device:tab-1", "ok"),
            (cast.foreign_city, "export", "windows", "ok"),
        ]
    ):
        audit(who, action, subject, now=NOW + timedelta(minutes=minute), result=result)


def test_what_was_done_is_told_in_chinese_words(as_, cast):
    audit(cast.city, "consequence_decide", "3", now=NOW, facts={"kind": "notice"})
    audit(cast.city, "policy_edit", "32 第2版", now=NOW, facts={"sections": ["limits", "appeal"]})
    audit(cast.city, "calendar_days", "3201", now=NOW, facts={"days": {"2026-12-21": "放假"}, "source": "通知"})
    told = {line[2]: line[3:] for line in read(as_("audit"))}
    assert told["决定约谈、培训"] == ("约谈与通报第3号", "成功", "类型：通报")
    assert told["修改规则稿"][-1] == "章节：差评办理期限、申诉"
    assert told["调整当地日历"][-1] == "日期：12月21日放假；依据：通知"


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("?who=南京整改", ["login", "login"]),
        ("?who=rectifier", ["login", "login"]),
        ("?who=city", ["export", "export"]),
        ("?who=南京一体化平台", ["repair_retry"]),
        ("?action=export", ["export", "export"]),
        ("?subject=rectifier", ["login", "login"]),
        ("?subject=tab-1", ["device_code"]),
        ("?subject=win", ["export"]),
        ("?result=refused", ["login"]),
        ("?result=other", ["repair_retry"]),
        ("?kind=citizen", ["withdraw_words"]),
        ("?kind=system", ["device_code"]),
        ("?since=2026-06-10&until=2026-06-10&kind=app", ["repair_retry"]),
        ("?since=2026-06-11", []),
        ("?until=2026-06-09", []),
        ("?since=gestern&kind=app", ["repair_retry"]),
        ("?who=%00&subject=%00&before=x", None),
    ],
)
def test_the_trail_is_narrowed_and_the_sheet_says_the_same(as_, lines, query, actions):
    client = as_("audit")
    wanted = [ACTIONS[action] for action in actions] if actions is not None else None
    found = [line[2] for line in read(client, query)]
    assert wanted is None or found == wanted
    assert len(found) == 7 if wanted is None else True
    taken = [line["操作"] for line in sheet(client, query) if line["对象"] != "审计日志"]
    assert taken == found


def test_pages_follow_each_other_in_time_and_lose_no_line_of_one_moment(as_, cast):
    for n in range(90):
        audit(cast.city, "export", f"n{n}", now=NOW)
    client, seen, query = as_("audit"), [], ""
    while True:
        seen += [line[3] for line in read(client, f"?action=export{query}")]
        with held_at(LATER):
            page = client.get(f"/console/audit/?action=export{query}").content.decode()
        found = re.search(r'href="\?[^"]*before=([0-9-]+)" rel="next"', page)
        if not found:
            break
        query = f"&before={found[1]}"
    assert seen == [f"n{n}" for n in reversed(range(90))]


def test_a_page_of_the_trail_counts_nothing_and_asks_little(as_, lines, django_assert_max_num_queries):
    client = as_("audit")
    with held_at(LATER):
        client.get("/console/audit/")
    with held_at(LATER), django_assert_max_num_queries(8) as asked:
        client.get("/console/audit/?who=city&action=export")
    assert not [query for query in asked.captured_queries if "COUNT(" in query["sql"]]


def test_an_orders_number_finds_who_looked_at_it_and_the_line_reads_as_a_sentence(as_, cast):
    order, other = bad_order(), bad_order("NJ-OTHER")
    with held_at(NOW + timedelta(hours=1)):
        for each in (order, other):
            as_("city").post(f"/console/orders/{each.order_no}/identity", {"reason": "需要电话核实情况"})
    (line,) = read(as_("audit"), f"?subject={order.order_no}")
    assert line[1] == "南京主管 city"
    assert line[2:5] == ("查看评价人身份", f"工单 {order.order_no}", "成功")
    assert "原因：需要电话核实情况" in line[5]
    assert len(read(as_("audit"), "?action=reveal_identity")) == 2


def test_the_sheet_is_complete_safe_and_itself_written_down(as_, cast):
    for n in range(1203):
        audit(cast.city, "export", f"s{n}", now=NOW + timedelta(seconds=n), facts={"q": "=1+1"} if n == 0 else {})
    taken = sheet(as_("audit"), "?action=export&subject=s")
    assert [line["对象编号"] for line in taken] == [f"s{n}" for n in reversed(range(1203))]
    assert taken[-1]["说明"] == "查找：=1+1"
    line = Audit.objects.get(subject="audit")
    assert (line.actor_name, line.action, line.facts) == ("审计员", "export", {"action": "export", "subject": "s"})


@pytest.mark.parametrize("username", ["admin", "security", "supervisor", "leader"])
def test_nobody_else_reads_the_trail_or_takes_it_out(as_, username):
    assert as_(username).get("/console/audit/").status_code == 403
    assert as_(username).get("/console/audit/export").status_code == 403


def test_no_rater_is_in_it(as_, cast):
    order = bad_order()
    with held_at(NOW + timedelta(hours=1)):
        as_("city").post(f"/console/orders/{order.order_no}/identity", {"reason": "需要电话核实情况"})
    whole = str(read(as_("audit"))) + str(sheet(as_("audit")))
    assert not [canary for canary in CANARIES if canary in whole]


def test_every_action_that_is_written_down_has_a_name():
    written = re.compile(r'\baudit\(\s*[^,()]+(?:\([^()]*\))?,\s*"(\w+)"')
    found = {
        action
        for path in (ROOT / "haochaping").rglob("*.py")
        for action in written.findall(path.read_text(encoding="utf-8"))
    }
    assert len(found) > 40
    assert found - set(ACTIONS) == set()
