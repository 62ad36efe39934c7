"""证据材料: brought, named by a move, looked at by whoever sees the order, and never anything but pictures."""

from __future__ import annotations

import io
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from haochaping.accounts.models import Audit
from haochaping.evaluation import attachments
from haochaping.evaluation.models import AttachmentBytes
from haochaping.kit.clock import held_at
from haochaping.rectification import evidence
from haochaping.rectification.commands import perform
from haochaping.rectification.models import Evidence, Move, Order, OrderPart
from tests.cast import NOW, SUZHOU, Cast
from tests.console.stage import CANARIES, bad_order, form, text
from tests.console.test_order_pages import CONFIRM, LATER, SUBMIT, do, fill, page_of
from tests.evaluation.test_attachments import picture
from tests.papers import CUT, HOSTILE, LOCKED, pdf

pytestmark = pytest.mark.django_db
APPEAL = {"kind": "untrue", "reason": "当日无此事。", "evidence": "见所附监控截图。"}


def signed(as_) -> Order:
    order = bad_order()
    return do(as_("rectifier"), order, "sign")


def bring(client, order: Order, *files: tuple[str, bytes]) -> Any:
    sent = [SimpleUploadedFile(name, raw, "application/octet-stream") for name, raw in files]
    with held_at(LATER):
        return client.post(f"/console/orders/{order.order_no}/files", {"file": sent})


def brought(client, order: Order, name: str = "现场照片.png", raw: bytes = b"") -> Evidence:
    before = list(Evidence.objects.values_list("pk", flat=True))
    answer = bring(client, order, (name, raw or picture()))
    assert answer.status_code == 302, text(answer.content.decode())
    return Evidence.objects.exclude(pk__in=before).get()


def get(client, order: Order, page: Any) -> Any:
    with held_at(LATER):
        return client.get(f"/console/orders/{order.order_no}/files/{page}")


class TestBringing:
    def test_a_picture_is_listed_ticked_named_by_the_move_and_shown_beside_it(self, as_):
        order = signed(as_)
        row = brought(as_("rectifier"), order)
        page = page_of(as_("rectifier"), order)
        assert "现场照片" in text(page.partition('id="evidence"')[2])
        asked = fill(as_("rectifier"), order, "appeal", **APPEAL, files=str(row.id))
        assert "现场照片" in text(asked.content.decode())
        again = form(asked.content.decode(), "/appeal")
        with held_at(LATER):
            assert as_("rectifier").post(again["action"], again["values"] | {"confirmed": "1"}).status_code == 302
        assert Move.objects.get(verb="appeal").facts["files"] == [str(row.id)]
        history = page_of(as_("reviewer"), order).partition('id="history"')[2]
        assert f"/files/{row.pages[0]}" in history
        assert str(row.id) not in text(history)

    def test_several_are_ticked_at_once_and_kept_through_a_refusal(self, as_):
        order = signed(as_)
        rows = [brought(as_("rectifier"), order, f"{n}.png") for n in (1, 2)]
        drawn = form(page_of(as_("rectifier"), order), "/appeal")
        facts = drawn["values"] | APPEAL | {"files": [str(row.id) for row in rows]}
        with held_at(LATER):
            refused = as_("rectifier").post(drawn["action"], facts | {"reason": ""})
        assert refused.status_code == 422
        assert all(f'value="{row.id}" checked' in refused.content.decode() for row in rows)
        with held_at(LATER):
            as_("rectifier").post(drawn["action"], facts | {"confirmed": "1"})
        assert Move.objects.get(verb="appeal").facts["files"] == [str(row.id) for row in rows]

    def test_a_pdf_is_kept_as_its_pages(self, as_):
        order = signed(as_)
        row = brought(as_("rectifier"), order, "情况说明.pdf", pdf(3))
        assert len(row.pages) == 3
        page = page_of(as_("rectifier"), order)
        assert "第3页" in page
        assert get(as_("rectifier"), order, row.pages[2]).content[:3] == b"\xff\xd8\xff"

    def test_several_files_come_at_once_and_what_was_kept_before_a_bad_one_stays(self, as_):
        order = signed(as_)
        answer = bring(as_("rectifier"), order, ("1.png", picture()), ("2.pdf", LOCKED), ("3.png", picture()))
        assert answer.status_code == 422
        assert "第2个文件没有上传：PDF 设了打开密码" in answer.content.decode()
        assert "前1个已经上传" in answer.content.decode()
        assert Evidence.objects.count() == 1

    @pytest.mark.parametrize(
        ("name", "raw"),
        [
            ("锁.pdf", LOCKED),
            ("断.pdf", CUT),
            ("x.html", b"<script>alert(1)</script>"),
            ("x.svg", b"<svg onload='x'/>"),
        ],
    )
    def test_what_cannot_be_drawn_is_refused_beside_the_field(self, as_, name, raw):
        order = signed(as_)
        answer = bring(as_("rectifier"), order, (name, raw))
        assert answer.status_code == 422
        assert 'id="evidence-wrong"' in answer.content.decode()
        assert not Evidence.objects.exists()

    def test_no_file_is_a_clear_no(self, as_):
        answer = bring(as_("rectifier"), signed(as_))
        assert answer.status_code == 422
        assert "请先选择" in answer.content.decode()

    def test_nothing_active_is_in_what_is_kept(self, as_):
        order = signed(as_)
        for name, raw in HOSTILE.items():
            row = brought(as_("rectifier"), order, f"{name}.pdf", raw)
            for page in row.pages:
                kept = get(as_("rectifier"), order, page).content
                assert b"canary" not in kept.lower()
                assert b"JavaScript" not in kept

    def test_only_so_many_and_so_much_for_one_order(self, as_, monkeypatch):
        order = signed(as_)
        monkeypatch.setattr(evidence, "FILES_MOST", 2)
        for n in range(2):
            brought(as_("rectifier"), order, f"{n}.png")
        answer = bring(as_("rectifier"), order, ("3.png", picture()))
        assert (answer.status_code, "最多 2 份" in answer.content.decode()) == (422, True)
        monkeypatch.setattr(evidence, "FILES_MOST", 20)
        monkeypatch.setattr(evidence, "BYTES_MOST", 100)
        assert bring(as_("rectifier"), order, ("3.png", picture())).status_code == 422
        assert Evidence.objects.count() == AttachmentBytes.objects.count() == 2

    def test_a_name_that_says_too_much_is_masked(self, as_):
        row = brought(as_("rectifier"), signed(as_), "..\\我叫钱密探 13912345678.png")
        assert not [canary for canary in CANARIES if canary in row.name]
        assert "\\" not in row.name


