"""The front door, used from inside: signed requests and page visits to the very ASGI application, each at its own moment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from haochaping.accounts.signing import sign
from haochaping.kit import clock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from haochaping.project.demo.wire import Sender

HERE = "http://127.0.0.1"
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class ShutOut(Exception):  # noqa: N818
    """The front door answered what it should not have; says what was asked and what came back."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Front:
    """A client of the application in this process; `async with`."""

    def __init__(self) -> None:
        from haochaping.project.asgi import application

        self.transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]  # its own words for ASGI
        self.client = httpx.AsyncClient(transport=self.transport, base_url=HERE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.client.aclose()

    async def send(self, sender: Sender, path: str, body: Any, at: datetime) -> Any:
        """POST a signed request as if it were `at`; the decoded answer of any 2xx."""
        raw = msgspec.json.encode(body)
        with clock.held_at(at):
            headers = sign(sender.app_id, sender.secret, "POST", path, raw, at)
            headers["Content-Type"] = "application/json"
            answer = await self.client.post(path, content=raw, headers=headers)
        if answer.is_success:
            return answer.json()
        code = answer.json()["error"]["code"] if "json" in answer.headers.get("content-type", "") else ""
        raise ShutOut(f"POST {path} at {clock.to_wire(at)}: {answer.status_code} {answer.text[:500]}", code)

    async def rate_on_page(self, url: str, form: Mapping[str, Any], at: datetime) -> None:
        """Open the link with a browser of one's own, fill the form in, send it, and see the thanks."""
        path = urlsplit(url).path
        with clock.held_at(at):
            browser = httpx.AsyncClient(transport=self.transport, base_url=HERE)  # closing it would close the transport
            page = await browser.get(path)
            token = _CSRF.search(page.text)
            if page.status_code != 200 or token is None:
                raise ShutOut(f"GET {path[:6]}… at {clock.to_wire(at)}: {page.status_code}")
            answer = await browser.post(path, data={**form, "csrfmiddlewaretoken": token[1]})
            if answer.status_code != 303:
                raise ShutOut(f"POST {path[:6]}… at {clock.to_wire(at)}: {answer.status_code} {_said(answer.text)}")
            thanks = await browser.get(path)
            if thanks.status_code != 200 or "/r/HP" not in thanks.text:
                raise ShutOut(f"thanks of {path[:6]}… at {clock.to_wire(at)}: {thanks.status_code}")


def _said(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())[:300]
