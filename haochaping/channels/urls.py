"""The citizen's addresses."""

from __future__ import annotations

from django.urls import path

from haochaping.channels import pages

urlpatterns = [
    path("", pages.front, name="front"),
    path("e/<str:token>", pages.rate, name="rate"),
    path("r/", pages.find_progress, name="find_progress"),
    path("r/<str:receipt>", pages.progress, name="progress"),
]
