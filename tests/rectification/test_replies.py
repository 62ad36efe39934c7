"""What is said about a reply before the rater reads it. Pure, save for the figures over real replies."""

from __future__ import annotations

import csv
import gzip
import random
from typing import TYPE_CHECKING

import pytest

from haochaping.rectification.replies import (
    Asked,
    Caution,
    Code,
    Earlier,
    check,
    from_json,
    is_same_problem,
    quoted,
    resembling,
    to_json,
)

if TYPE_CHECKING:
    from pathlib import Path

QUEUE = Asked("排队两小时，窗口态度差", ("服务态度差效率低",), "食品经营许可（新办）")
GOOD = "您说的排队两小时，我们调了叫号记录，属实。6月12日起上午加开2个窗口，当天值班主任已向您道歉。"
WAITING = "您反映的排队问题属实，6月15日起我们新开了三个窗口，等候时间降到二十分钟以内。"


def codes(reply: str, asked: Asked = QUEUE, **more: object) -> set[Code]:
    return {caution.code for caution in check(reply, asked, **more)}  # type: ignore[arg-type]


def test_a_reply_that_says_what_was_found_and_done_gets_no_caution() -> None:
    assert check(GOOD, QUEUE) == ()


@pytest.mark.parametrize(
    "reply",
    [
        "已收悉",
        "您好，感谢您的理解和支持！",
        "我局高度重视，已责成相关科室调查处理，感谢您的理解与支持。",
        "您反映的问题已收悉，我们正在研究，将进一步加强管理，提升服务水平，敬请谅解。",
        "您好，您所反映的问题已转交相关单位调查处置。",
        "关于您反映的窗口服务态度问题，我中心高度重视，将认真整改，举一反三。给您带来不便，深表歉意。",
    ],
)
def test_stock_phrases_alone_are_an_empty_reply(reply: str) -> None:
    assert Code.EMPTY_PHRASE in codes(reply)


@pytest.mark.parametrize(
    "reply",
    [
        WAITING,
        "我局高度重视，窗口人员已停岗培训三天，6月11日已由科长上门向您道歉。",
        "您要的材料样本已经张贴在大厅，也可以在网上下载，不用再跑一趟。",
    ],
)
def test_a_measure_a_date_or_somebody_who_acts_makes_a_reply(reply: str) -> None:
    assert Code.EMPTY_PHRASE not in codes(reply)


def test_what_was_done_but_not_told_is_asked_for_in_the_reply() -> None:
    (caution,) = (
        c
        for c in check("我局高度重视，感谢您的支持。", QUEUE, measures="6月12日起加开2个窗口，窗口人员已培训。")
        if c.code is Code.EMPTY_PHRASE
    )
    assert "写进答复" in caution.reason


@pytest.mark.parametrize(
    ("asked", "reply"),
    [
        (QUEUE, "施工许可证的图纸审查已于6月3日完成，图审机构会把结论寄给建设单位，请注意查收快递。"),
        (Asked("要我反复交同样的证明", (), "公积金提取"), "停车场入口已经重新划线，新增车位三十个，保安每天巡查两次。"),
    ],
)
def test_a_reply_about_something_else_is_named(asked: Asked, reply: str) -> None:
    assert Code.SOMETHING_ELSE in codes(reply, asked)


@pytest.mark.parametrize(
    ("asked", "reply"),
    [
        (QUEUE, WAITING),
        (Asked("工作人员爱理不理", ("服务态度生硬",), ""), "当事人员已被批评教育，并于6月11日打电话向您道歉。"),
        (Asked("", (), "食品经营许可"), "施工许可证的图纸审查已于6月3日完成，图审机构会把结论寄给建设单位。"),
        (Asked("慢", (), ""), "营业执照当天可以领取，今后由专人在十分钟内打印好交给您本人带走。"),
    ],
)
def test_other_words_for_the_same_matter_short_texts_and_ratings_without_a_reason_are_let_be(
    asked: Asked, reply: str
) -> None:
    assert Code.SOMETHING_ELSE not in codes(reply, asked)


def test_a_reply_copied_from_an_order_about_other_things_is_named_with_that_order() -> None:
    other = Earlier("CP260601-01", Asked("网上系统总是报错", (), "社会保障卡申领"), WAITING + "感谢您的支持。")
    (caution,) = (c for c in check(WAITING, QUEUE, earlier=[other]) if c.code is Code.COPIED)
    assert "CP260601-01" in caution.reason
    assert not caution.is_mild
    assert Code.COPIED not in codes(GOOD, earlier=[other])


