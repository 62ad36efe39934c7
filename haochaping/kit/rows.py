"""Set-wise writing and reading: many rows in one statement, prepared once a connection.

Statements go to PostgreSQL with their parameters apart (Django's own cursor writes them into the text), so that it plans
them once and a large parameter is not copied through a quoting.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import msgspec
import psycopg
from django.db import connection
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import Model


@dataclass(frozen=True)
class Attached:
    """Rows of another table that are written where their `link` names a row that was new."""

    table: str
    rows: Sequence[Mapping[str, Any]]
    link: str = "id"


def insert_new(
    table: str, rows: Sequence[Mapping[str, Any]], key: str = "id", attached: Sequence[Attached] = ()
) -> set[Any]:
    """Insert the rows that are not there yet, and what is attached to them; the keys of those that were inserted.

    All rows of a table have the same columns. They travel as one JSON parameter a table and PostgreSQL gives them the
    table's own types, so that a group of any size is one statement. Sort them by key: two groups that meet must not wait
    for each other.
    """
    return insert_encoded(table, list(rows[0]), [encoded(row) for row in rows], key, attached) if rows else set()


def insert_encoded(
    table: str, columns: Sequence[str], rows: Sequence[bytes], key: str = "id", attached: Sequence[Attached] = ()
) -> set[Any]:
    """`insert_new` for rows that are JSON objects already; bytes in them as `hexed`."""
    attached = [more for more in attached if more.rows]
    shape = tuple((more.table, more.link, tuple(more.rows[0])) for more in attached)
    bodies = [_array(rows), *(_array([encoded(row) for row in more.rows]) for more in attached)]
    return {row[0] for row in fetch(_statement(table, tuple(columns), key, shape), bodies)} if rows else set()


class _Prepared(psycopg.Cursor[Any]):
    """A cursor that leaves the parameters to PostgreSQL; Django's own writes them into the text."""

    def execute(self, query: Any, params: Any = None, **_: Any) -> Self:
        return super().execute(query, params, prepare=True, binary=True)


def fetch(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """What the statement returns, in the current transaction of the default database. Errors are Django's."""
    connection.ensure_connection()
    wrap: Any = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with connection.wrap_database_errors, wrap(_Prepared(connection.connection)) as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def encoded(row: Mapping[str, Any]) -> bytes:
    """One row as a JSON object that PostgreSQL reads into its columns."""
    return msgspec.json.encode(
        {name: hexed(value) if isinstance(value, bytes) else value for name, value in row.items()}
    )


def hexed(value: bytes) -> str:
    """Bytes as PostgreSQL reads them from text."""
    return "\\x" + value.hex()


def columns_of(row: Model) -> dict[str, Any]:
    """A model's row, unsaved, as columns."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def _array(rows: Sequence[bytes]) -> str:
    return "[" + b",".join(rows).decode() + "]"


@lru_cache(maxsize=200)
def _statement(
    table: str, columns: tuple[str, ...], key: str, attached: tuple[tuple[str, str, tuple[str, ...]], ...]
) -> str:
    parts = [
        sql.SQL(
            "WITH new AS (INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s::json)"
            " ON CONFLICT DO NOTHING RETURNING {key} AS key)"
        ).format(table=sql.Identifier(table), columns=_list(columns), key=sql.Identifier(key))
    ]
    parts += [
        sql.SQL(
            "more{n} AS (INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s::json)"
            " WHERE {link} IN (SELECT key FROM new) ON CONFLICT DO NOTHING)"
        ).format(n=sql.SQL(str(n)), table=sql.Identifier(other), columns=_list(theirs), link=sql.Identifier(link))
        for n, (other, link, theirs) in enumerate(attached)
    ]
    return sql.SQL("{parts} SELECT key FROM new").format(parts=sql.SQL(", ").join(parts)).as_string(None)


def _list(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
