"""Loading the made-up province, once: `python -m haochaping.project.demo.load PROFILE SCALE` on a migrated database."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from haochaping.kit import clock, config
from haochaping.project.demo.wire import Sender  # noqa: TC001  msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from haochaping.project.demo.days import Days
    from haochaping.project.demo.plan import Planner, Visit
    from haochaping.project.demo.province import Province

SEED = 20190903
FILE = "demo.json"
COLLECTIONS = 2  # of the outbox's notes, and
SEND_FOR = 4.0  # seconds of telling the national platform: the load's own part, the worker goes on with the rest
MANY = 10  # things whose progress is told in four lines where no bar can be drawn
BAR = "{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} {elapsed}"


class Marker(msgspec.Struct):
    """DATA/demo.json, readable by its owner only: which province stands here, how far it is loaded, who may log in."""

    profile: str
    scale: str
    until: str  # the moment up to which its days go
    password: str
    seed: int = SEED
    apps: list[Sender] = []
    accounts: list[list[str]] = []
    tally: dict[str, dict[str, int]] = {}
    is_complete: bool = False

    def save(self) -> None:
        path = config.data_dir() / FILE
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self)))
        draft.rename(path)


@dataclass
class Report:
    """What a load did: nothing if the province stood there already."""

    did: bool
    seconds: float = 0.0
    tally: dict[str, dict[str, int]] = field(default_factory=dict)


class Progress:
    """Bars on a terminal, plain lines elsewhere; Chinese and English."""

    def __init__(self) -> None:
        self.is_terminal = sys.stderr.isatty()

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def over(self, things: Sequence[Any], text: str) -> Iterator[Any]:
        if self.is_terminal:
            from tqdm import tqdm

            yield from tqdm(things, desc=text, bar_format=BAR, file=sys.stderr)
            return
        self.say(f"{text} …")
        for n, thing in enumerate(things, 1):
            yield thing
            if len(things) > MANY and n % (len(things) // 4) == 0:
                self.say(f"{text} {n}/{len(things)}")


def main(profile: str, scale: str) -> None:
    """Load with Django set up here; for `hcp demo`, which runs this in a process of its own."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "haochaping.project.settings")
    os.environ.setdefault("HCP_DB_POOL", "10")  # this thread, the door's six, the pages'
    import django

    django.setup()
    logging.getLogger("django.request").setLevel("ERROR")  # a load that goes on meets its own earlier ratings: 409
    report = load(profile, scale, now=clock.now(), progress=Progress())
    if report.did:
        counts = " ".join(f"{name}={sum(counted.values())}" for name, counted in report.tally.items())
        print(f"演示数据已装载 loaded in {report.seconds:.0f} s: {counts}", file=sys.stderr, flush=True)


def read_marker(data: Path) -> Marker | None:
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=Marker)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise config.Misconfigured(f"{data / FILE}: {error}; remove the directory {data} to load anew") from error


def load(profile: str, scale: str, now: datetime, progress: Progress) -> Report:
    """Make the province stand, once: a second call changes nothing, an interrupted one is gone on with.

    `Misconfigured` if another province stands in this installation already.
    """
    started = perf_counter()
    marker = read_marker(config.data_dir())
    if marker is not None and (marker.profile != profile or (marker.scale != scale and not marker.is_complete)):
        raise config.Misconfigured(
            f"{config.data_dir()} holds the demo {marker.profile}/{marker.scale}: choose another DATA, or remove that directory"
        )
    if marker is not None and marker.is_complete:
        return Report(did=False)
    if marker is None:
        from haochaping.accounts.passwords import made_password

        marker = Marker(profile, scale, now.isoformat(), made_password())
        marker.save()
    else:
        progress.say("上次装载没有完成，接着装载 going on with an interrupted load")
    loader = Loader(marker, progress)
    loader.directory()
    loader.people()
    loader.days()
    loader.collection()
    loader.figures(now)
    marker.is_complete = True
    marker.save()
    return Report(did=True, seconds=perf_counter() - started, tally=marker.tally)


