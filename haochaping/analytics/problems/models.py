"""典型问题台账 and 优秀案例. Nothing here names a rater: a problem knows items, organs, and the numbers of orders."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q


class Problem(models.Model):
    """One typical problem, from its finding to its verdict."""

    area_path = models.CharField(max_length=12, db_index=True)
    organ_path = models.TextField(blank=True, default="")
    year = models.SmallIntegerField("年份", null=True)
    n = models.SmallIntegerField("序号", null=True)  # given when it is taken up
    title = models.CharField("问题名称", max_length=100)
    description = models.TextField("问题描述")
    rule = models.CharField(max_length=64, blank=True, default="")  # "city:indicator" where the data proposed it
    grounds = models.JSONField("依据", default=list)  # label and words, as the data stood
    items = ArrayField(models.CharField(max_length=64), default=list)
    # the ratings and orders behind it
    indicators = ArrayField(models.CharField(max_length=8), default=list)
    causes = ArrayField(models.CharField(max_length=12), default=list)
    start = models.DateField("评价日自", null=True)
    end = models.DateField("评价日至", null=True)
    orders = ArrayField(models.UUIDField(), default=list)
    state = models.CharField("状态", max_length=10)
    due = models.DateField("整改期限", null=True)
    # of the measures since it was last taken up
    measures_from = models.SmallIntegerField(default=0)
    first_in_force = models.DateField(null=True)
    last_in_force = models.DateField(null=True)
    verdict = models.CharField("结论", max_length=10, blank=True, default="")  # the last one
    verdict_by = models.CharField("认定人", max_length=64, blank=True, default="")
    verdict_at = models.DateTimeField("认定时间", null=True)
    judged = models.JSONField(null=True)  # the two windows and samples that the verdict rests on
    solved_at = models.DateTimeField("解决时间", null=True)
    reopened = models.SmallIntegerField("重新整改", default=0)
    merged_into = models.BigIntegerField(null=True)
    made_by = models.CharField("提出人", max_length=64)
    made_at = models.DateTimeField("提出时间")
    opened_at = models.DateTimeField("立项时间", null=True)
    published_at = models.DateTimeField("公开时间", null=True)  # None: not public, or not any more
    public_title = models.CharField("公开标题", max_length=100, blank=True, default="")
    public_text = models.TextField("问题说明", blank=True, default="")
    public_reply = models.TextField("整改情况", blank=True, default="")
    steps = models.SmallIntegerField(default=0)
    revision = models.IntegerField(default=1)  # against two who write at once

    class Meta:
        indexes = [
            models.Index(fields=["state", "-made_at"], name="problem_by_state"),
            models.Index(fields=["-published_at"], name="problem_public", condition=Q(published_at__isnull=False)),
            GinIndex(fields=["items"], name="problem_by_item"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["area_path", "organ_path", "year", "n"],
                condition=Q(n__isnull=False),
                name="problem_numbered_once",
            ),
        ]


class ProblemUnit(models.Model):
    """责任单位: an organ that answers for a problem."""

    problem = models.ForeignKey(Problem, on_delete=models.CASCADE, related_name="+")
    organ_code = models.CharField(max_length=18)
    organ_name = models.CharField(max_length=200)
    organ_path = models.TextField(db_index=True)
    area_path = models.CharField(max_length=12, db_index=True)
    is_lead = models.BooleanField("牵头", default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["problem", "organ_code"], name="problem_unit_once")]


class ProblemMeasure(models.Model):
    """措施: what was done about a problem, from which day on, and by whom."""

    append_only = True
    pk = models.CompositePrimaryKey("problem_id", "n")
    problem_id = models.BigIntegerField()
    n = models.SmallIntegerField()
    text = models.TextField("措施内容")
    in_force = models.DateField("生效日期", db_index=True)
    organ_name = models.CharField("登记单位", max_length=200, blank=True, default="")
    by_id = models.CharField(max_length=64)
    by_name = models.CharField("登记人", max_length=64)
    at = models.DateTimeField("登记时间")


class ProblemStep(models.Model):
    """One thing that happened to a problem."""

    append_only = True
    pk = models.CompositePrimaryKey("problem_id", "n")
    problem_id = models.BigIntegerField()
    n = models.SmallIntegerField()
    verb = models.CharField(max_length=10)
    actor_kind = models.CharField(max_length=8)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=64)
    facts = models.JSONField(default=dict)
    at = models.DateTimeField()


class ExcellentCase(models.Model):
    """优秀案例: what a unit did well, nominated by it and reviewed by those who supervise."""

    area_path = models.CharField(max_length=12, db_index=True)
    organ_path = models.TextField(db_index=True)
    organ_code = models.CharField(max_length=18)
    organ_name = models.CharField("报送单位", max_length=200)
    problem_id = models.BigIntegerField(null=True)  # the solved problem that it tells of
    title = models.CharField("标题", max_length=100)
    background = models.TextField("背景和问题")
    practice = models.TextField("主要做法")
    effect = models.TextField("成效")
    state = models.CharField("状态", max_length=10)
    nominated_id = models.CharField(max_length=64)
    nominated_by = models.CharField("报送人", max_length=64)
    nominated_at = models.DateTimeField("报送时间")
    reviewed_by = models.CharField("评审人", max_length=64, blank=True, default="")
    reviewed_at = models.DateTimeField("评审时间", null=True)
    published_at = models.DateTimeField("公开时间", null=True)
    steps = models.SmallIntegerField(default=0)
    revision = models.IntegerField(default=1)

    class Meta:
        indexes = [models.Index(fields=["state", "-nominated_at"], name="case_by_state")]


class CaseStep(models.Model):
    """One thing that happened to an excellent case."""

    append_only = True
    pk = models.CompositePrimaryKey("case_id", "n")
    case_id = models.BigIntegerField()
    n = models.SmallIntegerField()
    verb = models.CharField(max_length=10)
    actor_kind = models.CharField(max_length=8)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=64)
    facts = models.JSONField(default=dict)
    at = models.DateTimeField()
