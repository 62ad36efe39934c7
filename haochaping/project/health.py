"""Unsigned: is it alive, is it ready, what does Prometheus see (contract §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import DatabaseError, connection
from django.http import HttpResponse, JsonResponse

if TYPE_CHECKING:
    from django.http import HttpRequest

_GAUGES = (
    ("hcp_evaluations_parked", "Ratings and services that wait for master data or their service event", "SELECT kind, count(*) FROM evaluation_parked GROUP BY 1", "kind"),
    ("hcp_outbox_notes", "Notes not taken yet", "SELECT topic, count(*) FROM outbox_note GROUP BY 1", "topic"),
    ("hcp_orders_open", "Open work orders by state", "SELECT state, count(*) FROM rectification_order WHERE closed_at IS NULL AND state NOT IN ('closed', 'voided') GROUP BY 1", "state"),
    ("hcp_orders_overdue", "Open work orders past a limit", "SELECT 'all', count(*) FROM rectification_order WHERE overdue_since IS NOT NULL AND state NOT IN ('closed', 'voided')", "state"),
    ("hcp_deliveries", "Deliveries to other platforms by state", "SELECT state, count(*) FROM exchange_delivery GROUP BY 1", "state"),
)  # fmt: skip


def alive(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """The process answers."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """The process can store what it is given; 503 if not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM evaluation_evaluation LIMIT 1")
    except DatabaseError:
        connection.close()
        return JsonResponse({"status": "database away"}, status=503, headers={"Retry-After": "2"})
    return JsonResponse({"status": "ok"})


def metrics(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Gauges in Prometheus' text form; counts only, nothing about persons."""
    lines = []
    with connection.cursor() as cursor:
        for name, text, query, label in _GAUGES:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
            cursor.execute(query)
            lines += [f'{name}{{{label}="{value}"}} {count}' for value, count in cursor.fetchall()]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4")