class Loader:
    """The steps of a load. Each can be repeated: what is there already is found by its key."""

    def __init__(self, marker: Marker, progress: Progress) -> None:
        from haochaping.project.demo.province import PROFILES

        self.marker = marker
        self.progress = progress
        self.profile = PROFILES[marker.profile]
        self.until = datetime.fromisoformat(marker.until)

    def directory(self) -> None:
        """Policy pack, indicators, regions, and everything the province is made of."""
        from haochaping.directory import commands, items
        from haochaping.directory.queries import recheck, snapshot
        from haochaping.directory.regions import load_regions
        from haochaping.policy.commands import load_indicators, load_pack
        from haochaping.project.demo.province import make

        long_ago = self.until - timedelta(days=400)
        load_pack(self.profile.key, "demo", now=long_ago)
        load_indicators()
        load_regions((self.profile.region,))
        recheck()
        self.province: Province = make(self.profile, snapshot().regions, self.marker.seed)
        put = {
            "organs": commands.put_organs,
            "halls": commands.put_halls,
            "windows": commands.put_windows,
            "clerks": commands.put_clerks,
            "items": lambda rows: items.put_items(rows, now=long_ago),
            "guides": items.put_guides,
            "themes": commands.put_themes,
        }
        rows = self.province.rows()
        for kind in self.progress.over(list(rows), f"{self.profile.title}：机构、窗口、事项 organs, windows, items"):
            refused = [outcome for outcome in put[kind](rows[kind]) if outcome.errors]
            if refused:
                raise RuntimeError(f"{kind}: {refused[0].errors[0].message}")
            recheck()

    def people(self) -> None:
        """Accounts and sending systems; passwords and secrets go into the marker."""
        from haochaping.project.demo import people, replying

        long_ago = self.until - timedelta(days=200)
        self.senders: list[Sender] = people.create_apps(self.province, self.marker.apps, long_ago)
        self.marker.apps = self.senders
        self.marker.accounts = [
            [account.username, account.role.name_zh, account.title, account.to_try]
            for account in people.accounts(self.province)
        ]
        self.marker.save()
        people.create_people(self.province, self.marker.password, long_ago, self.marker.seed)
        self.cast = people.cast()
        replying.make(self.cast, long_ago)

    def days(self) -> None:
        """Sixty days of services, ratings and work orders, through the front door."""
        from haochaping.directory.queries import snapshot
        from haochaping.policy.queries import calendar, policy_at
        from haochaping.project.demo import scripts
        from haochaping.project.demo.days import Days
        from haochaping.project.demo.front import Front
        from haochaping.project.demo.home import home_of
        from haochaping.project.demo.plan import SCALES, days_of
        from haochaping.project.demo.stories import Stories

        scale, region = SCALES[self.marker.scale], self.profile.region
        visits = self._planner().visits(scale)
        bad = [visit for visit in visits if visit.rating and visit.rating.level < 3]
        today = clock.day(self.until)
        policy = policy_at(region, today)
        home = home_of(self.province)
        at_home = {"home": home.organ.code, "window": home.window.code}
        told = scripts.assign(bad, policy, calendar(region), self.until, self.marker.seed, **at_home)
        stories = Stories(bad, told, self.cast)
        organs = snapshot().organs
        life = Days(visits, self.senders, {code: (organ.area, organ.path) for code, organ in organs.items()})
        dates = days_of(scale, calendar(region), self.until)
        text = f"{len(dates)} 天：{len(visits)} 次服务、评价与工单 services, ratings, work orders"
        with asyncio.Runner() as runner:
            front = Front()
            for date in self.progress.over(dates, text):
                life.live(date, self.until, runner.run, front, stories)
            runner.run(front.__aexit__())
        self._settle(life, visits, stories.refused)

    def _planner(self) -> Planner:
        from haochaping.evaluation.rules import Level
        from haochaping.policy.queries import calendar, indicators
        from haochaping.project.demo.plan import Planner

        norms = indicators(self.profile.region, clock.day(self.until))
        codes = {int(level): [norm.code for norm in norms if norm.level == level] for level in Level}
        return Planner(self.province, calendar(self.profile.region), codes, self.until, self.marker.seed)

    def _settle(self, life: Days, visits: Sequence[Visit], refused: dict[str, int]) -> None:
        from haochaping.evaluation.commands import make_lapses
        from haochaping.messaging.commands import drop_outdated
        from haochaping.messaging.notices import read_before
        from haochaping.rectification.advance import advance
        from haochaping.rectification.reminders import remind

        life.tally.lapses += make_lapses(now=self.until)
        advance(self.until)
        remind(self.until)
        drop_outdated(now=self.until)  # nobody ran a worker in the days behind
        read_before(self.until - timedelta(days=3), now=self.until)
        self.marker.tally = {
            "services": dict(life.tally.services),
            "ratings": dict(life.tally.ratings),
            "planned": {"services": len(visits), "ratings": sum(v.rating is not None for v in visits)},
            "lapses": {"made": life.tally.lapses},
            "moves": {"made": life.tally.moves},
            "refused": dict(refused),
        }

    def collection(self) -> None:
        """What came in beside the cases, and a batch that a business system got wrong."""
        from haochaping.project.demo.collection import Collection, faulty
        from haochaping.project.demo.front import Front
        from haochaping.project.demo.home import home_of

        self.progress.say("点评、纸质表、征询、回访、异常数据 comments, paper, questionnaires, call-outs, faults …")
        home = home_of(self.province)
        Collection(home, self.profile.region, self.cast, self.until, self.marker.seed).make()
        sender = self.senders[0]
        if lines := faulty(sender, self.until):
            with asyncio.Runner() as runner:
                front = Front()
                runner.run(front.send(sender, "/api/v1/evaluations/batch", lines, self.until))
                runner.run(front.__aexit__())

    def figures(self, now: datetime) -> None:
        """Seal, lake, and a first part of what the national platform must hear."""
        from haochaping.analytics.commands import refresh_lake
        from haochaping.channels.invitations import commands as invitations
        from haochaping.evaluation.sealing import seal
        from haochaping.project.demo import appraising, briefing, consequences, problems, reporting
        from haochaping.project.demo.home import home_of
        from haochaping.publication.commands import publish_due

        self.progress.say("封存与汇总 sealing, figures …")
        seal(now=now)
        refresh_lake(now=now)
        consequences.make(home_of(self.province), self.cast, now)
        briefing.make(self.cast, now)
        appraising.make(home_of(self.province), self.cast, now)
        problems.make(home_of(self.province), self.cast, now)
        reporting.make(self.cast, self._office(), now)
        publish_due(now=now)
        while invitations.collect(now):  # of sixty days only the last three are still asked about
            pass
        self.progress.say("向国家平台报送（其余由后台继续）telling the national platform (the worker goes on) …")
        with _platform() as is_there:
            if is_there:
                self._send()

    def _office(self) -> str:
        """The name of the office in whose name reports are issued: of the whole region's government services."""
        organs = [organ for organ in self.province.organs.values() if organ.kind == "government"]
        return min(organs, key=lambda organ: (len(organ.area.rstrip("0")), organ.code)).name

    @staticmethod
    def _send() -> None:
        from haochaping.exchange.commands import collect, send_due

        for _ in range(COLLECTIONS):
            collect(clock.now())
        end = perf_counter() + SEND_FOR
        while perf_counter() < end and send_due(clock.now()).claimed:
            pass


