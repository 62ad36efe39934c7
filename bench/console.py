"""How fast the console's list of orders comes among a million: `python bench/console.py`.

A province of 13 cities, 130 counties and 2,145 bureaus with HCP_BENCH_ORDERS orders (1,000,000) of three years, 2.5 % of them open,
each with its words, in a PostgreSQL of its own that is thrown away (HCP_BENCH_PLACE keeps it in that directory and takes it
up again). Lists of 50 with two filters are asked for, through all of Django, by a provincial supervisor and by one organ's
handler; beside each stand its queries, and a page of 50 orders by their primary keys, by psycopg alone, in the same run. Milliseconds of processor are
web's and database's together: they say what a request costs where other work disturbs the clock.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
KEPT = os.environ.get("HCP_BENCH_PLACE", "")
PLACE = Path(KEPT) if KEPT else Path(tempfile.mkdtemp(prefix="hcp-bench-"))
PLACE.mkdir(mode=0o711, exist_ok=True)
os.environ |= {"DJANGO_SETTINGS_MODULE": "haochaping.project.settings", "HCP_DATA": str(PLACE / "province")}
(PLACE / "province").mkdir(mode=0o755, exist_ok=True)

from haochaping.kit.postgres import Embedded

DATABASE = Embedded(PLACE / "province" / "postgres")
DATABASE.start(60)  # its passwords are there before any settings are read

import django

django.setup()

import psycopg
from django.conf import settings
from django.db import connection, reset_queries

from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import Role
from haochaping.console import columns, commands
from haochaping.directory.models import Organ, Region
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit import clock
from haochaping.kit.grams import grams
from haochaping.project import assets
from tests.cast import BAD, PROVINCE_OFFICE, forget, logged_in, settle, wire_rating, wire_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

ORDERS = int(os.environ.get("HCP_BENCH_ORDERS", "1000000"))
ROUNDS = int(os.environ.get("HCP_BENCH_ROUNDS", "40"))
DAYS = 1_095
TEXTS = 4_000
WANTED = "150 ms, 12 queries"
PLACES = (
    "窗口",
    "大厅",
    "自助机",
    "网上平台",
    "手机应用",
    "咨询台",
    "叫号机",
    "停车场",
    "医保窗口",
    "不动产窗口",
    "税务窗口",
    "社保窗口",
)
FAULTS = (
    "排队两小时没有人管", "工作人员态度冷淡", "材料要求前后不一致", "系统打不开", "让我来回跑三趟", "办理超过承诺时限", "电话没人接",
    "没有一次性告知", "下班前半小时不再受理", "收费说不清楚", "指引牌写错了楼层", "要求提供已取消的证明", "推诿不办", "接待时玩手机",
)  # fmt: skip
MEASURES = (
    "已增开两个窗口并安排导办员", "对当事人员批评教育", "重新核对办事指南并公布", "修复系统故障并延长服务时间", "补办并上门送达证照",
    "开展全员服务礼仪培训", "取消不必要的证明材料", "公布投诉电话并安排专人值守",
)  # fmt: skip
BUSINESS = (
    "食品经营许可",
    "企业设立登记",
    "不动产转移登记",
    "医保报销",
    "居民身份证补领",
    "护照办理",
    "公积金提取",
    "社保卡申领",
    "排污许可",
    "施工许可",
)
BUREAUS = (
    "市场监督管理局", "公安局", "自然资源局", "医疗保障局", "人力资源和社会保障局", "税务局", "住房和城乡建设局", "民政局", "卫生健康委员会",
    "教育局", "交通运输局", "生态环境局", "农业农村局", "文化和旅游局", "应急管理局",
)  # fmt: skip
FILL = """
WITH drawn AS MATERIALIZED (
    SELECT i, md5('o' || i)::uuid AS id, (abs(hashint4(i)::bigint) % (SELECT count(*) FROM place))::int AS p,
        abs(hashint4(i + 7000000)::bigint) AS a, abs(hashint4(i + 90000000)::bigint) AS b,
        timestamptz '{end}' - (({orders} - i)::float8 / {orders} * {days}) * interval '1 day' AS at
    FROM generate_series(1, {orders}) i
), lived AS (
    SELECT *, CASE WHEN i > {orders} * 0.975
        THEN (ARRAY['arbitrating','dispatched','verifying','verifying','appealing','rectifying','rectifying','reviewing','callback'])[1 + a % 9]
        WHEN a % 70 = 0 THEN 'voided' ELSE 'closed' END AS s FROM drawn
)
INSERT INTO rectification_order ({columns})
SELECT {values} FROM lived l JOIN place USING (p), (SELECT * FROM rectification_order LIMIT 1) t ORDER BY l.i
"""
DRAWN = {
    "id": "l.id",
    "order_no": "'CP' || to_char(l.at AT TIME ZONE 'Asia/Shanghai', 'YYYYMMDD') || '-' || upper(substr(md5(l.i::text), 1, 8))",
    "state": "l.s",
    "level": "1 + l.b % 2",
    "organ_code": "place.code", "organ_name": "place.name", "organ_path": "place.path", "area": "rpad(place.area, 12, '0')",
    "area_path": "place.area", "rules_area": "place.area",
    "task_code": "'11320000014000123X3320' || lpad((l.b % 900)::text, 9, '0')",
    "item_name": "(SELECT names[1 + (l.b % array_length(names, 1))::int] FROM business)",
    "service_day": "(l.at AT TIME ZONE 'Asia/Shanghai')::date", "rated_day": "(l.at AT TIME ZONE 'Asia/Shanghai')::date",
    "dispatch_day": "(l.at AT TIME ZONE 'Asia/Shanghai')::date",
    "real_name": "l.a % 3 = 0", "sampled": "l.b % 20 = 0",
    "opened_at": "l.at", "dispatched_at": "l.at", "step_since": "l.at", "answer_due": "l.at + interval '7 days'",
    "step_due": "CASE WHEN l.s IN ('closed', 'voided') THEN NULL ELSE l.at + (3 + l.b % 20) * interval '1 day' END",
    "closed_at": "CASE WHEN l.s IN ('closed', 'voided') THEN l.at + (4 + l.b % 12) * interval '1 day' END",
    "archived_at": "CASE WHEN l.s IN ('closed', 'voided') AND l.at < now() - interval '45 days' THEN l.at + interval '45 days' END",
    "answered_at": "CASE WHEN l.s IN ('closed', 'reviewing', 'callback') THEN l.at + (1 + l.b % 8) * interval '1 day' END",
    "was_late": "l.a % 17 = 0", "is_true": "l.a % 4 <> 0", "is_reasonable": "l.a % 5 <> 0",
    "cause": "(ARRAY['attitude','efficiency','procedure','guide','material','system','policy','environment','other'])[1 + l.a % 9]",
    "severity": "(ARRAY['simple','general','general','complex'])[1 + l.b % 4]",
    "verdict": "CASE WHEN l.s = 'closed' THEN (ARRAY['satisfied','satisfied','accepted','confirmed','unsatisfied'])[1 + l.b % 5] ELSE '' END",
    "reply": "'您好，您反映的问题已核实，现已整改，感谢您的监督。' || l.i", "moves": "5",
    "appeals": "CASE WHEN l.a % 40 = 0 THEN 1 ELSE 0 END", "reopened": "CASE WHEN l.b % 90 = 0 THEN 1 ELSE 0 END",
}  # fmt: skip
SEARCH = """
INSERT INTO rectification_ordersearch (id, grams)
SELECT o.id, ARRAY['#stage=' || CASE WHEN o.archived_at IS NOT NULL THEN 'archived' WHEN o.closed_at IS NULL THEN 'open' ELSE o.state END, '#level=' || o.level,
    '#area=' || left(o.area_path, 4), '#area=' || o.area_path, '#organ={office}', '#organ=' || o.organ_code, '#cause=' || o.cause, '#severity=' || o.severity,
    '#verdict=' || o.verdict, '#real=' || initcap(o.real_name::text)]
    || ARRAY(SELECT DISTINCT g FROM unnest(w.grams || m.grams || p.grams) g)
