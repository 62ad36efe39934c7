"""Ratings that a person entered for the rater: who, by which proof, and who checked it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Entry(models.Model):
    """One rating that was entered by somebody who works here (domain design list 15). The rating itself is an `Evaluation`."""

    event_id = models.UUIDField(primary_key=True)
    way = models.CharField("方式", max_length=10)  # desk.rules.Way
    proof = models.CharField("凭证", max_length=64, db_index=True)  # number of recording, form or letter
    note = models.CharField("备注", max_length=200, blank=True, default="")
    person_id = models.CharField(max_length=64)
    person_name = models.CharField("录入人", max_length=64)
    second_id = models.CharField(max_length=64, blank=True, default="")  # who keyed the same form again (双录)
    second_name = models.CharField("复录人", max_length=64, blank=True, default="")
    entered_at = models.DateTimeField("录入时间")
    is_sampled = models.BooleanField("抽查")  # drawn at entry by the keyed id; nobody can foresee or choose it
    checked_by_id = models.CharField(max_length=64, blank=True, default="")
    checked_by = models.CharField("核对人", max_length=64, blank=True, default="")
    checked_at = models.DateTimeField("核对时间", null=True)
    check_result = models.CharField("核对结果", max_length=8, blank=True, default="")  # matches | differs
    check_note = models.CharField("核对说明", max_length=200, blank=True, default="")

    class Meta:
        indexes = [
            models.Index(fields=["person_id", "-entered_at"], name="entry_by_person"),
            models.Index(fields=["entered_at"], condition=Q(is_sampled=True, checked_at=None), name="entry_to_check"),
        ]
