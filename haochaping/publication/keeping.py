"""The public site's pages are kept: in this process for `HCP_PUBLIC_CACHE` seconds, at browsers and proxies by ETag."""

from __future__ import annotations

import time
from collections import OrderedDict
from functools import wraps
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from django.http import HttpResponse, QueryDict
from django.utils.cache import get_conditional_response
from django.utils.http import http_date

from haochaping.kit import config
from haochaping.kit.crypto import sm3

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.http import HttpRequest

MOST = 1_000  # pages; some 20 KB each
LARGEST = 200_000  # bytes; what is larger is a file and lies on disk


class Kept(NamedTuple):
    until: float
    content: bytes
    content_type: str
    etag: str
    changed: datetime | None


_kept: OrderedDict[tuple[str, str, bool], Kept] = OrderedDict()


def forget() -> None:
    """Make every page anew at the next question (tests)."""
    _kept.clear()


def kept(*words: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A page that depends on its address, on these words of the question and on the size of type, and on nobody who asks.

    Other words are not seen. A page says by `changed_at(answer, moment)` when what it shows last changed.
    """

    def around(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def answer(request: HttpRequest, *args: str, **more: str) -> HttpResponse:
            is_chosen = "elder" in request.GET
            asked = urlencode([(word, request.GET[word]) for word in words if request.GET.get(word)])
            request.GET = QueryDict(asked)
            is_elder = bool(getattr(request, "is_elder", False))
            key = (request.path, asked, is_elder)
            found = _kept.get(key)
            if found is None or time.monotonic() >= found.until:
                made = view(request, *args, **more)
                if made.status_code != 200:
                    return made
                found = _keep(key, made)
            return _answer(request, found, is_private=is_chosen)

        return answer

    return around


def changed_at(answer: HttpResponse, moment: datetime | None) -> HttpResponse:
    answer.changed_at = moment  # type: ignore[attr-defined]
    return answer


def _keep(key: tuple[str, str, bool], made: HttpResponse) -> Kept:
    until = time.monotonic() + config.integer("PUBLIC_CACHE", 60)
    etag = f'"{sm3(made.content).hex()[:32]}"'
    found = Kept(until, made.content, made.headers["Content-Type"], etag, getattr(made, "changed_at", None))
    if len(found.content) <= LARGEST:
        _kept[key] = found
        _kept.move_to_end(key)
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return found


def _answer(request: HttpRequest, found: Kept, *, is_private: bool) -> HttpResponse:
    """With 304 for whoever has it already. A page that sets the size of type by a cookie is for its asker only."""
    stamp = int(found.changed.timestamp()) if found.changed else None
    response = HttpResponse(found.content, content_type=found.content_type)
    response["ETag"] = found.etag
    if stamp is not None:
        response["Last-Modified"] = http_date(stamp)
    age = config.integer("PUBLIC_CACHE", 60)
    response["Cache-Control"] = f"{'private' if is_private else 'public'}, max-age={age}"
    told = get_conditional_response(request, found.etag, stamp, response) or response
    told.headers.setdefault("Cache-Control", response["Cache-Control"])
    return told
