"""How fast ratings come in, each figure beside a baseline of the same run. Client, web and database share the machine.

`python bench/collection.py` prints: `singles`, signed ratings one a request beside an empty ASGI application and beside an
ordinary Django view with one ORM transaction a request (`parts/ordinary.py`), with the web process's memory; `batches` beside a
bare COPY into tables with the same indexes. By name: `large` fills the table to ten million ratings and compares; `open` offers
1,000/s for ten minutes; `flood` offers three times the capacity for a minute and looks for every acknowledged rating in the
table. HCP_BENCH_SECONDS (10), HCP_BENCH_MINUTES (10) and HCP_BENCH_FLOOD (60) say how long.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from itertools import count, cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench" / "parts")]
PLACE = Path(tempfile.mkdtemp(prefix="hcp-bench-"))
PLACE.chmod(0o711)
os.environ |= {"DJANGO_SETTINGS_MODULE": "haochaping.project.settings", "HCP_DATA": str(PLACE / "province")}
(PLACE / "province").mkdir(mode=0o755)

from haochaping.kit.postgres import Embedded

DATABASE = Embedded(PLACE / "province" / "postgres")
DATABASE.start(60)  # its passwords are there before any settings are read

import django

django.setup()

import psycopg
from load import Fired, closed_loop, open_loop, request

from haochaping.accounts.signing import sign
from haochaping.flow.services import admit_services
from haochaping.kit import clock
from tests.cast import settle, wire_service
from tests.story.running import free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = float(os.environ.get("HCP_BENCH_SECONDS", "10"))
CONNECTIONS = 64
BATCH = 5_000
PATH = "/api/v1/evaluations"


class Province:
    """The embedded database with services waiting to be rated; programs that serve it come and go."""

    def __init__(self) -> None:
        self.database = DATABASE
        subprocess.run(
            [sys.executable, "-m", "haochaping.project.cli", "migrate"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )
        self.cast = settle(now=clock.now())
        self.at = clock.now() - timedelta(minutes=10)
        self.served = 0
        self.numbers = count()

    def serve(self, services: int) -> None:
        """More services that nobody has rated; their first numbers by the real way, the rest copied from one of them."""
        if not self.served:
            wire = wire_service(
                "BENCH",
                serviceTime=clock.to_wire(self.at),
                acceptDate=clock.to_wire(self.at),
                resultDate=clock.to_wire(self.at),
            )
            admit_services([wire], source=self.cast.app_id, now=clock.now())
        ids = [(event_id(n), number(n)) for n in range(self.served, self.served + services)]
        with psycopg.connect(self.database.owner_url) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE named (id uuid, project_no text)")
            with cursor.copy("COPY named FROM STDIN") as copy:
                for row in ids:
                    copy.write_row(row)
            cursor.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'evaluation_serviceevent'::regclass AND attnum > 0 AND NOT attisdropped"
            )
            names = [name for (name,) in cursor.fetchall() if name not in {"id", "project_no"}]
            cursor.execute(
                f"INSERT INTO evaluation_serviceevent (id, project_no, {', '.join(names)})"
                f" SELECT n.id, n.project_no, {', '.join('e.' + name for name in names)} FROM named n, evaluation_serviceevent e"
                " WHERE e.project_no = 'BENCH'"
            )
        with psycopg.connect(self.database.owner_url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE evaluation_serviceevent")
        self.served += services

    def rating(self, n: int) -> dict[str, Any]:
        """Nine in ten anonymous, one in a hundred bad."""
        given: dict[str, Any] = {
            "projectNo": number(n),
            "serviceNumber": 1,
            "satisfaction": 5,
            "pf": 4,
            "evalDetail": "510,517",
            "assessTime": clock.to_wire(self.at),
        }
        if n % 10 == 0:
            given |= {"name": "赵试样", "mobile": f"138{n % 10**8:08}", "consent": ["contact_department"]}
        if n % 100 == 1:
            given |= {"satisfaction": 1, "evalDetail": "115", "writingEvaluation": "排队两小时，窗口没有人"}
        return given

    def requests(self, signed: bool = True) -> Iterator[bytes]:
        for n in self.numbers:
            body = json.dumps(self.rating(n), ensure_ascii=False).encode()
            headers = sign(self.cast.app_id, self.cast.secret, "POST", PATH, body, clock.now()) if signed else {}
            yield request(PATH, body, headers)

    @contextmanager
    def running(self, *command: str) -> Iterator[Web]:
        web = Web(command)
        try:
            yield web
        finally:
            web.stop()

    def rows(self) -> int:
        with psycopg.connect(self.database.owner_url) as connection:
            return connection.execute("SELECT count(*) FROM evaluation_evaluation").fetchone()[0]  # type: ignore[index]


class Web:
    """One serving process (with granian's workers below it) on a port of its own."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self.port = free_port()
        env = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'bench' / 'parts'}"}
        self.process = subprocess.Popen([*command, "--port", str(self.port)], env=env, cwd=ROOT, start_new_session=True)
        until(self._answers, 60, "an open port")

    def _answers(self) -> bool:
        import socket

        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True

    def memory(self) -> float:
        """MB resident of the process and its children, together."""
        pids, total = [self.process.pid], 0
        while pids:
            pid = pids.pop()
            pids += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            total += next(
                int(line.split()[1])
                for line in Path(f"/proc/{pid}/status").read_text().splitlines()
                if line.startswith("VmRSS")
            )
        return total / 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


