"""The queue of messages, who wants none, what the gateway said."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from haochaping.messaging.rules import OPEN_STATES, Kind, NoticeKind, State


class Message(models.Model):
    """One SMS. Number and text are one sealed blob; `id` is what the gateway knows it by, so that it never goes twice."""

    id = models.UUIDField(primary_key=True)
    key = models.BinaryField(unique=True)  # keyed digest of what it is for: the same thing is sent once
    kind = models.CharField("种类", max_length=10, choices=[(k.value, k.name_zh) for k in Kind])
    blob = models.BinaryField()  # empty once it was forgotten
    phone_index = models.BinaryField()
    event_id = models.UUIDField(null=True)
    area_path = models.CharField("行政区划前缀", max_length=12, blank=True, default="")
    state = models.CharField("状态", max_length=10, default=State.QUEUED)
    attempts = models.SmallIntegerField(default=0)
    polls = models.SmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)  # when it is due, or its claim ends, or its receipt is asked for
    not_after = models.DateTimeField(null=True)
    quiet_from = models.TimeField(null=True)  # no sending from here in the evening
    quiet_to = models.TimeField(null=True)  # until here in the morning
    gateway_no = models.CharField(max_length=64, blank=True, default="")
    error = models.CharField("原因", max_length=40, blank=True, default="")
    created_at = models.DateTimeField()
    first_tried_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # delivered, failed or suppressed

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], name="message_due", condition=Q(state__in=[s.value for s in OPEN_STATES])),
            models.Index(fields=["next_at"], name="message_awaited", condition=Q(state=State.SENT.value)),
            models.Index(fields=["-created_at"], name="message_by_time"),
            models.Index(fields=["phone_index", "-created_at"], name="message_by_phone"),
            models.Index(fields=["event_id"], name="message_by_event", condition=Q(event_id__isnull=False)),
            models.Index(fields=["state"], name="message_stuck", condition=Q(state=State.FAILED.value)),
        ]


class Notice(models.Model):
    """通知: one thing that one person at work is told, once. Nothing of a citizen stands in it."""

    recipient = models.CharField(max_length=64)  # whoever uses this room knows whose it is
    key = models.CharField(max_length=80)  # what it tells of
    kind = models.CharField("种类", max_length=8, choices=[(k.value, k.name_zh) for k in NoticeKind])
    text = models.CharField("内容", max_length=200)
    url = models.CharField(max_length=100)
    area = models.CharField(max_length=12, blank=True, default="")  # the place whose working hours hold
    at = models.DateTimeField()
    read_at = models.DateTimeField("已读时间", null=True)
    is_texted = models.BooleanField(default=False)  # counted in an SMS, or found not to be wanted in one

    class Meta:
        constraints = [models.UniqueConstraint(fields=["recipient", "key"], name="notice_once")]
        indexes = [
            models.Index(fields=["recipient", "-at", "-id"], name="notice_by_time"),
            models.Index(fields=["recipient"], name="notice_unread", condition=Q(read_at=None)),
            models.Index(fields=["recipient"], name="notice_to_text", condition=Q(read_at=None, is_texted=False)),
            models.Index(fields=["at"], name="notice_by_age"),
        ]


class NoticeSetting(models.Model):
    """通知设置: of which kinds somebody wants no SMS. Notices in the console always come."""

    recipient = models.CharField(primary_key=True, max_length=64)
    no_text = ArrayField(models.CharField(max_length=8), default=list)


class Stop(models.Model):
    """勿扰: a number that wants no more texts, or no calls."""

    pk = models.CompositePrimaryKey("phone_index", "way")
    phone_index = models.BinaryField()
    way = models.CharField(max_length=4)  # text | call
    since = models.DateTimeField()
    by = models.CharField(max_length=64)  # the citizen's own reply, or who wrote it down


class Receipt(models.Model):
    """状态报告: what the gateway said became of a message, by its call or at our question."""

    append_only = True
    message_id = models.UUIDField(db_index=True)
    status = models.CharField(max_length=10)  # delivered | failed
    reason = models.CharField(max_length=40, blank=True, default="")
    way = models.CharField(max_length=8)  # callback | query
    at = models.DateTimeField()


class Gateway(models.Model):
    """How the far side fares: one row. While `open_until` lies ahead nothing is sent."""

    name = models.CharField(primary_key=True, max_length=8)
    failures = models.IntegerField(default=0)
    open_until = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=40, blank=True, default="")
    fault_at = models.DateTimeField(null=True)


class CallNonce(models.Model):
    """A nonce of the gateway's calls to us; each is good for one call."""

    nonce = models.CharField(primary_key=True, max_length=64)
    used_at = models.DateTimeField(db_index=True)
