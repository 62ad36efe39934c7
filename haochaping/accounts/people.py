"""People: made, changed, switched off, given rights. Every write, each within the rules of the three administrators."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction

from haochaping.accounts import sessions
from haochaping.accounts.commands import audit
from haochaping.accounts.models import BackupCode, Grant, PastPassword, Person, SecondFactor, Subject
from haochaping.accounts.passwords import made_password
from haochaping.accounts.queries import looked_after
from haochaping.accounts.rules import (
    ADMINISTRATORS,
    BELONGS_TO,
    PASSWORDS_KEPT,
    Act,
    Actor,
    Role,
    Scope,
    check_act,
    check_last,
    check_mix,
)
from haochaping.kit import blobs
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

TABLE = "accounts_person"
_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{1,31}")
_PHONE = re.compile(r"\+?[0-9][0-9 -]{5,18}[0-9]")
NOT_THERE = Refused("person_not_found", 404, "没有这个人员，或此人不在您的管理范围内。")
REASON_MOST = 200


@dataclass(frozen=True)
class Home:
    """The organ somebody belongs to: its code, its path, and its area as a prefix. Empty: to none."""

    code: str = ""
    path: str = ""
    area: str = ""

    @property
    def scope(self) -> Scope:
        return Scope(self.area, self.path)


def create_person(
    username: str,
    name: str,
    password: str,
    grants: Iterable[tuple[Role, Scope]],
    *,
    now: datetime,
    home: Home | None = None,
    must_change: bool = False,
) -> Person:
    """A person with these grants, for those who set the installation up; repeating it brings everything up to date.

    This is how the first three administrators come about: whoever has the machine's command line gives them their roles.
    """
    given = list(grants)
    for role, _ in given:
        check_mix(frozenset(r for r, _ in given), role)
    hashed = make_password(password)  # once: it takes its time on purpose
    facts = {"name": name, "password": hashed, "password_changed_at": now, "must_change_password": must_change}
    if home is not None:
        facts |= {"area": home.area, "organ": home.path, "organ_code": home.code}
    with transaction.atomic():
        person, _ = Person.objects.update_or_create(
            username=username, defaults=facts | {"is_active": True}, create_defaults=facts | {"created_at": now}
        )
        _remember(person, now)
        Grant.objects.filter(person=person).delete()
        Grant.objects.bulk_create(
            Grant(person=person, role=role, area=scope.area, organ=scope.organ, window=scope.window)
            for role, scope in given
        )
    return person


def switch_off(username: str) -> bool:
    """Let this person in no more; every session of theirs has ended. False if nobody active has that name."""
    return bool(Person.objects.filter(username=username, is_active=True).update(is_active=False))


def add_person(username: str, name: str, *, home: Home, phone: str, actor: Actor, now: datetime) -> tuple[Person, str]:
    """A new person without any right, and the password for their first login, shown only here. 422 names what is wrong."""
    check_act(actor, Act.CREATE)
    username, wrong = username.strip(), []
    if not _USERNAME.fullmatch(username):
        wrong.append(FieldError("username", "malformed", "用户名为2至32个字母、数字、点、横线，以字母开头。"))
    elif Person.objects.filter(username__iexact=username).exists():
        wrong.append(FieldError("username", "taken", "这个用户名已有人使用，请换一个。"))
    facts = _facts(name, home, phone, actor, wrong)
    password = made_password()
    try:
        with transaction.atomic():
            person = Person.objects.create(
                username=username,
                password=make_password(password),
                password_changed_at=now,
                must_change_password=True,
                created_at=now,
                **facts,
            )
            person.phone = _sealed(person, phone)
            person.save(update_fields=["phone"])
            _remember(person, now)
            audit(actor, "person_add", username, now=now, facts={"姓名": person.name, "单位": home.code})
    except IntegrityError:  # somebody else took the name just now
        message = "这个用户名已有人使用，请换一个。"
        raise Refused("fields_refused", 422, message, (FieldError("username", "taken", message),)) from None
    return person, password


def change_person(
    person_id: int, *, name: str, home: Home, phone: str | None, actor: Actor, now: datetime
) -> list[str]:
    """Name, organ and telephone (None: as it is) brought up to date; what changed, in words."""
    facts = _facts(name, home, phone or "", actor, [])
    with transaction.atomic():
        person = _locked(person_id, actor, Act.CHANGE)
        changed = []
        if person.name != facts["name"]:
            changed.append("姓名")
        if (person.organ_code, person.organ) != (home.code, home.path):
            changed.append("单位")
        for field, value in facts.items():
            setattr(person, field, value)
        if phone is not None and phone.strip() != phone_of(person):
            changed.append("工作电话")
            person.phone = _sealed(person, phone)
        if changed:
            person.save()
            told = {"改动": "、".join(changed)} | ({"单位": home.code} if "单位" in changed else {})
            audit(actor, "person_change", person.username, now=now, facts=told)
    return changed


def switch(person_id: int, *, is_active: bool, reason: str, actor: Actor, now: datetime) -> Person:
    """Let somebody in no more, or again. Their grants stay; off, every session of theirs ends at once."""
    with transaction.atomic():
        person = _locked(person_id, actor, Act.SWITCH)
        if person.is_active == is_active:
            return person
        why = _reason(reason)
        if not is_active:
            _keep_three(list(Grant.objects.filter(person=person)))
        person.is_active = is_active
        person.save(update_fields=["is_active"])
        if not is_active:
            sessions.end_all(person, by=actor.name, now=now)
        audit(actor, "person_on" if is_active else "person_off", person.username, now=now, facts={"原因": why})
    return person


def reset_password(person_id: int, *, actor: Actor, now: datetime) -> tuple[Person, str]:
    """A new password for the next login, shown only here; it must be changed then. Every session ends."""
    password = made_password()
    hashed = make_password(password)
    with transaction.atomic():
        person = _locked(person_id, actor, Act.RESET)
        person.password, person.password_changed_at, person.must_change_password = hashed, now, True
        person.save(update_fields=["password", "password_changed_at", "must_change_password"])
        _remember(person, now)
        sessions.end_all(person, by=actor.name, now=now)
        audit(actor, "reset_password", person.username, now=now)
    return person, password


def change_own_password(person: Person, password: str, *, now: datetime) -> None:
    """Somebody's own new password, which the validators have taken. Their other sessions have to end with it."""
    with transaction.atomic():
        person.set_password(password)
        person.password_changed_at, person.must_change_password = now, False
        person.save(update_fields=["password", "password_changed_at", "must_change_password"])
        _remember(person, now)
        audit(person.actor(), "change_password", person.username, now=now)


