"""`/screen`: for who is logged in, and by a link for a wall."""

from __future__ import annotations

from django.urls import path

from haochaping.console.screens import pages, walls

urlpatterns = [
    path("screen", pages.screen, name="screen"),
    path("screen/fresh", pages.fresh, name="screen_fresh"),
    path("screen/w/<str:token>", walls.wall, name="wall"),
    path("screen/w/<str:token>/fresh", walls.fresh, name="wall_fresh"),
]
