"""The gateway's addresses."""

from __future__ import annotations

from django.urls import path

from haochaping.messaging import pages

urlpatterns = [
    path("receipts", pages.receipts, name="sms_receipts"),
    path("inbound", pages.inbound, name="sms_inbound"),
]
