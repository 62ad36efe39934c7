"""The steps of a problem or a case as forms, and each of them once more in words before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.shortcuts import render

from haochaping.accounts.queries import actor_of
from haochaping.analytics.problems import queries
from haochaping.analytics.problems.rules import (
    DATES,
    LABELS,
    PUBLIC,
    REASON_LABELS,
    TITLE_LONGEST,
    VERDICT_NAMES,
    Step,
    Verdict,
)
from haochaping.kit import clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.problems.effects import Effect
    from haochaping.analytics.problems.models import Problem
    from haochaping.kit.errors import Refused

USUAL_DAYS = timedelta(days=30)  # a date by which something is to be done, as the form offers it
HINTS = {
    "due": "措施应在这一天以前生效",
    "text": "做了什么、对谁有变化；不写评价人的情况",
    "in_force": "从这一天起按新办法办；成效从这一天起算",
    "verdict": "只有“已解决”算完成，其余回到整改中继续办",
    "public_text": "给群众看的：说清是什么问题；不写评价人、经办人姓名和联系方式",
    "public_reply": "给群众看的：做了什么、现在怎样",
}
NOTICES = {
    "accept": "确认后，问题进入台账并编号，责任单位能看到它，计入整改完成率。",
    "measure": "确认后，措施记入台账，不能改写；成效从生效日期起看评价数据。",
    "judge": "确认后，结论记入台账，并留下当前的数据。认定“已解决”才算完成。",
    "reopen": "确认后，问题回到整改中，不再算完成；以后登记的措施另起一轮比较。",
    "merge": "确认后，这个问题不再单列，事项、责任单位和工单并入所选的问题，不能撤回。",
    "dismiss": "确认后，这条发现不立项；半年内相同的发现不再提出。",
    "publish": "确认后，任何人都能在公众页看到下面的文字、涉及事项、责任单位和措施前后的数据（不足规定数量的不显示）。",
    "withdraw": "确认后，公众页不再显示；这里的记录保留。",
}
CASE_NOTICES = {
    "resubmit": "确认后，案例重新进入评审。",
    "accept": "确认后，案例入选，可以公开。",
    "return": "确认后，案例退回报送单位修改。",
    "publish": "确认后，任何人都能在公众页看到这个案例的全文和报送单位。",
    "withdraw": "确认后，公众页不再显示；以后可以再公开。",
}


@dataclass(frozen=True)
class Field:
    """One thing that a step asks for, as drawn."""

    name: str
    label: str
    kind: str  # date | line | text | choice | select
    value: str
    wrong: str
    hint: str
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Form:
    step: Step
    fields: list[Field]
    is_open: bool


def forms(
    found: Problem,
    actor: Actor,
    effect: Effect,
    now: datetime,
    *,
    verb: str = "",
    typed: dict[str, str] | None = None,
    no: Refused | None = None,
) -> list[Form]:
    """What this person may do with a problem now, with what they had typed or what is usual."""
    steps = queries.open_steps(found, actor)
    usual = _usual(found, effect, now)
    choices = {
        "verdict": tuple((str(key), word) for key, word in VERDICT_NAMES.items()),
        "into": tuple(
            (str(one.pk), f"{queries.number_of(one)} {one.title}")
            for one in (queries.targets_for(found, actor) if any(s.verb == "merge" for s in steps) else ())
        ),
    }
    return drawn(steps, usual, choices, verb=verb, typed=typed, no=no)


def drawn(
    steps: Sequence[Step],
    usual: dict[str, str],
    choices: dict[str, tuple[tuple[str, str], ...]],
    *,
    verb: str,
    typed: dict[str, str] | None,
    no: Refused | None,
) -> list[Form]:
    wrong = {error.field: error.message for error in no.fields} if no else {}
    found = []
    for n, step in enumerate(steps):
        mine = step.verb == verb
        fields = [
            Field(
                name,
                label_of(step, name),
                _kind(name),
                (typed or {}).get(name, "") if mine and typed else usual.get(name, ""),
                wrong.get(name, "") if mine else "",
                HINTS.get(name, ""),
                choices.get(name, ()),
            )
            for name in step.needs
        ]
        found.append(Form(step, fields, mine or (not verb and n == 0)))
    return found


def label_of(step: Step, name: str) -> str:
    return REASON_LABELS.get(step.verb, LABELS[name]) if name == "reason" else LABELS[name]


def _kind(name: str) -> str:
    if name in DATES:
        return "date"
    return {"verdict": "choice", "into": "select", "public_title": "line"}.get(name, "text")


def _usual(found: Problem, effect: Effect, now: datetime) -> dict[str, str]:
    today = clock.day(now)
    did = "\n".join(f"{m.in_force:%Y-%m-%d}起：{m.text}" for m in queries.measures_of(found))
    public = {name: getattr(found, name) for name in PUBLIC}
    return {
        "due": f"{today + USUAL_DAYS}",
        "in_force": f"{today}",
        "verdict": str(effect.outcome.verdict or ""),
        "public_title": public["public_title"] or found.title[:TITLE_LONGEST],
        "public_text": public["public_text"] or found.description,
        "public_reply": public["public_reply"] or did,
    }


def confirm(request: HttpRequest, found: Problem, step: Step, facts: dict[str, str]) -> HttpResponse:
    """What would be done with a problem, in words."""
    into = {str(one.pk): one.title for one in queries.targets_for(found, actor_of(request))} if "into" in facts else {}
    words = {"into": into.get(facts.get("into", ""), "")}
    if "verdict" in facts:
        words["verdict"] = VERDICT_NAMES[Verdict(facts["verdict"])]
    context = {
        "what": "典型问题",
        "title": found.title,
        "home": "console:problems",
        "home_title": "典型问题",
        "back": "console:problem",
        "pk": found.pk,
        "step": step,
        "notice": NOTICES[step.verb],
        "told": [(label_of(step, name), words.get(name) or facts[name]) for name in step.needs],
        "facts": facts,
    }
    return render(request, "console/analysis/confirm.html", context)
