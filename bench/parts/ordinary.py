"""The baseline: the same rating through an ordinary Django view, one ORM transaction a request. Same signature check, same
judgement, same rows in the same tables; nothing gathered, nothing set-wise. And the empty application beside it.
"""

from __future__ import annotations

import json
import os
import secrets
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "haochaping.project.settings")
import django

django.setup()

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from haochaping.accounts import signing
from haochaping.accounts.models import Nonce
from haochaping.accounts.queries import app_info
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.judge import judge_against, judge_alone
from haochaping.evaluation.models import Evaluation, Evaluator, Receipt, ServiceEvent, Words
from haochaping.evaluation.records import content, read_evaluation
from haochaping.evaluation.rules import Level, assurance_of, canonical
from haochaping.evaluation.served import AS_SERVED
from haochaping.flow.writing import index
from haochaping.kit import blobs, clock, crypto, ids, keys
from haochaping.outbox.models import Note
from haochaping.rectification.commands import open_orders
from haochaping.rectification.rules import RatedBad

settings.MIDDLEWARE = []
settings.ROOT_URLCONF = __name__


@csrf_exempt
def rate(request: HttpRequest) -> JsonResponse:
    now = clock.now()
    headers = {name: request.headers.get(name, "") for name in signing.SIGNATURE_HEADERS}
    signed = signing.check("POST", request.path, headers, request.body, now)
    s = read_evaluation(json.loads(request.body), source=signed.app.app_id)
    with transaction.atomic():
        Nonce.objects.create(app_id=signed.app.app_id, nonce=signed.nonce, used_at=now)
        event = ServiceEvent.objects.get(id=ids.event_id(s.project_no, s.service_number))
        assert app_info(signed.app.app_id).reaches(area_path=event.area_path, organ_path=event.organ_path)
        known = evaluation.catalogue(event.area_path, clock.day(s.assess_time))
        judge_alone(s, known, now)
        judge_against(
            s, service_time=event.service_time, closes_at=event.closes_at,
            grace=evaluation.grace(event.area_path, event.service_day), now=now,
        )  # fmt: skip
        rating = Evaluation(
            id=event.id, level=s.level, pf=s.pf, indicators=list(s.indicators),
            indicator_names=[known[code].name for code in s.indicators], no_reason=False, assess_time=s.assess_time,
            rated_day=clock.day(s.assess_time), consent=sorted(s.consent), user_prop=event.user_prop, device_id=s.device_id,
            assurance=str(assurance_of(name=s.name, cert=s.cert, mobile=s.mobile, is_applicants_mobile=False)),
            source=s.source, digest=crypto.hmac_sm3(keys.key("content"), canonical(content(s))), received_at=now,
            **{name: getattr(event, name) for name in AS_SERVED},
        )  # fmt: skip
        salt = secrets.token_bytes(16)
        if s.words:
            rating.words_digest = crypto.sm3(salt + s.words.encode())
        rating.row_sm3 = crypto.sm3(canonical(evaluation.evaluation_row(rating)))
        rating.save(force_insert=True)
        receipt = ids.receipt(event.id)
        Receipt.objects.create(digest=ids.token_digest(receipt), event_id=event.id)
        if s.name or s.mobile:
            person = blobs.seal(
                {"name": s.name, "cert": s.cert, "mobile": s.mobile}, table="evaluation_evaluator", row=event.id
            )
            Evaluator.objects.create(id=event.id, blob=person, phone_index=index("phone", s.mobile), id_index=None)
        if s.words:
            Words.objects.create(id=event.id, salt=salt, text=s.words)
        order = open_orders([_bad(rating, event)], now=now)[0] if Level(s.level).is_bad else None
        for topic in ("national", "lake"):
            Note.objects.create(topic=topic, key=event.id, kind="evaluation", day=event.service_day, at=now)
    answer: dict[str, Any] = {"id": str(event.id), "receipt": receipt}
    if order is not None:
        answer |= {"orderNo": order.order_no, "answerBy": clock.to_wire(order.answer_due)}
    told = JsonResponse(answer, status=201)
    told["Content-Length"] = str(len(told.content))
    return told


def _bad(rating: Evaluation, event: ServiceEvent) -> RatedBad:
    names = (
        "id",
        "level",
        "organ_code",
        "organ_name",
        "organ_path",
        "area",
        "area_path",
        "window_code",
        "task_code",
        "item_name",
    )
    return RatedBad(
        **{name: getattr(rating, name) for name in names}, service_day=event.service_day, rated_day=rating.rated_day,
        real_name=False, opens_identity=False, no_reason=rating.no_reason, is_probe=False,
    )  # fmt: skip


urlpatterns = [path("api/v1/evaluations", rate)]
application = WSGIHandler()


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The empty ASGI application: reads the body, says yes."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    body = b'{"ok":true}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"11")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": body})
