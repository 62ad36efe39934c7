"""Every address of the house but the door's (see asgi.py)."""

from __future__ import annotations

from django.urls import include, path

from haochaping.project import health
from haochaping.project.api import api
from haochaping.publication.files import robots

handler404 = "haochaping.project.errors.not_found"
urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
    path("api/v1/", api.urls),
    path("sms/", include("haochaping.messaging.urls")),
    path("console/", include("haochaping.console.urls")),
    path("", include("haochaping.console.screens.urls")),
    path("public/", include("haochaping.publication.urls")),
    path("robots.txt", robots),
    path("", include("haochaping.channels.urls")),
]
