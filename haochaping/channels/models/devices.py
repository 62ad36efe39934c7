"""What came from the tablets at the windows."""

from __future__ import annotations

from django.db import models


class TapReceived(models.Model):
    """A tap of a tablet that has had its answer: the same uuid again gets the same one, whatever became of it since."""

    append_only = True
    uuid = models.UUIDField(primary_key=True)
    device = models.CharField(max_length=12, db_index=True)
    outcome = models.CharField(max_length=8)  # stored | parked
    tapped_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()


class Silence(models.Model):
    """The tablet asked and nobody tapped. Never a level, of no figure about satisfaction; SMS and QR stay open."""

    append_only = True
    uuid = models.UUIDField(primary_key=True)
    device = models.CharField(max_length=12)
    window = models.CharField(max_length=64, db_index=True)
    event_id = models.UUIDField(null=True)
    at = models.DateTimeField()
    received_at = models.DateTimeField()