FROM rectification_order o, place p, words w, measures m
WHERE p.path = o.organ_path AND w.n = abs(hashtext(o.id::text)::bigint) % {texts} AND m.n = abs(hashtext(o.order_no)::bigint) % {texts}
ORDER BY o.order_no
"""
LISTS = {
    "在办，两个条件": "state=open&area=3205&level=1",
    "全部，地区和满意度": "state=all&area=3205&level=1",
    "已办结，原因和核验结果": "state=closed&cause=environment&verdict=unsatisfied",
    "已归档，原因和核验结果": "state=archived&cause=environment&verdict=unsatisfied",
    "检索文字和满意度": "state=all&q=叫号机&level=2",
    "检索两个词和地区": "state=all&q=推诿不办 停车场&area=3201",
    "检索一个字和派发日": "state=all&q=证&since={year}",
    "申诉过且重办过": "state=all&appealed=true&reopened=true",
    "单位和曾超期": "state=archived&organ=民政局&was_late=true",
    "事项和难易": "state=all&item=11320000014000123X3320000000123&severity=complex",
    "查不到的": "state=all&q=火星 地球&level=1",
}


def main() -> None:
    try:
        fill()
        measure()
    finally:
        DATABASE.stop()
        if not KEPT:
            shutil.rmtree(PLACE, ignore_errors=True)


def fill() -> None:
    """The province and its orders, if they are not there yet: one by the real way, the others copied from it set-wise."""
    begin = perf_counter()
    subprocess.run(
        [sys.executable, "-m", "haochaping.project.cli", "migrate"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    if Person.objects.exists():
        return
    now = clock.now()
    settle(now=now)
    served = {"serviceTime": clock.to_wire(now), "acceptDate": clock.to_wire(now), "resultDate": clock.to_wire(now)}
    admit_services([wire_service("BENCH", **served)], source="bench", now=now)
    admit(
        [read_evaluation(wire_rating("BENCH", **(BAD | {"assessTime": clock.to_wire(now)})), source="bench")], now=now
    )
    places = list(settle_organs())
    lots = random.Random(20260610)
    with psycopg.connect(DATABASE.owner_url) as owner, owner.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'; SET synchronous_commit = off")
        cursor.execute("CREATE TEMP TABLE place (p int, code text, name text, path text, area text, grams text[])")
        cursor.execute("CREATE TEMP TABLE business (names text[])")
        cursor.execute("INSERT INTO business VALUES (%s)", [list(BUSINESS)])
        for table in ("words", "measures"):
            cursor.execute(f"CREATE TEMP TABLE {table} (n int, grams text[])")
        with cursor.copy("COPY place FROM STDIN") as copy:
            for n, (code, name, path, area) in enumerate(places):
                copy.write_row((n, code, name, path, area, grams(name)))
        for table, lines in (("words", sentences(lots)), ("measures", remedies(lots))):
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for n, line in enumerate(lines):
                    copy.write_row((n, grams(line)))
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'rectification_order'::regclass AND attnum > 0 AND NOT attisdropped"
        )
        columns = [name for (name,) in cursor.fetchall()]
        dropped = drop_indexes(cursor)
        values = ", ".join(DRAWN.get(name, f"t.{name}") for name in columns)
        statement = FILL.format(orders=ORDERS, days=DAYS, columns=", ".join(columns), values=values, end=now)
        cursor.execute(statement)
        cursor.execute("ANALYZE rectification_order")
        print(f"  {ORDERS:,} orders after {perf_counter() - begin:.0f} s", flush=True)
        cursor.execute(SEARCH.format(texts=TEXTS, office=PROVINCE_OFFICE))
        print(f"  their words after {perf_counter() - begin:.0f} s", flush=True)
        for index in dropped:
            cursor.execute(index)
        owner.commit()
        print(f"  indexes after {perf_counter() - begin:.0f} s", flush=True)
    with psycopg.connect(DATABASE.owner_url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE rectification_order")
        owner.execute("VACUUM ANALYZE rectification_ordersearch")
    print(f"  filled in {perf_counter() - begin:.0f} s", flush=True)


def drop_indexes(cursor: psycopg.Cursor[tuple[str, ...]]) -> list[str]:
    """Without its secondary indexes a table fills faster; the statements that make them again."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('rectification_order', 'rectification_ordersearch')"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in found]


