"""Paper forms: what was printed, what came back in which batch, and what each person keyed."""

from __future__ import annotations

from django.db import models


class PaperRun(models.Model):
    """One print order: the numbers from `first` to `last` are reserved for this hall, and never given out again."""

    append_only = True
    hall_code = models.CharField(max_length=64, db_index=True)
    window_code = models.CharField(max_length=64, blank=True, default="")
    area_path = models.CharField(max_length=12)
    year = models.SmallIntegerField()
    first = models.IntegerField()
    last = models.IntegerField()
    by = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["year", "first"], name="paper_numbers_once")]


class PaperBatch(models.Model):
    """The forms that were collected in one hall on one day."""

    hall_code = models.CharField("大厅", max_length=64)
    area_path = models.CharField(max_length=12, db_index=True)
    day = models.DateField("收表日期")
    forms = models.SmallIntegerField("张数")
    by_id = models.CharField(max_length=64)
    by = models.CharField("建批人", max_length=64)
    at = models.DateTimeField("建批时间")


class PaperSheet(models.Model):
    """One form of a batch. Its number is the key: a form comes in once, whoever keys it."""

    number = models.CharField("评价表编号", primary_key=True, max_length=10)
    batch = models.ForeignKey(PaperBatch, models.PROTECT, related_name="+")
    scan = models.UUIDField("扫描件", null=True)  # evaluation.Attachment
    state = models.CharField("状态", max_length=8, default="waiting")  # paper.rules.State
    event_id = models.UUIDField(null=True, db_index=True)
    code = models.CharField(max_length=40, blank=True, default="")  # of the refusal
    reason = models.CharField("原因", max_length=200, blank=True, default="")  # of the refusal, or why it is void
    settled_by = models.CharField(max_length=64, blank=True, default="")
    settled_at = models.DateTimeField(null=True)


class PaperKeying(models.Model):
    """What one person read off a form: the first two independently, later ones decide. It may name a person, so it is sealed,
    and emptied when the rater takes back what they said.
    """

    pk = models.CompositePrimaryKey("number", "n")
    number = models.CharField(max_length=10)
    n = models.SmallIntegerField()
    person_id = models.CharField(max_length=64)
    person_name = models.CharField(max_length=64)
    blob = models.BinaryField()
    digest = models.BinaryField()  # of what counts when two keyings are compared
    at = models.DateTimeField()
