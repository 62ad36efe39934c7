"""Which object of another place stands in the address of which route, and by what it would be known.

A new route with an object in its address needs its line in `SAMPLES`, or one in `NOBODYS` of `tests/console/test_matrix.py`
with the reason; what is new in Suzhou is made in `tests/console/foreign.py`. The tests of the matrix do the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haochaping.analytics.problems.rules import CASE_STEPS
from haochaping.analytics.problems.rules import STEPS as PROBLEM_STEPS
from haochaping.analytics.reports.rules import VERBS as REPORT_VERBS
from haochaping.rectification.consequences.rules import STEPS
from haochaping.rectification.models import Order
from haochaping.rectification.workflow import VERBS
from tests.cast import NANJING, NANJING_ITEM, PROVINCE_OFFICE, SUZHOU, SUZHOU_ITEM
from tests.console.foreign import MARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.console.foreign import World


def _order(world: World) -> dict[str, Any]:
    return {"order_no": world.order.order_no}


def _kept(world: World) -> list[dict[str, Any]]:
    return [
        {"place": "kept", "kind": world.kept.kind, "id": str(world.kept.id)},
        {"place": "waiting", "kind": world.waiting.kind, "id": str(world.waiting.id)},
    ]


# route of the console: the addresses of its foreign objects
SAMPLES: dict[str, Callable[[World], list[dict[str, Any]]]] = {
    "order": lambda w: [_order(w), {"order_no": w.moved.order_no}],
    "order_callback": lambda w: [{"order_no": w.moved.order_no}],
    "order_identity": lambda w: [_order(w)],
    "order_share": lambda w: [_order(w)],
    "order_move": lambda w: [{**_order(w), "verb": verb} for verb in sorted(VERBS)],
    "order_others": lambda w: [_order(w)],
    "order_file": lambda w: [{"order_no": w.moved.order_no}],
    "order_evidence": lambda w: [_order(w)],
    "order_evidence_page": lambda w: [{**_order(w), "page_id": w.files.pages[0]}],
    "order_evidence_drop": lambda w: [{**_order(w), "file_id": w.files.pk}],
    "slice_forget": lambda w: [{"pk": w.filter.pk}],
    "orders_filter": lambda w: [{"pk": w.filter.pk, "verb": verb} for verb in ("default", "usual", "delete")],
    "brief": lambda w: [{"pk": w.brief.pk}],
    "brief_write": lambda w: [{"pk": w.brief.pk}],
    "brief_paper": lambda w: [{"pk": w.brief.pk}],
    "brief_act": lambda w: [{"pk": w.brief.pk, "verb": verb} for verb in ("submit", "approve", "return", "archive")],
    "report": lambda w: [{"pk": w.report.pk}],
    "report_write": lambda w: [{"pk": w.report.pk}],
    "report_pdf": lambda w: [{"pk": w.report.pk}],
    "report_docx": lambda w: [{"pk": w.report.pk}],
    "report_chart": lambda w: [{"pk": w.report.pk, "n": 1}],
    "report_act": lambda w: [{"pk": w.report.pk, "verb": verb} for verb in REPORT_VERBS],
    "consequence": lambda w: [{"pk": w.consequence.pk}],
    "consequence_act": lambda w: [
        {"pk": w.consequence.pk, "verb": verb} for verb in sorted({one.verb for one in STEPS})
    ],
    "consequence_admonish": lambda w: [_order(w)],
    "problem": lambda w: [{"pk": w.problem.pk}],
    "problem_edit": lambda w: [{"pk": w.problem.pk}],
    "problem_act": lambda w: [{"pk": w.problem.pk, "verb": step.verb} for step in PROBLEM_STEPS],
    "case": lambda w: [{"pk": w.case.pk}],
    "case_edit": lambda w: [{"pk": w.case.pk}],
    "case_act": lambda w: [{"pk": w.case.pk, "verb": step.verb} for step in CASE_STEPS],
    "screen_close": lambda w: [{"pk": w.wall.pk}],
    "callback_back": lambda w: [{"order_no": w.moved.order_no}],
    "pressing": lambda w: [{"order_no": w.moved.order_no, "n": w.moved.moves}],
    "notice_read": lambda w: [{"pk": w.notice.pk}],
    "reply_template": lambda w: [{"pk": w.template.pk}],
    "reply_template_switch": lambda w: [{"pk": w.template.pk}],
    "meeting_conclude": lambda w: [_order(w)],
    "telephone_done": lambda w: [{"event_id": w.told.id}],
    "callout": lambda w: [{"event_id": w.called.event_id}],
    "paper_forms": lambda w: [{"run_id": w.run.pk, "part": 1}],
    "paper_batch": lambda w: [{"batch_id": w.paper.pk}],
    "paper_key": lambda w: [{"batch_id": w.paper.pk}],
    "paper_act": lambda w: [{"batch_id": w.paper.pk, "verb": verb} for verb in ("recount", "void", "scans")],
    "paper_form": lambda w: [{"number": w.sheet.number}],
    "paper_decide": lambda w: [{"number": w.sheet.number}],
    "paper_scan": lambda w: [{"number": w.sheet.number, "scan_id": w.sheet.scan}],
    "letter": lambda w: [{"letter_id": w.letter.pk}],
    "letter_note": lambda w: [{"letter_id": w.letter.pk}],
    "letter_scan": lambda w: [{"letter_id": w.letter.pk}],
    "questionnaire": lambda w: [{"code": w.asked.code}],
    "questionnaire_edit": lambda w: [{"code": w.asked.code}],
    "questionnaire_export": lambda w: [{"code": w.asked.code}],
    "questionnaire_act": lambda w: [
        {"code": w.asked.code, "verb": verb} for verb in ("send", "approve", "return", "close")
    ],
    "entry_scan": lambda w: [{"scan": w.letter.scan}],
    "entry_check": lambda w: [{"event_id": w.letter.event_id}, {"event_id": w.told.id}],
    "inspection_photo": lambda w: [{"photo": w.photo.pk}],
    "repair_case": _kept,
    "repair_act": lambda w: [
        {**one, "verb": verb}
        for one, verbs in zip(_kept(w), ("fix retry accept discard bring_back", "fix retry discard"), strict=True)
        for verb in verbs.split()
    ],
    "batch": lambda w: [{"id": w.batch}],
    "batch_mark": lambda w: [{"id": w.batch}],
    "batch_continue": lambda w: [{"id": w.batch}],
    "windows_imported": lambda w: [{"pk": str(w.upload.pk)}],
    "window": lambda _: [{"code": "SZ-A01"}],
    "window_switch": lambda _: [{"code": "SZ-A01"}],
    "sign_history": lambda _: [{"code": "SZ-A01"}],
    "sign_replace": lambda w: [{"serial": w.sign.serial}],
    "device": lambda w: [{"device_id": w.device.id}],
    "device_stop": lambda w: [{"device_id": w.device.id}],
    "device_replace": lambda w: [{"device_id": w.device.id}],
    "appraisal_score": lambda w: [{"pk": w.score.pk}],
    "appraisal_object": lambda w: [{"pk": w.score.pk}],
    "appraisal_sheet": lambda w: [{"pk": w.sheet_of_may.pk}],
    "appraisal_changes": lambda w: [{"pk": w.sheet_of_may.pk}],
    "appraisal_decide": lambda w: [
        {"pk": w.sheet_of_may.pk, "verb": verb} for verb in ("publish", "refuse", "take_back")
    ],
    "appraisal_submit": lambda _: [{"area": "3205", "month": "2026-05"}],
    "appraisal_entries": lambda _: [{"area": "3205", "month": "2026-05"}, {"area": "3205", "month": "2026-06"}],
    "appraisal_template": lambda _: [{"area": "3205", "month": "2026-05"}],
    "appraisal_live": lambda _: [{"area": "3205", "month": "2026-05", "kind": "organ", "subject": SUZHOU}],
    "appraisal_objection": lambda w: [{"pk": w.objection.pk}],
    "appraisal_objection_act": lambda w: [
        {"pk": w.objection.pk, "verb": verb} for verb in ("add", "withdraw", "uphold", "dismiss")
    ],
    "policy_version": lambda w: [{"pk": w.pack.pk}],
    "policy_version_export": lambda w: [{"pk": w.pack.pk}],
    "policy_withdraw": lambda w: [{"pk": w.pack.pk}],
    "policy_draft": lambda w: [{"pk": w.pack_draft.pk}],
    "policy_section": lambda w: [{"pk": w.pack_draft.pk, "name": "limits"}],
    "policy_import": lambda w: [{"pk": w.pack_draft.pk}],
    "policy_export": lambda w: [{"pk": w.pack_draft.pk}],
    "policy_approve": lambda w: [{"pk": w.pack_draft.pk}],
    "policy_act": lambda w: [{"pk": w.pack_draft.pk, "act": act} for act in ("submit", "take_back", "drop", "refuse")],
    "calendar_undo": lambda _: [{"region": "3205", "day": "2026-08-03"}],
    "calendar_decide": lambda w: [{"pk": w.asked_day.pk, "verb": verb} for verb in ("agree", "refuse")],
    "indicator_set": lambda w: [{"pk": w.indicators.pk}],
    "indicator_import": lambda w: [{"pk": w.indicators.pk}],
    "indicator_line": lambda w: [{"pk": w.indicators.pk, "code": "new"}],
    "indicator_preview": lambda w: [{"pk": w.indicators.pk}],
    "indicator_page": lambda w: [{"pk": w.indicators.pk}],
    "indicator_act": lambda w: [
        {"pk": w.indicators.pk, "act": act} for act in ("submit", "take_back", "drop", "approve", "refuse", "remove")
    ],
    "person": lambda w: [{"pk": w.person.pk}],
    "person_edit": lambda w: [{"pk": w.person.pk}],
    "person_switch": lambda w: [{"pk": w.person.pk}],
    "person_reset": lambda w: [{"pk": w.person.pk}],
    "person_grant": lambda w: [{"pk": w.person.pk}],
    "person_take": lambda w: [{"pk": w.person.pk, "grant_id": w.grant.pk}],
    "person_factor": lambda w: [{"pk": w.person.pk}],
    "person_unlink": lambda w: [{"pk": w.person.pk}],
    "person_sessions_end": lambda w: [{"pk": w.person.pk}],
    "person_session_end": lambda w: [{"pk": w.person.pk, "session_id": w.session}],
    "unlock": lambda w: [{"pk": w.lock.pk}],
}


def names_of(world: World) -> dict[str, str]:
    """By what each foreign object would be known in a list, a search or a sheet."""
    return {
        "order": world.order.order_no,
        "order past review": world.moved.order_no,
        "order of a letter": Order.objects.get(pk=world.letter.event_id).order_no,
        "order of an inspection": Order.objects.get(pk=world.photo.event_id).order_no,
        "title": MARK,
        "letter": "YJX-SZ-7731",
        "inspection": "JC-SZ-7731",
        "recording": "REC-20260610-7731",
        "paper form": world.sheet.number,
        "batch": world.batch,
        "device": world.device.id,
        "sign": world.sign.serial,
        "upload": str(world.upload.pk),
        "person": world.person.username,
        "case": "SZ-TOLD",
    }


# what somebody might name in a form without being in charge of it: route, fields
BODIES: list[tuple[str, Callable[[World], dict[str, Any]]]] = [
    ("orders_many", lambda w: {"pick": f"{w.order.order_no}:3", "verb": "urge", "text": "请尽快"}),
    ("brief_new", lambda w: {"title": "别处的专报", "case": w.order.order_no}),
    ("report_new", lambda _: {"kind": "weekly", "place": "3205|", "day": "2026-06-01", "issuer": "别处"}),
    ("report_topic", lambda _: {"title": "别处的专报", "place": "3205|", "since": "2026-06-01", "until": "2026-06-09", "issuer": "别处"}),
    ("report_plans", lambda _: {"kind": "weekly", "place": "3205|", "issuer": "别处"}),
    ("paper", lambda _: {"do": "print", "hall": "SZ", "window": "SZ-A01", "forms": "2"}),
    ("paper", lambda _: {"do": "open", "hall": "SZ", "day": "2026-06-10", "forms": "2"}),
    ("letter_new", lambda _: {"way": "box", "number": "N-1", "day": "2026-06-10", "area": "320500000000", "words": "坏了", "level": ""}),
    ("letter_new", lambda _: {"way": "box", "number": "N-2", "day": "2026-06-10", "target": f"organ:{SUZHOU}", "words": "坏了", "level": "1"}),
    ("telephone", lambda w: {"do": "enter", "event": str(w.called.event_id), "level": "5", "proof": "REC-20260610-0009"}),
    ("telephone", lambda _: {"do": "enter", "visit": "1", "at": "w:SZ-A01", "level": "5", "proof": "REC-20260610-0008"}),
    ("telephone", lambda w: {"do": "enter", "order": w.moved.order_no, "level": "5", "proof": "REC-20260610-0007"}),
    ("inspection_new", lambda _: {"at": "w:SZ-A01", "inspected_on": "2026-06-10", "inspectors": "张", "proof": "JC-1", "level": "5", "words": "好"}),
    ("consequence_new", lambda _: {"kind": "talk", "subject_kind": "organ", "subject": SUZHOU, "title": "约谈一次", "text": "请说明原因"}),
    ("problem_new", lambda _: {"title": "别处", "description": "排队", "items": SUZHOU_ITEM, "due": "2026-07-10"}),
    ("problem_new", lambda w: {
        "title": "别处", "description": "排队", "items": NANJING_ITEM, "due": "2026-07-10", "orders": w.order.order_no,
    }),
    ("problem_new", lambda _: {"title": "别处", "description": "排队", "items": NANJING_ITEM, "lead": SUZHOU, "due": "2026-07-10"}),
    ("case_new", lambda _: {"organ": SUZHOU, "title": "别处", "background": "久", "practice": "改", "effect": "好"}),
    ("case_new", lambda w: {
        "organ": NANJING, "problem": str(w.problem.pk), "title": "别处", "background": "久", "practice": "改", "effect": "好",
    }),
    ("reply_template_new", lambda _: {"title": "别处", "text": "您好。", "cause": "", "owner": "3205|"}),
    ("reply_template_new", lambda _: {"title": "别处", "text": "您好。", "cause": "", "owner": f"3205|/{PROVINCE_OFFICE}/{SUZHOU}/"}),
    ("questionnaire_new", lambda _: {
        "title": "别处的征询", "purpose": "决定周末是否开放窗口", "area": "320500000000", "target": "hall:SZ", "starts": "2026-06-10",
        "ends": "2026-06-20", "ask-1": "level", "text-1": "满意吗？",
    }),
    ("window_add", lambda _: {"windowNo": "SZ-A09", "windowName": "A09", "hallCode": "SZ", "orgcode": SUZHOU, "windowKind": "issue"}),
    ("signs_print", lambda _: {"window": "SZ-A01"}),
    ("tickets", lambda _: {"case": "SZ-CALL", "number": "1"}),
    ("device_new", lambda _: {"kind": "tablet", "window": "SZ-A01"}),
    ("device_new", lambda _: {"kind": "kiosk", "hall": "SZ"}),
    ("device_hall", lambda _: {"hall": "SZ"}),
    ("policy_new", lambda _: {"region": "320505"}),
    ("policy_new", lambda w: {"like": str(w.pack_draft.pk)}),
    ("calendar_local", lambda _: {
        "region": "3205", "first": "2026-08-10", "last": "2026-08-10", "name": "节", "works": "0", "source": "通知", "confirmed": "1",
    }),
    ("indicators_draft", lambda _: {"region": "3205"}),
    ("indicators_draft", lambda w: {"like": str(w.indicators.pk)}),
    ("person_new", lambda _: {"username": "anew", "name": "新人", "organ": SUZHOU, "phone": ""}),
]  # fmt: skip
