"""Links to the rating page."""

from __future__ import annotations

from django.db import models


class Link(models.Model):
    """A link of a ticket, receipt, message or QR code to the page of one service event. Only its SM3 is kept."""

    digest = models.BinaryField(primary_key=True)
    event_id = models.UUIDField(db_index=True)
    pf = models.SmallIntegerField()
    expires_at = models.DateTimeField()
    made_by = models.CharField(max_length=40)
    made_at = models.DateTimeField()
    return_url = models.CharField(max_length=500, blank=True, default="")  # of an origin that the maker's app allows
    # The browser that rated through this link, as the SM3 of its cookie: it alone is shown the receipt, for ten minutes.
    rated_by = models.BinaryField(null=True)
    rated_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["made_by", "made_at"], name="link_by_maker"),
            models.Index(fields=["rated_by"], name="link_by_rater", condition=models.Q(rated_by__isnull=False)),
        ]
