"""The files that browsers load: ours and an allow-list of others', hashed and compressed once, ahead of serving.

`python -m haochaping.project.assets` copies the list to build/vendor and publishes everything to build/static. It needs
no database and no installation, and does nothing where nothing changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from haochaping.kit.config import ROOT, Misconfigured

OWN = ROOT / "haochaping" / "project" / "static"
VENDOR = ROOT / "build" / "vendor"
PUBLISHED = ROOT / "build" / "static"
STAMP = ROOT / "build" / "static.stamp"

# published path: (package it comes from, path within). "npm:" lies in node_modules, the others are Python wheels.
ALLOWED = {
    "vendor/bootstrap.min.css": ("npm:bootstrap", "dist/css/bootstrap.min.css"),
    "vendor/bootstrap.LICENSE.txt": ("npm:bootstrap", "LICENSE"),
    "vendor/echarts.min.js": ("npm:echarts", "dist/echarts.min.js"),
    "vendor/echarts.LICENSE.txt": ("npm:echarts", "LICENSE"),
    "vendor/echarts.NOTICE.txt": ("npm:echarts", "NOTICE"),
    "vendor/htmx.min.js": ("django_htmx", "static/django_htmx/htmx-4.min.js"),
    "ninja/swagger-ui.css": ("ninja", "static/ninja/swagger-ui.css"),
    "ninja/swagger-ui-bundle.js": ("ninja", "static/ninja/swagger-ui-bundle.js"),
    "ninja/swagger-ui-init.js": ("ninja", "static/ninja/swagger-ui-init.js"),
    "ninja/favicon.png": ("ninja", "static/ninja/favicon.png"),
    "ninja/favicon.svg": ("ninja", "static/ninja/favicon.svg"),
}
_SOURCE_MAP = re.compile(rb"^\s*(?://[#@]|/\*[#@])\s*sourceMappingURL=.*$", re.MULTILINE)


def build() -> bool:
    """Publish what changed; False if there was nothing to do. `Misconfigured` names a file that is not installed.

    Old hashed files stay, so that a server that is running keeps what its pages name; two builds wait for each other.
    """
    STAMP.parent.mkdir(parents=True, exist_ok=True)
    with STAMP.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = _sources()
        stamp = _stamp(sources)
        if (
            STAMP.is_file()
            and STAMP.read_text(encoding="ascii") == stamp
            and (PUBLISHED / "staticfiles.json").is_file()
        ):
            return False
        shutil.rmtree(VENDOR, ignore_errors=True)
        for published, source in sources.items():
            target = VENDOR / published
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_SOURCE_MAP.sub(b"", source.read_bytes()))
        _collect()
        STAMP.write_text(stamp, encoding="ascii")
        return True


def _sources() -> dict[str, Path]:
    found = {published: _package(package) / inside for published, (package, inside) in ALLOWED.items()}
    for source in found.values():
        if not source.is_file():
            raise Misconfigured(f"{source} is not installed: run `make demo`, which fetches it")
    return found


def _package(name: str) -> Path:
    if name.startswith("npm:"):
        return ROOT / "node_modules" / name[4:]
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise Misconfigured(f"the Python package {name} is not installed: run `make demo`, which fetches it")
    return Path(spec.origin).parent


def _stamp(sources: dict[str, Path]) -> str:
    digest = hashlib.sha256(f"{version('whitenoise')} {version('django')}".encode())
    own = {str(path.relative_to(OWN)): path for path in OWN.rglob("*") if path.is_file()}
    for name, path in sorted((own | sources).items()):
        digest.update(f"\0{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _collect() -> None:
    """`collectstatic` with settings of its own where none are loaded: an installation is not needed for this."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=["django.contrib.staticfiles"],
            STATIC_URL="/static/",
            STATIC_ROOT=PUBLISHED,
            STATICFILES_DIRS=[OWN, VENDOR],
            STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
            STORAGES={"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}},
            WHITENOISE_KEEP_ONLY_HASHED_FILES=True,
        )
        django.setup()
    call_command("collectstatic", interactive=False, verbosity=0)


def main() -> int:
    try:
        changed = build()
    except Misconfigured as error:
        print(f"assets: {error}", file=sys.stderr)
        return 1
    print("assets: published" if changed else "assets: nothing changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