PYTHON = sys.executable
DOOR = (PYTHON, "-m", "haochaping.project.cli", "web")
GRANIAN = (
    PYTHON,
    "-m",
    "granian",
    "--no-ws",
    "--runtime-mode",
    "st",
    "--backlog",
    "4096",
    "--workers",
    "1",
    "--log-level",
    "warning",
)
ECHO = (*GRANIAN, "--interface", "asgi", "ordinary:echo")
ORDINARY = (*GRANIAN, "--interface", "wsgi", "--blocking-threads", "4", "ordinary:application")


def number(n: int) -> str:
    return f"BENCH{n:09}"


def event_id(n: int) -> Any:
    from haochaping.kit import ids

    return ids.event_id(number(n), 1)


def prepared(requests: Iterator[bytes], most: int) -> Iterator[bytes]:
    """Made before the clock runs."""
    return iter([next(requests) for _ in range(most)])


def singles(province: Province, command: tuple[str, ...], most: int) -> tuple[Fired, float]:
    with province.running(*command) as web:
        closed_loop(web.port, prepared(province.requests(), 300), 8, SECONDS)  # caches and connections are warm
        fired = closed_loop(web.port, prepared(province.requests(), most), CONNECTIONS, SECONDS)
        memory = web.memory()
    assert set(fired.counts) == {201}, fired.counts
    return fired, memory


def empty(province: Province, *more: str) -> Fired:
    """It keeps nothing, so the same requests may come again."""
    with province.running(*ECHO, *more) as web:
        return closed_loop(web.port, cycle(list(prepared(province.requests(), 2_000))), CONNECTIONS, SECONDS)


def told(name: str, fired: Fired, more: str = "") -> None:
    print(
        f"{name:<34}{fired.rate:>9,.0f}/s   p50 {fired.quantile(0.5) * 1000:>5.1f} ms   p95 {fired.quantile(0.95) * 1000:>5.1f} ms   {more}",
        flush=True,
    )


TABLES = (
    "evaluation_evaluation",
    "evaluation_receipt",
    "evaluation_evaluator",
    "evaluation_words",
    "rectification_order",
    "rectification_move",
    "outbox_note",
)


