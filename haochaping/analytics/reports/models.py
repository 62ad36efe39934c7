"""Reports 报告 written by the system: what they tell, frozen; their files, for good; every step; and who gets which."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Report(models.Model):
    """One report of a place and a period. Its content is figures as they stood when it was drawn, and nothing of a rater."""

    kind = models.CharField(max_length=10)
    area_path = models.CharField(max_length=12, blank=True, default="", db_index=True)
    organ_path = models.TextField(blank=True, default="")
    place = models.CharField("地区或单位", max_length=200)
    issuer = models.CharField("发文单位", max_length=200)
    start = models.DateField()
    end = models.DateField()
    filters = models.JSONField("切片", default=dict)  # of a brief: as `analytics.queries.figures` takes them
    by = models.JSONField("维度", default=list)  # of a brief
    for_public = models.BooleanField("可公开", default=False)  # small numbers are hidden in it
    is_planned = models.BooleanField(default=False)
    state = models.CharField("状态", max_length=10, default="queued")
    title = models.CharField("标题", max_length=100, blank=True, default="")
    lead = models.TextField("编者按", blank=True, default="")
    analysis = models.TextField("原因分析", blank=True, default="")
    suggestion = models.TextField("工作建议", blank=True, default="")
    content = models.JSONField(null=True)  # a `document.Document`
    edition = models.SmallIntegerField(default=0)  # how often it was drawn
    drawn_at = models.DateTimeField("数据截至", null=True)
    tries = models.SmallIntegerField(default=0)
    fault = models.CharField(max_length=200, blank=True, default="")
    year = models.SmallIntegerField("年份", null=True)
    n = models.SmallIntegerField("期号", null=True)  # given when it is approved
    writers = ArrayField(models.CharField(max_length=64), default=list)  # ids of those who may not approve it
    made_by = models.CharField("起草", max_length=64)
    made_at = models.DateTimeField("起草时间")
    decided_by = models.CharField("审批", max_length=64, blank=True, default="")
    decided_at = models.DateTimeField("审批时间", null=True)
    archived_at = models.DateTimeField("归档时间", null=True)
    withdrawn_at = models.DateTimeField("撤回时间", null=True)
    reason = models.TextField("撤回理由", blank=True, default="")
    revision = models.IntegerField(default=1)  # against two who write at once

    class Meta:
        indexes = [
            models.Index(fields=["state", "made_at"], name="report_by_state"),
            models.Index(fields=["area_path", "-end"], name="report_of_place"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "area_path", "organ_path", "start"],
                condition=models.Q(is_planned=True),
                name="report_planned_once",
            ),
            models.UniqueConstraint(
                fields=["kind", "area_path", "organ_path", "year", "n"],
                condition=models.Q(n__isnull=False),
                name="report_numbered_once",
            ),
        ]


class ReportFile(models.Model):
    """A file of a report as it was written: its charts (`1.svg`, `1.png`), and once it is approved `pdf` and `docx`."""

    append_only = True
    pk = models.CompositePrimaryKey("report_id", "edition", "name")
    report_id = models.BigIntegerField()
    edition = models.SmallIntegerField()
    name = models.CharField(max_length=12)
    content = models.BinaryField()
    sm3 = models.BinaryField()
    at = models.DateTimeField()


class ReportStep(models.Model):
    """One thing that happened to a report."""

    append_only = True
    pk = models.CompositePrimaryKey("report_id", "n")
    report_id = models.BigIntegerField()
    n = models.SmallIntegerField()
    verb = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=64)
    text = models.TextField(blank=True, default="")
    at = models.DateTimeField()


class ReportPlan(models.Model):
    """订阅: this kind of report is made for this place by itself, for periods that end on `since` or later."""

    kind = models.CharField(max_length=10)
    area_path = models.CharField(max_length=12, blank=True, default="")
    organ_path = models.TextField(blank=True, default="")
    place = models.CharField(max_length=200)
    issuer = models.CharField("发文单位", max_length=200)
    for_public = models.BooleanField(default=False)
    is_on = models.BooleanField(default=True)
    since = models.DateField()
    changed_by = models.CharField(max_length=64)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "area_path", "organ_path"], name="report_plan_once")]
