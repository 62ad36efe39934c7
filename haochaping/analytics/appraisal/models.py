"""考核: what was published, as it stood then; what was put right since; what people enter; who appealed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from haochaping.policy.models import Version


class Appraisal(Version):
    """One month's sheet of one area (`region`, a prefix): submitted by one person, published by another.

    A sheet that was sent back stays to be read; the next one has a number of its own. Its scores never change.
    """

    month = models.DateField("月份")  # its first day
    pack = models.CharField("规则包", max_length=60)
    scheme = models.JSONField("考核方案")  # policy.scheme.Scheme as it held
    best = models.FloatField("最高分值")  # what 平均分 is out of
    computed_at = models.DateTimeField("计算时间")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["region", "number"], name="appraisal_number"),
            models.UniqueConstraint(
                fields=["region", "month"],
                condition=Q(state__in=["submitted", "approved"]),
                name="appraisal_once_a_month",
            ),
        ]
        indexes = [models.Index(fields=["region", "-month"], name="appraisal_by_month")]


class Score(models.Model):
    """One unit's or clerk's score on a sheet, with all its parts."""

    append_only = True
    appraisal = models.ForeignKey(Appraisal, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=5)  # rules.Kind
    subject = models.CharField("代码", max_length=64)
    name = models.CharField("名称", max_length=200)
    # whose concern it is
    organ_code = models.CharField(max_length=18)
    organ_path = models.TextField()
    area_path = models.CharField(max_length=12)
    window_code = models.CharField(max_length=64, blank=True, default="")
    account = models.CharField(max_length=64, blank=True, default="")  # of a clerk; "" where it is not clear
    parts = models.JSONField("各项")  # rules.Part
    total = models.JSONField("得分")  # rules.Total
    sample = models.IntegerField("评价数")
    rank = models.IntegerField("名次", null=True)
    ranked = models.IntegerField("参加排名", default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["appraisal", "kind", "subject"], name="score_once")]
        indexes = [models.Index(fields=["account"], name="score_by_account", condition=~Q(account=""))]


class Entry(models.Model):
    """填报: an index of 0 … 100, or a number of cases, that comes from elsewhere. It counts once somebody else has checked it."""

    month = models.DateField("月份")
    organ_code = models.CharField(max_length=18)
    organ_name = models.CharField("单位", max_length=200)
    organ_path = models.TextField()
    area_path = models.CharField(max_length=12)
    key = models.CharField("指标", max_length=24)
    value = models.DecimalField("数值", max_digits=7, decimal_places=2)
    basis = models.CharField("依据", max_length=200)
    state = models.CharField("状态", max_length=9, default="entered")  # entered | confirmed | returned | replaced
    made_by_id = models.CharField(max_length=64)
    made_by = models.CharField("填报人", max_length=80)
    made_at = models.DateTimeField("填报时间")
    checked_by = models.CharField("核对人", max_length=80, blank=True, default="")
    checked_at = models.DateTimeField("核对时间", null=True)
    reason = models.CharField("退回理由", max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["month", "organ_code", "key", "state"],
                condition=Q(state__in=["entered", "confirmed"]),
                name="entry_one_of_each",
            )
        ]
        indexes = [models.Index(fields=["month", "area_path"], name="entry_by_month")]


class Objection(models.Model):
    """考核申诉, or a correction that those who supervise ask for: decided by somebody of another organ."""

    score = models.ForeignKey(Score, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10)  # appeal | correction
    key = models.CharField(max_length=24)  # the part that is wrong
    state = models.CharField("状态", max_length=9, default="waiting")  # waiting | upheld | dismissed | withdrawn
    made_by_id = models.CharField(max_length=64)
    made_by = models.CharField("提出人", max_length=80)
    made_at = models.DateTimeField("提出时间")
    due = models.DateTimeField("答复期限")
    ended_at = models.DateTimeField("办结时间", null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["score"], condition=Q(state="waiting"), name="objection_one_at_a_time")
        ]
        indexes = [models.Index(fields=["state", "due"], name="objection_by_due")]


class ObjectionStep(models.Model):
    """One thing that happened to an objection."""

    append_only = True
    pk = models.CompositePrimaryKey("objection_id", "n")
    objection_id = models.BigIntegerField()
    n = models.SmallIntegerField()
    verb = models.CharField(max_length=9)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=80)
    text = models.TextField()
    at = models.DateTimeField()


class Correction(models.Model):
    """更正: a dated line beside a published score, which stays as it was. The newest holds."""

    append_only = True
    pk = models.CompositePrimaryKey("score_id", "n")
    score = models.ForeignKey(Score, on_delete=models.PROTECT, related_name="+")
    n = models.SmallIntegerField()
    objection_id = models.BigIntegerField()
    key = models.CharField(max_length=24)
    before = models.JSONField("更正前")  # rules.Part
    after = models.JSONField("更正后")  # rules.Part
    total = models.JSONField("更正后得分")  # rules.Total
    reason = models.TextField("更正理由")
    by = models.CharField("更正人", max_length=80)
    at = models.DateTimeField("更正时间")
