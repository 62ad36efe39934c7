from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client

from haochaping.channels.device.access import COOKIE
from haochaping.channels.device.commands import enrol, issue_code
from haochaping.channels.device.rules import Kind
from haochaping.channels.kiosk import pages as terminal
from haochaping.channels.rules import Misses
from haochaping.channels.windows import pages as windows
from haochaping.channels.windows.rules import Guesses, visits
from haochaping.evaluation.models import ServiceEvent
from haochaping.flow.services import admit_services
from haochaping.kit import clock
from haochaping.project import assets
from tests.cast import NOW, Cast, forget, logged_in, settle, wire_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_django.fixtures import SettingsWrapper

    from haochaping.accounts.rules import Actor
    from haochaping.directory.models import Device


@pytest.fixture(scope="session", autouse=True)
def published() -> None:
    """Pages name the hashed files, so these must be there."""
    assets.build()


@pytest.fixture(autouse=True)
def at_ten_oclock(monkeypatch: pytest.MonkeyPatch, settings: SettingsWrapper) -> Iterator[None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(windows, "guesses", Guesses())
    monkeypatch.setattr(windows, "visit_limit", visits())
    monkeypatch.setattr(terminal, "misses", Misses(size=20))
    with clock.held_at(NOW):
        yield
    forget()


@pytest.fixture
def cast(db: None) -> Cast:
    return settle()


@pytest.fixture
def served(cast: Cast) -> Callable[..., ServiceEvent]:
    """`served(project_no, number, **wire)`: a service event of Nanjing."""

    def make(project_no: str = "NJ2026060001", number: int = 1, **more: object) -> ServiceEvent:
        (outcome,) = admit_services([wire_service(project_no, number, **more)], source="test", now=NOW)
        return ServiceEvent.objects.get(id=outcome.id)

    return make


@pytest.fixture
def phone() -> Client:
    return Client()


@pytest.fixture
def as_(cast: Cast) -> Callable[[str], Client]:
    """A browser in which that person is logged in."""
    from haochaping.accounts.models import Person

    def enter(username: str) -> Client:
        return logged_in(Person.objects.get(username=username))

    return enter


def enrolled_by(actor: Actor, *, kind: Kind = Kind.KIOSK, **place: str) -> tuple[Device, str]:
    """An enrolled device in Nanjing's hall, and its cookie."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    now = clock.now()
    _, code = issue_code(kind, actor=actor, now=now, **(place or {"hall": "NJ"}))
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    return enrol(code, point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint), now=now)


def enrolled(client: Client, actor: Actor, *, kind: Kind = Kind.KIOSK, **place: str) -> Device:
    """Make this browser an enrolled device."""
    device, token = enrolled_by(actor, kind=kind, **place)
    client.cookies[COOKIE] = token
    return device


@pytest.fixture
def kiosk(cast: Cast) -> Client:
    """A browser that is an enrolled terminal."""
    client = Client()
    enrolled(client, cast.supervisor)
    return client
