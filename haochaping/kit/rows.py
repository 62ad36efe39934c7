"""Set-wise writing: many rows of one table in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from django.db import connection
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def insert_new(table: str, rows: Sequence[Mapping[str, Any]], key: str = "id") -> set[Any]:
    """Insert the rows that are not there yet; the keys of those that were inserted.

    All rows have the same columns. They travel as one JSON parameter and PostgreSQL gives them the table's own types,
    so that a group of any size is one statement. Sort them by key: two groups that meet must not wait for each other.
    """
    if not rows:
        return set()
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in rows[0])
    statement = sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s::json)"
        " ON CONFLICT DO NOTHING RETURNING {key}"
    ).format(table=sql.Identifier(table), columns=columns, key=sql.Identifier(key))
    body = msgspec.json.encode([{name: _plain(value) for name, value in row.items()} for row in rows]).decode()
    with connection.cursor() as cursor:
        cursor.execute(statement, [body])
        return {row[0] for row in cursor.fetchall()}


def _plain(value: Any) -> Any:
    return "\\x" + value.hex() if isinstance(value, bytes) else value
