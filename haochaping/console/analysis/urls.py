"""The addresses of analysis. Listed by console/urls.py among its own, so that what guards those guards these."""

from __future__ import annotations

from django.urls import path

from haochaping.console.analysis import dictionary

urlpatterns = [
    path("analysis/metrics/", dictionary.metrics, name="metrics"),
]
