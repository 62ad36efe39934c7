"""The devices' addresses; `ratings` and `events` are answered by the lane before Django is asked."""

from __future__ import annotations

from django.urls import path

from haochaping.channels.device import pages

urlpatterns = [
    path("", pages.enrol, name="device_enrol"),
    path("worker.js", pages.worker, name="device_worker"),
    path("<str:device_id>", pages.screen, name="device"),
    path("<str:device_id>/state", pages.state, name="device_state"),
]
