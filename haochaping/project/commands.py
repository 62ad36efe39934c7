"""The commands of `hcp`, each a few lines over a room's own function (contract §2)."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Given = argparse.Namespace
KINDS = ("regions", "organs", "halls", "windows", "clerks", "items", "guides", "themes", "services", "evaluations")


def describe(parser: argparse.ArgumentParser) -> None:
    """Add every command to the parser; each sets `run`."""
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, run: Any, summary: str, under: Any = commands) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = under.add_parser(name, help=summary, description=summary)
        command.set_defaults(run=run)
        return command

    def group(name: str, summary: str) -> Any:
        return commands.add_parser(name, help=summary, description=summary).add_subparsers(
            required=True, metavar="WHAT"
        )

    from haochaping.project import running

    demo = add("demo", running.demo, "a made-up province with sixty days behind it, on this machine only")
    demo.add_argument("--profile", choices=("jiangsu", "shenzhen", "qufu", "shanghai"), default="jiangsu")
    demo.add_argument("--scale", choices=("tiny", "small", "medium", "large"), default="medium")
    for command in (demo, add("up", running.up, "database, web and worker on this machine, kept running")):
        command.add_argument("--port", type=int, default=8000)
        command.add_argument("--host", default="127.0.0.1")
    web = add("web", running.web, "the web process alone: pages, machine API, devices")
    web.add_argument("--port", type=int, default=8000)
    web.add_argument("--host", default="127.0.0.1")
    add("worker", running.worker, "the worker process alone: periodic work")

    add("migrate", migrate, "bring the tables up to date (as owner) and grant the application role its rights")
    add("check", check, "configuration, crypto self-test, calendar of next year, dangling master data")

    importing = add("import", import_file, "read a CSV, XLSX or NDJSON file (UTF-8 or GB18030)")
    importing.add_argument("kind", choices=KINDS)
    importing.add_argument("file", type=Path)
    importing.add_argument("--map", type=Path, help="a TOML file that says which column is what")
    exporting = add("export", export_file, "write a file with wire names, complete and formula-safe")
    exporting.add_argument("kind", choices=(*KINDS, "orders", "statistics", "open-data"))
    exporting.add_argument(
        "--out", type=Path, help="CSV, XLSX or Parquet by its ending; without it CSV to standard output"
    )
    exporting.add_argument("--filter", action="append", default=[], metavar="NAME=VALUE")

    apps = group("app", "business systems that speak to the machine API")
    create = add("create", create_app, "a new app; prints app_id and secret, the secret only this once", apps)
    create.add_argument("name")
    create.add_argument(
        "--organ", required=True, metavar="CODE", help="the organ whose services it may name, with all below it"
    )
    create.add_argument("--algorithm", choices=("hmac-sm3", "hmac-sha256", "sm2"), default="hmac-sm3")
    create.add_argument(
        "--best-is-one", action="store_true", help="this source codes 1 as 非常满意 (GB/T 39046 table A.8)"
    )
    create.add_argument(
        "--return-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="where its links may lead back to, https://www.example.gov.cn; may be repeated",
    )

    people = group("person", "people who work here")
    person = add("create", create_person, "a new person; asks for the password", people)
    person.add_argument("username")
    person.add_argument("name")
    person.add_argument("--role", required=True)
    person.add_argument("--area", default="", help="area code; its whole subtree")
    person.add_argument("--organ", default="", help="organ code; its whole subtree")
    person.add_argument("--temporary", action="store_true", help="the password must be changed at the first login")
    linked = add("unlink", unlink_identity, "forget who a person is at the identity service", people)
    linked.add_argument("username")
    lost = add("remove-second-factor", remove_second_factor, "take away a generator that its owner has lost", people)
    lost.add_argument("username")

    regions = add(
        "regions", load_regions, "the official regions whose codes begin with these prefixes, merged ones included"
    )
    regions.add_argument("prefix", nargs="+", help="32 for a province, 370881 for a county")
    regions.add_argument("--villages", action="store_true", help="down to the 620,000 villages")

    calendar = group("calendar", "working days of years that came after this release")
    year = add("load", load_calendar, "a year's announced days off and made-up working days", calendar)
    year.add_argument("file", type=Path, help="CSV with the columns date, is_workday (0 or 1), name")
    year.add_argument("--source", required=True, help="the notice, e.g. 国办发明电〔2026〕7号")

    policy = group("policy", "policy packs")
    load = add("load", load_policy, "put a pack into force from its valid_from on", policy)
    load.add_argument("file", type=Path)
    add("show", show_policy, "the packs in force, in words", policy)

    add("seal", seal, "extend the tamper-evidence chain over all new ratings")
    add("verify", verify, "recompute the chain; exit 1 and name the row if anything was changed")
    probe = add(
        "probe",
        probe_channels,
        "give every level through every channel in a marked test region; exit 1 if one cannot be given",
    )
    probe.add_argument(
        "--url", help="the running system, if not HCP_PROBE_URL or HCP_PUBLIC_URL; it must use this database"
    )
    lake = group("lake", "the analytic lake")
    add("refresh", refresh_lake, "rewrite the days that changed", lake)
    add("rebuild", rebuild_lake, "write everything anew from PostgreSQL", lake)
    commands.add_parser("manage", help="Django's own commands: hcp manage COMMAND …")


def _setup() -> None:
    import django

    django.setup()


def migrate(given: Given) -> None:  # noqa: ARG001
    """Tables, rights and the master data that ships with the program."""
    _setup()
    from django.conf import settings
    from django.core.management import call_command

    from haochaping.policy.commands import load_indicators
    from haochaping.project.database import grant

    call_command("migrate", database="owner", verbosity=0, interactive=False, skip_checks=True)
    grant(settings.DATABASES["default"]["USER"])
    load_indicators()


def check(given: Given) -> int:  # noqa: ARG001
    """Prints one line for each thing looked at; 1 if any of them needs somebody."""
    _setup()
    from haochaping.project.checks import look

    findings = look()
    for finding in findings:
        print(("好  " if finding.is_good else "注意 ") + finding.text)
    return int(not all(f.is_good for f in findings))


def import_file(given: Given) -> int:
    """Prints what was made of the rows; 2 if any was rejected."""
    _setup()
    from haochaping.channels import imports
    from haochaping.kit import clock

    report = imports.run(given.kind, given.file, given.map, clock.now())
    print(report)
    return 2 if report.rejected else 0


def export_file(given: Given) -> None:
    _setup()
    from haochaping.channels import exports, sheets
    from haochaping.kit.cells import text

    filters = dict(part.partition("=")[::2] for part in given.filter)
    if given.kind in {"orders", "statistics", "open-data"}:
        head, rows = _table(given.kind, filters)
        lines = ([text(cell) for cell in row] for row in rows)
        count = sheets.write(given.out, head, lines) if given.out else sheets.write_csv(sys.stdout, head, lines)
    else:
        count = exports.run(given.kind, given.out, filters)
    print(f"{count} rows written", file=sys.stderr)


def _table(kind: str, filters: dict[str, str]) -> tuple[list[str], Iterable[Sequence[Any]]]:
    """Head and lines of what is not master data. Everything: whoever has the command line has the database."""
    from datetime import date

    from haochaping.accounts.rules import SYSTEM
    from haochaping.analytics.export import statistics
    from haochaping.console import columns
    from haochaping.kit import clock
    from haochaping.publication import opendata
    from haochaping.rectification.queries import orders_for

    now = clock.now()
    if kind == "statistics":
        return statistics(filters, now=now)
    if kind == "open-data":
        today = clock.day(now)
        start = date.fromisoformat(filters.get("from", f"{today:%Y}-01-01"))
        return opendata.published(start, date.fromisoformat(filters.get("to", f"{today}")))
    return columns.table(orders_for(SYSTEM).order_by("dispatched_at"))


def create_app(given: Given) -> int:
    _setup()
    from haochaping.accounts.commands import create_app as create
    from haochaping.accounts.rules import area_prefix
    from haochaping.directory.queries import organ
    from haochaping.kit import clock

    found = organ(given.organ)
    if found is None:
        print(f"hcp: no organ with the code {given.organ}: import it first (hcp import organs FILE)", file=sys.stderr)
        return 1
    app_id, secret = create(
        given.name,
        organ_code=found.code,
        organ_path=found.path,
        area=area_prefix(found.area),
        algorithm=given.algorithm,
        best_is_one=given.best_is_one,
        return_origins=given.return_origin,
        now=clock.now(),
    )
    print(f"app_id={app_id}")
    print(f"secret={secret}")
    return 0


def create_person(given: Given) -> int:
    _setup()
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    from haochaping.accounts import people
    from haochaping.accounts.rules import Role, Scope, area_prefix
    from haochaping.directory.queries import organ, snapshot
    from haochaping.kit import clock

    roles = {role.value for role in Role}
    if given.role not in roles:
        print(f"hcp: --role is one of {', '.join(sorted(roles))}", file=sys.stderr)
        return 1
    found = organ(given.organ) if given.organ else None
    if given.organ and found is None:
        print(f"hcp: no organ with the code {given.organ}: import it first (hcp import organs FILE)", file=sys.stderr)
        return 1
    password = getpass.getpass("密码: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    try:
        validate_password(password)
    except ValidationError as error:
        print("hcp: " + " ".join(error.messages), file=sys.stderr)
        return 1
    scope = Scope(area_prefix(given.area.ljust(12, "0")) if given.area else "", found.path if found else "")
    people.create_person(
        given.username,
        given.name,
        password,
        [(Role(given.role), scope)],
        now=clock.now(),
        home=people.Home(found.code, found.path, snapshot().area_path(found.area)) if found else None,
        must_change=given.temporary,
    )
    print(f"{given.username}: {Role(given.role).name_zh}")
    return 0


def unlink_identity(given: Given) -> None:
    """Where the identity service made somebody's account anew; written down."""
    _setup()
    from haochaping.accounts import people
    from haochaping.accounts.rules import SYSTEM
    from haochaping.kit import clock

    people.unlink_identity(_person_id(given.username), actor=SYSTEM, now=clock.now())


