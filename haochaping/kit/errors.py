"""The one way to say a lawful no."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import currentframe


@dataclass(frozen=True)
class FieldError:
    """One refused field: its wire name, a stable code, and a Chinese sentence with the remedy."""

    field: str
    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        return {"field": self.field, "code": self.code, "message": self.message}


class Refused(Exception):  # noqa: N818  a lawful no is not an error of ours
    """A request that is understood and lawfully declined.

    `code` is stable and meant for programs, `message` is Chinese and meant for people. `status` is 422 for a
    submission whose fields are refused, otherwise 403, 404 or 409. Rendered in one place for JSON
    (`project.errors.as_json`) and in one for pages; anything else that is raised is a fault of ours and answers 500.

    One that a module keeps and raises again and again is noted as standing: Python lengthens its traceback at each raise,
    and with it keeps every frame alive that it went through, bodies and names and all. `let_go` frees them.
    """

    def __init__(self, code: str, status: int, message: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.fields = fields
        frame = currentframe()
        if frame is not None and frame.f_back is not None and frame.f_back.f_code.co_name == "<module>":
            _standing.append(self)

    def as_json(self) -> dict[str, object]:
        return {"error": {"code": self.code, "message": self.message, "fields": [f.as_json() for f in self.fields]}}


_standing: list[Refused] = []


def let_go() -> None:
    """Free what the standing noes hold on to. Whoever answers requests calls it as they end."""
    for no in _standing:
        no.__traceback__ = no.__context__ = None
