"""满意度回访: unrated services whose applicants are called and asked."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class CallOut(models.Model):
    """One unrated service that was drawn for a call. Names and numbers stay sealed with the applicant."""

    event_id = models.UUIDField(primary_key=True)
    phone_index = models.BinaryField()  # whose quota it uses up
    area_path = models.CharField(max_length=12)
    organ_path = models.TextField()
    window_code = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField("状态", max_length=12, default="waiting")  # desk.rules.CallState
    tries = models.SmallIntegerField("已拨打次数", default=0)
    next_at = models.DateTimeField("下次拨打")
    closes_at = models.DateTimeField("评价截止")
    made_at = models.DateTimeField("抽取时间")
    holder_id = models.CharField(max_length=64, blank=True, default="")  # who has it on the screen
    holder_name = models.CharField(max_length=64, blank=True, default="")
    held_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField("结束时间", null=True)
    ended_by = models.CharField("结果录入人", max_length=64, blank=True, default="")

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="callout_waiting"),
            models.Index(fields=["phone_index", "made_at"], name="callout_of_citizen"),
            models.Index(fields=["made_at"], name="callout_by_day"),
        ]


class CallTry(models.Model):
    """One call that was made, and how it ended."""

    append_only = True
    pk = models.CompositePrimaryKey("event_id", "n")
    event_id = models.UUIDField()
    n = models.SmallIntegerField()
    result = models.CharField(max_length=12)  # desk.rules.CallResult
    person_id = models.CharField(max_length=64)
    person_name = models.CharField(max_length=64)
    at = models.DateTimeField()
