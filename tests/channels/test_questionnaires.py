"""主动征询: short questions, approved by a second person, answered once a browser, nothing shown of few, and never a rating."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.test import Client

from haochaping.accounts.models import Audit
from haochaping.channels.models import QuestionnaireAnswer, QuestionnaireMark
from haochaping.channels.questionnaires import commands, queries, rules
from haochaping.channels.questionnaires.rules import Ask, Question, Standing
from haochaping.evaluation.models import Evaluation
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.project import assets
from tests.cast import NOW, settle

QUESTIONS = (
    Question(Ask.LEVEL, "您对延时服务满意吗？", (), True),
    Question(Ask.SINGLE, "您常什么时候来？", ("上午", "中午", "周末")),
    Question(Ask.MULTIPLE, "希望增加什么？", ("老花镜", "充电", "停车")),
    Question(Ask.TEXT, "还有什么建议？"),
)


@pytest.fixture(scope="module", autouse=True)
def published():
    assets.build()


@pytest.fixture
def cast(db):
    return settle()


def drafted(cast, **more):
    values = {
        "title": "大厅延时服务征询",
        "purpose": "决定周末是否开放窗口",
        "questions": QUESTIONS,
        "area": "320102000000",
        "target": "hall:NJ",
        "starts": date(2026, 6, 10),
        "ends": date(2026, 6, 20),
        "actor": cast.city,
        "now": NOW,
    }
    return commands.draft(**(values | more))


@pytest.fixture
def open_(cast):
    found = drafted(cast)
    commands.send(found.code, actor=cast.city, now=NOW)
    commands.settle(found.code, approves=True, remark="", actor=cast.supervisor, now=NOW)
    found.refresh_from_db()
    return found


def post(client: Client, code: str, **given):
    with clock.held_at(NOW):
        return client.post(f"/q/{code}", {"q1": "0"} | given)


def refusal(act, *args, **more) -> Refused:
    with pytest.raises(Refused) as no:
        act(*args, now=NOW, **more)
    return no.value


def test_nobody_sees_it_before_a_second_person_approved(cast):
    found = drafted(cast)
    assert Client().get(f"/q/{found.code}").status_code == 404
    assert Client().get("/q/%00").status_code == 404
    assert refusal(commands.settle, found.code, approves=True, remark="", actor=cast.supervisor).code == "not_sent"
    commands.send(found.code, actor=cast.city, now=NOW)
    assert refusal(commands.settle, found.code, approves=True, remark="", actor=cast.city).code == "same_person"
    assert refusal(commands.settle, found.code, approves=False, remark="", actor=cast.supervisor).status == 422
    commands.settle(found.code, approves=False, remark="问题太多", actor=cast.supervisor, now=NOW)
    found.refresh_from_db()
    assert (found.state, found.remark) == ("draft", "问题太多")
    commands.send(found.code, actor=cast.city, now=NOW)
    commands.settle(found.code, approves=True, remark="", actor=cast.supervisor, now=NOW)
    with clock.held_at(NOW):
        assert "不计入好评率" in Client().get(f"/q/{found.code.lower()}").content.decode()
    assert {"draft_questionnaire", "send_questionnaire", "approve_questionnaire"} <= set(
        Audit.objects.values_list("action", flat=True)
    )


@pytest.mark.parametrize("who", ["foreign_city", "rectifier", "operator", "clerk"])
def test_only_those_of_the_area_draft_send_and_close(cast, open_, who):
    actor = getattr(cast, who)
    assert refusal(commands.close, open_.code, actor=actor).status == 403
    with pytest.raises(Refused) as no:
        drafted(cast, actor=actor)
    assert no.value.status == 403
    if who == "foreign_city":
        assert not queries.questionnaires_for(actor).exists()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"title": "a"}, "title"),
        ({"purpose": ""}, "purpose"),
        ({"questions": ()}, "ask-1"),
        ({"questions": (Question(Ask.SINGLE, "哪个", ("一个",)),)}, "options-1"),
        ({"questions": (Question(Ask.SINGLE, "哪个", ("甲", "甲")),)}, "options-1"),
        ({"ends": date(2026, 6, 1)}, "ends"),
        ({"ends": date(2026, 12, 1)}, "ends"),
        ({"area": "990000000000"}, "area"),
        ({"target": "hall:X"}, "target"),
    ],
)
def test_what_cannot_be_put_to_people_is_refused_at_its_field(cast, more, field):
    with pytest.raises(Refused) as no:
        drafted(cast, **more)
    assert field in {error.field for error in no.value.fields}


def test_one_browser_answers_once_and_no_rating_comes_of_it(open_):
    client = Client()
    assert post(client, open_.code, q2="1", q3=["0", "2"], q4="多放椅子").status_code == 303
    with clock.held_at(NOW):
        assert "已收到您的回答" in client.get(f"/q/{open_.code}").content.decode()
    post(client, open_.code, q1="4")
    kept = QuestionnaireAnswer.objects.get()
    assert (kept.choices, kept.texts) == ({"1": [0], "2": [1], "3": [0, 2]}, ["", "", "", "多放椅子"])
    assert QuestionnaireMark.objects.count() == 1
    assert not Evaluation.objects.exists()
    assert post(Client(), open_.code).status_code == 303, "another browser at the same address is another person"


def test_what_was_left_out_is_named_and_the_rest_is_kept(open_):
    answer = post(Client(), open_.code, q1="", q4="字" * 201)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "第 1 题是必答题" in page
    assert "第 4 题最多 200 字" in page
    assert "字" * 201 in page
    assert not QuestionnaireMark.objects.exists()


@pytest.mark.parametrize("given", [{"q1": "9"}, {"q1": "x"}, {"q1": ["0", "1"]}, {"q1": "-1"}])
def test_an_option_that_there_is_not_is_no_answer(open_, given):
    assert post(Client(), open_.code, **given).status_code == 422


def test_of_fewer_than_five_answers_nothing_is_shown(open_):
    for n in range(6):
        post(
            Client(),
            open_.code,
            q1=str(n % 2),
            q4=f"我叫王小明，电话1391234567{n}" if n < 4 else "",
            q2="0" if n else "",
        )
    level, when, more, words = queries.results_of(open_)
    assert [(line.name, line.n, line.of, line.percent) for line in level.lines][:2] == [
        ("非常满意", 3, 6, "50.0%"),
        ("满意", 3, 6, "50.0%"),
    ]
    assert (when.answered, when.lines[0].percent) == (5, "100.0%")
    assert (more.answered, more.is_shown) == (0, False)
    assert (words.answered, words.is_shown, words.texts) == (4, False, ())
    post(Client(), open_.code, q4="电话13912345678")
    told = "".join(queries.results_of(open_)[3].texts)
    assert "139****5678" in told
    assert "小明" not in told
    head, lines = queries.table(open_)
    sheet = list(lines)
    assert all(len(line) == len(head) for line in sheet)
    assert ["3", "希望增加什么？", "（不足5份，不显示）", "", "", ""] in sheet


def test_it_opens_and_ends_by_its_days_and_can_be_closed_before(cast, open_):
    standing = [
        rules.standing("approved", open_.starts, open_.ends, day)
        for day in (date(2026, 6, 9), date(2026, 6, 10), date(2026, 6, 20), date(2026, 6, 21))
    ]
    assert standing == [Standing.COMING, Standing.OPEN, Standing.OPEN, Standing.OVER]
    with clock.held_at(NOW - timedelta(days=1)):
        assert "6月10日" in Client().get(f"/q/{open_.code}").content.decode()
    commands.close(open_.code, actor=cast.city, now=NOW)
    assert post(Client(), open_.code).status_code == 410
    assert refusal(commands.close, open_.code, actor=cast.city).code == "not_open"
    assert not QuestionnaireAnswer.objects.exists()


def test_nobody_is_found_by_an_answer(open_):
    post(Client(), open_.code)
    columns = {field.name for field in QuestionnaireAnswer._meta.concrete_fields}
    assert columns == {"id", "code", "day", "choices", "texts"}
    assert {field.name for field in QuestionnaireMark._meta.concrete_fields} == {"digest"}
