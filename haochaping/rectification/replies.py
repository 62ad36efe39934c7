"""Is this reply an answer? What somebody should look at again before the rater and the public read it. Pure.

A caution 答复提醒 never hinders a move: it says why, and where in the reply. Thresholds are measured on real replies
(`bench/replies.py`, docs/performance.md).
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.kit.masks import mask_text, without_landlines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Code(StrEnum):
    """What may be wrong with a reply, gravest first."""

    PERSONAL = "personal"
    TEMPLATE = "template"
    EMPTY_PHRASE = "empty_phrase"
    SOMETHING_ELSE = "something_else"
    COPIED = "copied"
    JARGON = "jargon"


CODE_NAMES = {
    Code.PERSONAL: "含个人信息",
    Code.TEMPLATE: "模板未改",
    Code.EMPTY_PHRASE: "套话空话",
    Code.SOMETHING_ELSE: "答非所问",
    Code.COPIED: "照抄答复",
    Code.JARGON: "不易看懂",
}


class Caution(NamedTuple):
    """Something to look at again: why, in plain words, and the passage concerned, masked. A mild one is no reproach."""

    code: Code
    reason: str
    passage: str = ""
    is_mild: bool = False

    @property
    def name(self) -> str:
        return CODE_NAMES[self.code]


class Asked(NamedTuple):
    """What a rating was about."""

    words: str = ""
    indicators: tuple[str, ...] = ()
    item: str = ""

    @property
    def says_why(self) -> bool:
        """Whether the rater gave any reason: without one (未填原因) no reply can miss it."""
        return bool(self.words.strip() or self.indicators)


class Earlier(NamedTuple):
    """A reply that the same organ gave to another order."""

    order_no: str
    asked: Asked
    reply: str


SHORTEST = 12  # characters of substance below which a reply says nothing
LONGEST_SENTENCE = 60
COPIED_FROM = 0.8  # share of a reply's 3-grams that stand in another one
COPIED_LEAST = 15  # 3-grams: shorter replies resemble each other without being copied
SAME_PROBLEM = 0.35  # share of what two ratings have in common, of the shorter
SHARED = 0.05  # of the content pairs of the shorter: what a reply has in common with another's complaint, by chance
CONTENT_LEAST = 8  # content pairs of a reply: with fewer it is empty rather than beside the point
SHORT_WORDS = 60  # characters of a complaint in which one word tells the matter
PASSAGE = 60  # characters of a passage that are quoted

_HAN = "\u4e00-\u9fff"
_SENTENCE = re.compile(r"[^。！？!?；;\n]+[。！？!?；;]?")
_STOCK = re.compile(
    r"(?:尊敬的)?(?:网友|市民|来信人|群众|办事群众|评价人|企业|各位)?(?:同志|朋友|先生|女士)?[“”\"（(]?[A-Z]*\d{0,12}[”\"）)]?[，,：: ]*[您你]好"
    r"|[^。！？；，,]{0,12}(?:非常|十分|衷心|首先|再次)?(?:感谢|谢谢)[您你对][^。！？；]{0,40}"
    r"|谢谢|感谢|敬请(?:谅解|理解|期待)|请(?:您|你)?(?:予以)?(?:谅解|理解|知晓|放心|见谅)"
    r"|[^。！？；，,]{0,16}(?:高度重视|十分重视|非常重视|极为重视)[^。！？；，,]{0,4}"
    r"|[^。！？；，,]{0,30}(?:收悉|知悉|获悉)"
    r"|现?(?:将|就|针对)?[^。！？；，,：:]{0,30}(?:回复|答复|反馈|说明)如下|特此(?:回复|答复|函复|说明|告知)"
    r"|(?:已|并|立即|第一时间)*(?:责成|责令|要求|督促|安排|组织|交由|转交?|转办|交办)(?:至|给|由|请)?[^。！？；，,]{0,20}"
    r"(?:调查|核实|处理|办理|处置|整改|核查|落实|部门|单位|科室|研究|复)(?:[、和并及]?(?:调查|核实|处理|办理|处置|落实|答复|回复|反馈))*"
    r"|(?:正在?|将|会|立即|及时|认真|进一步|积极|抓紧|尽快|尽早|加快|继续|不断|切实|努力|严格)+[^。！？；，,]{0,8}"
    r"(?:研究|调查|核实|处理|核查|协调|推进|落实|改进|加强|提升|提高|优化|完善|整改|解决|反馈|沟通|对待|办理|跟进|处置)[^。！？；，,]{0,16}"
    r"|[^。！？；，,]{0,8}(?:举一反三|立行立改|引以为戒|吸取教训|竭诚|全心全意|一如既往|优质高效|便民利企|群众满意|人民满意|宝贵[的]?(?:意见|建议))[^。！？；，,]{0,20}"
    r"|(?:对此|给您|给你|由此)?[^。！？；，,]{0,10}(?:带来|造成)[^。！？；，,]{0,6}不便[^。！？；]{0,16}"
    r"|(?:深表|表示)(?:诚挚|真诚|深深)?的?(?:歉意|抱歉|道歉)|深表歉意|欢迎[您你]?[^。！？；，,]{0,10}(?:监督|批评|意见)[^。！？；，,]{0,8}"
    r"|祝[您你][^。！？；]{0,16}"
)  # fmt: skip
_QUOTE = re.compile(
    r"(?:关于|针对|就|对)?[您你](?:所|在[^。！？；，,]{0,20})?(?:反映|咨询|提出|反应|建议|投诉|评价|诉求)的?[^。！？；，,：:]{0,60}(?:问题|情况|事项|诉求|建议|意见|来信|一事|留言)"
)
_SIGNED = re.compile(rf"[{_HAN}]{{0,24}}\s*\d{{4}}年\d{{1,2}}月\d{{1,2}}日\s*$")
_DATE = re.compile(
    r"\d{1,2}月(?:\d{1,2}日|底|初|中旬|上旬|下旬)|\d{4}年|(?:今|明|当|次|昨)[天日]|本?周[一二三四五六日内]"
)
_NUMBER = re.compile(
    r"[\d一二三四五六七八九十百两]+(?:个|名|人|次|台|张|份|天|小时|分钟|元|工作日|日|月|年|%|％|项|处|公里|米|户|件|条|套|万|亿|路|号|楼|层|窗口)"
)
_WHO = re.compile(
    r"(?:窗口|值班|分管|部门|大厅|科室|经办|当事|涉事)[^。！？；，,]{0,4}(?:人员|负责人|主任|同志|领导|科长|局长|所长)"
    r"|(?:主任|科长|局长|所长|站长|经理|民警|工程师|工作人员|专人|班长)"
)
_DOING = re.compile(
    r"增[设加开]|新[增开]|加开|降[到至低]|增派|延长|退[还费回款]|更[换新正改]|修[复好缮订改建]|维修|调[整换离岗]|取消|减少|缩短|补[发办齐助录缴]|培训|约谈|批评|"
    r"道歉|致歉|赔[礼偿付]|安装|开通|公[布示开告]|张贴|上线|改为|改成|改进了|改造|办[好结妥完]|重新|删[去除]|合并|简化|免[去交收费]|"
    r"告知|联系|上门|到位|处分|处罚|罚款|扣[除分罚]|可以|可[到在向凭由持于通拨]|不需要|无需|不用|不再|需[要在到凭提]|应[当由在]|请[您你]?(?:携带|提供|拨打|到|前往|咨询|联系|致电|登录|准备|您|于)|"
    r"送达|寄[出送]|领取|拨[付打]|发放|发[出证布]|制[作定]|编制|设[置立]|配[备置齐]|清[理除运]|拆除|停[止用业]|关闭|开[展放工启]|"
    r"完[成工]|竣工|通车|施工|建[设成]|铺设|规划|纳入|列入|检查|巡查|查处|立案|取缔|整治|查[实明看阅询]|核[实查]了?|现场|协商|达成|签[订收]|审[批核]|批准|"
    r"登记|受理|录入|打印|复印|解释|讲解|说明了|演示|引导|帮[办助您]|代办|指定|安排了?|加派|替换|恢复|解除|撤销|收回|提供|属于|不属于|按照|根据|规定"
)
_PLACEHOLDER = re.compile(r"[{｛][^{}｛｝\n]{1,12}[}｝]|[×]{2,}|[Xx]{2,}(?=[年月日局元个])|_{3,}")
_CLAUSE = re.compile(
    r"第[一二三四五六七八九十百零\d]+[条款项](?:第[一二三四五六七八九十百零（）()\d]+[款项])?|〔\d{4}〕\d+号|[\[［﹝【(（]\d{4}[\]］﹞】)）]\d+号"
)
_EXPLAINS = re.compile(
    r"规定[，,：:“\"]|规定了|明确|也就是说|就是说|意思是|简单说|通俗|即[，,：:]?|要求[，,：:]|[：:“]"
)
_ENGLISH = re.compile(r"(?<![A-Za-z0-9@./_\-])[A-Za-z]{3,}(?:\s+[A-Za-z]+)*(?![A-Za-z0-9@./_\-])")
_KNOWN_LATIN = frozenset({"app", "wifi", "pdf", "word", "excel", "atm", "pos", "etc", "vip", "http", "https", "www", "com", "cpu", "usb", "gps", "jpg"})  # fmt: skip
# Words for the same matter: what somebody complains of in one word may be answered in another.
_MATTERS = (
    "态度|礼貌|生硬|冷漠|不耐烦|服务意识|服务用语|批评教育|道歉|致歉|凶|推诿|敷衍|微笑",
    "排队|等候|等待|叫号|取号|预约|人多|久等|开窗|窗口数|高峰",
    "材料|证明|样本|清单|复印|资料|证件|原件|表格|填写",
    "告知|指南|说明|咨询|解释|指引|讲清|一次性",
    "超时|超期|时限|时间|期限|拖延|效率|慢|承诺|办结|进度|多久",
    "系统|网站|网上|网办|平台|在线|手机|小程序|登录|上传|故障|卡顿|崩溃|APP|app",
    "多次|跑|往返|来回|次数|再来|一趟|最多跑",
    "收费|费用|价格|缴费|退费|退款|金额|多收",
    "环境|空调|座椅|停车|厕所|卫生|大厅|嘈杂|电梯|饮水",
    "流程|环节|步骤|手续|审批|条件|程序",
    "业务|熟练|不懂|培训|专业|说不清|不清楚",
)  # fmt: skip
_MATTER = tuple(re.compile(each) for each in _MATTERS)
_COMMON = frozenset("的了是在和与及或您你我他她它们这那有不也都就很还被把对为以将等要会请到上下中个之其所并从而且")
_EVERYDAY = (
    "问题 反映 情况 工作 网友 您好 你好 答复 回复 办理 相关 单位 部门 服务 处理 感谢 支持 理解 关心 监督 有关 政府 进行 目前 根据 关于 希望 领导 我们 他们 没有 可以 现在 已经 如果 因为 "
    "所以 但是 留言 收悉 如下 市民 群众 规定 要求 时候 什么 怎么 一个 管理 建议 咨询 投诉 反应 解决 人员 政务 事项 申请 办事 大厅 审批 行政 许可 非常 满意 评价 差评 年月 月日 日起 年来 "
    "至今 谢谢 请问 尊敬 书记 市长 县长 我市 我县 我区 复如 已收 关情 言已 况回 现回 来信 已转 重视 高度 题已 关部 信收 具体 同时 立即 意见 通过 以及 由于 进一 一步 步加 加强 按照 实施 "
    "实际 需要 开展 组织 调查 核实 区域 地区 街道 社区 公司 小区 "
)
_SAID_ANYWHERE = frozenset(_EVERYDAY.split())


def check(
    reply: str,
    asked: Asked,
    *,
    measures: str = "",
    earlier: Iterable[Earlier] = (),
    templates: Iterable[str] = (),
) -> tuple[Caution, ...]:
    """What to look at again in this reply, gravest first; () where nothing is to be said, and for no reply at all.

    `measures` is what was done, which the rater does not read. `earlier` are replies of the same organ to other orders.
    """
    if not reply.strip():
        return ()
    empty = _empty_phrase(reply, measures)
    found = [
        _personal(reply),
        _template(reply, templates),
        empty,
        None if empty else _something_else(reply, asked),  # what says nothing is about nothing
        _copied(reply, asked, earlier),
        *_jargon(reply),
    ]
    return tuple(caution for caution in found if caution is not None)


def resembling(reply: str, others: Mapping[Any, str], most: int = 5) -> list[Any]:
    """The keys of those replies from which this one may be copied, most alike first."""
    ours, whole = _trigrams(reply), _threes(reply)
    if len(ours) < COPIED_LEAST:
        return []
    near = {key: other for key, other in others.items() if _share(whole, _threes(other)) >= COPIED_FROM / 2}
    shares = {key: _share(ours, _trigrams(other)) for key, other in near.items()}
    alike = [key for key, share in shares.items() if share >= COPIED_FROM]
    return sorted(alike, key=lambda key: -shares[key])[:most]


def to_json(cautions: Iterable[Caution]) -> list[dict[str, Any]]:
    """As they stand in the facts of a move and on the wire."""
    return [{"code": str(c.code), "reason": c.reason, "passage": c.passage, "isMild": c.is_mild} for c in cautions]


def from_json(given: Sequence[Mapping[str, Any]]) -> tuple[Caution, ...]:
    return tuple(Caution(Code(c["code"]), c["reason"], c["passage"], c["isMild"]) for c in given)


def quoted(cautions: Iterable[Caution]) -> str:
    """The reasons as one text with which an order is sent back."""
    lines = [f"{c.name}：{c.reason}" + (f"（“{c.passage}”）" if c.passage else "") for c in cautions]
    return "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1))


def _personal(reply: str) -> Caution | None:
    for sentence in _SENTENCE.findall(reply):
        bare = without_landlines(sentence)  # an office's telephone is for everybody
        if mask_text(bare) != bare:
            reason = "答复会公开，里面像是有手机号、证件号或姓名，请删去；单位的办公电话可以保留。"
            return Caution(Code.PERSONAL, reason, _cut(mask_text(sentence)))
    return None


def _template(reply: str, templates: Iterable[str]) -> Caution | None:
    if left := _PLACEHOLDER.search(reply):
        return Caution(Code.TEMPLATE, "模板里还有没填的空，请填好。", left[0])
    ours = _trigrams(reply)
    for text in templates:
        fixed = _PLACEHOLDER.sub("\n", text)
        added = ours - _trigrams(fixed)
        if ours and len(added) < max(6, 0.1 * len(ours)):
            return Caution(Code.TEMPLATE, "答复与模板几乎一样，没有写这一件是怎么办的，请补充。")
    return None


def _empty_phrase(reply: str, measures: str) -> Caution | None:
    rest = _substance(reply)
    stock = _STOCK.search(reply)
    passage = _cut(stock[0] if stock else reply)
    if len(rest) < SHORTEST:
        reason = "去掉客套话以后几乎没有内容，请写明查到了什么、做了什么、以后怎么办。"
    elif not any(each.search(rest) for each in (_DOING, _DATE, _NUMBER, _WHO)):
        reason = "没有写做了什么，也没有日期、数字或经办人，请写明具体做法。"
    else:
        return None
    if len(_substance(measures)) >= SHORTEST and _DOING.search(_substance(measures)):
        reason += "“整改措施”里写的做法评价人看不到，请写进答复。"
    return Caution(Code.EMPTY_PHRASE, reason, passage)


def _substance(text: str) -> str:
    """What is left without greetings, quotations of the complaint, stock phrases and the signing date."""
    bare = _SIGNED.sub("", unicodedata.normalize("NFKC", text).strip())
    return re.sub(r"[\W_]+", "", _STOCK.sub("", _QUOTE.sub("", bare)))


def _something_else(reply: str, asked: Asked) -> Caution | None:
    if not asked.says_why:
        return None
    said = " ".join((asked.words, *asked.indicators))
    wanted, given = _content(f"{said} {asked.item}"), _content(reply)
    if len(wanted) < 2 or len(given) < CONTENT_LEAST:
        return None
    if len(said) <= SHORT_WORDS and any(matter.search(said) and matter.search(reply) for matter in _MATTER):
        return None
    if len(wanted & given) > SHARED * min(len(wanted), len(given)):
        return None
    # never the rater's own words: they may be erased, a move's facts may not
    reason = "答复里没有提到评价人反映的事，请对照评价内容逐条回答。"
    return Caution(Code.SOMETHING_ELSE, reason, _cut(mask_text(_SENTENCE.findall(reply)[0])))


def _copied(reply: str, asked: Asked, earlier: Iterable[Earlier]) -> Caution | None:
    by_key = dict(enumerate(earlier))
    found = None
    for key in resembling(reply, {key: each.reply for key, each in by_key.items()}):
        other = by_key[key]
        if is_same_problem(asked, other.asked):
            found = found or Caution(
                Code.COPIED,
                f"与工单 {other.order_no}（同一问题）的答复基本相同；同一问题反复出现，请写明这次有什么不同。",
                is_mild=True,
            )
        else:
            reason = f"与工单 {other.order_no} 的答复基本相同，那一件反映的是别的事，请按这一件重写。"
            return Caution(Code.COPIED, reason)
    return found


def is_same_problem(one: Asked, other: Asked) -> bool:
    """Whether two ratings of one item complain of the same: by their words, else by what was ticked."""
    if one.item != other.item:
        return False
    ours, theirs = _content(one.words), _content(other.words)
    if ours and theirs:
        return len(ours & theirs) >= SAME_PROBLEM * min(len(ours), len(theirs))
    return set(one.indicators) == set(other.indicators) or bool(set(one.indicators) & set(other.indicators))


def _jargon(reply: str) -> list[Caution]:
    """One caution for each kind: a long sentence, a clause that nobody explains, foreign words."""
    found = []
    long = max((s.strip() for s in _SENTENCE.findall(reply)), key=len, default="")
    if len(long) > LONGEST_SENTENCE:
        reason = f"有一句长达{len(long)}字，请拆成几句短话。"
        found.append(Caution(Code.JARGON, reason, _cut(mask_text(long)), is_mild=True))
    for clause in _CLAUSE.finditer(reply):
        if not _EXPLAINS.search(reply[clause.end() : clause.end() + 40]):
            reason = "引用了文件条款，没有说它讲的是什么，请用一句白话说明。"
            found.append(Caution(Code.JARGON, reason, _cut(reply[max(0, clause.start() - 12) : clause.end()])))
            break
    for word in _ENGLISH.finditer(reply):
        if word[0].casefold() not in _KNOWN_LATIN and not re.search(r"https?:\S*$", reply[: word.start()]):
            found.append(Caution(Code.JARGON, "有英文，请换成中文。", _cut(word[0]), is_mild=True))
            break
    return found


def _content(text: str) -> frozenset[str]:
    """The pairs of neighbouring characters that tell what a text is about."""
    runs = re.findall(rf"[{_HAN}]+", unicodedata.normalize("NFKC", text))
    pairs = {run[n : n + 2] for run in runs for n in range(len(run) - 1)}
    return frozenset(p for p in pairs if p not in _SAID_ANYWHERE and not _COMMON & set(p))


def _trigrams(text: str) -> frozenset[str]:
    """Of what is left without stock phrases, which every reply may share."""
    return _threes(_substance(text))


def _threes(text: str) -> frozenset[str]:
    return frozenset(text[n : n + 3] for n in range(len(text) - 2))


def _share(ours: frozenset[str], theirs: frozenset[str]) -> float:
    return len(ours & theirs) / len(ours) if ours else 0.0


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= PASSAGE else text[: PASSAGE - 1] + "…"
