"""Where secret keys come from. One place, so that a certified key store can take over later."""

from __future__ import annotations

import os
import secrets
import stat
from functools import cache
from typing import TYPE_CHECKING

from haochaping.kit import config

if TYPE_CHECKING:
    from pathlib import Path


@cache
def key(name: str, size: int = 32) -> bytes:
    """The secret `name`, `size` bytes: `HCP_KEY_<NAME>` as hex, or a 0600 file of the installation, made on first use.

    Raises `Misconfigured` if the file can be read by others or holds another size. Loses nothing: a key that was
    once written is never replaced.
    """
    variable = f"KEY_{name.upper().replace('-', '_')}"
    if given := config.text(variable):
        try:
            value = bytes.fromhex(given)
        except ValueError:
            raise config.Misconfigured(f"HCP_{variable} is not hexadecimal") from None
    else:
        value = _from_file(config.data_dir() / "secrets" / f"{name}.key", size)
    if len(value) != size:
        raise config.Misconfigured(f"the key {name} has {len(value)} bytes, it needs {size}")
    return value


def _from_file(path: Path, size: int) -> bytes:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(size))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails if another process was first: its key is the one
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        _settle(path.parent)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise config.Misconfigured(f"{path} can be read by others: chmod 600 it")
    try:
        return bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        raise config.Misconfigured(f"{path} is not hexadecimal: restore it from the backup") from None


def _settle(directory: Path) -> None:
    """After a power cut the directory still names its files: nothing may be sealed under a key that is then gone."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
