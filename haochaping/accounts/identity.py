"""Signing in by the government's identity service 统一身份认证: which of the people who work here its claims name.

Nobody is made by it, and grants stay ours. The first time a person is found by their username, from then on by the subject.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import IntegrityError, transaction

from haochaping.accounts import oidc
from haochaping.accounts.commands import audit
from haochaping.accounts.models import Person, Subject
from haochaping.kit import config
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haochaping.accounts.oidc import Provider

SUBJECT_MOST = 255
AWAY = Refused("identity_service_away", 503, "统一身份认证暂时不能用。请稍后再试，或用本平台的用户名和密码登录。")
NOT_PROVED = Refused("identity_not_proved", 403, "没有通过统一身份认证。请重试，或用本平台的用户名和密码登录。")
UNKNOWN = Refused(
    "person_unknown",
    403,
    "您通过了统一身份认证，但本平台没有与之对应的在用账号。请联系本单位系统管理员开通，再重新登录。",
)
ANOTHER = Refused(
    "another_subject",
    403,
    "这个用户名已与统一身份认证中的另一个账号绑定。请联系安全保密管理员解除绑定，或用用户名和密码登录。",
)


class Recognised(NamedTuple):
    person: Person
    has_second: bool  # the service states a second factor
    at: datetime | None  # when it last asked who they are, if it says so


def provider() -> Provider | None:
    """The service for people who work here; None where there is none. `Misconfigured` if it is not to be trusted."""
    return oidc.configured("STAFF_OIDC", "openid profile", away=AWAY, not_proved=NOT_PROVED)


def recognise(service: Provider, claims: Mapping[str, Any], *, now: datetime) -> Recognised:
    """Whom the claims name; their subject is linked at the first time. 403 for nobody active, and for another's name."""
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_MOST or "\x00" in subject:
        raise NOT_PROVED
    linked = Subject.objects.filter(issuer=service.issuer, subject=subject).select_related("person").first()
    person = linked.person if linked else _by_username(claims)
    if person is None:
        raise UNKNOWN
    if not person.is_active:
        audit(person.actor(), "login", person.username, now=now, result="refused", facts={"by": "oidc"})
        raise UNKNOWN
    if linked is None:
        _link(person, service.issuer, subject, now)
    return Recognised(person, _states_second(claims), _asked_at(claims))


def is_linked(person: Person) -> bool:
    """Whether somebody has come in by the service."""
    return Subject.objects.filter(person=person).exists()


def _by_username(claims: Mapping[str, Any]) -> Person | None:
    username = oidc.text_of(claims, config.text("STAFF_OIDC_CLAIM_USERNAME", "preferred_username"))
    return Person.objects.filter(username=username).first() if username else None


def _link(person: Person, issuer: str, subject: str, now: datetime) -> None:
    try:
        with transaction.atomic():
            Subject.objects.create(person=person, issuer=issuer, subject=subject, linked_at=now)
            audit(person.actor(), "link_identity", person.username, now=now)
    except IntegrityError:  # linked to another, or twice in the same moment
        if not Subject.objects.filter(person=person, issuer=issuer, subject=subject).exists():
            audit(person.actor(), "login", person.username, now=now, result="refused", facts={"by": "oidc"})
            raise ANOTHER from None


def _states_second(claims: Mapping[str, Any]) -> bool:
    stated = claims.get(config.text("STAFF_OIDC_CLAIM_FACTOR", "amr"))
    listed = stated if isinstance(stated, list) else [stated]
    values = {value for value in listed if isinstance(value, str)}
    return not values.isdisjoint(config.text("STAFF_OIDC_FACTORS", "mfa").split())


def _asked_at(claims: Mapping[str, Any]) -> datetime | None:
    at = claims.get("auth_time")
    return datetime.fromtimestamp(at, UTC) if isinstance(at, int) and 0 < at < 2**40 else None
