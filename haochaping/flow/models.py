"""What flow keeps of its own: which case each window asks about now."""

from __future__ import annotations

from django.db import models


class WindowCall(models.Model):
    """A service was just finished at this window, and its tablet opens for it. One row a window: a newer call replaces it.

    `seq` only grows, so that a tablet knows what it has seen.
    """

    window_code = models.CharField(primary_key=True, max_length=64)
    seq = models.BigIntegerField()
    project_no = models.CharField(max_length=100)
    service_number = models.SmallIntegerField()
    called_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()
    source = models.CharField(max_length=40)