def settle_organs() -> Iterator[tuple[str, str, str, str]]:
    """13 cities with 10 counties each, fifteen bureaus everywhere below the province: code, name, path and area."""
    regions, organs = [], []
    known = set(Region.objects.values_list("code", flat=True))
    number = 0
    for city in range(1, 14):
        cities = f"32{city:02}"
        for county in range(11):
            area = f"{cities}{county:02}" if county else cities
            name = f"第{city}市" + (f"第{county}区" if county else "")
            regions.append(
                (
                    area.ljust(12, "0"),
                    name,
                    3 if county else 2,
                    cities.ljust(12, "0") if county else "320000000000",
                    area,
                )
            )
            for bureau in BUREAUS:
                number += 1
                code = f"11{area.ljust(6, '0')}B{number:08}X"
                organs.append((code, name + bureau, f"/{PROVINCE_OFFICE}/{code}/", area))
    Region.objects.bulk_create(
        Region(code=c, name=n, level=level, parent=parent, path=path)
        for c, n, level, parent, path in regions
        if c not in known
    )
    Organ.objects.bulk_create(
        Organ(code=c, name=n, area=area.ljust(12, "0"), parent=PROVINCE_OFFICE, path=path)
        for c, n, path, area in organs
    )
    forget()
    yield from organs


