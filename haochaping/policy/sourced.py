"""A figure of a pack and where it comes from. Pure."""

from __future__ import annotations

import msgspec

from haochaping.kit.workdays import Term, Unit


class Sourced(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A figure and where it comes from: `stated` = the named source states it; otherwise a neutral value of ours."""

    source: str = ""
    stated: bool = True
    note: str = ""


class Limit(Sourced, frozen=True, kw_only=True):
    n: int
    unit: Unit

    @property
    def term(self) -> Term:
        return Term(self.n, self.unit)

    def __str__(self) -> str:
        return str(self.term)
