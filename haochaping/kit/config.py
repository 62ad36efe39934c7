"""Environment variables `HCP_*`, with `HCP_X_FILE` for what must not stand in the environment."""

from __future__ import annotations

import os
import stat
from datetime import time
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]


class Misconfigured(Exception):  # noqa: N818
    """A setting is missing or nonsense; the message names it and says what to write."""


def text(name: str, default: str = "") -> str:
    """`HCP_<name>`, or the content of the file that `HCP_<name>_FILE` names, or `default`."""
    if (path := os.environ.get(f"HCP_{name}_FILE")) is not None:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Misconfigured(f"HCP_{name}_FILE={path} cannot be read: {error.strerror}") from error
    return os.environ.get(f"HCP_{name}", default)


def integer(name: str, default: int) -> int:
    value = text(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise Misconfigured(f"HCP_{name}={value!r} is not a whole number") from None


def hours(name: str, default: str) -> tuple[time, time]:
    """Two times of day as `08:30-20:30`, the earlier one first."""
    value = text(name, default)
    try:
        start, end = (time.fromisoformat(part) for part in value.split("-"))
    except ValueError:
        start = end = time()
    if not start < end:
        raise Misconfigured(f"HCP_{name}={value!r} is not two times of day like 08:30-20:30")
    return start, end


def data_dir() -> Path:
    """The installation: its database, keys and lake. `HCP_DATA`, by default the checkout's `var/`."""
    return Path(os.environ.get("HCP_DATA") or ROOT / "var").resolve()


def stored(path: Path) -> dict[str, str]:
    """What `store` kept there, {} if nothing; `Misconfigured` if others can read it or it is damaged."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Misconfigured(f"{path} can be read by others: chmod 600 it")
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        raise Misconfigured(f"{path}: {error}") from error


def store(path: Path, values: dict[str, str]) -> None:
    """Keep what must not stand in the environment in a file of the installation's own (0600), whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(values))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)


def is_production() -> bool:
    return text("ENV", "development") == "production"
