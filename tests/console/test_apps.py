"""接入应用: for administrators alone; secrets are shown once; keys can be added and ended; return origins are sites."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.accounts.models import App, AppKey, Audit
from haochaping.accounts.queries import app_info
from tests.console.stage import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.cast import Cast

pytestmark = pytest.mark.django_db


def at(cast: Cast, more: str = "") -> str:
    return f"/console/apps/{cast.app_id}/{more}"


def test_an_administrator_sees_them_all_and_no_secret(cast: Cast, as_: Callable[[str], Client]) -> None:
    admin = as_("admin")
    page = admin.get("/console/apps/").content.decode()
    assert "南京一体化平台" in page
    assert "苏州一体化平台" in page
    shown = admin.get(at(cast)).content.decode()
    assert "南京市市场监督管理局" in text(shown)
    assert cast.secret not in page + shown


@pytest.mark.parametrize("who", ["supervisor", "city", "audit", "operator", "clerk", "rectifier"])
def test_nobody_else_opens_any_of_it(cast: Cast, as_: Callable[[str], Client], who: str) -> None:
    client = as_(who)
    key = AppKey.objects.filter(app_id=cast.app_id).get()
    assert client.get("/console/apps/").status_code == 403
    assert client.get(at(cast)).status_code == 403
    for path in ("origins", "keys", f"keys/{key.pk}/revoke"):
        assert client.post(at(cast, path), {"confirmed": "1"}).status_code == 403
    assert AppKey.objects.filter(app_id=cast.app_id, revoked_at=None).count() == 1


def test_a_new_key_is_shown_once_works_at_once_and_leaves_the_old_one_live(
    cast: Cast, as_: Callable[[str], Client]
) -> None:
    admin = as_("admin")
    shown = admin.post(at(cast, "keys")).content.decode()
    found = re.search(r"<dt>密钥</dt><dd><code>([\w-]{43})</code>", shown)
    assert found
    info = app_info(cast.app_id)
    assert info is not None
    assert info.keys == (found[1].encode(), cast.secret.encode())
    assert found[1] not in admin.get(at(cast)).content.decode()
    line = Audit.objects.get(action="add_app_key")
    assert (line.actor_name, line.subject) == ("管理员", cast.app_id)
    assert found[1] not in str(line.facts)


def test_the_third_key_ends_the_first(cast: Cast, as_: Callable[[str], Client]) -> None:
    admin = as_("admin")
    for _ in range(2):
        admin.post(at(cast, "keys"))
    info = app_info(cast.app_id)
    assert info is not None
    assert len(info.keys) == 2
    assert cast.secret.encode() not in info.keys
    assert "再生成一把，较早的那把随即停用" in text(admin.get(at(cast)).content.decode())


def test_ending_a_key_asks_first_and_warns_of_the_last(cast: Cast, as_: Callable[[str], Client]) -> None:
    admin = as_("admin")
    key = AppKey.objects.filter(app_id=cast.app_id).get()
    asked: Any = admin.post(at(cast, f"keys/{key.pk}/revoke"))
    assert "这是最后一把有效密钥" in text(asked.content.decode())
    assert AppKey.objects.get(pk=key.pk).revoked_at is None
    assert admin.post(at(cast, f"keys/{key.pk}/revoke"), {"confirmed": "1"}).status_code == 302
    info = app_info(cast.app_id)
    assert info is not None
    assert info.keys == ()
    assert admin.post(at(cast, f"keys/{key.pk}/revoke"), {"confirmed": "1"}).status_code == 404
    assert Audit.objects.filter(action="revoke_app_key").count() == 1


def test_the_key_of_another_app_is_not_ended_through_this_one(cast: Cast, as_: Callable[[str], Client]) -> None:
    theirs = AppKey.objects.filter(app_id=cast.foreign_app_id).get()
    assert as_("admin").post(at(cast, f"keys/{theirs.pk}/revoke"), {"confirmed": "1"}).status_code == 404
    assert AppKey.objects.get(pk=theirs.pk).revoked_at is None


def test_return_origins_are_saved_one_a_line(cast: Cast, as_: Callable[[str], Client]) -> None:
    admin = as_("admin")
    typed = " https://ZWFW.example.gov.cn/ \r\n\r\nhttps://app.example.gov.cn:8443\r\nhttps://zwfw.example.gov.cn"
    answer = admin.post(at(cast, "origins"), {"origins": typed}, follow=True)
    assert "返回地址已保存" in text(answer.content.decode())
    kept = App.objects.get(pk=cast.app_id).return_origins
    assert kept == ["https://zwfw.example.gov.cn", "https://app.example.gov.cn:8443"]


def test_what_is_no_site_is_told_and_kept_as_typed(cast: Cast, as_: Callable[[str], Client]) -> None:
    answer = as_("admin").post(at(cast, "origins"), {"origins": "https://a.gov.cn\nhttp://b.gov.cn/x"})
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert "“http://b.gov.cn/x”不是网站地址" in text(shown)
    assert "https://a.gov.cn\nhttp://b.gov.cn/x</textarea>" in shown
    assert App.objects.get(pk=cast.app_id).return_origins == []


def test_an_unknown_app_is_not_there(cast: Cast, as_: Callable[[str], Client]) -> None:
    assert as_("admin").get("/console/apps/app_nowhere/").status_code == 404
