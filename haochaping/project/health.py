"""Unsigned: is it alive, is it ready, what does Prometheus see (contract §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import DatabaseError, connection
from django.http import HttpResponse, JsonResponse

from haochaping.rectification.rules import State

if TYPE_CHECKING:
    from django.http import HttpRequest

# Each question has an index whose size is what is open, not what was ever taken in: anybody may ask, every few seconds.
_OPEN = ", ".join(f"'{state}'" for state in State if state.is_open)
_DELIVERIES = "SELECT state, count(*) FROM exchange_delivery WHERE state IN"
_LAST_PROBE = "(SELECT at, failed FROM channels_proberun ORDER BY at DESC LIMIT 1) p"
_GAUGES = (
    ("hcp_evaluations_parked", "Ratings and services that wait for master data or their service event", "SELECT kind, count(*) FROM evaluation_parked GROUP BY 1", "kind"),
    ("hcp_outbox_notes", "Notes not taken yet", "SELECT topic, count(*) FROM outbox_note GROUP BY 1", "topic"),
    ("hcp_orders_open", "Open work orders by state", f"SELECT state, count(*) FROM rectification_order WHERE state IN ({_OPEN}) GROUP BY 1", "state"),  # noqa: S608  names of ours
    ("hcp_orders_overdue", "Open work orders past a limit", f"SELECT 'all', count(*) FROM rectification_order WHERE overdue_since IS NOT NULL AND state IN ({_OPEN})", "state"),  # noqa: S608  names of ours
    ("hcp_deliveries", "Deliveries to other platforms that are not accepted, by state", f"{_DELIVERIES} ('waiting', 'sent') GROUP BY 1 UNION ALL {_DELIVERIES} ('failed', 'quarantined') GROUP BY 1", "state"),
    ("hcp_messages", "SMS that have not reached the gateway, by state", "SELECT state, count(*) FROM messaging_message WHERE state IN ('queued', 'sending', 'unknown') GROUP BY 1 UNION ALL SELECT state, count(*) FROM messaging_message WHERE state = 'failed' GROUP BY 1", "state"),
    ("hcp_probe_faults", "Levels of channels that the last probe could not give", f"SELECT 'last', failed FROM {_LAST_PROBE}", "run"),  # noqa: S608  names of ours
    ("hcp_probe_age_seconds", "Seconds since the last probe of the channels", f"SELECT 'last', floor(extract(epoch FROM now() - at))::bigint FROM {_LAST_PROBE}", "run"),  # noqa: S608  names of ours
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
