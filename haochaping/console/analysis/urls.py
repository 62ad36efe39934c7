"""The addresses of analysis. Listed by console/urls.py among its own, so that what guards those guards these."""

from __future__ import annotations

from django.urls import path

from haochaping.console.analysis import (
    cases,
    dictionary,
    measures,
    problem_form,
    problems,
    profile,
    ranking,
    report_orders,
    reports,
    themes,
)

urlpatterns = [
    path("analysis/metrics/", dictionary.metrics, name="metrics"),
    path("analysis/problems/", problems.problems, name="problems"),
    path("analysis/problems/export", problems.export, name="problems_export"),
    path("analysis/problems/new", problem_form.problem_new, name="problem_new"),
    path("analysis/problems/<int:pk>/", problems.problem, name="problem"),
    path("analysis/problems/<int:pk>/edit", problem_form.problem_edit, name="problem_edit"),
    path("analysis/problems/<int:pk>/<str:verb>", problems.act, name="problem_act"),
    path("analysis/effects/", measures.effects, name="effects"),
    path("analysis/cases/", cases.cases, name="cases"),
    path("analysis/cases/new", cases.case_new, name="case_new"),
    path("analysis/cases/<int:pk>/", cases.case, name="case"),
    path("analysis/cases/<int:pk>/edit", cases.case_edit, name="case_edit"),
    path("analysis/cases/<int:pk>/<str:verb>", cases.case_act, name="case_act"),
    path("analysis/themes/", themes.overall, name="themes"),
    path("analysis/themes/clusters/", themes.clusters, name="theme_clusters"),
    path("analysis/themes/profile/", profile.profile, name="theme_profile"),
    path("analysis/themes/business/", themes.business, name="theme_business"),
    path("analysis/themes/bundles/", themes.bundles, name="theme_bundles"),
    path("analysis/themes/praise/", themes.praise, name="theme_praise"),
    path("analysis/themes/windows/", themes.windows, name="theme_windows"),
    path("analysis/themes/channels/", themes.channels, name="theme_channels"),
    path("analysis/themes/rectification/", themes.rectification, name="theme_rectification"),
    path("analysis/ranking/", ranking.ranking, name="ranking"),
    path("analysis/ranking/export", ranking.export, name="ranking_export"),
    path("analysis/reports/", reports.reports, name="reports"),
    path("analysis/reports/new", report_orders.new, name="report_new"),
    path("analysis/reports/topic", report_orders.topic, name="report_topic"),
    path("analysis/reports/plans", report_orders.plans, name="report_plans"),
    path("analysis/reports/<int:pk>/", reports.report, name="report"),
    path("analysis/reports/<int:pk>/write", reports.write, name="report_write"),
    path("analysis/reports/<int:pk>/report.pdf", reports.paper, name="report_pdf"),
    path("analysis/reports/<int:pk>/report.docx", reports.word, name="report_docx"),
    path("analysis/reports/<int:pk>/charts/<int:n>.png", reports.chart, name="report_chart"),
    path("analysis/reports/<int:pk>/<str:verb>", reports.act, name="report_act"),
]
