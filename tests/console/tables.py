"""The whole database at a moment: what a request changed, wherever that was, and what may be read in it."""

from __future__ import annotations

from django.db import connection


def database() -> dict[str, str]:
    """A fingerprint of every table but those in which each login leaves its own trace."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        names = [name for (name,) in cursor.fetchall() if name not in {"django_session", "accounts_session"}]
        parts = [
            f"SELECT '{n}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM \"{n}\" t" for n in names
        ]
        cursor.execute(" UNION ALL ".join(parts))
        return dict(cursor.fetchall())


def changed(before: dict[str, str]) -> list[str]:
    after = database()
    return [name for name, digest in before.items() if after[name] != digest]
