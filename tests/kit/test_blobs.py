"""A person sealed, found by a blind index, and shown masked."""

from __future__ import annotations

from time import perf_counter
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from haochaping.kit import blobs, keys
from haochaping.kit.config import Misconfigured
from haochaping.kit.crypto import Tampered

ROW = UUID("5c0f2f5e-3c0f-4d51-9d5d-0f3a52f0b001")
PERSON = {"name": "张小华", "mobile": "13812345678", "certKey": "320102199001011234"}


@pytest.fixture(autouse=True, scope="module")
def own_keys(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCP_DATA", str(tmp_path_factory.mktemp("installation")))
        patch.delenv("HCP_BLOB_KEY", raising=False)
        keys.key.cache_clear()
        yield
    keys.key.cache_clear()


# Sealing


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.text()), st.text(), st.uuids())
def test_what_is_sealed_opens_again(fields, table, row):
    assert blobs.unseal(blobs.seal(fields, table=table, row=row), table=table, row=row) == fields


def test_a_blob_shows_nothing_of_the_person():
    blob = blobs.seal(PERSON, table="evaluator", row=ROW)
    assert not any(value.encode() in blob for value in PERSON.values())
    assert blob[:2] == b"\x01\x01"
    assert blob != blobs.seal(PERSON, table="evaluator", row=ROW)


def test_a_blob_opens_only_in_its_own_row_and_table():
    blob = blobs.seal(PERSON, table="evaluator", row=ROW)
    with pytest.raises(Tampered):
        blobs.unseal(blob, table="applicant", row=ROW)
    with pytest.raises(Tampered):
        blobs.unseal(blob, table="evaluator", row=uuid4())


@settings(deadline=None)
@given(place=st.integers(min_value=0), flip=st.integers(1, 255))
def test_a_changed_blob_does_not_open(place, flip):
    blob = bytearray(blobs.seal(PERSON, table="evaluator", row=ROW))
    blob[place % len(blob)] ^= flip
    with pytest.raises(Tampered):
        blobs.unseal(bytes(blob), table="evaluator", row=ROW)


@settings(deadline=None)
@given(st.binary(max_size=80))
@example(b"")
@example(b"\x01\x01")
@example(b"\x01\xff" + bytes(40))
def test_nonsense_does_not_open(blob):
    with pytest.raises(Tampered):
        blobs.unseal(blob, table="evaluator", row=ROW)


def test_the_memoryview_of_a_database_opens_too():
    blob = memoryview(blobs.seal(PERSON, table="evaluator", row=ROW))
    assert blobs.unseal(blob, table="evaluator", row=ROW) == PERSON


def test_a_new_key_seals_what_is_new_and_still_opens_what_is_old(monkeypatch):
    old = blobs.seal(PERSON, table="evaluator", row=ROW)
    monkeypatch.setenv("HCP_BLOB_KEY", "2")
    new = blobs.reseal(old, table="evaluator", row=ROW)
    assert (old[1], new[1]) == (1, 2)
    assert blobs.unseal(old, table="evaluator", row=ROW) == blobs.unseal(new, table="evaluator", row=ROW) == PERSON
    assert blobs.reseal(new, table="evaluator", row=ROW) == new
    monkeypatch.setenv("HCP_BLOB_KEY", "1")
    with pytest.raises(Tampered):  # a key that this installation does not know is not made up
        blobs.unseal(new, table="evaluator", row=ROW)
    relabelled = new[:1] + b"\x01" + new[2:]
    with pytest.raises(Tampered):
        blobs.unseal(relabelled, table="evaluator", row=ROW)


@pytest.mark.parametrize("key_id", ["0", "256", "-1", "two"])
def test_a_key_id_out_of_range_is_refused(monkeypatch, key_id):
    monkeypatch.setenv("HCP_BLOB_KEY", key_id)
    with pytest.raises(Misconfigured):
        blobs.seal(PERSON, table="evaluator", row=ROW)


# Blind indexes


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("13812345678", "138 1234 5678"),
        ("13812345678", "138-1234-5678"),
        ("13812345678", "+86 138 1234 5678"),
        ("13812345678", "008613812345678"),
        ("13812345678", "１３８１２３４５６７８"),
        ("13812345678", " 13812345678\n"),
        ("32010219900101123x", "32010219900101123X"),
        ("320102 19900101 1234", "320102199001011234"),
        ("阿依古丽·买买提", "阿依古丽买买提"),
    ],
)
def test_one_thing_in_two_spellings_is_found(one, other):
    assert blobs.blind("phone", one) == blobs.blind("phone", other)


@pytest.mark.parametrize(
    ("one", "other"), [("13812345678", "13812345679"), ("8613812345", "13812345"), ("张三", "张三丰")]
)
def test_two_things_are_told_apart(one, other):
    assert blobs.blind("phone", one) != blobs.blind("phone", other)


def test_columns_cannot_be_joined_by_their_indexes():
    assert blobs.blind("phone", "13812345678") != blobs.blind("id_number", "13812345678")
    assert len(blobs.blind("phone", "13812345678")) == 16


@pytest.mark.parametrize("nothing", ["", "   ", " - ", "\u200b"])
def test_nothing_has_no_index(nothing):
    with pytest.raises(ValueError):
        blobs.blind("phone", nothing)


# Masks


