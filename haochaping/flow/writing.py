"""The write of one group: ratings with all that hangs on them in one statement, the bad ones' orders in a second."""

from __future__ import annotations

import secrets
from datetime import UTC
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.evaluation.models import Evaluator
from haochaping.evaluation.records import content
from haochaping.evaluation.rules import Assurance, Consent, Level, assurance_of, canonical
from haochaping.kit import blobs, clock, crypto, ids, keys
from haochaping.kit.rows import Attached, hexed, insert_encoded
from haochaping.outbox.commands import notes
from haochaping.rectification.commands import open_orders
from haochaping.rectification.rules import RatedBad

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from haochaping.evaluation.judge import IndicatorInfo
    from haochaping.evaluation.records import Submission
    from haochaping.evaluation.served import Served
    from haochaping.kit.errors import Refused
    from haochaping.rectification.models import Order


class Wanted(NamedTuple):
    """A rating that may be written, with its place in the group and what it rests on."""

    place: int
    submission: Submission
    event: Served
    known: Mapping[str, IndicatorInfo]
    digest: bytes
    late: Refused | None


def write(wanted: Sequence[Wanted], *, now: datetime) -> dict[UUID, tuple[str, Order | None]]:
    """Those that were new: receipt, and the order it opened if it is bad. Sorted by id, so that groups do not wait in a ring."""
    rows: dict[UUID, dict[str, Any]] = {}
    encoded, words, people = [], [], []
    for w in sorted(wanted, key=lambda w: w.event.id.int):
        s, id_ = w.submission, w.event.id
        row = rows[id_] = _row(w, now)
        if s.words:
            salt = secrets.token_bytes(16)
            row["words_digest"] = hexed(crypto.sm3(salt + s.words.encode()))
            words.append({"id": id_, "salt": salt, "text": s.words})
        if s.name or s.cert or s.mobile:
            people.append(_sealed(id_, s))
        body = canonical(row)
        encoded.append(body[:-1] + b',"row_sm3":"\\\\x' + crypto.sm3(body).hex().encode() + b'"}')
    if not rows:
        return {}
    told = {id_: ids.receipt(id_) for id_ in rows}
    topics = notes([(w.event.id, "evaluation", w.event.service_day) for w in wanted], now=now)
    attached = [
        Attached("evaluation_receipt", _receipts(told), "event_id"),
        Attached("evaluation_evaluator", people),
        Attached("evaluation_words", words),
        Attached("outbox_note", topics, "key"),
    ]
    columns = [*next(iter(rows.values())), "row_sm3"]
    new = insert_encoded("evaluation_evaluation", columns, encoded, attached=attached)
    bad = [_bad(rows[w.event.id], w) for w in wanted if w.event.id in new and Level(w.submission.level).is_bad]
    orders = {order.id: order for order in open_orders(sorted(bad, key=attrgetter("id")), now=now)} if bad else {}
    return {id_: (told[id_], orders.get(id_)) for id_ in new}


def event_id(s: Submission) -> UUID:
    return ids.event_id(s.project_no, s.service_number)


def digest_of(s: Submission) -> bytes:
    """By which the same content is known again."""
    return crypto.hmac_sm3(keys.key("content"), canonical(content(s)))


def index(column: str, value: str) -> bytes | None:
    """The blind index of what a person gave; None where nothing that could be found again is left of it."""
    return blobs.blind(column, value) if blobs.normal(value) else None


def receipts(of: Iterable[UUID]) -> list[dict[str, Any]]:
    """The rows by which the rater's receipts are found again."""
    return _receipts({id_: ids.receipt(id_) for id_ in of})


def _receipts(told: Mapping[UUID, str]) -> list[dict[str, Any]]:
    rows = [{"digest": ids.token_digest(receipt), "event_id": id_} for id_, receipt in told.items()]
    return sorted(rows, key=itemgetter("digest"))


def _row(w: Wanted, now: datetime) -> dict[str, Any]:
    """The rating's row as it lies under its SM3 (`evaluation.queries.evaluation_row`)."""
    s, event = w.submission, w.event
    is_applicants = bool(s.mobile) and event.phone_index is not None and event.phone_index == index("phone", s.mobile)
    return {
        "id": event.id,
        "level": s.level,
        "pf": s.pf,
        "indicators": s.indicators,
        "indicator_names": [w.known[code].name for code in s.indicators],
        "words_digest": None,
        "no_reason": Level(s.level).is_bad and not s.indicators and not s.words,
        "assess_time": s.assess_time.astimezone(UTC),
        "rated_day": clock.day(s.assess_time),
        "assurance": assurance_of(
            name=s.name,
            cert=s.cert,
            mobile=s.mobile,
            is_applicants_mobile=is_applicants,
            knows_case=s.knows_case,
        ),
        "consent": sorted(s.consent),
        "user_prop": s.user_prop if s.user_prop is not None else event.user_prop,
        "device_id": s.device_id,
        "source": s.source,
        "batch": s.batch,
        "digest": hexed(w.digest),
        "received_at": (s.arrived or now).astimezone(UTC),
        **event.as_served,
    }


def _sealed(id_: UUID, s: Submission) -> dict[str, Any]:
    person = {"name": s.name, "cert": s.cert, "mobile": s.mobile}
    return {
        "id": id_,
        "blob": blobs.seal(person, table=Evaluator._meta.db_table, row=id_),
        "phone_index": index("phone", s.mobile),
        "id_index": index("cert", s.cert),
    }


def _bad(row: dict[str, Any], w: Wanted) -> RatedBad:
    return RatedBad(
        id=row["id"],
        level=row["level"],
        organ_code=row["organ_code"],
        organ_name=row["organ_name"],
        organ_path=row["organ_path"],
        area=row["area"],
        area_path=row["area_path"],
        window_code=row["window_code"],
        task_code=row["task_code"],
        item_name=row["item_name"],
        service_day=w.event.service_day,
        rated_day=row["rated_day"],
        real_name=row["assurance"] == Assurance.REAL_NAME,
        opens_identity=Consent.CONTACT_DEPARTMENT in row["consent"],
        no_reason=row["no_reason"],
        is_probe=row["is_probe"],
        words=w.submission.words,
        has_telephone=bool(w.submission.mobile) or w.event.phone_index is not None,
        aspect=row["aspect"],
        dimensions=frozenset(w.known[code].dimension for code in row["indicators"]),
    )
