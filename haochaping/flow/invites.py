"""Which new services are worth a note that their applicant may be asked by SMS (the channels room asks)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haochaping.kit.errors import Refused
from haochaping.policy.queries import policy_at

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from uuid import UUID

TOPIC = "invite"


def worth_asking(served: Iterable[tuple[bool, dict[str, Any]]], now: datetime) -> list[tuple[UUID, str, date]]:
    """Of these rows of service events, each with whether its record has a mobile number, those that the policy asks about.

    Nothing is read from the database: this runs where services come in by the thousand.
    """
    asks: dict[tuple[str, date], Any] = {}
    found = []
    for has_mobile, row in served:
        if not has_mobile or row["is_probe"] or row["closes_at"] <= now:
            continue
        where = row["area_path"], row["service_day"]
        if where not in asks:
            try:
                asks[where] = policy_at(*where)
            except Refused:  # imported history, older than every pack
                asks[where] = None
        policy = asks[where]
        if policy is None or not policy.coverage.asks_about(row["aspect"], row["point"]):
            continue
        if policy.invitation.asks_after(row["point"], row["pro_status"]):
            found.append((row["id"], "service", row["service_day"]))
    return sorted(found)
