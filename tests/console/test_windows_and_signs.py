"""窗口管理 and 二维码管理: everything within one's own area, nothing outside it, and on paper what the citizen can scan."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import openpyxl
import pypdfium2
import pytest
import segno
import zxingcpp
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from haochaping.accounts.models import Audit
from haochaping.channels.models import Link, Sign
from haochaping.channels.windows import printing
from haochaping.directory.models import Region, Window
from haochaping.evaluation.models import Evaluation, ServiceEvent
from haochaping.flow.services import admit_services
from haochaping.kit.clock import held_at
from tests.cast import NANJING, NOW, SUZHOU, forget, wire_service
from tests.console.stage import text

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db
GOOD = {"windowNo": "NJ-A03", "windowName": "A03 出件窗口", "hallCode": "NJ", "orgcode": NANJING, "windowKind": "issue"}
HEAD = "windowNo,windowName,hallCode,orgcode,windowKind,isActive\n"


@pytest.fixture(autouse=True)
def at_ten_oclock() -> Iterator[None]:
    with held_at(NOW):
        yield
    forget()


def upload(client, content, name="windows.csv"):
    file = SimpleUploadedFile(name, content if isinstance(content, bytes) else content.encode())
    return client.post("/console/windows/import", {"file": file}, follow=True)


def paper(client, **more):
    return client.post("/console/signs/print", more)


class Paper(NamedTuple):
    size: tuple[int, int]  # mm
    text: str
    code: str


def read(content: bytes) -> list[Paper]:
    """What stands on each page, and what a telephone reads from its code."""
    document = pypdfium2.PdfDocument(content)
    found = []
    for page in document:
        drawn = page.render(scale=3).to_pil()
        (code,) = [barcode.text for barcode in zxingcpp.read_barcodes(drawn)]
        width, height = (round(points * 25.4 / 72) for points in page.get_size())
        found.append(Paper((width, height), page.get_textpage().get_text_range(), code))
    document.close()
    return found


class TestTheTree:
    def test_it_leads_from_the_area_to_the_hall_to_its_windows(self, as_):
        client = as_("supervisor")
        top = text(client.get("/console/windows/").content.decode())
        assert "江苏省 4" in top
        inside = client.get("/console/windows/?area=3201").content.decode()
        assert "玄武区" in inside
        assert "SZ-A01" not in inside
        hall = client.get("/console/windows/?hall=NJ").content.decode()
        assert 'href="?hall=NJ" aria-current="true"' in hall
        assert "NJ-A01" in hall
        assert "NJ-A02" in hall

    @pytest.mark.parametrize("q", ["NJ-A01", "a01", "综合窗口", "NJ政务", "市场监督"])
    def test_it_is_searched_by_code_name_hall_and_organ(self, as_, q):
        assert "NJ-A01" in as_("city").get("/console/windows/", {"q": q}).content.decode()

    def test_nothing_found_says_what_to_do(self, as_):
        assert "没有符合条件的窗口" in as_("city").get("/console/windows/?q=没有这样的").content.decode()


class TestOwnAreaOnly:
    def test_a_city_sees_its_windows_and_no_other_citys(self, as_):
        for page in ("/console/windows/", "/console/signs/", "/console/windows/?area=3201", "/console/signs/?hall=NJ"):
            shown = as_("foreign_city").get(page).content.decode()
            assert "NJ-A0" not in shown
        assert "SZ-A01" in as_("foreign_city").get("/console/windows/").content.decode()
        assert b"NJ-A0" not in as_("foreign_city").get("/console/windows/export?hall=NJ").content

    def test_a_foreign_city_changes_nothing(self, as_, cast):
        paper(as_("city"), window="NJ-A01")
        sign = Sign.objects.get()
        client = as_("foreign_city")
        answers = [
            client.get("/console/windows/at/NJ-A01/"),
            client.post("/console/windows/at/NJ-A01/", GOOD),
            client.post("/console/windows/at/NJ-A01/switch", {"reason": "x"}),
            client.get("/console/signs/at/NJ-A01/"),
            client.post(f"/console/signs/{sign.serial}/replace", {"reason": "其他"}),
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert client.post("/console/windows/new", GOOD).status_code == 422
        assert paper(client, window="NJ-A01").status_code == 302
        assert (
            "0 个窗口"
            not in upload(client, HEAD + f"NJ-A01,改名,SZ,{SUZHOU},,1\nX-1,新,NJ,{NANJING},,1\n").content.decode()
        )
        assert Window.objects.get(code="NJ-A01").name == "A01 综合窗口"
        assert not Window.objects.filter(code__in=["X-1", "NJ-A03"]).exists()
        assert Sign.objects.get().replaced_at is None

    def test_a_ticket_of_another_city_is_not_printed(self, as_, cast):
        admit_services([wire_service()], source="test", now=NOW)
        answer = as_("foreign_city").post("/console/signs/tickets", {"case": "NJ2026060001", "number": "1"})
        assert answer.status_code == 422
        assert "没有这次服务" in text(answer.content.decode())
        assert not Link.objects.exists()

    @pytest.mark.parametrize("username", ["rectifier", "clerk", "operator", "leader", "observer", "audit", "analyst"])
    def test_other_roles_open_none_of_it(self, as_, username):
        client = as_(username)
        for page in ("windows/", "windows/new", "windows/import", "windows/export", "signs/", "signs/tickets"):
            assert client.get(f"/console/{page}").status_code == 403


class TestOneWindow:
    def test_it_is_added_changed_stopped_and_opened_again_and_its_history_tells(self, as_):
        client = as_("city")
        assert client.post("/console/windows/new", GOOD).status_code == 302
        client.post(
            "/console/windows/at/NJ-A03/", GOOD | {"windowName": "A03 综合窗口", "hallCode": "NJ NJ政务服务中心"}
        )
        client.post("/console/windows/at/NJ-A03/switch", {"reason": "大厅改造"})
        row = Window.objects.get(code="NJ-A03")
        assert (row.name, row.kind, row.is_active) == ("A03 综合窗口", "issue", False)
        shown = text(client.get("/console/windows/at/NJ-A03/").content.decode())
        for told in ("新增", "窗口名称：A03 出件窗口 → A03 综合窗口", "停用", "原因：大厅改造", "南京主管"):
            assert told in shown
        client.post("/console/windows/at/NJ-A03/switch", {"reason": "改造完成"})
        assert Window.objects.get(code="NJ-A03").is_active
        actions = list(Audit.objects.filter(subject="NJ-A03").order_by("id").values_list("action", flat=True))
        assert actions == ["window_add", "window_change", "window_stop", "window_start"]

    def test_what_is_wrong_is_told_by_field_and_what_was_typed_stays(self, as_):
        client = as_("city")
        answer = client.post("/console/windows/new", GOOD | {"hallCode": "", "windowName": "没保存"})
        shown = answer.content.decode()
        assert answer.status_code == 422
        assert 'href="#hallCode"' in shown
        assert "没保存" in shown
        for wrong in (
            {"windowNo": "NJ-A01"},
            {"windowNo": "a/b"},
            {"orgcode": "X"},
            {"hallCode": "X"},
            {"hallCode": "SZ"},
            {"windowName": "A03\0"},
        ):
            assert client.post("/console/windows/new", GOOD | wrong).status_code == 422
        assert Window.objects.count() == 4

    def test_stopping_asks_first_and_wants_a_reason(self, as_):
        client = as_("city")
        assert "已有的评价、工单照常办理" in client.get("/console/windows/at/NJ-A01/switch").content.decode()
        for nothing in (" ", "\0"):
            assert client.post("/console/windows/at/NJ-A01/switch", {"reason": nothing}).status_code == 422
        assert Window.objects.get(code="NJ-A01").is_active

    def test_saving_what_is_the_same_leaves_no_trace(self, as_):
        client = as_("city")
        same = {"windowName": "A01 综合窗口", "hallCode": "NJ", "orgcode": NANJING, "windowKind": "integrated"}
        client.post("/console/windows/at/NJ-A01/", same)
        assert not Audit.objects.filter(action="window_change").exists()


class TestFiles:
    def test_a_file_goes_in_and_every_row_that_was_not_taken_is_told_and_downloaded(self, as_):
        client = as_("city")
        rows = f"NJ-B01,B01 窗口,NJ,{NANJING},受理,1\nNJ-A01,A01 改名,NJ,{NANJING},,1\nNJ-B02,,NJ,{NANJING},,1\nS-1,外地,SZ,{SUZHOU},,1\n"
        answer = upload(client, HEAD + rows)
        shown = text(answer.content.decode())
        assert re.search(r"1 新增 1 修改 0 没有变化 2 没有导入", shown)
        assert "不在您的管理范围内" in shown
        assert Window.objects.get(code="NJ-B01").kind == "acceptance"
        assert Window.objects.get(code="NJ-A01").name == "A01 改名"
        rejected = client.get(answer.request["PATH_INFO"] + "?rejected=1")
        lines = rejected.content.decode("utf-8-sig").splitlines()
        assert [line.split(",")[:2] for line in lines[1:]] == [["4", "windowName"], ["5", "hallCode"]]
        assert as_("admin").get(answer.request["PATH_INFO"]).status_code == 404, "its sender's alone"
        assert Audit.objects.filter(subject="NJ-A01", action="window_change").exists()

    def test_a_sheet_in_gb18030_is_read_too_and_the_same_again_changes_nothing(self, as_):
        content = (HEAD + f"NJ-B01,测试窗口,NJ,{NANJING},综合,1\n").encode("gb18030")
        upload(as_("city"), content)
        assert Window.objects.get(code="NJ-B01").name == "测试窗口"
        assert "1 没有变化" in text(upload(as_("city"), content).content.decode())

    @pytest.mark.parametrize(
        ("content", "name", "said"),
        [
            ("甲,乙\n1,2\n", "w.csv", "没有一列是 windows 的字段名"),
            ("x", "w.exe", "不认识扩展名"),
            (b"PK\x03\x04junk", "w.xlsx", "XLSX"),
        ],
    )
    def test_a_file_that_cannot_be_used_says_why(self, as_, content, name, said):
        answer = upload(as_("city"), content, name)
        assert answer.status_code == 422
        assert said in text(answer.content.decode())

    def test_no_file_is_told(self, as_):
        assert "请选择文件" in as_("city").post("/console/windows/import").content.decode()

    @pytest.mark.parametrize("suffix", ["csv", "xlsx"])
    def test_what_goes_out_comes_back_in(self, as_, suffix):
        Window.objects.filter(code="NJ-A02").update(name="=HYPERLINK(1)")
        forget()
        client = as_("city")
        answer = client.get(f"/console/windows/export?format={suffix}")
        if suffix == "xlsx":
            rows = list(openpyxl.load_workbook(io.BytesIO(answer.content)).active.values)
            assert rows[0] == tuple(HEAD.strip().split(","))
            assert rows[2][1] == "'=HYPERLINK(1)"
        assert "2 没有变化" in text(upload(client, answer.content, f"w.{suffix}").content.decode())

    def test_a_village_of_twelve_digits_stands_in_the_tree(self, as_):
        Region.objects.create(code="320102001001", name="某社区", level=5, parent="320102001000", path="320102001001")
        from haochaping.directory.models import Hall

        Hall.objects.create(code="V", name="社区便民服务站", kind="village", area="320102001001")
        forget()
        shown = text(as_("city").get("/console/windows/?hall=V").content.decode())
        assert "社区便民服务站" in shown


class TestPaper:
    def test_the_signs_of_a_hall_are_one_pdf_with_a_page_each(self, as_):
        answer = paper(as_("city"), window=["NJ-A01", "NJ-A02"], format="pdf")
        assert answer["Content-Type"] == "application/pdf"
        pages = read(answer.content)
        assert [page.code for page in pages] == [
            f"http://127.0.0.1:8000/w/{sign.window_code}?q={sign.serial}"
            for sign in Sign.objects.order_by("window_code")
        ]
        for told in ("NJ政务服务中心", "A01 综合窗口", "扫码评价", "12345", "窗口编号 NJ-A01"):
            assert told in pages[0].text, "text stays text"
        assert pages[0].size == (210, 297)
        assert Sign.objects.filter(printed_at=NOW, printed_by="南京主管").count() == 2
        assert Audit.objects.filter(action="sign_print").count() == 2

    def test_all_that_were_asked_for_are_printed(self, as_):
        paper(as_("city"), all="1", format="pdf")
        assert set(Sign.objects.values_list("window_code", flat=True)) == {"NJ-A01", "NJ-A02"}

    def test_svgs_come_in_a_zip_and_say_what_is_on_the_sign(self, as_):
        answer = paper(as_("city"), window=["NJ-A01", "NJ-A02"], format="svg")
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        assert len(archive.namelist()) == 2
        drawn = archive.read(archive.namelist()[0]).decode()
        serial = Sign.objects.get(window_code="NJ-A01").serial
        for told in ("NJ政务服务中心", "A01 综合窗口", "扫码评价", "12345", serial, "用手机扫一扫"):
            assert told in drawn

    def test_two_hundred_windows_are_two_hundred_pages(self, as_):
        Window.objects.bulk_create(
            Window(code=f"NJ-H{n:03}", name=f"H{n} 窗口", hall="NJ", organ=NANJING) for n in range(198)
        )
        forget()
        answer = paper(as_("city"), all="1", format="pdf")
        document = pypdfium2.PdfDocument(answer.content)
        assert len(document) == 200
        document.close()
        assert Sign.objects.count() == 200

    def test_nothing_ticked_is_told(self, as_):
        client = as_("city")
        assert "请先勾选" in client.post("/console/signs/print", follow=True).content.decode()

    def test_the_list_tells_what_is_printed_and_what_is_not(self, as_):
        client = as_("city")
        paper(client, window="NJ-A01")
        assert "NJ-A01" in client.get("/console/signs/?state=printed").content.decode()
        assert 'value="NJ-A01"' not in client.get("/console/signs/?state=unprinted").content.decode()
        assert 'value="NJ-A02"' in client.get("/console/signs/?state=unprinted").content.decode()

    def test_a_replaced_sign_stays_in_the_history_with_reason_scans_and_ratings(self, as_):
        client = as_("city")
        paper(client, window="NJ-A01")
        old = Sign.objects.get()
        phone = Client()
        phone.get(f"/w/NJ-A01?q={old.serial}")
        phone.post(f"/w/NJ-A01/visit?q={old.serial}", {"level": 5})
        assert client.post(f"/console/signs/{old.serial}/replace", {"reason": ""}).status_code == 422
        client.post(f"/console/signs/{old.serial}/replace", {"reason": "破损褪色", "more": "雨淋"})
        old.refresh_from_db()
        following = Sign.objects.get(replaced_at=None)
        assert (old.reason, old.replaced_by) == ("破损褪色：雨淋", following.serial)
        shown = text(client.get("/console/signs/at/NJ-A01/").content.decode())
        assert re.search(rf"{old.serial} 2026-06-10 换下 .* 1 1 破损褪色：雨淋", shown)
        assert "在用" in shown
        again = client.post(f"/console/signs/{old.serial}/replace", {"reason": "其他"})
        assert again.status_code == 409
        assert 'value="NJ-A01"' in client.get("/console/signs/?state=replaced").content.decode()


class TestTickets:
    @pytest.mark.parametrize("width", ["58", "80"])
    def test_a_snippet_carries_one_case_and_its_code_opens_the_form(self, as_, width):
        admit_services([wire_service()], source="test", now=NOW)
        given = {"case": "NJ2026060001", "number": "1", "width": width, "format": "svg"}
        answer = as_("city").post("/console/signs/tickets", given)
        drawn = answer.content.decode()
        assert f'width="{width}mm"' in drawn
        assert "食品经营许可" in drawn
        for hidden in ("赵试样", "13800000001", "NJ2026060001"):
            assert hidden not in drawn
        assert Link.objects.get().pf == 3
        assert Audit.objects.filter(action="ticket_print").exists()

    def test_it_is_pdf_too(self, as_):
        admit_services([wire_service()], source="test", now=NOW)
        answer = as_("city").post("/console/signs/tickets", {"case": "NJ2026060001", "number": "1", "width": "58"})
        (page,) = read(answer.content)
        assert page.size[0] == 58
        assert "请扫码评价本次服务" in page.text
        phone = Client()
        assert phone.post(page.code.removeprefix("http://127.0.0.1:8000"), {"level": 5}).status_code == 303
        assert Evaluation.objects.get().pf == 3

    @pytest.mark.parametrize(
        "typed", [{"case": "NO-SUCH", "number": "1"}, {"case": "", "number": "1"}, {"case": "x", "number": "a"}]
    )
    def test_what_is_not_there_is_told(self, as_, typed):
        assert as_("city").post("/console/signs/tickets", typed).status_code == 422

    def test_a_dynamic_code_is_for_one_case_cannot_be_guessed_and_expires(self, cast, as_):
        """The code of a ticket is a link: 128 random bits of which only the SM3 is kept, for one service, until a day."""
        admit_services([wire_service(), wire_service("NJ2026060002")], source="test", now=NOW)
        one, other = ServiceEvent.objects.order_by("project_no")
        from haochaping.channels.commands import make_link

        token = make_link(one.id, 3, timedelta(days=15), "test", NOW)
        assert len(token) == 22
        assert token.encode() not in bytes(Link.objects.get().digest)
        with held_at(NOW + timedelta(days=16)):
            assert Client().get(f"/e/{token}").status_code == 410
        for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), token[::-1]):
            assert Client().get(f"/e/{wrong}").status_code == 404
        Client().post(f"/e/{token}", {"level": 5})
        assert list(Evaluation.objects.values_list("id", flat=True)) == [one.id]
        assert other.id != one.id


def test_the_drawn_code_is_the_one_that_was_meant():
    """Every module of the path stands where the standard's own encoder puts it, with four white ones around."""
    url = "https://hcp.example.gov.cn/w/NJ-A01?q=ABCDEF1234"
    drawn = printing.code(url, "q")
    matrix = segno.make(url, error="q", micro=False, boost_error=False).matrix
    dark = {
        (int(x) + step, int(y))
        for x, y, run in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", drawn.path)
        for step in range(int(run))
    }
    assert dark == {(x + 4, y + 4) for y, row in enumerate(matrix) for x, cell in enumerate(row) if cell}
    assert drawn.modules == len(matrix) + 8
