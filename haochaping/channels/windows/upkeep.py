"""窗口管理: windows added, changed, stopped and brought in by file, each within what somebody is in charge of."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import transaction

from haochaping.accounts.commands import audit
from haochaping.channels import imports, sheets
from haochaping.channels.kinds import WIRE
from haochaping.channels.models import Upload
from haochaping.channels.windows.queries import Charge
from haochaping.directory import queries as directory
from haochaping.directory.commands import put_windows
from haochaping.directory.rules import WINDOW_KINDS
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from typing import IO

    from haochaping.accounts.rules import Actor
    from haochaping.channels.windows.queries import Place

LABELS = {
    "windowNo": "窗口编号",
    "windowName": "窗口名称",
    "hallCode": "大厅",
    "orgcode": "单位",
    "windowKind": "类型",
    "isActive": "启用",
}
UPLOAD_MOST = 16 * 1024 * 1024
NOT_YOURS = "不在您的管理范围内"


def put(values: Mapping[str, str], *, actor: Actor, now: datetime, is_new: bool) -> str:
    """Add a window or change one, by wire names; its code. Refused 422 by field, 403 outside the actor's charge.

    What was changed, from what to what, stands in the audit trail.
    """
    code = values["windowNo"].strip()
    charge = Charge.of(actor)
    before = directory.window(code)
    if is_new and before is not None:
        raise _refused("windowNo", "taken", f"编号 {code} 已有窗口“{before.name}”，请换一个编号，或去修改那个窗口。")
    if not is_new and charge.one(code) is None:
        raise Refused("window_not_found", 404, "没有这个窗口，或它不在您的管理范围内。")
    errors = [
        FieldError(name, "required", f"请填写{LABELS[name]}。")
        for name in ("windowNo", "windowName", "hallCode", "orgcode")
        if not values.get(name, "").strip()
    ]
    if "/" in code or "\x00" in code:
        errors.append(FieldError("windowNo", "bad_code", "窗口编号不能有斜杠。"))
    errors = errors or list(outside(charge)(values))
    if errors:
        raise Refused("fields_refused", 422, errors[0].message, tuple(errors))
    with transaction.atomic():
        (outcome,) = put_windows([dict(values)])
        if outcome.errors:
            raise Refused("fields_refused", 422, outcome.errors[0].message, outcome.errors)
        if outcome.status == "created":
            audit(actor, "window_add", code, now=now, facts=_facts({}, values))
        elif outcome.status == "updated":
            audit(actor, "window_change", code, now=now, facts=_facts(as_wire(before), values))
    return code


def switch(code: str, *, is_active: bool, reason: str, actor: Actor, now: datetime) -> None:
    """Stop a window or open it again. Its ratings, its signs and its history stay."""
    at = Charge.of(actor).one(code)
    if at is None:
        raise Refused("window_not_found", 404, "没有这个窗口，或它不在您的管理范围内。")
    reason = reason.replace("\x00", "").strip()
    if not reason:
        raise _refused("reason", "required", "请填写原因。")
    with transaction.atomic():
        wire = as_wire(at.window) | {"isActive": "1" if is_active else "0"}
        (outcome,) = put_windows([wire])
        if outcome.status == "updated":
            kind = "window_start" if is_active else "window_stop"
            audit(actor, kind, code, now=now, facts={"原因": reason[:200]})


def bring_in(name: str, content: IO[bytes], size: int, *, actor: Actor, now: datetime) -> Upload:
    """Take in a file of windows as `hcp import windows` does; rows outside the actor's charge are rejected like wrong ones.

    What was not taken is kept with the upload, so that it can be downloaded, mended and sent again.
    """
    if size > UPLOAD_MOST:
        raise _refused("file", "too_large", "文件超过 16 MB，请拆成几个再导入。")
    charge = Charge.of(actor)
    before = directory.snapshot().windows
    with TemporaryDirectory(prefix="hcp-upload-") as folder:
        path = Path(folder) / f"windows{Path(name).suffix.lower()[:8]}"
        path.write_bytes(content.read())
        report = imports.run("windows", path, None, now, refuses=outside(charge))
        rejected = report.rejected_path.read_bytes() if report.rejected_path else b""
        changed = _changed(report.report_path)
    with transaction.atomic():
        upload = Upload.objects.create(
            id=uuid4(),
            kind="windows",
            name=name[:200],
            person_id=actor.id,
            at=now,
            counts=dict(report.counts),
            rejected=gzip.compress(rejected) if rejected else None,
        )
        for code, status in changed:
            kind = "window_add" if status == "created" else "window_change"
            facts = _facts(as_wire(before.get(code)), as_wire(directory.window(code)))
            audit(actor, kind, code, now=now, facts={"导入": name[:100]} | facts)
    return upload


def outside(charge: Charge) -> Callable[[Mapping[str, str]], Sequence[FieldError]]:
    """What somebody in this charge may not put: a window elsewhere, or one that stands elsewhere now.

    An unknown hall or organ is left to the import, which names it.
    """
    known = directory.snapshot()

    def refuses(wire: Mapping[str, str]) -> Sequence[FieldError]:
        code, hall, organ = (wire.get(name, "").strip() for name in ("windowNo", "hallCode", "orgcode"))
        if code in known.windows and charge.one(code) is None:
            return (FieldError("windowNo", "not_yours", f"窗口 {code} {NOT_YOURS}。"),)
        if "/" in code:
            return (FieldError("windowNo", "bad_code", "窗口编号不能有斜杠。"),)
        if hall in known.halls and organ in known.organs and not charge.may_put(code, hall, organ):
            return (FieldError("hallCode", "not_yours", f"大厅 {hall} 或单位 {organ} {NOT_YOURS}。"),)
        return ()

    return refuses


def rejected_rows(upload: Upload) -> bytes:
    """The CSV of what was not taken in, "" if all was."""
    return gzip.decompress(bytes(upload.rejected)) if upload.rejected is not None else b""


def table(lines: Sequence[str]) -> list[list[str]]:
    """Lines of such a CSV without their head, as cells."""
    return list(csv.reader(lines[1:]))


def as_wire(window: object) -> dict[str, str]:
    """A window by its wire names, as an import expects it; {} for none."""
    if window is None:
        return {}
    columns = ("code", "name", "hall", "organ", "kind")
    values = [str(getattr(window, column)) for column in columns]
    return dict(zip(WIRE["windows"], [*values, "1" if getattr(window, "is_active", True) else "0"], strict=True))


def export(places: Sequence[Place], suffix: str) -> bytes:
    """These windows as CSV or XLSX with the columns that an import expects."""
    rows = [list(as_wire(at.window).values()) for at in places]
    with TemporaryDirectory(prefix="hcp-export-") as folder:
        out = Path(folder) / f"windows{suffix}"
        sheets.write(out, WIRE["windows"], rows)
        return out.read_bytes()


def _facts(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What differs, in words."""
    facts = {}
    for name, label in LABELS.items():
        if name not in after or name == "windowNo" or before.get(name, "") == after[name]:
            continue
        old, new = _said(name, before.get(name, "")), _said(name, after[name])
        facts[label] = f"{old} → {new}" if old else new
    return facts


def _said(name: str, value: str) -> str:
    known = directory.snapshot()
    if name == "hallCode" and value in known.halls:
        return known.halls[value].name
    if name == "orgcode" and value in known.organs:
        return known.organs[value].label
    if name == "windowKind":
        return WINDOW_KINDS.get(value, value)
    if name == "isActive":
        return {"1": "是", "0": "否"}.get(value, value)
    return value


def _changed(report: Path) -> list[tuple[str, str]]:
    rows = csv.DictReader(io.StringIO(report.read_text(encoding="utf-8-sig")))
    return [(row["key"], row["outcome"]) for row in rows if row["outcome"] in {"created", "updated"}]


def _refused(field: str, code: str, message: str) -> Refused:
    return Refused("fields_refused", 422, message, (FieldError(field, code, message),))
