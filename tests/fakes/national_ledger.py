"""The fake national platform's books: what it took in, once, and what it refused. Names and numbers of people are not kept."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from tests.fakes.national_fields import PERSONAL, Refusal, moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

KINDS = ("projectService", "evaluate", "rectify")
SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    kind TEXT, project_no TEXT, number INTEGER, part INTEGER, digest TEXT, body TEXT, received_at TEXT,
    times INTEGER DEFAULT 1, PRIMARY KEY (kind, project_no, number, part)
);
CREATE INDEX IF NOT EXISTS entry_by_time ON entry (kind, received_at);
CREATE TABLE IF NOT EXISTS refusal (at TEXT, kind TEXT, id TEXT, code TEXT, message TEXT);
"""


class Ledger:
    """An SQLite file; for several threads."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        """One envelope's records are written together."""
        self._lock.acquire()
        self._db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
        self._lock.release()

    def accept(self, kind: str, record: Mapping[str, str], now: datetime) -> None:
        """Take one inspected record in; `Refusal` with the documented words for a duplicate or one whose former is missing.

        Within the `with` of an envelope. A changed service record replaces the one before; a rating never changes.
        """
        key = record["projectNo"], int(record.get("serviceNumber") or record["assessNumber"])
        part = int(record.get("rectifyNumber", "0"))
        digest = hashlib.sha256(json.dumps(dict(record), sort_keys=True).encode()).hexdigest()
        known = self._one(
            "SELECT digest FROM entry WHERE kind = ? AND project_no = ? AND number = ? AND part = ?", kind, *key, part
        )
        if known:
            self._db.execute(
                "UPDATE entry SET times = times + 1 WHERE kind = ? AND project_no = ? AND number = ? AND part = ?",
                [kind, *key, part],
            )
        if kind == "projectService":
            if known and known[0] == digest:
                raise Refusal("2001", "服务数据不可重复")
        elif kind == "evaluate":
            service = self._body("projectService", key)
            if service is None:
                raise Refusal("2002", "没有对应的服务数据")
            if known:
                again = known[0] == digest
                raise Refusal("2003", "评价数据不可重复" if again else "本次服务已存在评价，请勿重复评价")
            if moment(record["assessTime"]) < moment(service["serviceTime"]):
                raise Refusal("1205", "assessTime 早于 serviceTime")
        else:
            rating = self._body("evaluate", key)
            if rating is None:
                raise Refusal("2004", "没有对应的评价数据")
            if rating["satisfaction"] not in "12":
                raise Refusal("1302", "不是差评，不接收整改数据")
            if known:
                raise Refusal("2005", "整改数据不可重复")
        body = json.dumps({k: v for k, v in record.items() if k not in PERSONAL}, ensure_ascii=False)
        self._db.execute(
            "INSERT INTO entry (kind, project_no, number, part, digest, body, received_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET digest = excluded.digest, body = excluded.body",
            [kind, *key, part, digest, body, now.isoformat()],
        )

    def refuse(self, kind: str, key: str, refusal: Refusal, now: datetime) -> None:
        self._db.execute(
            "INSERT INTO refusal VALUES (?, ?, ?, ?, ?)", [now.isoformat(), kind, key, refusal.code, refusal.message]
        )

    def forget(self, kind: str, project_no: str, number: int) -> None:
        """Lose a record, as far sides do."""
        with self:
            self._db.execute(
                "DELETE FROM entry WHERE kind = ? AND project_no = ? AND number = ?", [kind, project_no, number]
            )

    def page(
        self, kind: str, since: datetime, until: datetime, number: int, size: int
    ) -> tuple[int, list[tuple[str, int]]]:
        """How many cases of a kind were received in that time, and one page of their keys."""
        which = "FROM entry WHERE kind = ? AND received_at >= ? AND received_at < ?"
        span = [kind, since.isoformat(), until.isoformat()]
        with self._lock:
            total = self._db.execute(
                f"SELECT count(*) FROM (SELECT DISTINCT project_no, number {which})", span
            ).fetchone()[0]
            rows = self._db.execute(
                f"SELECT DISTINCT project_no, number {which} ORDER BY project_no, number LIMIT ? OFFSET ?",
                [*span, size, (number - 1) * size],
            ).fetchall()
        return total, rows

    def summary(self) -> dict[str, Any]:
        """Counts and ids of a kind, `projectNo#number`, how often something came again, and the last refusals."""
        with self._lock:
            found: dict[str, Any] = {}
            for kind in KINDS:
                rows = self._db.execute(
                    "SELECT DISTINCT project_no, number FROM entry WHERE kind = ? ORDER BY project_no, number", [kind]
                ).fetchall()
                found[kind] = {"count": len(rows), "ids": [f"{project_no}#{number}" for project_no, number in rows]}
            found["repeated"] = self._db.execute("SELECT coalesce(sum(times - 1), 0) FROM entry").fetchone()[0]
            refusals = self._db.execute("SELECT at, kind, id, code, message FROM refusal ORDER BY rowid DESC LIMIT 100")
            found["refused"] = [
                dict(zip(("at", "kind", "id", "code", "message"), row, strict=True)) for row in refusals
            ]
        return found

    def records(self, kind: str, project_no: str, number: int) -> list[dict[str, str]]:
        """What is held of one case, without its people."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM entry WHERE kind = ? AND project_no = ? AND number = ? ORDER BY part",
                [kind, project_no, number],
            )
            return [json.loads(body) for (body,) in rows]

    def _one(self, statement: str, *parameters: Any) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._db.execute(statement, parameters).fetchone()
        return row

    def _body(self, kind: str, key: tuple[str, int]) -> dict[str, str] | None:
        row = self._one("SELECT body FROM entry WHERE kind = ? AND project_no = ? AND number = ? LIMIT 1", kind, *key)
        return json.loads(row[0]) if row else None
