"""短信邀评: which service events are asked about, and how far that has gone."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Invitation(models.Model):
    """One service event whose applicant is asked by SMS: once, and reminded once. Its row stays, so nobody is asked again."""

    event_id = models.UUIDField(primary_key=True)
    step = models.CharField(max_length=8)  # invitations.rules.Step
    outcome = models.CharField(max_length=10, blank=True, default="")  # invitations.rules.Outcome, once it is over
    next_at = models.DateTimeField(null=True)
    invited_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["next_at"], name="invitation_due", condition=Q(next_at__isnull=False))]
