"""The one way to say a lawful no."""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    def __init__(self, code: str, status: int, message: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.fields = fields

    def as_json(self) -> dict[str, object]:
        return {"error": {"code": self.code, "message": self.message, "fields": [f.as_json() for f in self.fields]}}
