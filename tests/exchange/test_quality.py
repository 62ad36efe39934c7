"""数据质检: our check finds what the platform would refuse, says which field, why and who can mend it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haochaping.exchange.quality import TABLES, check
from haochaping.exchange.rules import Phase
from tests.cast import NOW
from tests.fakes.national_fields import TABLES as THEIRS
from tests.fakes.national_fields import Refusal, inspect

KINDS = {Phase.SERVICE: "projectService", Phase.EVALUATION: "evaluate", Phase.RECTIFICATION: "rectify"}
GOOD = {
    Phase.SERVICE: {
        "projectNo": "NJ1", "serviceNumber": "1", "dataSource": "132", "taskCode": "11320100014000456K3320101001000",
        "taskName": "食品经营许可", "taskType": "01", "projectName": "食品经营许可", "proStatus": "3",
        "orgcode": "11320100014000456K", "orgName": "市场监管局", "deptCode": "11320100014000456K", "deptName": "市场监管局",
        "areaCode": "320102000000", "acceptDate": "2026-06-09 09:00:00", "resultDate": "2026-06-10 09:00:00",
        "serviceTime": "2026-06-10 09:00:00", "serviceName": "办结", "isService": "1", "userProp": "1",
        "userName": "赵试样", "certKeyGOV": "320102190001010018", "proChannel": "2",
    },
    Phase.EVALUATION: {
        "projectNo": "NJ1", "assessNumber": "1", "dataSource": "132", "taskCode": "11320100014000456K3320101001000",
        "areaCode": "320102000000", "satisfaction": "1", "pf": "3", "evalDetail": "115", "assessTime": "2026-06-10 09:30:00",
        "appStatus": "0", "isdefault": "0", "effectivEvalua": "1",
    },
    Phase.RECTIFICATION: {
        "projectNo": "NJ1", "serviceNumber": "1", "dataSource": "132", "rectifyNumber": "1", "rectifyOrderNo": "CP20260610-1",
        "answer": "已改", "answerdate": "2026-06-11 09:30:00", "answerStatus": "0", "sfhf": "1", "zgjg": "0", "sfeypj": "0",
    },
}  # fmt: skip
WRONG = {
    Phase.SERVICE: {
        "taskCode": "11320100014000456K332010100100001", "areaCode": "3201", "proStatus": "4", "orgcode": "short",
        "acceptDate": "2026-06-09", "resultDate": "2026-06-08 09:00:00", "serviceTime": "2027-06-10 09:00:00", "userProp": "7",
        "mobile": "—", "proChannel": "3", "serviceNumber": "100", "taskHandleItem": "0" * 33, "taskType": "02",
        "promiseType": "1", "dataSource": "32", "userName": "", "taskName": "",
    },
    Phase.EVALUATION: {
        "satisfaction": "6", "pf": "8", "evalDetail": "115|114", "assessTime": "2027-06-10 09:30:00", "isdefault": "1",
        "writingEvaluation": "字" * 601, "assessNumber": "0",
    },
    Phase.RECTIFICATION: {"rectifyNumber": "0", "answer": "", "answerdate": "昨天"},
}  # fmt: skip
CASES = [(phase, name, value) for phase, fields in WRONG.items() for name, value in fields.items()]


@pytest.mark.parametrize("phase", Phase)
def test_a_good_record_passes_here_and_there(phase):
    assert check(phase, GOOD[phase], NOW) == []
    assert inspect(KINDS[phase], GOOD[phase], NOW)


@pytest.mark.parametrize(("phase", "name", "value"), CASES, ids=[f"{c[0].key}-{c[1]}" for c in CASES])
def test_a_wrong_field_is_named_with_a_remedy_and_without_its_value(phase, name, value):
    record = {k: v for k, v in (GOOD[phase] | {name: value}).items() if v}
    errors = check(phase, record, NOW)
    assert name in {error.field for error in errors}
    assert all("请" in error.message or "不可更改" in error.message for error in errors)
    assert not any(value and len(value) > 3 and value in error.message for error in errors)


@pytest.mark.parametrize("phase", Phase)
def test_without_any_one_field_we_refuse_at_least_what_they_refuse(phase):
    for name in GOOD[phase]:
        record = {k: v for k, v in GOOD[phase].items() if k != name}
        try:
            inspect(KINDS[phase], record, NOW)
        except Refusal:
            mapped_by_file = phase is Phase.RECTIFICATION and name not in TABLES[phase]
            assert mapped_by_file or check(phase, record, NOW), f"{name} would be refused over there"


def test_we_know_no_field_that_they_do_not_know():
    for phase, kind in KINDS.items():
        assert TABLES[phase].keys() <= THEIRS[kind].keys()


def test_an_indicator_of_another_level_is_found():
    assert [e.field for e in check(Phase.EVALUATION, GOOD[Phase.EVALUATION] | {"evalDetail": "510"}, NOW)] == [
        "evalDetail"
    ]


def test_a_bad_rating_without_any_reason_is_found():
    record = {k: v for k, v in GOOD[Phase.EVALUATION].items() if k != "evalDetail"}
    assert [e.message[:10] for e in check(Phase.EVALUATION, record, NOW)] == ["差评须有指标或文字；"[:10]]


def test_the_clock_may_be_five_minutes_off():
    early = NOW - timedelta(minutes=34)  # the rating was at 9:30, the stage's now is 10:00
    assert check(Phase.EVALUATION, GOOD[Phase.EVALUATION], early) == []
    assert check(Phase.EVALUATION, GOOD[Phase.EVALUATION], early - timedelta(minutes=2))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(Phase)), st.data())
def test_no_text_in_any_field_makes_the_check_fall_over(phase, data):
    name = data.draw(st.sampled_from(sorted(TABLES[phase])))
    check(phase, GOOD[phase] | {name: data.draw(st.text(max_size=40))}, NOW)
