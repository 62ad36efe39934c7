"""Environment variables `HCP_*`, with `HCP_X_FILE` for what must not stand in the environment."""

from __future__ import annotations

import os
from datetime import time
from pathlib import Path

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


def is_production() -> bool:
    return text("ENV", "development") == "production"
