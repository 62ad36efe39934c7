"""A browser without a screen or scripts: opens pages, reads their forms and fills in what they really offer."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin

import httpx

from haochaping.channels.probe.rules import CannotGive, excerpt
from haochaping.kit.signatures import sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

SECONDS = 20
COMPUTER = "Mozilla/5.0 (X11; Linux x86_64) haochaping-probe"
TELEPHONE = "Mozilla/5.0 (Linux; Android 10; Mobile) haochaping-probe"
UNSEEN = {"script", "style", "svg", "template"}


@dataclass
class Form:
    """One form of a page: what it would send as it stands, and what can be chosen in it."""

    action: str = ""
    method: str = "get"
    sends: list[tuple[str, str]] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)
    choices: dict[str, list[str]] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return name in self.texts or name in self.choices

    def filled(self, typed: Mapping[str, str]) -> dict[str, list[str]]:
        """What is sent once this is typed and chosen; `CannotGive` for what the form does not offer."""
        data: dict[str, list[str]] = {}
        for name, value in self.sends:
            data.setdefault(name, []).append(value)
        for name, value in typed.items():
            if name in self.choices:
                if value not in self.choices[name]:
                    offered = "、".join(self.choices[name]) or "没有可选的"
                    raise CannotGive(f"页面没有提供这一项：{name}={value}（只有 {offered}）")
            elif name not in self.texts:
                raise CannotGive(f"页面上没有“{name}”这一栏")
            data[name] = [value]
        return data


@dataclass
class Page:
    """A page as somebody sees it."""

    url: str
    status: int
    text: str
    said: str  # what is readable on it
    alert: str
    links: list[str]
    forms: list[Form]

    def form(self, name: str) -> Form:
        """The form that asks for `name`."""
        found = next((form for form in self.forms if form.has(name)), None)
        if found is None:
            raise CannotGive(f"页面上没有要填“{name}”的表单（{self.told}）")
        return found

    def link(self, part: str) -> str:
        found = next((link for link in self.links if part in link), None)
        if found is None:
            raise CannotGive(f"页面上没有去“{part}”的链接（{self.told}）")
        return found

    @property
    def told(self) -> str:
        """Status and first words, for whoever has to find out what is wrong."""
        return f"状态 {self.status}：{excerpt(self.alert or self.said)}"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.said: list[str] = []
        self.alert: list[str] = []
        self.open: list[str] = []
        self.alerts_at = 0  # how deep the alert stands that is open
        self.form: Form | None = None
        self.area = ""  # the name of the textarea that is open
        self.choosing = ""  # the name of the select that is open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in {"input", "br", "hr", "img", "meta", "link", "path", "circle", "source"}:
            self.open.append(tag)
        if given.get("role") == "alert" and not self.alerts_at:
            self.alerts_at = len(self.open)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "form":
            self.form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self.form)
        elif self.form is not None and "disabled" not in given and given.get("name"):
            self._field(tag, given, self.form)
        if tag == "option" and self.form is not None and self.choosing:
            self._option(given, self.form)

    def _field(self, tag: str, given: dict[str, str], form: Form) -> None:
        name, kind, value = given["name"], given.get("type", "text").lower(), given.get("value", "")
        if tag == "textarea":
            self.area = name
            form.texts.add(name)
        elif tag == "select":
            self.choosing = name
            form.choices.setdefault(name, [])
        elif tag == "input" and kind in {"radio", "checkbox"}:
            form.choices.setdefault(name, []).append(value or "on")
            if "checked" in given:
                form.sends.append((name, value or "on"))
        elif tag == "input" and kind not in {"file", "submit", "image", "button", "reset"}:
            form.texts.add(name)
            form.sends.append((name, value))

    def _option(self, given: dict[str, str], form: Form) -> None:
        options = form.choices[self.choosing]
        value = given.get("value", "")
        if "selected" in given or not options:
            form.sends = [(name, v) for name, v in form.sends if name != self.choosing]
            form.sends.append((self.choosing, value))
        options.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None
        elif tag == "select":
            self.choosing = ""
        elif tag == "textarea":
            self.area = ""
        if tag in self.open:
            while self.open.pop() != tag:
                pass
            if len(self.open) < self.alerts_at:
                self.alerts_at = 0

    def handle_data(self, data: str) -> None:
        if self.area and self.form is not None:
            self.form.sends.append((self.area, data.lstrip("\n")))
        elif "main" in self.open and not UNSEEN & set(self.open):
            (self.alert if self.alerts_at else self.said).append(data)


def read(url: str, status: int, text: str) -> Page:
    """A page by its HTML."""
    reader = _Reader()
    reader.feed(text)
    said, alert = " ".join(reader.said), " ".join(reader.alert)
    return Page(url, status, text, said, alert, reader.links, reader.forms)


class Browser:
    """One visitor: keeps cookies, follows redirects, sends what forms send."""

    def __init__(self, url: str, agent: str = COMPUTER) -> None:
        self.url = url
        self.http = httpx.Client(
            base_url=url, timeout=SECONDS, follow_redirects=True, trust_env=False, headers={"User-Agent": agent}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()

    def get(self, address: str) -> Page:
        return self._page(self.http.get(address))

    def submit(self, page: Page, form: Form, typed: Mapping[str, str]) -> Page:
        """Press the button of this form, with this typed in."""
        target, data = urljoin(page.url, form.action), form.filled(typed)
        if form.method != "post":
            return self._page(self.http.get(target, params=data))
        return self._page(self.http.post(target, data=data, headers={"Referer": page.url}))

    def _page(self, answer: httpx.Response) -> Page:
        return read(str(answer.url), answer.status_code, answer.text)


class Machine:
    """A business system: signs what it sends."""

    def __init__(self, url: str, app_id: str, secret: str, clock: Callable[[], datetime]) -> None:
        self.app_id, self.secret, self.clock = app_id, secret, clock
        self.http = httpx.Client(base_url=url, timeout=SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()

    def send(self, method: str, target: str, body: bytes = b"") -> httpx.Response:
        headers = sign(self.app_id, self.secret, method, target, body, self.clock())
        return self.http.request(method, target, content=body, headers=headers)

    def told(self, answer: httpx.Response) -> str:
        """Status and refusal of an answer that is not what was wanted."""
        try:
            error: Any = answer.json()["error"]
        except (ValueError, KeyError, TypeError):
            return f"状态 {answer.status_code}：{excerpt(answer.text)}"
        return f"状态 {answer.status_code} {error.get('code', '')}：{excerpt(str(error.get('message', '')))}"
