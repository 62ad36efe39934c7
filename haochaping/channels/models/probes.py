"""What the probe found."""

from __future__ import annotations

from django.db import models


class ProbeRun(models.Model):
    """One run of the probe over all channels: every level, what happened, and how long it took."""

    append_only = True
    at = models.DateTimeField(db_index=True)
    url = models.CharField("巡检地址", max_length=200)
    given = models.IntegerField("通过")
    failed = models.IntegerField("未通过")
    took_ms = models.IntegerField()
    # each [channel, level, whether without a reason, what happened ("" for given), milliseconds]
    lines = models.JSONField(default=list)
    by = models.CharField(max_length=64)
