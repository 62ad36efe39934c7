"""信息专报: a brief with which those who supervise tell a leader of a problem, and every step it took."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Brief(models.Model):
    """One brief about the orders that its author picked. It holds no rater's words, only whose may be quoted."""

    area_path = models.CharField(max_length=12, db_index=True)
    organ_path = models.TextField(blank=True, default="")
    office = models.CharField("发文单位", max_length=200)
    year = models.SmallIntegerField("年份", null=True)
    n = models.SmallIntegerField("期号", null=True)  # given when the leader has approved it
    title = models.CharField("标题", max_length=100)
    situation = models.TextField("基本情况", blank=True, default="")
    analysis = models.TextField("原因分析", blank=True, default="")
    suggestion = models.TextField("工作建议", blank=True, default="")
    asked = models.JSONField("挑选条件", default=list)  # label and value, in words
    cases = ArrayField(models.UUIDField(), default=list)
    quotes = ArrayField(
        models.UUIDField(), default=list
    )  # of the cases: whose words are quoted, masked, as long as they may be
    figures = models.JSONField("数据", null=True)  # as they stood when it was submitted
    state = models.CharField("状态", max_length=10, default="draft")
    made_by = models.CharField("起草", max_length=64)
    made_at = models.DateTimeField("起草时间")
    submitted_at = models.DateTimeField("报送时间", null=True)
    decided_by = models.CharField("批示", max_length=64, blank=True, default="")
    decided_at = models.DateTimeField("批示时间", null=True)
    instruction = models.TextField("批示内容", blank=True, default="")
    archived_at = models.DateTimeField("归档时间", null=True)
    revision = models.IntegerField(default=1)  # against two who write at once

    class Meta:
        indexes = [models.Index(fields=["state", "-made_at"], name="brief_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["area_path", "organ_path", "year", "n"],
                condition=models.Q(n__isnull=False),
                name="brief_numbered_once",
            )
        ]


class BriefStep(models.Model):
    """One thing that happened to a brief."""

    append_only = True
    pk = models.CompositePrimaryKey("brief_id", "n")
    brief_id = models.BigIntegerField()
    n = models.SmallIntegerField()
    verb = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=64)
    text = models.TextField(blank=True, default="")
    at = models.DateTimeField()
