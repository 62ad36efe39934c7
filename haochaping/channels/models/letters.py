"""Letters from the opinion box and by e-mail."""

from __future__ import annotations

from django.db import models


class Letter(models.Model):
    """意见: what somebody wrote to us. Only one that states a level became a rating (`event_id`); no level is ever invented."""

    id = models.UUIDField(primary_key=True)
    way = models.CharField("来源", max_length=8)  # box | email
    number = models.CharField("信件编号", max_length=64)
    day = models.DateField("收信日期")
    area = models.CharField(max_length=12)
    area_path = models.CharField(max_length=12, db_index=True)
    organ_code = models.CharField(max_length=18, blank=True, default="")
    organ_path = models.TextField(blank=True, default="")
    hall_code = models.CharField(max_length=64, blank=True, default="")
    window_code = models.CharField(max_length=64, blank=True, default="")
    task_code = models.CharField(max_length=64, blank=True, default="")
    level = models.SmallIntegerField("满意度", null=True)
    event_id = models.UUIDField(null=True)
    scan = models.UUIDField(null=True)
    blob = models.BinaryField()  # words, name, telephone
    by_id = models.CharField(max_length=64)
    by = models.CharField("登记人", max_length=64)
    at = models.DateTimeField("登记时间")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["way", "area_path", "number"], name="one_letter")]


class LetterNote(models.Model):
    """What was done with an opinion: passed on to whom, answered how."""

    append_only = True
    letter = models.ForeignKey(Letter, models.PROTECT, related_name="+")
    organ_code = models.CharField(max_length=18, blank=True, default="")  # to whom it was passed on, if it was
    text = models.CharField(max_length=500)
    by = models.CharField(max_length=64)
    at = models.DateTimeField()
