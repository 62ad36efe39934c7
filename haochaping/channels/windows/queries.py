"""Signs, what came through them, and the windows somebody is in charge of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Sum

from haochaping.accounts.models import Audit
from haochaping.accounts.rules import Role, Scope
from haochaping.channels.models import Link, Sign, SignTally
from haochaping.directory import queries as directory
from haochaping.evaluation.models import ServiceEvent
from haochaping.kit import ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor
    from haochaping.directory.queries import HallInfo, WindowInfo

IN_CHARGE = frozenset({Role.ADMIN, Role.CITY, Role.SUPERVISOR})


def sign(serial: str) -> Sign | None:
    return Sign.objects.filter(serial=serial).first()


def signs_in_force(codes: Iterable[str]) -> dict[str, Sign]:
    """By window code, the sign that stands there now."""
    return {sign.window_code: sign for sign in Sign.objects.filter(window_code__in=list(codes), replaced_at=None)}


def signs_of(code: str) -> list[Sign]:
    """Every sign a window ever had, newest first."""
    return list(Sign.objects.filter(window_code=code).order_by("-made_at", "-serial"))


def replaced_windows(codes: Iterable[str]) -> set[str]:
    """Of these windows, those whose sign was replaced at least once."""
    rows = Sign.objects.filter(window_code__in=list(codes), replaced_at__isnull=False)
    return set(rows.values_list("window_code", flat=True))


class Tally(NamedTuple):
    scans: int = 0
    ratings: int = 0


def tallies(serials: Iterable[str], *, since: date | None = None) -> dict[str, Tally]:
    """Scans of each sign, and ratings through it."""
    rows = SignTally.objects.filter(serial__in=list(serials))
    if since is not None:
        rows = rows.filter(day__gte=since)
    sums = rows.order_by().values_list("serial").annotate(s=Sum("scans"), r=Sum("ratings"))
    return {serial: Tally(scans, ratings) for serial, scans, ratings in sums}


def visited(code: str, browser: str, *, since: datetime) -> bool:
    """Whether this browser rated a visit to this window since then."""
    digest = ids.token_digest(browser)
    recent = Link.objects.filter(rated_by=digest, rated_at__gt=since).values_list("event_id", flat=True)
    return ServiceEvent.objects.filter(id__in=list(recent), window_code=code, source="window").exists()


@dataclass(frozen=True)
class Place:
    """A window with where it stands and who answers for it."""

    window: WindowInfo
    hall: HallInfo | None
    area_path: str
    organ_path: str
    organ_name: str

    @property
    def hall_name(self) -> str:
        return self.hall.name if self.hall else self.window.hall


def place(window: WindowInfo) -> Place:
    known = directory.snapshot()
    hall, organ = known.halls.get(window.hall), known.organs.get(window.organ)
    return Place(
        window,
        hall,
        known.area_path(hall.area) if hall else "",
        organ.path if organ else "",
        organ.name if organ else window.organ,
    )


@dataclass(frozen=True)
class Charge:
    """The part of the province whose windows somebody keeps up: the scopes of their roles that are in charge."""

    scopes: tuple[Scope, ...]

    @classmethod
    def of(cls, actor: Actor) -> Charge:
        if actor.grants:
            return cls(tuple(scope for role, scope in actor.grants if role in IN_CHARGE))
        return cls(actor.scopes if actor.has(*IN_CHARGE) else ())

    def has(self, place: Place) -> bool:
        return any(s.covers(place.area_path, place.organ_path, place.window.code) for s in self.scopes)

    def has_hall(self, hall: HallInfo) -> bool:
        """Whether windows of this hall may be theirs; which of them, their organ may decide."""
        path = directory.snapshot().area_path(hall.area)
        return any(path.startswith(scope.area) for scope in self.scopes)

    def may_put(self, code: str, hall_code: str, organ_code: str) -> bool:
        """Whether a window of that code, in that hall, of that organ would be theirs."""
        known = directory.snapshot()
        hall, organ = known.halls.get(hall_code), known.organs.get(organ_code)
        if hall is None or organ is None:
            return False
        path = known.area_path(hall.area)
        return any(scope.covers(path, organ.path, code) for scope in self.scopes)

    def places(self, *, area: str = "", hall: str = "", text: str = "") -> list[Place]:
        """Their windows, by hall and code: in an area, in a hall, or with this text in code, name, hall or organ."""
        found = []
        for window in directory.snapshot().windows.values():
            if hall and window.hall != hall:
                continue
            at = place(window)
            if not at.area_path.startswith(area) or not self.has(at):
                continue
            if text and not any(
                text.lower() in t.lower() for t in (window.code, window.name, at.hall_name, at.organ_name)
            ):
                continue
            found.append(at)
        return sorted(found, key=lambda at: (at.area_path, at.window.hall, at.window.code))

    def one(self, code: str) -> Place | None:
        """That window, if it is theirs."""
        window = directory.window(code)
        at = place(window) if window else None
        return at if at is not None and self.has(at) else None


@dataclass(frozen=True)
class Branch:
    """A line of the tree: an area or a hall, how many windows stand below it, and its own branches if it is open."""

    kind: str  # area | hall
    code: str
    name: str
    windows: int
    is_here: bool = False
    below: tuple[Branch, ...] = ()

    @property
    def is_open(self) -> bool:
        return bool(self.below)


def tree(charge: Charge, *, area: str = "", hall: str = "") -> tuple[Branch, ...]:
    """Areas with halls in charge, from the top down; only the branch that leads to `area` or `hall` is open."""
    known = directory.snapshot()
    if hall in known.halls and not area:
        area = known.area_path(known.halls[hall].area)
    counts = {h.code: 0 for h in known.halls.values() if charge.has_hall(h)}
    for at in charge.places():
        counts[at.window.hall] = counts.get(at.window.hall, 0) + 1
    halls = {code: known.area_path(known.halls[code].area) for code in counts if code in known.halls}
    names = {region.path: region.name for region in known.regions.values() if not region.merged_into}
    return _Tree(halls, counts, names, area, hall).below("")


@dataclass(frozen=True)
class _Tree:
    halls: dict[str, str]  # code → area path
    counts: dict[str, int]  # hall code → windows
    names: dict[str, str]  # area path → name
    area: str
    hall: str

    def below(self, above: str) -> tuple[Branch, ...]:
        """The areas right below `above` that hold halls, then the halls that stand in `above` itself."""
        level = {0: 2, 2: 4, 4: 6, 6: 9}.get(len(above), 12)
        paths = sorted({p[:level] for p in self.halls.values() if p.startswith(above) and p != above})
        found = [self._area(path) for path in paths]
        own = sorted(code for code, path in self.halls.items() if path == above)
        known = directory.snapshot().halls
        return (*found, *(Branch("hall", c, known[c].name, self.counts[c], c == self.hall) for c in own))

    def _area(self, path: str) -> Branch:
        n = sum(self.counts[code] for code, at in self.halls.items() if at.startswith(path))
        below = self.below(path) if self.area.startswith(path) else ()
        is_here = path == self.area and not self.hall
        return Branch("area", path, self.names.get(path, path), n, is_here, below)


def history(code: str, most: int = 50) -> Sequence[Audit]:
    """What was done to a window and its signs, newest first."""
    kinds = ("window_add", "window_change", "window_stop", "window_start", "sign_print", "sign_replace")
    return list(Audit.objects.filter(subject=code, action__in=kinds).order_by("-at", "-id")[:most])