def give(person_id: int, role: Role, scope: Scope, *, actor: Actor, now: datetime) -> Grant:
    """A role within a scope. Refused to oneself, beyond the giver's own scope, and where roles exclude each other."""
    with transaction.atomic():
        person = _locked(person_id, actor, Act.GRANT)
        if not any(own.holds(scope) for own in actor.scopes_as(Role.SECURITY)) and not actor.is_system:
            message = "这个范围超出了您的管理范围，请选您管理范围以内的地区或单位。"
            raise Refused("beyond_your_scope", 422, message, (FieldError("scope", "beyond_your_scope", message),))
        if (role is Role.CLERK) != bool(scope.window):
            message = "窗口人员须选定一个窗口。" if role is Role.CLERK else "只有窗口人员的授权可以限定到窗口。"
            raise Refused("window_asked", 422, message, (FieldError("window", "window_asked", message),))
        held = Grant.objects.filter(person=person)
        check_mix(frozenset(Role(grant.role) for grant in held), role)
        grant, is_new = Grant.objects.get_or_create(
            person=person, role=role, area=scope.area, organ=scope.organ, window=scope.window
        )
        if not is_new:
            raise Refused("granted_already", 409, f"{person.name}已有这项授权，不必重复授予。")
        audit(actor, "grant", person.username, now=now, facts=_told(grant))
    return grant


def take(person_id: int, grant_id: int, *, actor: Actor, now: datetime) -> Person:
    """Take a grant back; whoever has none left is logged out at once."""
    with transaction.atomic():
        person = _locked(person_id, actor, Act.GRANT)
        grants = list(Grant.objects.filter(person=person))
        grant = next((g for g in grants if g.pk == grant_id), None)
        if grant is None:
            raise Refused("grant_not_found", 404, "没有这项授权，或它已被撤销。")
        _keep_three([grant])
        grant.delete()
        if len(grants) == 1:
            sessions.end_all(person, by=actor.name, now=now)
        audit(actor, "revoke_grant", person.username, now=now, facts=_told(grant))
    return person


def end_sessions(person_id: int, *, actor: Actor, now: datetime, session_id: int | None = None) -> int:
    """End one session of somebody, or all of them; how many there were."""
    with transaction.atomic():
        person = _locked(person_id, actor, Act.END)
        ended = sessions.end_all(person, by=actor.name, now=now, only=session_id)
        if ended:
            audit(actor, "end_sessions", person.username, now=now, facts={"个数": ended})
    return ended


def remove_second_factor(person_id: int, *, actor: Actor, now: datetime) -> None:
    """Take away a generator that was lost, with its backup codes, and end their logins: the password alone is asked again."""
    with transaction.atomic():
        person = _locked(person_id, actor, Act.REMOVE_FACTOR)
        if not SecondFactor.objects.filter(person=person).delete()[0]:
            raise Refused("no_second_factor", 404, "此人没有开启两步验证，不用移除。")
        BackupCode.objects.filter(person=person).delete()
        sessions.end_all(person, by=actor.name, now=now)
        audit(actor, "second_factor_remove", person.username, now=now)


