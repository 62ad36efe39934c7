"""What the console's templates share: navigation, chips, levels, time left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template
from django.urls import reverse

from haochaping.accounts.models import Person
from haochaping.accounts.rules import Role
from haochaping.console import queries, rules
from haochaping.console.columns import VERDICTS
from haochaping.evaluation.rules import Level
from haochaping.kit import clock
from haochaping.kit.masks import mask_text
from haochaping.messaging.notices import SHOWN, unread
from haochaping.policy.queries import calendar
from haochaping.rectification import veil
from haochaping.rectification.facts import last_day
from haochaping.rectification.rules import CAUSE_NAMES, State
from haochaping.rectification.sight import looks_on

if TYPE_CHECKING:
    from datetime import datetime

register = template.Library()
SHORT = 14  # lines of a navigation that needs no folding


@register.inclusion_tag("console/nav.html", takes_context=True)
def navigation(context: dict[str, Any], label: str) -> dict[str, Any]:
    """The lines that whoever is logged in may open; the one that is open is marked."""
    request = context["request"]
    person = request.user
    if not isinstance(person, Person):
        return {"groups": []}
    here = request.path
    groups: dict[str, list[dict[str, Any]]] = {}
    for entry in rules.navigation(person.actor().roles):
        url = reverse(f"console:{entry.page}")
        is_here = here.startswith(url) and (here == url or (entry.page != "workbench" and url.endswith("/")))
        groups.setdefault(entry.group, []).append({"entry": entry, "url": url, "is_here": is_here})
    is_short = sum(map(len, groups.values())) <= SHORT
    opened = {name for name, lines in groups.items() if is_short or any(line["is_here"] for line in lines)}
    first = next((name for name in groups if name), "")
    return {"groups": [(name, lines, name in opened | {first}) for name, lines in groups.items()], "label": label}


@register.inclusion_tag("console/whoami.html", takes_context=True)
def whoami(context: dict[str, Any]) -> dict[str, Any]:
    """Area · role · name of whoever is logged in, with the way out."""
    person = context["request"].user
    actor = person.actor() if isinstance(person, Person) else None
    roles = "、".join(role.name_zh for role in Role if actor and role in actor.roles)
    return {
        "actor": actor,
        "roles": roles,
        "where": queries.scope_words(actor) if actor else "",
        "request": context["request"],
    }


@register.inclusion_tag("console/read_only.html", takes_context=True)
def read_only(context: dict[str, Any]) -> dict[str, Any]:
    """Said on every page of somebody who only looks on."""
    person = context["request"].user
    return {"is_read_only": isinstance(person, Person) and looks_on(person.actor())}


@register.inclusion_tag("console/bell.html", takes_context=True)
def bell(context: dict[str, Any]) -> dict[str, Any]:
    """How much whoever is logged in has not read: one query, which counts no further than is shown."""
    request = context["request"]
    person = request.user
    if not isinstance(person, Person) or not rules.may_open("notices", person.actor().roles):
        return {"is_shown": False}
    n = unread(str(person.pk))
    is_here = request.path.startswith(reverse("console:notices"))
    return {"is_shown": True, "n": n, "said": f"{SHOWN}+" if n > SHOWN else str(n), "is_here": is_here}


@register.inclusion_tag("console/level.html")
def level(number: int) -> dict[str, Any]:
    """A level as face, word and colour: never by colour alone."""
    return {"number": number, "word": Level(number).name_zh}


@register.inclusion_tag("console/state.html")
def state(value: str) -> dict[str, Any]:
    return {"value": value, "word": State(value).name_zh}


@register.inclusion_tag("console/left.html")
def left(due: datetime | None, is_provisional: bool = False) -> dict[str, Any]:
    """Time left until a limit, in words; 暂定 where it rests on days that are not announced yet."""
    if due is None:
        return {"left": None}
    return {"left": rules.left(due, clock.now(), calendar()), "due": due, "is_provisional": is_provisional}


@register.inclusion_tag("console/icon.html")
def icon(name: str) -> dict[str, str]:
    return {"name": name}


register.filter("last_day", last_day)
register.filter("by_hour", rules.by_hour)
register.filter("state_word", lambda value: State(value).name_zh if value else "")
register.filter("cause_word", lambda value: CAUSE_NAMES.get(value, ""))
register.filter("verdict_word", lambda value: VERDICTS.get(value, ""))
register.filter("masked", mask_text)
register.filter("reply_of", lambda order: veil.masked(order, order.reply))