@contextmanager
def _platform() -> Iterator[bool]:
    """The fake national platform of the checkout, in this process, while there is nothing else to tell; False where it is not."""
    if config.text("NATIONAL_URL"):
        yield False
        return
    try:
        from tests.fakes.national import NationalPlatform
    except ImportError:
        yield False
        return
    from haochaping.exchange.target import store_access

    with NationalPlatform(config.data_dir() / "national") as platform:
        store_access(platform.url, platform.app_mark, platform.app_word, platform.public_key)
        yield True


def national_command(data_dir: Path) -> tuple[list[str], dict[str, str]]:
    """How to start the fake national platform of this installation; it writes itself down where the worker looks."""
    return [sys.executable, "-m", "haochaping.project.demo.national"], {"HCP_DATA": str(data_dir)}


def accounts_text(data_dir: Path, base_url: str) -> str:
    """Who can log in where, and what to try; printed after READY."""
    marker = read_marker(data_dir)
    if marker is None:
        return ""
    base = base_url.rstrip("/")
    lines = [
        f"登录 login  {base}/console/    密码 password  {marker.password}",
        f"我的办件 my services {base}/my （验证码在模拟短信网关的短信箱里；或“实名登录”，选一位虚构的人）",
        f"公众 public {base}/public/     查询进度 progress {base}/r/     接口 API {base}/api/v1/docs",
        "",
    ]
    lines += _table([("用户名 user", "角色 role", "单位 scope", "可以试试 try"), *map(tuple, marker.accounts)])
    lines.append(f"应用密钥 app secrets: {data_dir / FILE}")
    return "\n".join(lines)


def _table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Columns that align on a terminal, where a Chinese character is two places wide."""
    rows = list(rows)
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _width(text: str) -> int:
    return sum(1 + (character > "\u2e7f") for character in text)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:3])
    except config.Misconfigured as error:
        sys.exit(f"hcp: {error}")
    except KeyboardInterrupt:  # the next start goes on where this one was
        sys.exit(130)
