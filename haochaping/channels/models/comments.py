"""综合点评: which browser commented on what, so that it does so once a day."""

from __future__ import annotations

from django.db import models


class CommentMark(models.Model):
    """A keyed digest of browser and target, with the day; nobody can learn from it who commented on what."""

    digest = models.BinaryField(primary_key=True)
    day = models.DateField(db_index=True)
