"""People act on the work orders, each at their own moment, by the same command that buttons and machines use."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from haochaping.accounts.queries import clerks_at
from haochaping.accounts.rules import Actor, citizen
from haochaping.directory.queries import snapshot
from haochaping.evaluation.commands import follow_up
from haochaping.kit import clock, ids
from haochaping.kit.errors import Refused
from haochaping.policy.queries import calendar, policy_at
from haochaping.project.demo import sentences
from haochaping.project.demo.scans import scan
from haochaping.rectification.commands import perform, reopen_on_follow_up, reveal
from haochaping.rectification.evidence import bring
from haochaping.rectification.models import Move, Order
from haochaping.rectification.rules import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from random import Random
    from uuid import UUID

    from haochaping.project.demo.people import Cast
    from haochaping.project.demo.plan import Visit
    from haochaping.project.demo.scripts import Script, Word

SYSTEMS = {"auto_sign": "auto", "skip": "record"}  # what the system did in the place of a word
BY_HANDLER = {
    *("sign", "return", "contact", "relay", "open_to_clerk", "confirm", "explain", "appeal"),
    *("request_extension", "submit"),
}
BY_REVIEWER = {"uphold", "dismiss"}


@dataclass
class Story:
    """One order on its way: how far its script has come, and since when."""

    visit: Visit
    script: Script
    order: Order
    place: int = 0
    since: datetime = field(default_factory=clock.now)

    @property
    def word(self) -> Word | None:
        words = self.script.words
        return words[self.place] if self.place < len(words) and words[self.place].verb != "stop" else None


class Stories:
    """All orders that come of the bad ratings, played day by day. Picks up where an interrupted load left off."""

    def __init__(self, bad: Iterable[Visit], scripts: Mapping[tuple[str, int], Script], cast: Cast) -> None:
        self.cast = cast
        self.waiting = {ids.event_id(v.project_no, v.number): (v, scripts[v.project_no, v.number]) for v in bad}
        self.open: dict[UUID, Story] = {}
        self.moves = 0
        self.refused: Counter[str] = Counter()

    def play(self, until: datetime) -> None:
        """Everything that people do up to `until`."""
        self._look_for_new()
        self._look_again()
        for id_, story in list(self.open.items()):
            while story.word is not None and self._may_speak(story):
                at = story.script.next_at(story.place, story.since, calendar(story.order.area_path))
                if at > until:
                    break
                self._speak(story, story.word, at)
            if story.word is None:
                del self.open[id_]

    def _look_for_new(self) -> None:
        for order in Order.objects.filter(id__in=list(self.waiting)):
            visit, script = self.waiting.pop(order.pk)
            self.open[order.pk] = Story(visit, script, order, 0, order.opened_at)
            self._catch_up(self.open[order.pk])

    def _look_again(self) -> None:
        """What the system did over night."""
        stored = Order.objects.in_bulk(list(self.open))
        for id_, story in self.open.items():
            if stored[id_].moves != story.order.moves:
                story.order = stored[id_]
                self._catch_up(story)

    def _catch_up(self, story: Story) -> None:
        """Read from the history how far the script has come."""
        story.place, last = 0, ""
        for verb, at in Move.objects.filter(order_id=story.order.pk).order_by("n").values_list("verb", "at"):
            word = story.word
            if word is not None and (
                verb == word.verb or SYSTEMS.get(verb) == word.verb or self._stands_in(verb, word)
            ):
                story.place, story.since, last = story.place + 1, at, verb
        if last == "skip":  # the system closed it: what was to be recorded is not
            self._drop_records(story)

    @staticmethod
    def _stands_in(verb: str, word: Word) -> bool:
        return (verb, word.verb) in {("auto_sign", "sign"), ("reopen", "follow_up"), ("skip", "satisfied")}

    @staticmethod
    def _drop_records(story: Story) -> None:
        while story.word is not None and story.word.verb == "record":
            story.place += 1

    @staticmethod
    def _may_speak(story: Story) -> bool:
        """Not where the system is awaited: to sign, or to close what nobody need call back about."""
        word, order = story.word, story.order
        if word is None or word.verb == "auto":
            return False
        return word.verb != "record" or order.real_name or order.sampled or order.state != State.CALLBACK

    def _speak(self, story: Story, word: Word, at: datetime) -> None:
        try:
            self._act(story, word, at)
        except Refused as no:
            self.refused[f"{word.verb} from {story.order.state}: {no.code}"] += 1
            story.place = len(story.script.words)
            return
        story.place, story.since, self.moves = story.place + 1, at, self.moves + 1

    def _act(self, story: Story, word: Word, at: datetime) -> None:
        order = story.order
        if word.verb == "follow_up":
            follow_up(order.pk, level=2, text=sentences.STILL_BAD, now=at)
            reopen_on_follow_up(order.pk, level=2, now=at)
            story.order = Order.objects.get(pk=order.pk)
            return
        if word.verb == "record" and order.real_name and story.script.random(-1).random() < 0.3:
            reveal(order, actor=self.cast.actors["operator"], reason="回访核实整改结果", now=at - timedelta(minutes=3))
        actor = self._actor(order, word)
        facts = facts_of(story, word, at, actor)
        if word.verb == "appeal" or (word.verb == "submit" and story.script.random(-2).random() < SHOWN_SHARE):
            name, raw = scan(story.script.random(-2))
            facts["files"] = [str(bring(order_id=order.pk, actor=actor, name=name, raw=raw, now=at).pk)]
        story.order = perform(order_id=order.pk, verb=word.verb, actor=actor, facts=facts, now=at)

    def _actor(self, order: Order, word: Word) -> Actor:
        if word.verb in BY_HANDLER:
            return self.cast.handler_of(order.area_path, order.organ_path)
        if word.verb == "statement":
            return self.cast.actors["clerk"]
        if word.verb in BY_REVIEWER:
            return self.cast.actors["reviewer2" if word.way == "2" else "reviewer"]
        if word.verb in {"object", "satisfied", "respond"} or word.way == "citizen":
            return citizen(order.pk)
        if word.verb == "record" or word.way == "operator":
            return self.cast.actors["operator"]
        return self.cast.supervisor_of(order.area_path)


SHOWN_SHARE = 0.2  # of the rectifications are shown by a picture
STOCK_SHARE = 0.1  # of the replies say nothing
PRESSED_SHARE = 0.08  # of the raters who are called were pressed


def facts_of(story: Story, word: Word, at: datetime, actor: Actor) -> dict[str, Any]:
    """What is told with this move."""
    order, random = story.order, story.script.random(story.place)
    cause = (story.visit.rating and story.visit.rating.cause) or "other"
    findings, measures, reply = sentences.ANSWERS[cause]
    match word.verb:
        case "return":
            reasons = policy_at(order.rules_area, order.dispatch_day).return_reasons
            return {"reason_code": random.choice(sorted(reasons)), "reason": sentences.RETURNED}
        case "assign":
            return _assignment(order, word, random, actor)
        case "join":
            return {"co_organs": _assignment(order, word, random, actor)["organ"], "text": sentences.JOINED}
        case "relay":
            return {"text": random.choice(sentences.ASKED)}
        case "respond":
            return {"text": random.choice(sentences.TOLD)}
        case "open_to_clerk":
            return {"clerk": next(iter(clerks_at(order.window_code)), ""), "text": sentences.ASKED_CLERK}
        case "contact":
            way = "phone" if order.opens_identity else random.choice(("relay", "hotline"))
            return {"way": way, "result": random.choice(sentences.TALKS[way])}
        case "confirm":
            found = {"is_true": True, "is_reasonable": True, "cause": cause, "findings": findings}
            return {**found, "severity": word.way or "general"}
        case "explain":
            return dict(zip(("findings", "basis", "reply"), sentences.EXPLAINED, strict=True))
        case "appeal":
            reason, evidence = sentences.APPEALS[word.way]
            return {"kind": word.way, "reason": reason, "evidence": evidence}
        case "uphold":
            kept = sentences.KEPT if word.way else sentences.UPHELD
            return {"ruling": sentences.NOT_THEIRS if order.appeal_kind == "not_ours" else kept}
        case "dismiss":
            return {"ruling": sentences.RETAKEN if word.way else sentences.DISMISSED}
        case "request_extension":
            until = max(clock.day(order.answer_due), clock.day(at)) + timedelta(days=2)
            return {"reason": sentences.EXTENSION, "until": until.isoformat()}
        case "submit":
            if random.random() < STOCK_SHARE:
                reply = random.choice(sentences.STOCK_REPLIES)
            return {"measures": measures, "reply": reply, "cause": cause}
        case "record" if word.way == "unreachable":
            return {"result": "unreachable", "pressed": "not_asked"}
        case "record":
            if random.random() < PRESSED_SHARE:
                return {"result": word.way or "satisfied", "pressed": "yes", "note": sentences.PRESSED_NOTE}
            return {"result": word.way or "satisfied", "pressed": "no", "note": random.choice(sentences.CALL_NOTE)}
        case "unsatisfied":
            return {"reason": sentences.STILL_BAD if word.way == "citizen" else sentences.AGAIN}
    return dict(TOLD.get(word.verb, {}))


TOLD = {
    "object": {"reason": sentences.OBJECTION},
    "grant_extension": {"reason": sentences.GRANTED},
    "refuse_extension": {"reason": sentences.REFUSED},
    "send_back": {"reason": sentences.SENT_BACK},
    "reopen": {"reason": sentences.AGAIN},
    "urge": {"text": sentences.URGED},
    "instruct": {"text": sentences.INSTRUCTED},
    "note": {"text": sentences.REMARKED},
    "statement": {"text": sentences.STATED},
    "convene": {"text": sentences.CONVENED},
    "conclude": {"text": sentences.CONCLUDED},
}


def _assignment(order: Order, word: Word, random: Random, actor: Actor) -> dict[str, Any]:
    """To another organ of the place, or of the city above it; sometimes with a third one as co-unit."""
    near = [
        organ
        for organ in snapshot().organs.values()
        if organ.area.startswith(actor.scopes[0].area)
        and organ.code != order.organ_code
        and organ.area[:4] == order.area[:4]
    ]
    city = order.area[:4].ljust(12, "0")
    own = [o for o in near if o.area == order.area] or [o for o in near if o.area == city] or near
    chosen = random.sample(sorted(own, key=lambda organ: organ.code), min(2, len(own)))
    facts: dict[str, Any] = {"organ": chosen[0].code, "reason": sentences.ASSIGNED}
    if word.way == "joint" and len(chosen) > 1:
        facts["co_organs"] = [chosen[1].code]
    return facts
