"""The fake identity service beside the demo: `python -m haochaping.project.demo.oidc`, until SIGTERM.

Its people are made-up applicants of the demo with something to do at /my, and the demo's own people who work here. Where it is stands in the environment, which
`settings` has prepared for it and for the web process alike.
"""

from __future__ import annotations

import secrets
import signal
import socket
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import django

from haochaping.kit import config

SHOWN = 4


def settings() -> dict[str, str]:
    """A free port of this machine and a secret of this run, as the settings of whoever uses the service."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    citizens = {
        "HCP_OIDC_ISSUER": f"http://127.0.0.1:{port}",
        "HCP_OIDC_CLIENT_ID": "hcp-demo",
        "HCP_OIDC_CLIENT_SECRET": secrets.token_hex(16),
    }
    return citizens | {name.replace("HCP_", "HCP_STAFF_"): value for name, value in citizens.items()}


def people() -> dict[str, dict[str, Any]]:
    """Applicants to log in as: some whose rectified order awaits their word, some with an order on its way, some with none."""
    from haochaping.evaluation.models import Applicant
    from haochaping.kit import blobs
    from haochaping.rectification.models import Order

    newest = Order.objects.filter(is_probe=False).order_by("-opened_at")
    wanted = [*newest.filter(state="callback").values_list("id", flat=True)[:2]]
    wanted += newest.filter(closed_at=None).values_list("id", flat=True)[:40]
    found: dict[str, dict[str, Any]] = {}
    rows = Applicant.objects.in_bulk(wanted)
    for id_ in wanted:
        if len(found) < SHOWN and (row := rows.get(id_)) is not None:
            person = _told(blobs.unseal(bytes(row.blob), table="evaluation_applicant", row=row.id))
            if person["name"] and len(person["name"]) <= 4:  # a natural person
                found.setdefault(f"p{person['id_number'][-6:]}", person)
    return found


def staff() -> dict[str, dict[str, Any]]:
    """Made-up people who work here, one of each role; the first as if the service had checked two factors."""
    from haochaping.accounts.models import Grant

    found: dict[str, dict[str, Any]] = {}
    for grant in Grant.objects.filter(person__is_active=True).select_related("person").order_by("person_id"):
        stated = ["pwd", "mfa"] if not found else ["pwd"]
        person = {"name": grant.person.name, "preferred_username": grant.person.username, "amr": stated}
        found.setdefault(grant.role, person)
    return {f"w-{role}": person for role, person in found.items()}


def _told(whole: dict[str, str]) -> dict[str, Any]:
    return {
        "name": whole.get("user_name", ""),
        "id_number": whole.get("credit_num", ""),
        "phone_number": whole.get("mobile", ""),
    }


def main() -> None:
    """Serve where the settings say."""
    from tests.fakes.oidc import IdentityService

    django.setup()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    issuer, secret = config.text("OIDC_ISSUER"), config.text("OIDC_CLIENT_SECRET")
    port = urlsplit(issuer).port or 0
    client = config.text("OIDC_CLIENT_ID")
    with IdentityService(port=port, client_id=client, client_secret=secret, people=people() | staff()) as service:
        print(f"模拟统一身份认证 fake identity service {service.url}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
