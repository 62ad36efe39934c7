"""The citizen's pages: the window's code, `/my`, comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haochaping.channels.my import commands as my
from haochaping.channels.my.access import COOKIE as MY_COOKIE
from haochaping.channels.probe import region
from haochaping.channels.probe.browser import COMPUTER, TELEPHONE
from haochaping.channels.probe.ground import PERSON, SAID, event_behind, fill, thanked
from haochaping.channels.probe.rules import Asked, CannotGive
from haochaping.evaluation.rules import Level

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from haochaping.channels.probe.browser import Browser
    from haochaping.channels.probe.ground import Ground
    from haochaping.channels.probe.rules import Kind

WINDOW = f"/w/{region.WINDOW}"


def by_name(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:  # noqa: ARG001
    """`/w/{windowCode}` with case number and name."""
    return _found(ground, PERSON["userName"])


def by_tail(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:  # noqa: ARG001
    """`/w/{windowCode}` with case number and the telephone's end."""
    return _found(ground, PERSON["mobile"][-4:])


def _found(ground: Ground, who: str) -> Callable[[Asked], UUID]:
    def give(asked: Asked) -> UUID:
        service = ground.serve(userName=PERSON["userName"], mobile=PERSON["mobile"])
        with ground.visitor(TELEPHONE) as visitor:
            page = visitor.get(WINDOW)
            form = visitor.submit(page, page.form("case"), {"case": service.project_no, "who": who})
            thanked(fill(visitor, form, asked))
        return service.id

    return give


def visit(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:  # noqa: ARG001
    """`/w/{windowCode}` without a case: each time somebody else, who may rate a visit once in ten minutes."""

    def give(asked: Asked) -> UUID:
        with ground.visitor(TELEPHONE) as visitor:
            page = visitor.get(visitor.get(WINDOW).link("/visit"))
            done = fill(visitor, page, asked)
            thanked(done)
            return event_behind(done)

    return give


def comment(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:  # noqa: ARG001
    """`/comment` on the hall: each time somebody else, who may comment once a day."""

    def give(asked: Asked) -> UUID:
        with ground.visitor(COMPUTER) as visitor:
            done = fill(visitor, visitor.get(f"/comment?target=hall:{region.HALL}"), asked)
            thanked(done)
            return event_behind(done)

    return give


def rate(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:  # noqa: ARG001
    """`/my`: the service stands in the list, and is rated from there."""
    visitor = _logged_in(ground)

    def give(asked: Asked) -> UUID:
        service = ground.serve(mobile=PERSON["mobile"])
        page = visitor.get(visitor.get("/my").link(str(service.id)))
        done = fill(visitor, visitor.get(page.link(f"{service.id}/rate")), asked)
        if asked.level.name_zh not in done.said:
            raise CannotGive(f"评价后页面上没有这条评价（{done.told}）")
        return service.id

    return give


def follow_up(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:  # noqa: ARG001
    """`/my`: 追评 of what was rated before."""
    visitor = _logged_in(ground)

    def give(asked: Asked) -> UUID:
        service = ground.serve(mobile=PERSON["mobile"])
        page = visitor.get(f"/my/services/{service.id}/rate")
        page = fill(visitor, page, Asked(Level.FAIR))
        page = visitor.get(page.link(f"{service.id}/follow-up"))
        fill(visitor, page, asked, words=SAID)
        return service.id

    return give


def _logged_in(ground: Ground) -> Browser:
    """The session of a made-up number, without the SMS that would begin it."""
    visitor = ground.open(ground.visitor(COMPUTER))
    token = my.begin("sms", mobile=PERSON["mobile"], now=ground.now())
    ground.closing.callback(my.end, token)
    visitor.http.cookies.set(MY_COOKIE, token, path="/my")
    return visitor
