"""A target as configured: its codes and words (TOML), and the secrets with which to reach it. Pure but for reading files."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import msgspec

from haochaping.kit import config

NATIONAL = "national"
_Some = Annotated[int, msgspec.Meta(ge=1)]


class Sending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    batch: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    parallel: Annotated[int, msgspec.Meta(ge=1, le=16)]
    connect_seconds: _Some
    total_seconds: Annotated[int, msgspec.Meta(ge=1, le=15)]  # security.md R8
    lease_seconds: _Some
    first_wait_seconds: _Some
    longest_wait_seconds: _Some
    give_up_hours: _Some
    circuit_after: _Some
    circuit_seconds: _Some
    circuit_longest_seconds: _Some

    def __post_init__(self) -> None:
        if self.lease_seconds <= self.total_seconds:
            raise ValueError("lease_seconds must exceed total_seconds, or a living sender loses its claim")


class ByPhase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    service: str
    evaluation: str
    rectification: str


class Endpoints(ByPhase, frozen=True, forbid_unknown_fields=True):
    list: str


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    accepted: tuple[str, ...]
    no_service: tuple[str, ...]
    no_evaluation: tuple[str, ...]
    temporary: tuple[str, ...]


class Codes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    temporary: tuple[str, ...]


class Rectification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fields: dict[str, str]
    callback: dict[str, str]
    result: dict[str, str]


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One far side. `pf`, `task_type` and `service_name` map our codes, as text, to theirs."""

    name: str
    title: str
    modes: tuple[str, ...]
    self_made: str
    project_no_prefix: str
    data_source_prefix: str
    best_is_five: bool
    identity_field: str
    mask_words: bool
    no_reason_text: str
    local_reason_text: str
    sending: Sending
    endpoints: Endpoints
    wrappers: ByPhase
    words: Words
    codes: Codes
    pf: dict[str, str]
    task_type: dict[str, str]
    service_name: dict[str, str]
    rectification: Rectification


@dataclass(frozen=True)
class Access:
    """Where the far side listens, and the secrets it gave us."""

    url: str
    app_mark: str
    app_word: str = field(repr=False)
    public_key: bytes = field(repr=False)  # 04‖x‖y


def national() -> Target:
    """The national platform as shipped, or as the file in `HCP_NATIONAL_TARGET` has it; `Misconfigured` names what is wrong."""
    given = config.text("NATIONAL_TARGET")
    path = Path(given) if given else Path(__file__).parent / "targets" / "national.toml"
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise config.Misconfigured(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise config.Misconfigured(f"{path}: {error}") from error


@lru_cache(maxsize=8)
def _read(path: Path, written: int) -> Target:  # noqa: ARG001  a changed file is another entry
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Target)


def access() -> Access | None:
    """How to reach the national platform: `HCP_NATIONAL_*`, else the installation's file; None if nobody has said yet."""
    names = ("URL", "APP_MARK", "APP_WORD", "PUBLIC_KEY")
    given = {name: config.text(f"NATIONAL_{name}") for name in names}
    if not any(given.values()):
        given = config.stored(_file())
        if not given:
            return None
    if missing := [f"HCP_NATIONAL_{name}" for name in names if not given.get(name)]:
        raise config.Misconfigured(f"{', '.join(missing)} missing: the national platform needs all four")
    try:
        key = bytes.fromhex(given["PUBLIC_KEY"])
    except ValueError:
        key = b""
    if len(key) != 65 or key[0] != 4:
        raise config.Misconfigured("HCP_NATIONAL_PUBLIC_KEY must be 04‖x‖y, 130 hexadecimal digits")
    if not given["URL"].startswith(("https://", "http://")):
        raise config.Misconfigured("HCP_NATIONAL_URL must begin with https:// or http://")
    return Access(given["URL"].rstrip("/"), given["APP_MARK"], given["APP_WORD"], key)


def _file() -> Path:
    return config.data_dir() / "exchange" / "national.json"


def store_access(url: str, app_mark: str, app_word: str, public_key: bytes) -> None:
    """Keep the way to the far side in the installation's own file (0600); `HCP_NATIONAL_*` still win."""
    config.store(_file(), {"URL": url, "APP_MARK": app_mark, "APP_WORD": app_word, "PUBLIC_KEY": public_key.hex()})


def kind_of(target: Target, kind: str, task_code: str) -> str:
    """The far side's taskType. Where the directory knows no kind, the code says it: two digits after USCC, level and area."""
    own = kind or task_code[21:23]
    return target.task_type.get(own.zfill(2), "99")
