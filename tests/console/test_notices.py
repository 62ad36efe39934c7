"""通知 through the pages: the bell, the list, reading, and of which kinds one wants an SMS."""

from __future__ import annotations

from typing import Any

import pytest

from haochaping.accounts.models import Person
from haochaping.kit import blobs
from haochaping.kit.clock import held_at
from haochaping.messaging import notices
from haochaping.messaging.models import Notice
from haochaping.messaging.rules import NoticeKind
from haochaping.rectification import reminders
from tests.cast import NOW, Cast
from tests.console.stage import CANARIES, bad_order, form, text


@pytest.fixture
def told(cast: Cast) -> Any:
    """A new order of Nanjing, of which its rectifier has heard."""
    order = bad_order()
    reminders.remind(NOW)
    return order


def pile_up(cast: Cast, n: int) -> None:
    notices.notify(
        [notices.Told(cast.rectifier.id, f"k{i}", NoticeKind.DUE, f"第{i}条", "/console/orders/") for i in range(n)],
        now=NOW,
    )


def test_the_bell_counts_what_is_unread_and_the_page_lists_it_by_the_day(as_: Any, told: Any) -> None:
    client = as_("rectifier")
    with held_at(NOW):
        page = client.get("/console/notices/").content.decode()
    assert 'aria-label="通知，1条未读"' in page
    assert f"新差评工单：食品经营许可（新办）（{told.order_no}）" in text(page)
    assert "今天" in text(page)
    assert "10:0" not in text(page), "the minute would tell when it was rated"
    assert not any(canary in page for canary in CANARIES)


def test_to_look_at_it_marks_it_read_and_leads_to_the_order(as_: Any, told: Any) -> None:
    client = as_("rectifier")
    page = client.get("/console/notices/").content.decode()
    action = (
        form(page, "/read")["action"]
        if page.count('/read"') == 1
        else f"/console/notices/{Notice.objects.get().pk}/read"
    )
    answer = client.post(action, {"open": "1"})
    assert answer["Location"] == f"/console/orders/{told.order_no}/"
    assert client.get(answer["Location"]).status_code == 200
    assert Notice.objects.get().read_at is not None
    assert "没有未读的" in client.get("/console/notices/").content.decode()


def test_one_or_all_of_a_kind_are_marked_read_and_the_list_stays_as_it_was_narrowed(
    as_: Any, cast: Cast, told: Any
) -> None:
    pile_up(cast, 2)
    client = as_("rectifier")
    one = Notice.objects.filter(kind="due").first()
    assert one is not None
    answer = client.post(f"/console/notices/{one.pk}/read", {"kind": "due", "unread": "1"})
    assert answer["Location"] == "/console/notices/?kind=due&unread=1"
    assert "已把1条通知标为已读" in text(
        client.post("/console/notices/read", {"kind": "due"}, follow=True).content.decode()
    )
    assert notices.unread(cast.rectifier.id) == 1, "the new order"
    client.post("/console/notices/read", {})
    assert notices.unread(cast.rectifier.id) == 0


def test_the_list_is_narrowed_by_kind_and_by_what_is_unread(as_: Any, cast: Cast, told: Any) -> None:
    pile_up(cast, 1)
    client = as_("rectifier")
    due = text(client.get("/console/notices/?kind=due").content.decode())
    assert "第0条" in due
    assert "新差评工单：" not in due
    notices.mark_read(notices.notices_of(cast.rectifier.id), now=NOW)
    assert "没有符合条件的通知" in client.get("/console/notices/?unread=1").content.decode()
    assert client.get("/console/notices/?kind=nonsense").status_code == 200


def test_nobody_reads_or_marks_what_was_told_to_another(as_: Any, told: Any) -> None:
    client = as_("foreign_rectifier")
    assert "还没有通知" in client.get("/console/notices/").content.decode()
    assert client.post(f"/console/notices/{Notice.objects.get().pk}/read").status_code == 404
    assert Notice.objects.get().read_at is None


def test_however_many_there_are_the_bell_counts_to_its_limit_in_one_query(
    as_: Any, cast: Cast, django_assert_max_num_queries: Any
) -> None:
    pile_up(cast, 150)
    client = as_("rectifier")
    client.get("/console/notices/")
    with django_assert_max_num_queries(10):
        page = client.get("/console/notices/").content.decode()
    assert "99+条未读" in page
    assert "第 1 / 8 页" in text(page)


def test_one_chooses_of_which_kinds_an_sms_comes(as_: Any, cast: Cast) -> None:
    client = as_("rectifier")
    assert "还没有登记您的工作电话" in client.get("/console/notices/settings").content.decode()
    person = Person.objects.get(username="rectifier")
    person.phone = blobs.seal({"phone": "13800000077"}, table="accounts_person", row=str(person.pk))
    person.save()
    page = client.get("/console/notices/settings").content.decode()
    assert "13800000077" not in page
    assert page.count(" checked") == 5
    answer = client.post("/console/notices/settings", {"text": ["late", "raised", "nonsense"]}, follow=True)
    assert "通知设置已保存" in answer.content.decode()
    assert notices.without_text(cast.rectifier.id) == {"task", "due", "asked", "news"}
    assert client.get("/console/notices/settings").content.decode().count(" checked") == 2


@pytest.mark.parametrize("username", ["admin", "security", "audit", "clerk", "observer", "leader"])
def test_everybody_has_the_page(as_: Any, cast: Cast, username: str) -> None:
    assert "还没有通知" in as_(username).get("/console/notices/").content.decode()
