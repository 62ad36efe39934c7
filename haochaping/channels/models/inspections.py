"""监督查评: ratings that those who supervise give after looking for themselves."""

from __future__ import annotations

from django.db import models


class Inspection(models.Model):
    """One inspection of a window, organ or item. Its level and findings are an `Evaluation` of mode `inspection`."""

    append_only = True
    event_id = models.UUIDField(primary_key=True)
    inspected_on = models.DateField("检查日期")
    inspectors = models.CharField("检查人员", max_length=200)  # officials and deputies by name, in their function
    area_path = models.CharField(max_length=12)
    organ_path = models.TextField(blank=True, default="")
    window_code = models.CharField(max_length=64, blank=True, default="")
    person_id = models.CharField(max_length=64)
    person_name = models.CharField("录入人", max_length=64)
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["-inspected_on"], name="inspection_by_day")]
