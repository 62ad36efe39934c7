"""What those who keep it running see: gauges and log lines."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from haochaping.exchange.models import Delivery
from haochaping.project.logs import WithoutPersons

NOW = datetime(2026, 6, 10, 2, 0, tzinfo=UTC)


@pytest.mark.django_db
def test_gauges_count_what_is_open_by_an_index_of_what_is_open() -> None:
    states = ["waiting", "waiting", "quarantined", *["accepted"] * 3]
    Delivery.objects.bulk_create(
        Delivery(
            event_id=uuid4(),
            target="national",
            phase=1,
            version=1,
            digest=b"",
            state=state,
            next_at=NOW,
            created_at=NOW,
        )
        for state in states
    )
    asked: list[str] = []

    def listen(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        asked.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        text = Client().get("/metrics").content.decode()
    assert 'hcp_deliveries{state="waiting"} 2' in text
    assert 'hcp_deliveries{state="quarantined"} 1' in text
    (deliveries,) = (sql for sql in asked if "exchange_delivery" in sql)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {deliveries}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "delivery_due" in plan
    assert "delivery_stuck" in plan
    assert "Seq Scan" not in plan


def test_a_traceback_names_nobody() -> None:
    try:
        raise ValueError(
            "null value violates a constraint\nDETAIL:  Failing row contains (赵试样, 排队两小时).\nmobile 13800000001"
        )
    except ValueError:
        record = logging.LogRecord("hcp", logging.ERROR, __file__, 1, "door failed on %s", ("/e/abc",), sys.exc_info())
    assert WithoutPersons().filter(record)
    line = logging.Formatter("%(message)s").format(record)
    assert "Traceback" in line
    assert "ValueError: null value violates a constraint" in line
    assert not any(word in line for word in ("赵试样", "排队", "13800000001", "/e/abc"))
