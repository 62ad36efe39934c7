"""The form in which somebody enters what the rater says: what was typed, and what is wrong with it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from haochaping.channels.forms import Draft, Problem, problems
from haochaping.evaluation.rules import Consent
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.http import QueryDict

    from haochaping.evaluation.records import Submission
    from haochaping.policy.rules import Norm

NO_CASE = "-"  # in the place of a case number that `record_entry` does not look at


@dataclass
class Typed:
    """What was said and typed. Who rated is told on only if they wish to be called back."""

    draft: Draft
    proof: str = ""
    wants_call: bool = False

    @classmethod
    def read(cls, posted: QueryDict) -> Typed:
        return cls(Draft.read(posted), posted.get("proof", "").strip(), posted.get("wants_call") == "1")

    def submission(self, *, pf: int, now: datetime, project_no: str = NO_CASE, service_number: int = 1) -> Submission:
        """The rating as the rater gave it; Refused 422 by field."""
        draft = self.draft
        if not self.wants_call:
            draft = replace(draft, name="", mobile="", consent=draft.consent - {str(Consent.CONTACT_DEPARTMENT)})
        elif not draft.mobile:
            message = "请填写回电号码；评价人不留号码的，请不要勾选“希望得到回电”。"
            raise Refused("fields_refused", 422, message, (FieldError("mobile", "required", message),))
        return draft.submission(project_no=project_no, service_number=service_number, pf=pf, now=now)


def wrongs(refused: Refused | None, typed: Typed, norms: Sequence[Norm]) -> list[Problem]:
    """What is to be put right, each with the element where it stands."""
    if refused is None:
        return []
    found = problems(refused, typed.draft, norms)
    return [Problem(each.field, each.anchor or each.field, each.message) for each in found]