class TestWhoMay:
    @pytest.mark.parametrize("who", ["rectifier", "city", "supervisor", "reviewer", "operator"])
    def test_whoever_plays_a_part_brings_and_all_of_them_look(self, as_, who):
        order = signed(as_)
        row = brought(as_(who), order)
        for eyes in ("rectifier", "city", "reviewer", "operator", "leader"):
            answer = get(as_(eyes), order, row.pages[0])
            assert answer.status_code == 200, eyes
            assert answer["X-Content-Type-Options"] == "nosniff"
            assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
            assert answer["Content-Disposition"].startswith("inline; filename*=")
            assert answer["Content-Type"] == "image/jpeg"
        assert Audit.objects.filter(action="evidence_open", subject=order.order_no).count() == 5

    def test_another_organ_and_those_who_only_look_on_find_nothing(self, as_):
        order = signed(as_)
        row = brought(as_("rectifier"), order)
        for who in ("foreign_rectifier", "foreign_city", "clerk"):
            assert get(as_(who), order, row.pages[0]).status_code == 404, who
            assert bring(as_(who), order, ("x.png", picture())).status_code == 404, who
        assert get(as_("observer"), order, row.pages[0]).status_code == 404
        assert "现场照片" not in page_of(as_("observer"), order)
        for who in ("observer", "leader"):
            assert bring(as_(who), order, ("x.png", picture())).status_code == 403
        assert get(as_("admin"), order, row.pages[0]).status_code == 403

    def test_a_picture_of_another_order_or_kind_is_not_there(self, as_, cast: Cast):
        order, other = signed(as_), bad_order("NJ-2")
        row = brought(as_("rectifier"), order)
        scan = attachments.keep(other.pk, "paper", "x.png", picture(), by="1", now=NOW)
        assert get(as_("rectifier"), other, row.pages[0]).status_code == 404
        assert get(as_("rectifier"), other, scan.id).status_code == 404
        assert get(as_("rectifier"), order, uuid4()).status_code == 404

    def test_a_co_unit_brings_its_own(self, as_):
        order = signed(as_)
        with held_at(LATER):
            city = as_("supervisor")
            drawn = form(city.get(f"/console/orders/{order.order_no}/").content.decode(), "/join")
            facts = drawn["values"] | {"co_organs": SUZHOU, "text": "请协助", "confirmed": "1"}
            assert city.post(drawn["action"], facts).status_code == 302
        assert OrderPart.objects.filter(order_id=order.id).exists()
        row = brought(as_("foreign_rectifier"), order)
        assert (row.by, row.organ_name) == ("co_unit", "苏州市市场监督管理局")
        assert get(as_("foreign_rectifier"), order, row.pages[0]).status_code == 200

    def test_a_clerk_to_whom_it_is_opened_brings_and_sees_their_own_only(self, as_, cast: Cast):
        order = signed(as_)
        facts = {"clerk": cast.clerk.id, "text": "请说明"}
        perform(order_id=order.id, verb="open_to_clerk", actor=cast.rectifier, facts=facts, now=LATER)
        units = brought(as_("rectifier"), order, "单位材料.png")
        mine = brought(as_("clerk"), order, "我的材料.png")
        page = page_of(as_("clerk"), order)
        assert "我的材料" in page
        assert "单位材料" not in page
        assert get(as_("clerk"), order, mine.pages[0]).status_code == 200
        assert get(as_("clerk"), order, units.pages[0]).status_code == 404
        do(as_("clerk"), order, "statement", text="当天系统故障。", files=str(mine.id))
        assert Move.objects.get(verb="statement").facts["files"] == [str(mine.id)]

    def test_a_move_names_no_file_that_is_not_of_its_order(self, as_):
        order, other = signed(as_), bad_order("NJ-2")
        row = brought(as_("rectifier"), other)
        drawn = form(page_of(as_("rectifier"), order), "/appeal")
        with held_at(LATER):
            answer = as_("rectifier").post(drawn["action"], drawn["values"] | APPEAL | {"files": str(row.id)})
        assert answer.status_code == 422
        assert "只能勾选这件工单已上传的材料" in answer.content.decode()

    def test_once_it_has_ended_nothing_is_added(self, as_):
        order = signed(as_)
        do(as_("rectifier"), order, "confirm", **CONFIRM)
        do(as_("rectifier"), order, "submit", **SUBMIT)
        do(as_("city"), order, "approve")
        do(as_("operator"), order, "callback", result="satisfied", pressed="no")
        assert bring(as_("rectifier"), order, ("x.png", picture())).status_code == 409
        assert 'id="evidence-file"' not in page_of(as_("rectifier"), order)