def batches(province: Province, ratings: int) -> float:
    """Ratings a second in batches of 5,000, two clients."""
    bodies = [
        json.dumps([province.rating(next(province.numbers)) for _ in range(BATCH)], ensure_ascii=False).encode()
        for _ in range(ratings // BATCH)
    ]
    path = f"{PATH}/batch"
    with province.running(*DOOR) as web:
        closed_loop(web.port, prepared(province.requests(), 300), 8, SECONDS)
        signed = iter(
            [
                request(path, body, sign(province.cast.app_id, province.cast.secret, "POST", path, body, clock.now()))
                for body in bodies
            ]
        )
        fired = closed_loop(web.port, signed, 2, 600)
    assert set(fired.counts) == {200}, fired.counts
    return len(bodies) * BATCH / fired.seconds


def copied(province: Province, ratings: int) -> float:
    """Ratings a second by bare COPY of the same rows into tables with the same indexes, one transaction a batch."""
    took = 0.0
    with psycopg.connect(province.database.owner_url, autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "CREATE TABLE bench_newest AS SELECT id, row_number() OVER (ORDER BY received_at DESC, id) AS n FROM evaluation_evaluation"
        )
        parts: list[list[tuple[str, bytes]]] = []
        for table in TABLES:
            cursor.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
        for first in range(0, ratings, BATCH):
            parts.append([])
            for table in TABLES:
                key = next(k for k in ("event_id", "order_id", "key", "id") if _has(cursor, table, k, "uuid"))
                wanted = f"SELECT id FROM bench_newest WHERE n > {first} AND n <= {first + BATCH}"
                with cursor.copy(f"COPY (SELECT * FROM {table} WHERE {key} IN ({wanted})) TO STDOUT") as out:
                    parts[-1].append((table, b"".join(bytes(part) for part in out)))
        for part in parts:
            begin = time.perf_counter()
            with connection.transaction():
                for table, data in part:
                    with cursor.copy(f"COPY bench_{table} FROM STDIN") as into:
                        into.write(data)
            took += time.perf_counter() - begin
    return ratings / took


def _has(cursor: Any, table: str, column: str, kind: str) -> bool:
    cursor.execute(
        "SELECT 1 FROM information_schema.columns WHERE table_name = %s AND column_name = %s AND udt_name = %s",
        [table, column, kind],
    )
    return cursor.fetchone() is not None


def fill(province: Province, ratings: int) -> None:
    """Grow the table by copies of one rating under new ids, with their receipts: no way in, only weight."""
    with psycopg.connect(province.database.owner_url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'evaluation_evaluation'::regclass AND attnum > 0 AND NOT attisdropped"
        )
        names = [name for (name,) in cursor.fetchall() if name not in {"id", "rated_day", "xid"}]
        for first in range(0, ratings, 500_000):
            cursor.execute(
                f"INSERT INTO evaluation_evaluation (id, rated_day, {', '.join(names)})"
                f" SELECT gen_random_uuid(), e.rated_day - (n % 400)::int, {', '.join('e.' + name for name in names)}"
                f" FROM (SELECT * FROM evaluation_evaluation LIMIT 1) e, generate_series(1, {min(500_000, ratings - first)}) n"
            )
            cursor.execute(
                "INSERT INTO evaluation_receipt (digest, event_id) SELECT sha256(uuid_send(gen_random_uuid())), gen_random_uuid()"
                f" FROM generate_series(1, {min(500_000, ratings - first)})"
            )
            print(f"  {first + 500_000:,} …", flush=True)
        cursor.execute("VACUUM ANALYZE evaluation_evaluation")
        cursor.execute("VACUUM ANALYZE evaluation_receipt")


def main() -> None:
    asked = sys.argv[1:] or ["singles", "batches"]
    province = Province()
    try:
        for name in asked:
            MEASURES[name](province)
    finally:
        province.database.stop()
        shutil.rmtree(PLACE, ignore_errors=True)


def measure_singles(province: Province) -> None:
    province.serve(int(SECONDS * 15_000))
    echo = empty(province)
    told("an empty ASGI application", echo)
    ordinary, _ = singles(province, ORDINARY, int(SECONDS * 1_500))
    told("an ordinary view, one transaction", ordinary)
    door, memory = singles(province, DOOR, int(SECONDS * 8_000))
    told(
        "the door",
        door,
        f"{door.rate / echo.rate:.1%} of empty, {door.rate / ordinary.rate:.1f} x ordinary, {memory:.0f} MB",
    )


def measure_batches(province: Province) -> None:
    ratings = int(SECONDS * 10_000) // BATCH * BATCH
    province.serve(ratings + 2_000)
    ours, bare = batches(province, ratings), copied(province, ratings)
    print(f"batches of {BATCH:,}: {ours:,.0f}/s; bare COPY: {bare:,.0f}/s; {ours / bare:.1%}")


def measure_large(province: Province) -> None:
    most = int(SECONDS * 8_000)
    province.serve(2 * most + 1_000)
    fill(province, 100_000 - province.rows())
    small, _ = singles(province, DOOR, most)
    told("at 100,000 ratings", small)
    fill(province, 10_000_000 - province.rows())
    large, memory = singles(province, DOOR, most)
    told("at 10,000,000 ratings", large, f"{large.rate / small.rate:.1%} of the small table's, {memory:.0f} MB")


def measure_open(province: Province) -> None:
    minutes, rate = float(os.environ.get("HCP_BENCH_MINUTES", "10")), 1_000
    province.serve(int(rate * minutes * 60) + 15_000)
    with province.running(*DOOR) as web:
        closed_loop(web.port, prepared(province.requests(), 2_000), 32, 60)
        open_loop(web.port, province.requests(), rate, 10)  # warm
        before = web.memory()
        fired = open_loop(web.port, province.requests(), rate, minutes * 60)
        after = web.memory()
    assert set(fired.counts) == {201}, fired.counts
    told(
        f"1,000/s offered for {minutes:g} min",
        fired,
        f"p99 {fired.quantile(0.99) * 1000:.0f} ms, memory {before:.0f} -> {after:.0f} MB ({after / before - 1:+.1%})",
    )


def measure_flood(province: Province) -> None:
    seconds = float(os.environ.get("HCP_BENCH_FLOOD", "60"))
    province.serve(int(SECONDS * 8_000) + int(seconds * 25_000))
    door, _ = singles(province, DOOR, int(SECONDS * 8_000))
    told("capacity", door)
    first = next(province.numbers) + 1
    before = province.rows()
    with province.running(*DOOR) as web:
        fired = open_loop(web.port, province.requests(), 3 * door.rate, seconds)
        memory = web.memory()
    counts = fired.counts
    kept = counts[201]
    told(
        "three times as much offered",
        fired,
        f"{dict(counts)}, {fired.without_retry_after} without Retry-After, {memory:.0f} MB",
    )
    acknowledged = [event_id(first + n) for n, status in fired.statuses.items() if status == 201]
    with psycopg.connect(province.database.owner_url) as connection:
        there = connection.execute(
            "SELECT count(*) FROM evaluation_evaluation WHERE id = ANY(%s)", [acknowledged]
        ).fetchone()[0]  # type: ignore[index]
    print(f"acknowledged {kept:,}, of them in the table {there:,}; rows more than before {province.rows() - before:,}")
    assert there == kept


MEASURES = {
    "singles": measure_singles,
    "batches": measure_batches,
    "large": measure_large,
    "open": measure_open,
    "flood": measure_flood,
}

if __name__ == "__main__":
    main()
