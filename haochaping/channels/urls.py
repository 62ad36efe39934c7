"""The citizen's addresses."""

from __future__ import annotations

from django.urls import include, path

from haochaping.channels import embed, pages
from haochaping.channels.comments import pages as comments
from haochaping.channels.kiosk import pages as kiosk
from haochaping.channels.questionnaires import pages as questionnaires
from haochaping.channels.windows import pages as windows

urlpatterns = [
    path("", include("haochaping.channels.my.urls")),
    path("embed.js", embed.script, name="embed"),
    path("", pages.front, name="front"),
    path("e/<str:token>", pages.rate, name="rate"),
    path("comment", comments.comment, name="comment"),
    path("q/<str:code>", questionnaires.answer, name="questionnaire"),
    path("device/", include("haochaping.channels.device.urls")),
    path("r/", pages.find_progress, name="find_progress"),
    path("r/<str:receipt>", pages.progress, name="progress"),
    path("w/<path:code>/visit", windows.visit, name="visit"),
    path("w/<path:code>", windows.window, name="window"),
    path("kiosk", kiosk.begin, name="kiosk"),
    path("kiosk/services", kiosk.services, name="kiosk_services"),
    path("kiosk/rate/<uuid:event_id>", kiosk.rate, name="kiosk_rate"),
    path("kiosk/thanks/<uuid:event_id>", kiosk.thanks, name="kiosk_thanks"),
    path("kiosk/alive", kiosk.alive, name="kiosk_alive"),
    path("kiosk/end", kiosk.end, name="kiosk_end"),
]
