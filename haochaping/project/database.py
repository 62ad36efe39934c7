"""From a URL to Django's settings; from models to the rights of the application role."""

from __future__ import annotations

from typing import Any

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict


def django_database(url: str, *, pool: int, seconds: int = 0) -> dict[str, Any]:
    """Django's entry for a `postgresql://` URL; with `pool` > 0 connections are kept and shared by threads.

    With `seconds` > 0 no statement runs longer, and none waits longer than a third of it for a lock.
    """
    parts = {k: str(v) for k, v in conninfo_to_dict(url).items()}
    options: dict[str, Any] = {
        name: value for name, value in parts.items() if name not in {"host", "port", "user", "password", "dbname"}
    }
    options.setdefault("connect_timeout", "5")
    options.setdefault("application_name", "haochaping")
    if seconds and "options" not in options:
        options["options"] = f"-c statement_timeout={seconds}s -c lock_timeout={max(1, seconds // 3)}s"
    if pool:
        options["pool"] = {"min_size": 1, "max_size": pool, "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.get("host", ""),
        "PORT": parts.get("port", ""),
        "USER": parts.get("user", ""),
        "PASSWORD": parts.get("password", ""),
        "NAME": parts.get("dbname", ""),
        "OPTIONS": options,
        "CONN_HEALTH_CHECKS": True,
    }


def grant(application_role: str) -> None:
    """Give the application role its rights: everything but changing what is append-only, and nothing that alters tables.

    Run by the owner after each migration. A model says `append_only = True` where rows may be added and read but
    never changed (design §3); a trigger refuses the change to everybody else as well, the owner included.
    """
    from django.apps import apps
    from django.db import connections, transaction

    owner = connections["owner"]
    with transaction.atomic(using="owner"), owner.cursor() as cursor:
        role = sql.Identifier(application_role)
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role))
        cursor.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(role))
        cursor.execute(
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(role)
        )
        cursor.execute(sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(role))
        cursor.execute(sql.SQL("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {}").format(role))
        cursor.execute(_REFUSE_CHANGE)
        for model in apps.get_models():
            if getattr(model, "append_only", False):
                table = sql.Identifier(model._meta.db_table)
                cursor.execute(sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}").format(table, role))
                cursor.execute(sql.SQL("DROP TRIGGER IF EXISTS append_only ON {}").format(table))
                cursor.execute(
                    sql.SQL(
                        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
                    ).format(table)
                )


_REFUSE_CHANGE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""