def unlink_identity(person_id: int, *, actor: Actor, now: datetime) -> None:
    """Forget who somebody is at the identity service, and end their logins: the next sign-in by it links anew."""
    with transaction.atomic():
        person = _locked(person_id, actor, Act.REMOVE_FACTOR)
        if not Subject.objects.filter(person=person).delete()[0]:
            raise Refused("no_link", 404, "此人没有绑定统一身份认证，不用解除。")
        sessions.end_all(person, by=actor.name, now=now)
        audit(actor, "unlink_identity", person.username, now=now)


def phone_of(person: Person) -> str:
    """The telephone at work, in clear: for sending to, never for showing."""
    if not person.phone:
        return ""
    return blobs.unseal(bytes(person.phone), table=TABLE, row=str(person.pk))["phone"]


def masked_phone(person: Person) -> str:
    """As much of it as may be shown."""
    return blobs.mask_phone(phone) if (phone := phone_of(person)) else ""


def _sealed(person: Person, phone: str) -> bytes | None:
    return blobs.seal({"phone": phone.strip()}, table=TABLE, row=str(person.pk)) if phone.strip() else None


def _facts(name: str, home: Home, phone: str, actor: Actor, wrong: list[FieldError]) -> dict[str, str]:
    name = name.strip()
    if not name or len(name) > 64 or not name.isprintable():
        wrong.append(FieldError("name", "required", "请填写姓名，不超过64个字。"))
    if not actor.is_system and not any(own.holds(home.scope) for own in actor.scopes_as(Role.ADMIN)):
        wrong.append(FieldError("organ", "beyond_your_scope", "请选您管理范围以内的单位。"))
    if phone.strip() and not _PHONE.fullmatch(phone.strip()):
        wrong.append(FieldError("phone", "malformed", "请填写手机号码，或带区号的固定电话。"))
    if wrong:
        raise Refused("fields_refused", 422, wrong[0].message, tuple(wrong))
    return {"name": name, "area": home.area, "organ": home.path, "organ_code": home.code}


def _reason(typed: str) -> str:
    reason = typed.strip()[:REASON_MOST]
    if not reason:
        raise Refused("reason_missing", 422, "请写明原因。", (FieldError("reason", "required", "请写明原因。"),))
    return reason


def _locked(person_id: int, actor: Actor, act: Act) -> Person:
    """The person, held for this transaction, if the actor may do this to them; 404 beyond the actor's scope."""
    person = Person.objects.select_for_update().filter(pk=person_id).first()
    if person is None or not (actor.is_system or looked_after(actor).filter(pk=person_id).exists()):
        raise NOT_THERE
    held = person.actor()
    check_act(actor, act, person_id=held.id, held=held.roles)
    own = actor.scopes_as(BELONGS_TO[act])
    if not actor.is_system and not all(any(mine.holds(scope) for mine in own) for _, scope in held.grants):
        message = "此人还有您管理范围以外的授权，请由上级管理员办理。"
        raise Refused("reaches_beyond_you", 403, message)
    return person


def _keep_three(lost: list[Grant]) -> None:
    """Refused if losing these leaves one of the three administrators' parts, as wide as it is, without anybody active."""
    mine = {grant.pk for grant in lost}
    lost = [grant for grant in lost if Role(grant.role) in ADMINISTRATORS]
    if not lost:
        return
    # held until the end, so that two who go at the same moment do not each count on the other
    rows = list(Grant.objects.select_for_update().filter(role__in=ADMINISTRATORS).order_by("pk"))
    active = set(Person.objects.filter(pk__in={g.person_id for g in rows}, is_active=True).values_list("pk", flat=True))
    rest = [grant for grant in rows if grant.pk not in mine and grant.person_id in active]
    for grant in lost:
        wide = [g for g in rest if g.role == grant.role and _scope(g).holds(_scope(grant))]
        check_last(frozenset({Role(grant.role)}), {Role(grant.role): len(wide)})


def _scope(grant: Grant) -> Scope:
    return Scope(grant.area, grant.organ, grant.window)


def _told(grant: Grant) -> dict[str, str]:
    organ = grant.organ.strip("/").rpartition("/")[2]
    named = {"地区": grant.area, "单位": organ, "窗口": grant.window}
    return {"角色": Role(grant.role).name_zh} | {word: code for word, code in named.items() if code}


def _remember(person: Person, now: datetime) -> None:
    """Keep the hash of the present password, and of those before it as many as may not come back."""
    PastPassword.objects.create(person=person, password=person.password, at=now)
    past = PastPassword.objects.filter(person=person).order_by("-at", "-id").values_list("pk", flat=True)
    PastPassword.objects.filter(pk__in=list(past[PASSWORDS_KEPT:])).delete()
