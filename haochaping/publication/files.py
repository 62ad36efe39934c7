"""`/public/`: the files of the open data and of reports, and what machines ask first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from haochaping.analytics.reports.queries import file_of, published_report
from haochaping.kit.errors import Refused
from haochaping.publication import opendata, queries
from haochaping.publication.keeping import changed_at, kept
from haochaping.publication.rules import read_month

if TYPE_CHECKING:
    from django.http import HttpRequest

REPORT_TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
UNKNOWN = Refused("not_found", 404, "公示数据里没有这个文件。请从“开放数据”或“报告”页下载。")


@require_safe
def file(request: HttpRequest, name: str) -> HttpResponse:
    """A file of the open data, by its name; never another one for the same name."""
    if name == "dictionary.json":
        return HttpResponse(json.dumps(opendata.dictionary(), ensure_ascii=False, indent=1), "application/json")
    if name == "index.json":
        return HttpResponse(json.dumps(_catalogue(), ensure_ascii=False, indent=1), "application/json")
    stem, _, ending = name.partition(".")
    month = read_month(stem.removeprefix("haochaping-"))
    issue = queries.issue_of(month) if month and stem.startswith("haochaping-") else None
    if issue is None or ending not in issue.files:
        raise UNKNOWN
    etag, stamp = f'"{issue.files[ending]["sm3"]}"', int(issue.made_at.timestamp())
    if told := get_conditional_response(request, etag, stamp):
        return told
    path = opendata.path_of(issue.month, ending)
    if not path.is_file():
        raise Refused("file_missing", 404, "这个文件暂时取不到，请稍后再试，或拨打12345告诉我们。")
    answer = HttpResponse(path.read_bytes(), content_type=opendata.FORMATS[ending])
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "public, max-age=3600"
    answer["ETag"] = etag
    return answer


def _catalogue() -> dict[str, Any]:
    """What files there are, with links relative to this one."""
    return {
        "title": "政务服务“好差评”公开数据",
        "licence": settings.OPEN_DATA_LICENCE,
        "dictionary": "dictionary.json",
        "files": [
            {
                "month": f"{issue.month:%Y-%m}", "format": ending, "href": opendata.path_of(issue.month, ending).name,
                "publishedAt": issue.made_at.isoformat(), **told,
            }
            for issue in queries.issues()
            for ending, told in issue.files.items()
        ],
    }  # fmt: skip


@require_safe
def report(request: HttpRequest, pk: int, name: str) -> HttpResponse:  # noqa: ARG001
    if name not in REPORT_TYPES:
        raise UNKNOWN
    answer = HttpResponse(file_of(published_report(pk), name), content_type=REPORT_TYPES[name])
    answer["Content-Disposition"] = f'attachment; filename="report-{pk}.{name}"'
    answer["Cache-Control"] = "public, max-age=60"
    return answer


@require_safe
@kept()
def sitemap(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Every page that has figures of its own in the newest issue."""
    issue, base = queries.issue_of(None), f"{settings.PUBLIC_URL}/public/"
    urls = ["", "items/", "organs/", "replies/", "method/", "months/", "data/"]
    if issue:
        for kind in ("city", "county", "organ", "item"):
            urls += dict.fromkeys(
                u for line in queries.lines(issue, kind) if "visits" not in line.hidden and (u := queries.url(line))
            )
    found = "".join(f"<url><loc>{base}{url}</loc></url>\n" for url in urls[:50_000])
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    return changed_at(HttpResponse(f"{head}{found}</urlset>\n", "application/xml"), issue.made_at if issue else None)


@require_safe
def robots(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Machines may read what is published, and nothing that belongs to a person or to work."""
    lines = (
        "User-agent: *",
        "Allow: /public/",
        "Disallow: /",
        f"Sitemap: {settings.PUBLIC_URL}/public/sitemap.xml",
        "",
    )
    return HttpResponse("\n".join(lines), "text/plain; charset=utf-8")
