"""What a rating rests on, read for a whole group in one statement: the hot half of admission."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.kit.rows import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from uuid import UUID

# What a service event hands down to its rating as it was served.
AS_SERVED = (
    "task_code", "task_handle_item", "item_name", "organ_code", "organ_name", "organ_path", "area", "area_path",
    "hall_code", "window_code", "clerk_no", "aspect", "point", "is_probe",
)  # fmt: skip


class Served(NamedTuple):
    """A service event as far as admission asks."""

    id: UUID
    service_time: datetime
    service_day: date
    closes_at: datetime
    user_prop: int | None
    area_path: str
    organ_path: str
    as_served: dict[str, Any]  # AS_SERVED by name
    phone_index: bytes | None  # of whom the business system names for the case
    held: bytes | None  # digest of the rating that was acknowledged while the service was not known, and still waits


_OWN = ("id", "service_time", "service_day", "closes_at", "user_prop")
_READ = (
    f"SELECT {', '.join(f'e.{name}' for name in (*_OWN, *AS_SERVED))}, a.phone_index, p.digest"  # noqa: S608  our own names
    " FROM evaluation_serviceevent e LEFT JOIN evaluation_applicant a ON a.id = e.id"
    " LEFT JOIN evaluation_parked p ON p.id = e.id AND p.kind = 'evaluation' AND p.waits_for = 'event'"
    " WHERE e.id = ANY(%s::uuid[])"
)
_AREA, _ORGAN = AS_SERVED.index("area_path"), AS_SERVED.index("organ_path")


def served(ids: Iterable[UUID]) -> dict[UUID, Served]:
    """Those of these service events that are known."""
    found = {}
    for row in fetch(_READ, [list(ids)]):
        copied = row[len(_OWN) : len(_OWN) + len(AS_SERVED)]
        handed_down = dict(zip(AS_SERVED, copied, strict=True))
        read = (*row[: len(_OWN)], copied[_AREA], copied[_ORGAN], handed_down, row[-2], row[-1])
        found[row[0]] = Served._make(read)  # noqa: SLF001  public by its documentation
    return found
