"""后果记录: one for each decision, with its steps as history."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Consequence(models.Model):
    """Something that follows for a unit, a window, a clerk or a rater. Never names a rater: an admonition knows its order only."""

    kind = models.CharField("种类", max_length=12)
    state = models.CharField("状态", max_length=10, default="proposed")
    subject_kind = models.CharField("对象类别", max_length=8)
    subject = models.CharField("对象代码", max_length=64, blank=True, default="")
    subject_name = models.CharField("对象", max_length=200, blank=True, default="")
    # whose concern it is
    area_path = models.CharField(max_length=12, db_index=True)
    organ_path = models.TextField(blank=True, default="", db_index=True)
    window_code = models.CharField(max_length=64, blank=True, default="")
    account = models.CharField(max_length=64, blank=True, default="")  # of a clerk: whose account, "" where not clear
    order_id = models.UUIDField(null=True, db_index=True)  # of an admonition
    cases = ArrayField(models.UUIDField(), default=list)  # orders that a notice tells of
    rule = models.CharField(
        max_length=160, blank=True, default=""
    )  # which rule of the policy proposed it, and for when
    grounds = models.JSONField("依据", default=list)  # rules.Grounds as pairs
    title = models.CharField("标题", max_length=100, blank=True, default="")
    text = models.TextField("内容", blank=True, default="")
    due = models.DateField("完成期限", null=True)
    made_by = models.CharField("提出人", max_length=64)
    made_at = models.DateTimeField("提出时间")
    ended_at = models.DateTimeField("完成时间", null=True)
    steps = models.SmallIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["state", "-made_at"], name="consequence_by_state")]
        constraints = [
            models.UniqueConstraint(fields=["rule"], condition=~models.Q(rule=""), name="consequence_once_by_rule"),
            models.UniqueConstraint(
                fields=["order_id"],
                condition=models.Q(kind="admonition") & ~models.Q(state="dropped"),
                name="consequence_one_admonition",
            ),
        ]


class ConsequenceStep(models.Model):
    """One thing that happened to a consequence."""

    append_only = True
    pk = models.CompositePrimaryKey("consequence_id", "n")
    consequence_id = models.BigIntegerField()
    n = models.SmallIntegerField()
    verb = models.CharField(max_length=10)
    actor_kind = models.CharField(max_length=8)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=64)
    facts = models.JSONField(default=dict)
    at = models.DateTimeField()
