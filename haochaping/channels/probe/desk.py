"""What people enter in the console for others: by telephone, and from paper, keyed by two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from haochaping.channels.models import PaperRun, PaperSheet
from haochaping.channels.paper.rules import State, number_of
from haochaping.channels.probe import region
from haochaping.channels.probe.ground import PERSON, fill
from haochaping.channels.probe.rules import CannotGive

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from haochaping.channels.probe.browser import Browser, Form, Page
    from haochaping.channels.probe.ground import Ground
    from haochaping.channels.probe.region import Login
    from haochaping.channels.probe.rules import Asked, Kind

TELEPHONE, PAPER = "/console/telephone/", "/console/paper/"


def telephone(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:  # noqa: ARG001
    """The operator finds the caller's case and enters what they say."""
    operator = _logged_in(ground, ground.hands.people[0])

    def give(asked: Asked) -> UUID:
        service = ground.serve(userName=PERSON["userName"], mobile=PERSON["mobile"])
        page = operator.get(TELEPHONE)
        typed = {"number": service.project_no, "who": PERSON["mobile"][-4:]}
        found = operator.submit(page, page.form("number"), typed)
        fill(operator, found, asked, event=str(service.id), proof=settings.PROBE_RECORDING)
        return service.id

    return give


def paper(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:
    """Forms are numbered, a batch is opened, and each form is keyed by two people."""
    first, second = (_logged_in(ground, login) for login in ground.hands.people)
    forms = str(len(kind.asked))
    page = first.get(PAPER)
    first.submit(page, _asks(page, "print"), {"hall": region.HALL, "forms": forms})
    run = PaperRun.objects.filter(hall_code=region.HALL).order_by("-id").first()
    if run is None:
        raise CannotGive(f"评价表印不出来（{page.told}）")
    page = first.get(PAPER)
    keying = first.submit(page, _asks(page, "open"), {"hall": region.HALL, "forms": forms})
    keying.form("level")
    numbers = iter(number_of(run.year, serial) for serial in range(run.first, run.last + 1))

    def give(asked: Asked) -> UUID:
        service, number = ground.serve(), next(numbers)
        typed = {"number": number, "level": str(int(asked.level)), "project_no": service.project_no}
        if not asked.is_bare:
            typed["tags"] = ground.tag(asked)
        for person in (first, second):
            page = person.get(keying.url)
            answer = person.submit(page, page.form("level"), typed)
            if answer.status >= 400:
                raise CannotGive(f"录表没有收下（{answer.told}）")
        sheet = PaperSheet.objects.filter(number=number).first()
        if sheet is None or sheet.state != State.ADMITTED:
            raise CannotGive(f"两人录入一致，但没有入库：{sheet.reason or sheet.state if sheet else '没有这张表'}")
        return service.id

    return give


def _asks(page: Page, what: str) -> Form:
    found = next((form for form in page.forms if ("do", what) in form.sends), None)
    if found is None:
        raise CannotGive(f"页面上没有“{what}”的表单（{page.told}）")
    return found


def _logged_in(ground: Ground, login: Login) -> Browser:
    visitor = ground.open(ground.visitor())
    page = visitor.get("/console/login")
    done = visitor.submit(page, page.form("username"), {"username": login.username, "password": login.password})
    if any(form.has("code") for form in done.forms):
        done = visitor.submit(done, done.form("code"), {"code": login.codes.pop()})
    if done.status >= 400 or any(form.has("password") or form.has("code") for form in done.forms):
        raise CannotGive(f"巡检人员登录不了（{done.told}）")
    return visitor
