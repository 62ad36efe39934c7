from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from haochaping.channels.my import commands, oidc
from haochaping.kit import clock
from haochaping.project import assets
from tests.cast import NOW, Cast, forget, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import SettingsWrapper


@pytest.fixture(scope="session", autouse=True)
def published() -> None:
    assets.build()


@pytest.fixture(autouse=True)
def settings_of_mine(settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(commands, "strangers", commands.Strangers())
    for name in ("URL", "APP_ID", "SECRET"):  # a gateway stands in the settings; nobody sends here
        value = {"URL": "https://sms.example.gov.cn", "APP_ID": "hcp", "SECRET": "s" * 32}[name]
        monkeypatch.setenv(f"HCP_SMS_{name}", value)
    oidc.forget()


@pytest.fixture
def cast(db: None) -> Iterator[Cast]:
    """The stage, at ten o'clock."""
    with clock.held_at(NOW):
        yield settle()
    forget()
