"""The second step as Django's `authenticate` knows it, so that django-axes counts wrong codes like wrong passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haochaping.accounts import second_factor
from haochaping.accounts.models import Person
from haochaping.kit import clock

if TYPE_CHECKING:
    from django.http import HttpRequest


class SecondFactorBackend:
    """`authenticate(request, username=…, token=…)`: the person, if the code is theirs and has not been used.

    The person's `factor` says what it was: totp or backup. It proves no password: only who gave that comes here.
    """

    def authenticate(self, request: HttpRequest | None, *, username: str, token: str) -> Person | None:  # noqa: ARG002
        person = Person.objects.filter(username=username, is_active=True).first()
        factor = second_factor.take(person, token, now=clock.now()) if person is not None else ""
        if person is None or not factor:
            return None
        person.factor = factor
        return person
