"""What is to be told to whom, and how far it has come."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Delivery(models.Model):
    """One phase of one service event, to be told to one target. What is sent is built from the record when it is sent.

    A corrected record is a further `version`; the far side knows them all by the same pair of case and service number.
    """

    pk = models.CompositePrimaryKey("event_id", "target", "phase", "version")
    event_id = models.UUIDField()
    target = models.CharField("对接平台", max_length=16)
    phase = models.SmallIntegerField("阶段")  # rules.Phase
    version = models.SmallIntegerField("版本")
    digest = models.BinaryField()  # of the content for which this version was made
    state = models.CharField("状态", max_length=12)  # rules.State
    attempts = models.IntegerField("次数", default=0)
    first_tried_at = models.DateTimeField("首次上报", null=True)
    next_at = models.DateTimeField("下次上报")  # while sent: when the claim ends
    accepted_at = models.DateTimeField("接收时间", null=True)
    error_code = models.CharField("错误代码", max_length=40, blank=True, default="")
    error_text = models.CharField("错误说明", max_length=300, blank=True, default="")
    created_at = models.DateTimeField("建立时间")

    class Meta:
        indexes = [
            models.Index(fields=["target", "next_at"], condition=Q(state__in=["waiting", "sent"]), name="delivery_due"),
            models.Index(
                fields=["target", "state"], condition=Q(state__in=["failed", "quarantined"]), name="delivery_stuck"
            ),
            models.Index(fields=["target", "accepted_at"], name="delivery_accepted"),
        ]


class Attempt(models.Model):
    """One envelope that was sent: when, how many records, what came of it. Nothing personal."""

    target = models.CharField(max_length=16)
    phase = models.SmallIntegerField()
    at = models.DateTimeField()
    records = models.IntegerField()
    accepted = models.IntegerField()
    code = models.CharField(max_length=40, blank=True, default="")  # "" = answered
    text = models.CharField(max_length=300, blank=True, default="")
    took_ms = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["target", "-at"], name="attempt_by_time")]


class Circuit(models.Model):
    """Whether a target answers: after some envelopes in a row without an answer it is left alone for a while."""

    target = models.CharField(primary_key=True, max_length=16)
    failures = models.IntegerField(default=0)
    open_until = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)


class Balance(models.Model):
    """对账: both ledgers compared, one row a phase and run."""

    target = models.CharField(max_length=16)
    phase = models.SmallIntegerField()
    at = models.DateTimeField()
    since = models.DateTimeField()
    ours = models.IntegerField("我方已接收")
    theirs = models.IntegerField("对方已接收")
    missing = models.IntegerField("对方缺少")  # accepted by our books, not by theirs: sent again
    unconfirmed = models.IntegerField(
        "我方未确认"
    )  # theirs, whose answer never reached us: the next attempt settles it
    foreign = models.IntegerField("对方多出")  # theirs, of which we know nothing
    doubled = models.IntegerField("对方重复")

    class Meta:
        indexes = [models.Index(fields=["target", "-at"], name="balance_by_time")]
