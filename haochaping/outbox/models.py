"""Notes that others must hear of: written in the transaction of what happened, taken out in batches."""

from __future__ import annotations

from django.db import models
from django.db.models import Func


class CurrentTransaction(Func):
    function = "pg_current_xact_id"
    template = "%(function)s()"
    output_field = models.BigIntegerField()


class TransactionId(models.Field):  # type: ignore[type-arg]
    """PostgreSQL's xid8: the transaction that wrote the row, so that readers can stay behind every open one."""

    def db_type(self, connection: object) -> str:  # noqa: ARG002
        return "xid8"


class Note(models.Model):
    """Something happened to the service event `key`; `topic` says who must hear (national, lake)."""

    topic = models.CharField(max_length=16)
    key = models.UUIDField()
    kind = models.CharField(max_length=16)  # service | evaluation | order | follow_up | ruling
    day = models.DateField()  # the service day (services) or dispatch day (orders) whose figures change
    at = models.DateTimeField()
    xid = TransactionId(db_default=CurrentTransaction())

    class Meta:
        indexes = [models.Index(fields=["topic", "id"], name="note_by_topic")]