def remove_second_factor(given: Given) -> None:
    """For whoever has the command line, where no security administrator can sign in any more; written down."""
    _setup()
    from haochaping.accounts import people
    from haochaping.accounts.rules import SYSTEM
    from haochaping.kit import clock

    people.remove_second_factor(_person_id(given.username), actor=SYSTEM, now=clock.now())


def _person_id(username: str) -> int:
    from haochaping.accounts.models import Person
    from haochaping.accounts.people import NOT_THERE

    found = Person.objects.filter(username=username).values_list("pk", flat=True).first()
    if found is None:
        raise NOT_THERE
    return found


def load_regions(given: Given) -> None:
    _setup()
    from haochaping.directory import regions

    print(f"{regions.load_regions(given.prefix, villages=given.villages)} regions")


def load_calendar(given: Given) -> None:
    """Reads the announced days; deadlines that rest on that year stop being provisional at the worker's next minute."""
    _setup()
    from haochaping.kit import clock
    from haochaping.policy.calendars import read_days, year_of
    from haochaping.policy.commands import load_calendar_year

    with given.file.open(encoding="utf-8-sig", newline="") as file:
        days = read_days(file)
    year = year_of(days)
    print(f"{load_calendar_year(year, days, given.source, clock.now())} days of {year}")


def load_policy(given: Given) -> None:
    _setup()
    from haochaping.kit import clock
    from haochaping.policy.commands import load_pack

    row = load_pack(given.file, getpass.getuser(), clock.now())
    print(f"{row.pack}: {row.region} from {row.valid_from}")


