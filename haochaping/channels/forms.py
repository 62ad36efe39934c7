"""The rating page's form: what was typed, what it means on the wire, and what to tell the rater. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.channels.rules import phone_fault, phone_of
from haochaping.evaluation.records import WORDS_MOST, Submission, read_evaluation
from haochaping.evaluation.rules import LEVEL_NAMES, Consent, Level
from haochaping.kit.clock import to_wire
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from django.http import QueryDict

    from haochaping.policy.rules import Norm

SOURCE = "page"
NAME_PARTS = {
    Level.VERY_GOOD: ("非常", "满意"),
    Level.GOOD: ("满意",),
    Level.FAIR: ("基本", "满意"),
    Level.BAD: ("不满意",),
    Level.VERY_BAD: ("非常", "不满意"),
}  # so that no narrow screen breaks a name in the wrong place
ASKS = {
    Level.VERY_GOOD: "哪些方面做得好？",
    Level.GOOD: "哪些方面做得好？",
    Level.FAIR: "哪些符合您的感受？",
    Level.BAD: "哪里让您不满意？",
    Level.VERY_BAD: "哪里让您不满意？",
}
DIMENSION_NAMES = {"business": "业务（材料、流程、时限）", "service": "服务（态度、效率）"}
# What a citizen is told, by field and code of the refusal; what is not here is told as it was said.
MESSAGES = {
    ("satisfaction", "required"): "请选择满意程度。",
    ("satisfaction", "out_of_range"): "请选择满意程度。",
    ("evalDetail", "bad_rating_needs_reason"): "请至少选择一项不满意的方面，或写一句话说明原因。",
    ("evalDetail", "indicator_of_other_level"): "有的选项不属于这个满意程度，请重新选择。",
    ("evalDetail", "indicator_unknown"): "有的选项已不在目录内，请重新选择。",
    ("evalDetail", "indicator_retired"): "有的选项已停用，请重新选择。",
    ("evalDetail", "too_long"): "选择的项目太多，请减少后再提交。",
    ("writingEvaluation", "too_long"): f"文字最多 {WORDS_MOST} 字，请删减后再提交。",
    ("writingEvaluation", "not_text"): "文字里有无法保存的字符，请删去后再提交。",
    ("name", "too_long"): "姓名太长，请核对。",
    ("mobile", "malformed"): "电话号码应为数字，如 13800000000，请核对。",
    ("assessTime", "before_service"): "这次服务的登记时间还没有到，请稍后再评价，或拨打 12345。",
}


class Problem(NamedTuple):
    """One thing to put right: the field it stands at, the element to go to, what to do."""

    field: str
    anchor: str
    message: str


class Subject(NamedTuple):
    """What is rated, as the head of the form shows it. Empty parts are left out."""

    item: str
    organ: str
    window: str
    day: date
    aspect: str = "service"
    point: str = ""


class Wording(NamedTuple):
    """How a rating of one aspect or collection point is asked for."""

    title: str
    question: str


WORDING = {
    "item": Wording("请评价这个事项的设置", "您对这个事项的设置（条件、材料、流程）是否满意？"),
    "platform": Wording("请评价网上办事应用", "您对这个网站或应用是否满意？"),
    "service": Wording("请为本次服务评价", "您对本次服务是否满意？"),
    "licence": Wording("请评价证照共享", "您对少交证照、数据共享的情况是否满意？"),
    "delivery": Wording("请评价结果送达", "您对办理结果的送达是否满意？"),
}
POINT_WORDING = {
    "acceptance": Wording("请评价受理环节", "您对受理环节的服务是否满意？"),
    "issue": Wording("请评价出件环节", "您对出件环节的服务是否满意？"),
}


class Tag(NamedTuple):
    code: str
    name: str
    is_chosen: bool


class Group(NamedTuple):
    """The tags of one dimension at one level."""

    key: str
    name: str
    tags: tuple[Tag, ...]


class Choice(NamedTuple):
    """One level as drawn: its name in parts, its tags, also by dimension."""

    level: int
    parts: tuple[str, ...]
    asks: str
    is_bad: bool
    is_chosen: bool
    tags: tuple[Tag, ...]
    groups: tuple[Group, ...] = ()


@dataclass
class Draft:
    """Everything the rater typed, kept when something has to be put right. Tags of each level are a field of their own,
    so what is ticked at one level and left behind at another is never sent.
    """

    level: str = ""
    tags: frozenset[str] = frozenset()
    words: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)
    consent: frozenset[str] = frozenset()

    @classmethod
    def read(cls, posted: QueryDict) -> Draft:
        level = posted.get("level", "").strip()
        return cls(
            level=level,
            tags=frozenset(posted.getlist(f"tags-{level}")),
            words=posted.get("words", "").replace("\r\n", "\n").strip(),
            name=posted.get("name", "").strip(),
            mobile=posted.get("mobile", "").strip(),
            consent=frozenset(posted.getlist("consent")) & frozenset(map(str, Consent)),
        )

    @property
    def publishes(self) -> bool:
        return Consent.PUBLISH_TEXT in self.consent

    @property
    def opens_identity(self) -> bool:
        return Consent.CONTACT_DEPARTMENT in self.consent

    @property
    def gives_contact(self) -> bool:
        return bool(self.name or self.mobile or self.opens_identity)

    def submission(self, *, project_no: str, service_number: int, pf: int, now: datetime) -> Submission:
        """The rating this draft is, given now; Refused (422) names the fields by their wire names."""
        mobile = phone_of(self.mobile) if self.mobile else ""
        if mobile is None:
            said = phone_fault(self.mobile, MESSAGES["mobile", "malformed"])
            bad = FieldError("mobile", "number", said)  # told as it is said, whatever MESSAGES has
            raise Refused("fields_refused", 422, bad.message, (bad,))
        wire = {
            "projectNo": project_no,
            "serviceNumber": service_number,
            "satisfaction": self.level,
            "pf": pf,
            "evalDetail": ",".join(sorted(self.tags)),
            "writingEvaluation": self.words,
            "assessTime": to_wire(now),
            "name": self.name,
            "mobile": mobile,
            "consent": sorted(self.consent),
        }
        return read_evaluation(wire, source=SOURCE)


def choices(draft: Draft, norms: Iterable[Norm]) -> list[Choice]:
    """The five levels, best first, each with its tags: business ones before those about people."""
    groups: dict[int, dict[str, list[Tag]]] = {level: {key: [] for key in DIMENSION_NAMES} for level in Level}
    for norm in norms:
        groups[norm.level][norm.dimension].append(Tag(norm.code, norm.name, norm.code in draft.tags))
    return [
        Choice(
            level,
            NAME_PARTS[level],
            ASKS[level],
            level.is_bad,
            draft.level == str(int(level)),
            tuple(tag for tags in groups[level].values() for tag in tags),
            tuple(Group(key, DIMENSION_NAMES[key], tuple(tags)) for key, tags in groups[level].items() if tags),
        )
        for level in sorted(LEVEL_NAMES, reverse=True)
    ]


def wording(aspect: str, point: str = "") -> Wording:
    """What to ask about this aspect; a collection point of a service is named."""
    return (POINT_WORDING.get(point) if aspect == "service" else None) or WORDING[aspect]


def problems(refused: Refused, draft: Draft, norms: Iterable[Norm]) -> list[Problem]:
    """What to tell the rater, once for each field, in the form's order."""
    tags = next((choice.tags for choice in choices(draft, norms) if choice.is_chosen), ())
    first_tag = f"t{tags[0].code}" if tags else "words"
    places = {
        "satisfaction": ("level", "lv5"),
        "evalDetail": ("tags", first_tag),
        "writingEvaluation": ("words", "words"),
        "name": ("name", "name"),
        "mobile": ("mobile", "mobile"),
    }
    found: dict[str, Problem] = {}
    for error in refused.fields or (FieldError("", refused.code, refused.message),):
        name, anchor = places.get(error.field, ("", ""))
        message = MESSAGES.get((error.field, error.code), error.message)
        found.setdefault(name or error.field, Problem(name, anchor, message))
    order = ["level", "tags", "words", "name", "mobile"]
    return sorted(
        found.values(), key=lambda problem: order.index(problem.field) if problem.field in order else len(order)
    )


def context(subject: Subject, draft: Draft, norms: Sequence[Norm], refused: Refused | None = None) -> dict[str, Any]:
    """What `channels/rate.html` wants, whichever way the rater came: by a link, at a window, at a terminal."""
    wrong = problems(refused, draft, norms) if refused else []
    return {
        "subject": subject,
        "wording": wording(subject.aspect, subject.point),
        "scale": choices(draft, norms),
        "draft": draft,
        "problems": wrong,
        "wrong": {problem.field: problem.message for problem in wrong},
    }
