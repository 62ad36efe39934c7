"""Addresses below /public/."""

from __future__ import annotations

from django.urls import path

from haochaping.publication import pages

app_name = "publication"
urlpatterns = [
    path("", pages.index, name="index"),
    path("table.csv", pages.table, name="table"),
]
