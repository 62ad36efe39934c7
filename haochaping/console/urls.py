"""The addresses of the console. Every route but the entrance is guarded by `access.needs`."""

from __future__ import annotations

from django.urls import path

from haochaping.console.pages import (
    callouts,
    entries,
    entry,
    figures,
    indicator_preview,
    indicator_sets,
    indicators,
    inspections,
    master,
    orders,
    system,
    telephone,
    workbench,
)

app_name = "console"
urlpatterns = [
    path("", workbench.workbench, name="workbench"),
    path("login", entry.login, name="login"),
    path("logout", entry.logout, name="logout"),
    path("password", entry.password, name="password"),
    path("alive", entry.alive, name="alive"),
    path("orders/", orders.orders, name="orders"),
    path("orders/export", orders.export, name="orders_export"),
    path("orders/<str:order_no>/", orders.order, name="order"),
    path("orders/<str:order_no>/callback", orders.callback, name="order_callback"),
    path("orders/<str:order_no>/identity", orders.identity, name="order_identity"),
    path("orders/<str:order_no>/share", orders.share, name="order_share"),
    path("orders/<str:order_no>/<str:verb>", orders.move, name="order_move"),
    path("telephone/", telephone.telephone, name="telephone"),
    path("telephone/done/<uuid:event_id>/", telephone.telephone_done, name="telephone_done"),
    path("callouts/", callouts.callouts, name="callouts"),
    path("callouts/next", callouts.callouts_next, name="callouts_next"),
    path("callouts/<uuid:event_id>/", callouts.callout, name="callout"),
    path("entries/", entries.entries, name="entries"),
    path("entries/scans/<uuid:scan>", entries.entry_scan, name="entry_scan"),
    path("entries/<uuid:event_id>/check", entries.entry_check, name="entry_check"),
    path("inspections/", inspections.inspections, name="inspections"),
    path("inspections/new", inspections.inspection_new, name="inspection_new"),
    path("inspections/photos/<uuid:photo>", inspections.inspection_photo, name="inspection_photo"),
    path("overview/", figures.overview, name="overview"),
    path("overview/trend", figures.trend, name="overview_trend"),
    path("directory/", master.directory, name="directory"),
    path("policy/", master.policy, name="policy"),
    path("indicators/", indicators.indicators, name="indicators"),
    path("indicators/export", indicators.export, name="indicators_export"),
    path("indicators/draft", indicator_sets.draft, name="indicators_draft"),
    path("indicators/<int:pk>/", indicator_sets.version, name="indicator_set"),
    path("indicators/<int:pk>/import", indicator_sets.import_sheet, name="indicator_import"),
    path("indicators/<int:pk>/line/<str:code>", indicator_sets.line, name="indicator_line"),
    path("indicators/<int:pk>/preview", indicator_preview.preview, name="indicator_preview"),
    path("indicators/<int:pk>/page", indicator_preview.page, name="indicator_page"),
    path("indicators/<int:pk>/<str:act>", indicator_sets.act, name="indicator_act"),
    path("exchange/", system.exchange, name="exchange"),
    path("audit/", system.audit, name="audit"),
]