class TestTakingBack:
    def drop(self, client, order: Order, row: Evidence, method: str = "post") -> Any:
        with held_at(LATER):
            return getattr(client, method)(f"/console/orders/{order.order_no}/files/{row.id}/delete")

    def test_one_deletes_ones_own_after_being_asked_and_its_pictures_are_erased(self, as_):
        order = signed(as_)
        row = brought(as_("rectifier"), order, "情况说明.pdf", pdf(2))
        asked = self.drop(as_("rectifier"), order, row, "get")
        assert "不能恢复" in asked.content.decode()
        assert Evidence.objects.exists()
        assert self.drop(as_("rectifier"), order, row).status_code == 302
        assert not Evidence.objects.exists()
        assert not AttachmentBytes.objects.exists()
        assert get(as_("rectifier"), order, row.pages[0]).status_code == 404
        assert Audit.objects.get(action="evidence_drop").facts == {"file": "情况说明"}

    def test_nobody_deletes_anothers(self, as_):
        order = signed(as_)
        row = brought(as_("rectifier"), order)
        assert self.drop(as_("city"), order, row).status_code == 403
        assert self.drop(as_("foreign_rectifier"), order, row).status_code == 404
        assert Evidence.objects.exists()

    def test_what_a_move_names_stays(self, as_):
        order = signed(as_)
        row = brought(as_("rectifier"), order)
        do(as_("rectifier"), order, "appeal", **APPEAL, files=str(row.id))
        answer = self.drop(as_("rectifier"), order, row)
        assert (answer.status_code, "不能删除" in answer.content.decode()) == (409, True)
        assert "/delete" not in page_of(as_("rectifier"), order)


def test_where_and_when_a_photograph_was_taken_is_gone(as_):
    from PIL import Image

    exif = Image.Exif()
    exif[0x010E], exif[0x0132] = CANARIES[1], "2026:06:10 09:30:00"
    order = signed(as_)
    row = brought(as_("operator"), order, "来电截图.jpg", picture(exif=exif.tobytes()))
    kept = get(as_("rectifier"), order, row.pages[0]).content
    assert not Image.open(io.BytesIO(kept)).getexif()
