"""`hcp import`: a file of records goes in, and it is said what was made of every row.

One transaction per 5,000 rows, repeatable. Beside the file (or in the current directory, where that one cannot be
written) stand FILE.report.csv, a line for every row, and FILE.rejected.csv, a line for every refused field.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from django.db import transaction
from tqdm import tqdm

from haochaping.channels import columns, sheets
from haochaping.channels.survey import Survey, survey
from haochaping.directory import commands, items, queries
from haochaping.directory.commands import Outcome
from haochaping.evaluation import batches
from haochaping.evaluation.kept import Refusal, keep
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit import ids
from haochaping.kit.cells import guarded
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from haochaping.channels.columns import ColumnMap
    from haochaping.evaluation.records import Submission

CHUNK = 5000
SOURCE = "import"
STATUSES = ("created", "updated", "unchanged", "parked", "rejected")
Wire = dict[str, str]


@dataclass
class ImportReport:
    """What was made of a file. `str()` is what the command line prints."""

    kind: str
    report_path: Path
    rejected_path: Path | None = None
    counts: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)  # by the words before their colon
    notes: list[str] = field(default_factory=list)
    created_besides: Counter[str] = field(default_factory=Counter)  # organs and items that only the records name

    @property
    def read(self) -> int:
        return sum(self.counts.values())

    @property
    def rejected(self) -> int:
        return self.counts["rejected"]

    def note_created(self, what: str, outcomes: Iterable[Outcome]) -> None:
        self.created_besides[what] += sum(outcome.status == "created" for outcome in outcomes)

    def __str__(self) -> str:
        lines = [*self.notes, *(f"由文件新建{what} {n} 个" for what, n in self.created_besides.items() if n)]
        lines += [f"提示 {what} × {n}" for what, n in self.warnings.most_common()]
        lines.append(f"{self.read} read, " + ", ".join(f"{self.counts[status]} {status}" for status in STATUSES))
        lines.append(f"逐行结果：{self.report_path}")
        if self.rejected_path:
            lines.append(f"未收的行：{self.rejected_path}")
        return "\n".join(lines)


@dataclass
class Job:
    """One import under way."""

    mapping: ColumnMap
    known: Survey
    now: datetime
    report: ImportReport
    name: str = ""  # of the file
    batch: str = ""  # of its ratings, once the first are taken in
    lines: int = 0  # of the batch
    refuses: Callable[[Wire], Sequence[FieldError]] = lambda _: ()


def run(
    kind: str,
    path: Path,
    map_path: Path | None,
    now: datetime,
    refuses: Callable[[Wire], Sequence[FieldError]] = lambda _: (),
) -> ImportReport:
    """Take in a whole file; Refused if the file or the map cannot be used as such. Personal data stands in no report.

    `refuses` says what is wrong with a record for whoever brings it in: somebody who may not put every row there is.
    """
    mapping = columns.load(map_path, kind)
    _check_header(mapping, path)
    known = survey(mapping, path) if kind == "items" else Survey()
    folder = _folder(path)
    report = ImportReport(kind, folder / f"{path.name}.report.csv")
    job = Job(mapping, known, now, report, path.name, refuses=refuses)
    with _Ledger(report, folder / f"{path.name}.rejected.csv") as ledger:
        report.notes += known.create_organs(mapping)
        with tqdm(total=100, unit="%", desc=f"import {kind}", disable=None, bar_format="{desc} {bar} {n:.0f} %") as bar:

            def at(share: float) -> None:
                bar.update(share * 100 - bar.n)

            rows = sheets.read(path, at)
            while chunk := list(islice(rows, CHUNK)):
                _take(chunk, job, ledger)
            at(1)
    return report


def _check_header(mapping: ColumnMap, path: Path) -> None:
    """Of a table, before anything is written. The objects of an NDJSON file need not all have the same names."""
    is_table = sheets.format_of(path) not in {".ndjson", ".jsonl"}
    with closing(sheets.read(path)) as rows:
        first = next((row for row in rows if not row.fault), None)
    if is_table and first is not None:
        mapping.check_header(first.values)


def _folder(path: Path) -> Path:
    """Where the reports go: beside the file if anybody may write there, else the current directory."""
    folder = path.resolve().parent
    try:
        if folder.stat().st_mode & 0o222:
            probe = folder / f".{path.name}.probe"
            probe.touch()
            probe.unlink()
            return folder
    except OSError:
        pass
    return Path.cwd()


def _take(chunk: list[sheets.Row], job: Job, ledger: _Ledger) -> None:
    """One chunk in one transaction; then its lines in the report."""
    wires: list[Wire] = []
    notes: list[list[str]] = []
    taken: list[int] = []
    results: list[Outcome | None] = []
    shown: list[Wire] = []
    for place, row in enumerate(chunk):
        if row.fault:
            results.append(Outcome("rejected", "", (FieldError("", *row.fault),)))
            shown.append({})
            continue
        wire, errors, warnings = job.mapping.apply(row.values)
        job.known.settle(wire)
        errors = errors or list(job.refuses(wire))
        shown.append(wire)
        if errors:
            results.append(Outcome("rejected", _key(job.mapping.kind, wire), tuple(errors), tuple(warnings)))
        else:
            results.append(None)
            taken.append(place)
            wires.append(wire)
            notes.append([*warnings, *job.known.notes(wire)])
    with transaction.atomic():
        found = _WRITERS[job.mapping.kind](wires, notes, job)
        for place, outcome in zip(taken, found, strict=True):
            results[place] = outcome
        if job.mapping.kind == "evaluations":
            _record(chunk, shown, results, set(taken), job)
    for row, result, wire in zip(chunk, results, shown, strict=True):
        if result is not None:
            ledger.put(row.line, result, wire)


class _Ledger:
    """The two reports, written as the chunks commit. What an earlier run left is replaced."""

    def __init__(self, report: ImportReport, rejected_path: Path) -> None:
        self.report = report
        self._rejected_path = rejected_path
        self._rejected: IO[str] | None = None
        self._lines: dict[int, int] = {}  # hash of a key → the line it stood on first

    def __enter__(self) -> Self:
        self._rejected_path.unlink(missing_ok=True)
        self._file = self.report.report_path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(["line", "outcome", "key", "orgcode", "warnings", "errors"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._rejected is not None:
            self._rejected.close()

    def put(self, line: int, result: Outcome, wire: Wire) -> None:
        report = self.report
        report.counts[result.status] += 1
        warnings = list(result.warnings)
        if result.key:
            first = self._lines.setdefault(hash(result.key), line)
            if first != line:
                warnings.append(f"编号重复：与第 {first} 行相同")
        report.warnings.update(warning.partition("：")[0] for warning in warnings)
        errors = "；".join(f"{e.field}: {e.message}" if e.field else e.message for e in result.errors)
        row = [str(line), result.status, result.key, wire.get("orgcode", ""), "；".join(warnings), errors]
        self._writer.writerow([guarded(text) for text in row])
        if result.status == "rejected":
            self._reject(line, result.errors)

    def _reject(self, line: int, errors: Sequence[FieldError]) -> None:
        if self._rejected is None:
            self._rejected = self._rejected_path.open("w", encoding="utf-8-sig", newline="")
            csv.writer(self._rejected, lineterminator="\n").writerow(["line", "field", "code", "reason"])
            self.report.rejected_path = self._rejected_path
        writer = csv.writer(self._rejected, lineterminator="\n")
        for error in errors:
            writer.writerow([str(line), *map(guarded, (error.field, error.code, error.message))])


def _key(kind: str, wire: Mapping[str, str]) -> str:
    names = {
        "regions": ("areaCode",), "organs": ("orgcode",), "halls": ("hallCode",), "windows": ("windowNo",),
        "clerks": ("clerkNo",), "items": ("taskCode",), "guides": ("taskCode",), "themes": ("themeCode",),
    }.get(kind, ("projectNo", "serviceNumber"))  # fmt: skip
    return "#".join(wire.get(name, "") for name in names)


def _plain(
    put: Callable[[Sequence[Mapping[str, str]]], list[Outcome]],
) -> Callable[[list[Wire], list[list[str]], Job], list[Outcome]]:
    def write(wires: list[Wire], notes: list[list[str]], _: Job) -> list[Outcome]:
        return [
            replace(outcome, warnings=(*outcome.warnings, *note))
            for outcome, note in zip(put(wires), notes, strict=True)
        ]

    return write


def _items(wires: list[Wire], notes: list[list[str]], job: Job) -> list[Outcome]:
    return items.put_items(wires, job.now, notes)


def _services(wires: list[Wire], notes: list[list[str]], job: Job) -> list[Outcome]:
    _create_what_they_name(wires, job)
    outcomes = admit_services(wires, source=SOURCE, now=job.now)
    return [
        Outcome(o.status, f"{o.project_no}#{o.service_number}", o.errors, tuple(note))
        for o, note in zip(outcomes, notes, strict=True)
    ]


def _create_what_they_name(wires: list[Wire], job: Job) -> None:
    """Organs and items that only these records name, where the map says that they may be made from them."""
    directory = queries.snapshot()
    if job.mapping.creates("organs"):
        rows = {w["orgcode"]: w for w in wires if w.get("orgcode") and w["orgcode"] not in directory.organs}
        organs = [{**_only(w, "orgcode", "areaCode"), "orgName": _organ_name(w)} for w in rows.values()]
        job.report.note_created("单位", commands.put_organs(organs))
    if job.mapping.creates("items"):
        rows = {w["taskCode"]: w for w in wires if w.get("taskCode") and directory.item(w["taskCode"]) is None}
        names = ("taskCode", "taskHandleItem", "taskName", "taskType", "orgcode", "deptCode", "areaCode")
        job.report.note_created("事项", items.put_items([_only(w, *names) for w in rows.values()], job.now))


def _only(wire: Wire, *names: str) -> Wire:
    return {name: wire[name] for name in names if name in wire}


def _organ_name(wire: Wire) -> str:
    return wire.get("orgName") or wire.get("deptName") or wire["orgcode"]


def _evaluations(wires: list[Wire], notes: list[list[str]], job: Job) -> list[Outcome]:
    results: list[Outcome | None] = []
    submissions: list[Submission] = []
    if not job.batch:
        job.batch = batches.open_batch(lane="import", source=SOURCE, name=job.name, now=job.now)
        job.report.notes.append(f"批次 {job.batch}")
    for wire, note in zip(wires, notes, strict=True):
        key = _key("evaluations", wire)
        record = _record_of(wire)
        try:
            submissions.append(
                read_evaluation(record, source=SOURCE, best_is_one=job.mapping.best_is_one, batch=job.batch)
            )
            results.append(None)
        except Refused as no:
            results.append(Outcome("rejected", key, no.fields or (FieldError("", no.code, no.message),), tuple(note)))
            keep([_refusal(record, no, job)], now=job.now)
    outcomes = iter(admit(submissions, now=job.now, keeps_refused=True, lane="import"))
    return [
        result or _rated(next(outcomes), _key("evaluations", wire), note)
        for result, wire, note in zip(results, wires, notes, strict=True)
    ]


def _record_of(wire: Wire) -> dict[str, Any]:
    return {**wire, "consent": _list(wire.get("consent", ""))}


def _refusal(record: Any, no: Refused, job: Job) -> Refusal:
    return Refusal(record, no, SOURCE, "import", batch=job.batch, best_is_one=job.mapping.best_is_one)


def _record(
    chunk: list[sheets.Row], shown: list[Wire], results: list[Outcome | None], taken: set[int], job: Job
) -> None:
    """What came of these lines stays with the batch; what no map could read of them is kept too."""
    unread = []
    lines = []
    for place, (row, wire, result) in enumerate(zip(chunk, shown, results, strict=True)):
        assert result is not None  # `_take` filled in every place
        code = result.errors[0].code if result.errors else ""
        number = wire.get("serviceNumber", "")
        is_rating = result.status != "rejected" and number.isdigit()
        id_ = ids.event_id(wire["projectNo"], int(number)) if is_rating else None
        lines.append(batches.Line(_STATUS_OF.get(result.status, result.status), id_, code))
        if place not in taken:
            no = Refused(code, 422, result.errors[0].message, tuple(result.errors))
            unread.append(_refusal(_record_of(wire) if wire else {"line": row.values}, no, job))
    keep(unread, now=job.now)
    batches.record_lines(job.batch, job.lines, lines)
    job.lines += len(lines)


_STATUS_OF = {"unchanged": "duplicate"}


def _rated(outcome: Any, key: str, note: list[str]) -> Outcome:
    status = {"duplicate": "unchanged", "conflict": "rejected", "kept": "rejected"}.get(outcome.status, outcome.status)
    no = outcome.refused
    errors = () if no is None else no.fields or (FieldError("", no.code, no.message),)
    return Outcome(status, key, errors, tuple(note))


def _list(text: str) -> list[Any]:
    try:
        found = json.loads(text) if text.startswith("[") else None
    except ValueError:
        found = None
    return found if isinstance(found, list) else [part.strip() for part in text.split(",") if part.strip()]


_WRITERS: Mapping[str, Callable[[list[Wire], list[list[str]], Job], list[Outcome]]] = {
    "regions": _plain(commands.put_regions),
    "organs": _plain(commands.put_organs),
    "halls": _plain(commands.put_halls),
    "windows": _plain(commands.put_windows),
    "clerks": _plain(commands.put_clerks),
    "items": _items,
    "guides": _plain(items.put_guides),
    "themes": _plain(commands.put_themes),
    "services": _services,
    "evaluations": _evaluations,
}