def test_the_same_reply_to_the_same_problem_is_marked_mildly() -> None:
    again = Earlier("CP260601-02", Asked("排队两小时", ("服务态度差效率低",), QUEUE.item), WAITING)
    (caution,) = (c for c in check(WAITING, QUEUE, earlier=[again]) if c.code is Code.COPIED)
    assert caution.is_mild
    assert is_same_problem(QUEUE, again.asked)
    assert not is_same_problem(QUEUE, again.asked._replace(item="另一事项"))


def test_stock_phrases_that_every_reply_shares_are_no_copy() -> None:
    polite = "您好，感谢您对我们工作的关心、监督与支持。"
    assert not resembling(polite + GOOD, {1: polite + "材料清单已经改好，6月9日起在大厅张贴，网上也可以下载打印。"})


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("依据《行政许可法》第三十二条第一款第四项办理，材料已退还。", "条款"),
        ("请您登录 portal 查询 status，材料已退还。", "英文"),
        ("经查我局于六月十日接到您的申请以后由于系统升级的缘故未能按照承诺的时限及时为您完成受理登记和材料审核以及证件打印送达等各项工作为此我们已经安排专人负责。", "拆成"),
    ],
)  # fmt: skip
def test_the_language_of_files_is_marked(reply: str, said: str) -> None:
    assert any(c.code is Code.JARGON and said in c.reason for c in check(reply, QUEUE))


@pytest.mark.parametrize(
    "reply",
    [
        "按《行政许可法》第三十二条规定：材料不齐的，窗口要一次说清。那天没有说清，我们已补发清单。",
        "您可以在手机 APP 上下载 PDF 样本，不用再排队。",
    ],
)
def test_a_clause_that_is_explained_and_words_that_everybody_knows_are_not(reply: str) -> None:
    assert Code.JARGON not in codes(reply)


@pytest.mark.parametrize(
    "reply",
    [
        GOOD + "如有疑问请打我手机13912345678。",
        GOOD + "经办人员王小明已作检查。",
        GOOD + "已核对您的证件320102197703074419。",
    ],
)
def test_personal_data_in_a_reply_are_found_and_never_quoted(reply: str) -> None:
    (caution,) = (c for c in check(reply, QUEUE) if c.code is Code.PERSONAL)
    assert "*" in caution.passage
    assert not any(secret in str(caution) for secret in ("13912345678", "王小明", "320102197703074419"))


def test_an_offices_own_telephone_is_for_everybody() -> None:
    assert Code.PERSONAL not in codes(GOOD + "咨询电话：025-84412345。")


def test_a_template_as_it_came_is_named_and_one_that_was_filled_in_is_not() -> None:
    template = "您好，您反映的{事项}问题属实。我们已经{措施}，今后不会再让您多跑。"
    filled = template.replace("{事项}", "排队太久").replace(
        "{措施}", "从6月12日起每天上午加开两个窗口，并请值班主任到场"
    )
    assert Code.TEMPLATE in codes(template)
    assert Code.TEMPLATE in codes(template.replace("{事项}", "").replace("{措施}", "改"), templates=[template])
    assert Code.TEMPLATE not in codes(filled, templates=[template])


def test_no_reply_gets_no_caution_and_every_caution_survives_being_written_down() -> None:
    assert check("  ", QUEUE) == ()
    found = check("已收悉", QUEUE)
    assert from_json(to_json(found)) == found
    assert quoted(found).startswith("1. 套话空话：")
    assert quoted([Caution(Code.JARGON, "有英文", "status")]) == "1. 不易看懂：有英文（“status”）"


def test_of_real_replies_those_beside_the_point_are_told_from_those_that_answer(shared_data: Path) -> None:
    """bench/replies.py measures all of them (docs/performance.md)."""
    with gzip.open(shared_data / "petitions_replies.csv.gz", "rt", encoding="utf-8-sig") as file:
        rows = random.Random(7).sample(list(csv.DictReader(file)), 150)
    asked = [Asked(f"{row['留言主题']} {row['留言详情']}", (), "") for row in rows]
    replies = [row["答复意见"] for row in rows]

    def beside(ours: list[Asked], theirs: list[str]) -> float:
        return sum(Code.SOMETHING_ELSE in codes(r, a) for a, r in zip(ours, theirs, strict=True)) / len(ours)

    assert beside(asked, replies) < 0.1
    assert beside(asked, replies[1:] + replies[:1]) > 0.7