def sentences(lots: random.Random) -> Iterator[str]:
    for _ in range(TEXTS):
        yield f"{lots.choice(PLACES)}{lots.choice(FAULTS)}，{lots.choice(FAULTS)}。{lots.choice(BUSINESS)}"


def remedies(lots: random.Random) -> Iterator[str]:
    for _ in range(TEXTS):
        yield f"经核实{lots.choice(FAULTS)}属实。{lots.choice(MEASURES)}，{lots.choice(MEASURES)}，向您致歉"


def client_of(username: str, role: Role, *, area: str = "", organ: str = "") -> Client:
    person, _ = Person.objects.get_or_create(
        username=username, defaults={"name": username, "password": "!", "created_at": clock.now()}
    )
    Grant.objects.get_or_create(person=person, role=role, area=area, organ=organ)
    commands.set_list(person.actor(), columns=list(columns.DEFAULT), size="50")
    return logged_in(person)


def measure() -> None:
    assets.build()
    forget()
    settings.DEBUG = False
    organ = Organ.objects.filter(name="第5市第3区公安局").get()
    people = {
        "省督办": client_of("bench_supervisor", Role.SUPERVISOR, area="32"),
        "市主管": client_of("bench_city", Role.CITY, area="3205"),
        "一个单位": client_of("bench_handler", Role.HANDLER, organ=organ.path),
    }
    base = baseline()
    print(f"\n  a page of 50 by primary key, psycopg alone: p50 {median(base):.2f} ms, p95 {p95(base):.2f} ms\n")
    worst = busiest = 0.0
    for who, client in people.items():
        for title, query in LISTS.items():
            address = f"/console/orders/?{query.format(year=clock.day(clock.now()) - timedelta(days=365))}"
            asked = ask(client, address)
            worst, busiest = max(worst, p95(asked.took)), max(busiest, asked.busy)
            print(
                f"  {who} · {title}: p50 {median(asked.took):.0f} ms, p95 {p95(asked.took):.0f} ms"
                f" ({median(asked.took) / median(base):.0f} × the page by key), {asked.busy:.0f} ms of processor,"
                f" {asked.queries} queries, {asked.rows} rows",
                flush=True,
            )
    print(f"\n  worst p95 {worst:.0f} ms, most processor {busiest:.0f} ms; wanted: {WANTED}")


@dataclass(frozen=True)
class Asked:
    """What a list took: milliseconds of each request after the first, what web and database worked for one, queries, rows."""

    took: list[float]
    busy: float
    queries: int
    rows: int


def ask(client: Client, address: str) -> Asked:
    connection.force_debug_cursor = True
    for _ in range(2):  # the second finds what the process keeps of directory and policy
        reset_queries()
        page = client.get(address).content.decode()
    queries = len(connection.queries)
    connection.force_debug_cursor = False
    took, worked = [], process_time() + backend_time()
    for _ in range(ROUNDS):
        begin = perf_counter()
        answer = client.get(address)
        took.append((perf_counter() - begin) * 1000)
        assert answer.status_code == 200, answer.status_code
    worked = process_time() + backend_time() - worked
    return Asked(took, worked * 1000 / ROUNDS, queries, page.count('scope="row"'))


def backend_time() -> float:
    """Seconds of processor that the database has spent on our connection."""
    fields = Path(f"/proc/{connection.connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def baseline() -> list[float]:
    with psycopg.connect(DATABASE.owner_url) as owner:
        known = [row[0] for row in owner.execute("SELECT id FROM rectification_order ORDER BY dispatch_day LIMIT 5000")]
        lots, took = random.Random(1), []
        for _ in range(ROUNDS * 5):
            wanted = lots.sample(known, 50)
            begin = perf_counter()
            rows = owner.execute("SELECT * FROM rectification_order WHERE id = ANY(%s)", [wanted]).fetchall()
            took.append((perf_counter() - begin) * 1000)
            assert len(rows) == 50
    return took


def p95(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.95) - 1]


if __name__ == "__main__":
    main()
