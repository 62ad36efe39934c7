"""What was published, kept as it was published: an issue, its lines, and what became different afterwards."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Issue(models.Model):
    """一期公布: the figures of one month as they stood. A final one 定稿 stays for good; a running one is overtaken by the next."""

    append_only = True
    month = models.DateField("月份", db_index=True)  # its first day
    is_final = models.BooleanField("定稿", default=False)
    as_of = models.DateField("统计到")  # the last day that is counted
    made_at = models.DateTimeField("公布时间")
    lake_version = models.IntegerField()
    k = models.SmallIntegerField()  # fewer cases than this are not told
    minimum = models.IntegerField()  # of ratings, to be ranked
    files = models.JSONField(default=dict)  # of the open data: by ending, size and SM3

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["month"], condition=models.Q(is_final=True), name="one_final_issue")
        ]


class Line(models.Model):
    """One line of an issue: all, a city, a county, an organ in its county, an item of that organ there, or a channel.

    `parts` holds what is told and nothing else: who reads this table learns what the public page says.
    """

    append_only = True
    issue = models.ForeignKey(Issue, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8)  # all | city | county | organ | item | channel
    area = models.CharField(max_length=12, blank=True, default="")  # prefix
    organ = models.CharField(max_length=64, blank=True, default="")
    item = models.CharField(max_length=64, blank=True, default="")
    channel = models.SmallIntegerField(default=0)
    parts = models.JSONField()  # metric → [numerator, denominator or null]
    hidden = ArrayField(models.CharField(max_length=10), default=list)  # families that are not told
    reasons = ArrayField(models.CharField(max_length=100), default=list)  # why ratings were bad, most frequent first

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["issue", "kind", "area", "organ", "item", "channel"], name="one_line_of_each"
            )
        ]
        indexes = [
            models.Index(fields=["kind", "organ"], name="line_by_organ"),
            models.Index(fields=["kind", "item"], name="line_by_item"),
        ]


class Correction(models.Model):
    """更正: how the whole month stood later, dated; told where it differs from what was told before by at least k cases."""

    append_only = True
    issue = models.ForeignKey(Issue, models.CASCADE, related_name="+")
    at = models.DateTimeField()
    parts = models.JSONField()  # of the metrics that differ