def show_policy(given: Given) -> None:  # noqa: ARG001
    _setup()
    from haochaping.policy.queries import rules
    from haochaping.policy.rules import summary

    for rule in rules():
        until = f" 至 {rule.valid_to}" if rule.valid_to else ""
        print(f"## {rule.region} 自 {rule.valid_from}{until}")
        print("\n".join(summary(rule.policy)))


def seal(given: Given) -> None:  # noqa: ARG001
    _setup()
    from haochaping.evaluation import sealing
    from haochaping.kit import clock

    print(f"{sealing.seal(now=clock.now())} ratings sealed")


def verify(given: Given) -> int:  # noqa: ARG001
    _setup()
    from haochaping.evaluation import sealing

    report = sealing.verify()
    for fault in report.faults:
        print(fault)
    print(f"{report.rows} ratings under {report.seals} seals, {report.unsealed} not sealed yet, head {report.head}")
    return int(bool(report.faults))


def probe_channels(given: Given) -> int:
    """Prints a line for each channel and level; 1 and the faults again at the end if any could not be given."""
    _setup()
    from django.conf import settings

    from haochaping.channels.probe import commands
    from haochaping.channels.probe.rules import Line

    run = commands.run(
        given.url or settings.PROBE_URL, by=getpass.getuser(), told=lambda line: print(line.told(), flush=True)
    )
    faults = [line.told() for line in (Line(*each) for each in run.lines) if line.fault]
    if faults:
        print("\n".join(["", "评不了的：", *faults]))
    print(f"巡检 {run.given + run.failed} 项，通过 {run.given}，评不了 {run.failed}，用时 {run.took_ms / 1000:.1f} 秒")
    return int(bool(faults))


def refresh_lake(given: Given) -> None:  # noqa: ARG001
    _setup()
    from haochaping.analytics import commands
    from haochaping.kit import clock

    print(commands.refresh_lake(now=clock.now()))


def rebuild_lake(given: Given) -> None:  # noqa: ARG001
    _setup()
    from haochaping.analytics import commands
    from haochaping.kit import clock

    print(commands.rebuild_lake(now=clock.now()))
