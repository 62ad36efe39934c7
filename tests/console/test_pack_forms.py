"""The editor's forms and the list of differences, drawn from the pack's shape: nothing without a name, nothing lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from haochaping.console import packdiff, packforms, packwords
from haochaping.policy.commands import read_pack
from haochaping.policy.rules import parse

if TYPE_CHECKING:
    from haochaping.policy.pack import Policy

NAMES = ("jiangsu", "shenzhen", "qufu", "shanghai")
SECTIONS = tuple(packwords.sections())


def pack(name: str = "jiangsu", **more: Any) -> Policy:
    return parse({**read_pack(name), **more})


def bent(name: str, section: str, **more: Any) -> Policy:
    return pack(name, **{section: {**read_pack(name)[section], **more}})


def differences(after: Policy, before: Policy | None = None) -> list[tuple[str, ...]]:
    return [(c.section, c.what, c.old, c.new) for c in packdiff.changes(before or pack(), after)]


def test_every_key_of_every_struct_has_its_name_on_the_screen():
    shapes = {kind.cls: kind for kind in packwords.structs(packwords.policy_shape())}
    missing = []
    for cls, kind in shapes.items():
        for field in kind.fields:
            try:
                packwords.label(cls, field.name)
            except KeyError as key:
                missing.append(str(key))
    assert not missing, "give each its line in console/packwords.py"
    assert len(shapes) > 20


def test_no_name_is_left_of_a_key_that_is_gone():
    known = {
        f"{kind.cls.__name__}.{field.name}"
        for kind in packwords.structs(packwords.policy_shape())
        for field in packwords.own_fields(kind)
    }
    assert not {key for key in packwords.LABELS if not key.startswith("Sourced.")} - known


def test_every_choice_of_the_shape_has_its_word():
    for kind in packwords.structs(packwords.policy_shape()):
        for field in packwords.own_fields(kind):
            inner, _ = packwords.bare(field.type)
            if isinstance(inner, msgspec.inspect.LiteralType):
                assert set(packwords.label(kind.cls, field.name).choices or {}) >= set(inner.values), field.name
            if isinstance(inner, msgspec.inspect.TupleType):
                assert len(packwords.label(kind.cls, field.name).parts) == len(inner.item_types)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("section", SECTIONS)
def test_what_stands_in_the_form_reads_back_as_the_pack_says_it(name: str, section: str):
    policy, field = pack(name), packwords.sections()[section]
    plain = msgspec.to_builtins(policy)[section]
    typed = packforms.written(field.type, plain, section)
    errors: list[Any] = []
    back = packforms.read(field.type, typed, section, errors)
    assert errors == []
    assert parse({**read_pack(name), section: back}) == policy
    drawn = packforms.draw(
        field, packwords.LABELS[f"Policy.{section}"], typed, section, errors={}, sources=policy.sources
    )
    assert drawn.title == packwords.LABELS[f"Policy.{section}"].title


def test_what_is_no_number_is_said_at_its_field_and_stays_as_it_was_typed():
    field = packwords.sections()["limits"]
    typed = packforms.written(field.type, msgspec.to_builtins(pack())["limits"], "limits")
    typed |= {"limits.sign.n": ["两"], "limits.rectify.simple.n": [""]}
    errors: list[Any] = []
    packforms.read(field.type, typed, "limits", errors)
    where = packforms.places(tuple(errors))
    assert where == {"limits.sign.n": "请填整数", "limits.rectify.simple.n": "请填写或选择"}
    drawn = packforms.draw(field, packwords.LABELS["Policy.limits"], typed, "limits", errors=where, sources={})
    (sign,) = [child for child in drawn.children if child.path == "limits.sign"]
    assert (sign.children[0].value, sign.children[0].wrong) == ("两", "请填整数")


def test_a_row_can_be_added_taken_out_and_left_blank():
    field = packwords.sections()["returns"]
    typed = packforms.written(field.type, msgspec.to_builtins(pack())["returns"], "returns")
    typed |= {
        "returns.reasons.rows": ["6"],
        "returns.reasons.0.gone": ["1"],
        "returns.reasons.4.code": ["moved"],
        "returns.reasons.4.name": ["窗口已撤"],
        "returns.reasons.5.code": [" "],
    }
    back = packforms.read(field.type, typed, "returns", [])
    assert [reason["code"] for reason in back["reasons"]] == ["unclear_duty", "shared_duty", "not_ours", "moved"]


def test_a_new_source_gets_a_key_and_one_without_a_title_goes():
    field = packwords.sections()["sources"]
    typed = {
        "sources.rows": ["3"],
        "sources.0.key": ["doc-1"], "sources.0.title": ["旧文件"],
        "sources.1.key": ["gone"], "sources.1.title": [""],
        "sources.2.title": ["苏政办发〔2026〕1号"],
    }  # fmt: skip
    assert packforms.read(field.type, typed, "sources", []) == {"doc-1": "旧文件", "doc-2": "苏政办发〔2026〕1号"}


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_does_not_differ_from_itself(name: str):
    assert packdiff.changes(pack(name), pack(name)) == []


def test_exactly_what_changed_is_told_old_and_new():
    p = read_pack("jiangsu")
    limits = p["limits"] | {
        "sign": {"n": 4, "unit": "hour", "stated": False, "note": "试行"},
        "rectify": p["limits"]["rectify"] | {"general": {"n": 4, "unit": "workday", "stated": False}},
    }
    assert differences(pack(limits=limits)) == [
        ("差评办理期限", "签收", "1个工作日", "4小时"),
        ("差评办理期限", "签收 · 依据", "《着力打造政务服务“好差评”江苏样本》", "无出处，暂定，试行"),
        ("差评办理期限", "整改 · 一般", "5个工作日", "4个工作日"),
    ]
    assert differences(bent("jiangsu", "callback", others=0.25)) == [("差评回访", "其他差评抽查比例", "10%", "25%")]
    assert differences(bent("jiangsu", "invitation", enabled=False, reminder=None)) == [
        ("短信邀评", "发短信邀请评价", "是", "否"),
        ("短信邀评", "多久未评提醒一次", "2个工作日", "不设"),
    ]
    assert differences(bent("jiangsu", "levels", scores=[2, 4, 6, 8, 10]))[0] == (
        "等级与分值", "分值 · 1 级（非常不满意）", "1", "2",
    )  # fmt: skip
    assert differences(bent("jiangsu", "coverage", points=["acceptance"])) == [
        ("评价内容与采集点", "分开评价的采集点", "不设", "受理")
    ]
    assert differences(bent("jiangsu", "dispatch", route="direct"))[0][2:] == ("经12345派发", "直接派发")


def test_rows_are_told_apart_by_what_they_are():
    reasons = [*read_pack("jiangsu")["returns"]["reasons"][1:], {"code": "moved", "name": "窗口已撤"}]
    assert differences(bent("jiangsu", "returns", reasons=reasons)) == [
        ("退单", "退单理由 · out_of_area", "代号：out_of_area，理由：属地不符", "（删去）"),
        ("退单", "退单理由 · moved", "（无）", "代号：moved，理由：窗口已撤"),
    ]
    channels = [dict(c) for c in read_pack("jiangsu")["channels"] if c["pf"] != 9]
    channels[0]["name"] = "江苏政务"
    assert differences(pack(channels=channels)) == [
        ("评价渠道", "电脑端 · 本地名称", "江苏政务服务网", "江苏政务"),
        ("评价渠道", "其他", "渠道：其他，本地名称：部门自建系统及其他", "（删去）"),
    ]
    steps = [dict(step) for step in read_pack("jiangsu")["warnings"]["escalation"]]
    steps[1] = steps[1] | {"to": "supervisor"}
    assert differences(bent("jiangsu", "warnings", escalation=steps)) == [
        ("到期提醒与超期上报", "超期上报 · 第2项 · 报给谁", "领导", "督办人员")
    ]


@pytest.mark.parametrize("name", NAMES[1:])
def test_between_two_shipped_packs_every_difference_of_a_limit_is_told(name: str):
    before, after = pack(), pack(name)
    said = {c.what for c in packdiff.changes(before, after) if c.key == "limits" and c.is_figure}
    for step in ("sign", "verify", "review", "callback", "appeal", "arbitrate", "contact"):
        is_changed = getattr(before.limits, step).term != getattr(after.limits, step).term
        assert (packwords.LABELS[f"Limits.{step}"].title in said) == is_changed