@pytest.mark.parametrize(
    ("name", "shown"),
    [("张小华", "张*华"), ("李明", "李*"), ("李", "*"), ("欧阳娜娜", "欧**娜"), ("", ""), (" 李明 ", "李*")],
)
def test_a_name_keeps_its_ends(name, shown):
    assert blobs.mask_name(name) == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("13812345678", "138****5678"),
        ("025-84567890", "025*****7890"),
        ("84567890", "******90"),
        ("110", "***"),
        ("", ""),
    ],
)
def test_a_phone_keeps_its_ends(phone, shown):
    assert blobs.mask_phone(phone) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("320102199001011234", "3201**********1234"),
        ("320102900101123", "3201*******1123"),
        ("E12345678", "E*******8"),
        ("123", "***"),
        ("", ""),
    ],
)
def test_a_document_number_keeps_its_ends(number, shown):
    assert blobs.mask_id(number) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("我叫王小明，电话13812345678", "我叫王**，电话138****5678"),
        ("我是李明，来办社保", "我是李*，来办社保"),
        ("姓名：欧阳娜娜 身份证320102199001011234", "姓名：欧阳** 身份证3201**********1234"),
        ("我叫阿依古丽·买买提", "我叫阿*******"),
        ("身份证号32010219900101123X。", "身份证号3201**********123X。"),
        ("身份证ID320102199001011234", "身份证ID3201**********1234"),
        ("老证 320102900101123", "老证 3201*******1123"),
        ("３２０１０２１９９００１０１１２３４", "3201**********1234"),
        ("打138 1234 5678或138-1234-5679", "打138****5678或138****5679"),
        ("+86 13812345678、008613812345678", "138****5678、138****5678"),
        ("tel13812345678tel", "tel138****5678tel"),
        ("座机025-84567890，(0517)8456789", "座机025-******90，(0517)*****89"),
        ("电话：84567890", "电话：******90"),
        ("卡号6222 0202 0000 1234 567", "卡号6222***********4567"),
        ("写信到 zhang.san@example.com.cn 谢谢", "写信到 z***@example.com.cn 谢谢"),
        ("工作人员张三态度恶劣", "工作人员张*态度恶劣"),
        ("窗口人员李四四推诿", "窗口人员李**推诿"),
        ("科长王五不在", "科长王*不在"),
    ],
)
def test_free_text_hides_people(text, shown):
    assert blobs.mask_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "我是来办事的，等了3个小时",
        "我是退休职工",
        "我是江苏人，我叫了三次号",
        "工作人员高效，于是我很满意",
        "工作人员于是让我回去",
        "主任在吗",
        "2024-01-01 10:00:00 取的号，A013号，2号窗口",
        "材料编号20240101123，共15.50元",
        "拨打12345、110",
        "统一社会信用代码91350100M000100Y43",
        "机关113201380123400041、企业913201381381200072、91320100MA1381200N都是公开的",
        "办件回执 CP20260302-7FRA8S2E",
    ],
)
def test_free_text_without_people_stays_as_it_is(text):
    assert blobs.mask_text(text) == text


@pytest.mark.parametrize("number", ["37010119900101038X", "911561199001010013"])
def test_a_persons_number_that_happens_to_be_a_right_credit_code_is_masked(number):
    assert number not in blobs.mask_text(f"证号{number}")


def test_a_credit_code_with_a_wrong_check_character_may_be_a_card_and_is_masked():
    assert blobs.mask_text("911101080828602522") != "911101080828602522"


@settings(deadline=None)
@given(st.text())
def test_masking_never_raises(text):
    blobs.mask_text(text)
    blobs.mask_name(text)
    blobs.mask_phone(text)
    blobs.mask_id(text)


@settings(deadline=None)
@given(
    before=st.text(alphabet="我的电话是，。 a:：", max_size=8),
    middle=st.sampled_from(["", " ", "-", "－", "."]),
    number=st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    after=st.text(alphabet="谢谢，。 b", max_size=8),
)
def test_no_mobile_number_survives_whatever_stands_around_it(before, middle, number, after):
    written = middle.join((number[:3], number[3:7], number[7:]))
    shown = blobs.mask_text(before + written + after)
    assert number[3:7] not in "".join(c for c in shown if c.isdigit()) or number[3:7] in number[:3] + number[7:]
    assert "****" in shown


@pytest.mark.parametrize(
    "text", ["1-" * 50_000, "a@" * 50_000, "工作人员王" * 20_000, "我叫" * 50_000, "A1" * 50_000, "0" * 100_000]
)
def test_masking_takes_time_in_proportion_to_length(text):
    def seconds(length: int) -> float:
        start = perf_counter()
        blobs.mask_text(text[:length])
        return perf_counter() - start

    short = min(seconds(len(text) // 10) for _ in range(3))
    assert (
        min(seconds(len(text)) for _ in range(3)) < 40 * short + 0.05
    )  # ten times the text; a square would take a hundred


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("张小华等了两小时", "***等了两小时"),
        ("张 小 华等了两小时", "*****等了两小时"),
        ("办件nj-2026-0001没办成", "办件********没办成"),
        ("办件NJ20260001没办成", "办件NJ20260001没办成"),
        ("号码一三八一二三四五六七八", "号码138****5678"),
        ("号码１３８-1234-5678", "号码138****5678"),
        ("别处没有", "别处没有"),
    ],
)
def test_what_is_known_of_the_person_and_the_case_is_hidden_wherever_it_stands(text: str, shown: str) -> None:
    assert blobs.mask_text(text, ("张小华", "NJ-2026-0001", "13812345678")) == shown


def test_a_secret_of_one_character_or_none_hides_nothing() -> None:
    assert blobs.mask_text("一号窗口", ("", "一", " ")) == "一号窗口"


def test_what_staff_wrote_keeps_an_offices_number_and_a_colleagues_name() -> None:
    text = "经办人员王芳，咨询025-83215678，回访13812345678"
    assert blobs.mask_text(text, of_staff=True) == "经办人员王芳，咨询025-83215678，回访138****5678"
