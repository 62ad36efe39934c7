"""二维码: the printed sign of a window, how often it was scanned, and who stands at a self-service terminal."""

from __future__ import annotations

from django.db import models


class Sign(models.Model):
    """A static QR code put up at a window. Its address names the window, so a replaced one still leads there."""

    serial = models.CharField(primary_key=True, max_length=12)
    window_code = models.CharField(max_length=64, db_index=True)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=64)
    printed_at = models.DateTimeField(null=True)  # when it was last put on paper
    printed_by = models.CharField(max_length=64, blank=True, default="")
    replaced_at = models.DateTimeField(null=True)
    replaced_by = models.CharField(max_length=64, blank=True, default="")
    reason = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["window_code"], condition=models.Q(replaced_at=None), name="one_sign_in_force"
            )
        ]


class SignTally(models.Model):
    """Scans of a sign and ratings through it on one day, spread over slots so that no row is hot."""

    pk = models.CompositePrimaryKey("serial", "day", "slot")
    serial = models.CharField(max_length=12)
    day = models.DateField()
    slot = models.SmallIntegerField()
    scans = models.IntegerField(default=0)
    ratings = models.IntegerField(default=0)


class Upload(models.Model):
    """A file of master data that somebody brought in through the console, with the rows that were not taken."""

    id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=200)
    person_id = models.CharField(max_length=40, db_index=True)
    at = models.DateTimeField()
    counts = models.JSONField(default=dict)
    rejected = models.BinaryField(null=True)  # the CSV, compressed; empty where every row was taken


class TerminalSession(models.Model):
    """Somebody who showed an identity card at a self-service terminal; forgotten when they leave or after two minutes.

    Only the SM3 of its token and the blind index of the number are kept: the number itself is nowhere.
    """

    digest = models.BinaryField(primary_key=True)
    device_id = models.CharField(max_length=64, db_index=True)
    id_index = models.BinaryField()
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
