"""The addresses of `/my`."""

from __future__ import annotations

from django.urls import path, re_path

from haochaping.channels.my import entry, pages

urlpatterns = [
    path("my", pages.services, name="my"),
    path("my/", pages.services),
    path("my/login", entry.login, name="my_login"),
    path("my/code", entry.code, name="my_code"),
    path("my/oidc", entry.by_identity_service, name="my_oidc"),
    path("my/oidc/callback", entry.back_from_identity_service, name="my_oidc_callback"),
    path("my/logout", entry.logout, name="my_logout"),
    path("my/data", pages.my_data, name="my_data"),
    re_path(r"^my/data\.(?P<kind>json|zip)$", pages.copy, name="my_copy"),
    path("my/delete", pages.forget, name="my_delete"),
    path("my/services/<uuid:event_id>", pages.service, name="my_service"),
    path("my/services/<uuid:event_id>/rate", pages.rate, name="my_rate"),
    path("my/services/<uuid:event_id>/follow-up", pages.follow_up, name="my_follow_up"),
    path("my/services/<uuid:event_id>/<slug:name>", pages.act, name="my_act"),
]
