"""Addresses below /public/."""

from __future__ import annotations

from django.urls import path

from haochaping.publication import files, pages

app_name = "publication"
urlpatterns = [
    path("", pages.index, name="index"),
    path("table.csv", pages.table, name="table"),
    path("places/<str:code>/", pages.place, name="place"),
    path("organs/", pages.organs, name="organs"),
    path("organs/<str:code>/", pages.organ, name="organ"),
    path("items/", pages.items, name="items"),
    path("items/<str:code>/", pages.item, name="item"),
    path("replies/", pages.replies, name="replies"),
    path("problems/", pages.problems, name="problems"),
    path("reports/", pages.reports, name="reports"),
    path("reports/<int:pk>.<str:name>", files.report, name="report"),
    path("method/", pages.method, name="method"),
    path("months/", pages.months, name="months"),
    path("data/", pages.data, name="data"),
    path("data/<str:name>", files.file, name="file"),
    path("sitemap.xml", files.sitemap, name="sitemap"),
]
