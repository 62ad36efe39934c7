"""短信: what an office sees of its area, what an administrator counts, retry and test; never a number."""

from __future__ import annotations

import pytest

from haochaping.accounts.models import Audit
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit.clock import held_at
from haochaping.messaging import commands, sending
from haochaping.messaging.models import Message
from tests.cast import NOW, wire_rating, wire_service
from tests.console.stage import text
from tests.fakes.sms import SmsGateway
from tests.messaging.conftest import configure

pytestmark = pytest.mark.django_db
PAGE = "/console/messages/"


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    with SmsGateway(tmp_path / "sms", clock=lambda: NOW) as running:
        configure(monkeypatch, running)
        yield running


def queue(mobile="13912345678", area="3201", key="a", kind="invitation", event_id=None):
    words = "【江苏政务服务】请评价"
    commands.send(kind=kind, mobile=mobile, text=words, key=key, now=NOW, area=area, event_id=event_id)


def page(client, query=""):
    with held_at(NOW):
        answer = client.get(PAGE + query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_office_sees_its_own_area_and_only_the_last_four_digits(as_, gateway):
    queue()
    queue("13987654321", area="3205", key="b")
    sending.send_due(NOW)
    seen = page(as_("city"))
    assert "****5678" in seen
    assert "13912345678" not in seen
    assert "****4321" not in seen
    assert "****4321" in page(as_("foreign_city"))
    assert {"****5678", "****4321"} <= set(text(page(as_("supervisor"))).split())


def test_an_administrator_counts_all_and_sees_no_line(as_, gateway):
    queue()
    queue("13987654321", area="3205", key="b")
    said = page(as_("admin"))
    assert "****" not in said
    assert "系统管理员只看数量和故障" in said
    assert 'data-label="待发送">2<' in said


@pytest.mark.parametrize("username", ["rectifier", "clerk", "operator", "observer", "leader", "audit"])
def test_nobody_else_opens_it(as_, username):
    assert as_(username).get(PAGE).status_code == 403


def test_it_says_that_no_gateway_is_configured(as_):
    queue()
    said = page(as_("admin"))
    assert "还没有配置短信网关" in said
    assert "未配置" in said


def test_it_says_what_is_missing(as_, monkeypatch):
    monkeypatch.setenv("HCP_SMS_URL", "https://sms.example.cn")
    assert "HCP_SMS_APP_ID, HCP_SMS_SECRET missing" in page(as_("admin"))


def test_what_failed_is_shown_with_its_reason_and_can_be_tried_again(as_, gateway):
    gateway.script.append("refuse")
    queue()
    sending.send_due(NOW)
    client = as_("city")
    assert "网关不接收这个号码" in text(page(client))
    with held_at(NOW):
        answer = client.post(PAGE + "retry", {"reason": "number_refused"}, follow=True)
    assert "已重新排队 1 条" in answer.content.decode()
    sending.send_due(NOW)
    assert Message.objects.get().state == "sent"
    assert Audit.objects.filter(action="retry_messages", subject="number_refused").exists()


def test_an_office_retries_nothing_of_another(as_, gateway):
    gateway.script.append("refuse")
    queue(area="3205")
    sending.send_due(NOW)
    with held_at(NOW):
        answer = as_("city").post(PAGE + "retry", {"reason": "number_refused"}, follow=True)
    assert "没有可以重试的短信" in answer.content.decode()
    assert Message.objects.get().state == "failed"


def test_who_has_rated_meanwhile_is_asked_no_more_by_a_retry(as_, gateway):
    (served,) = admit_services([wire_service()], source="test", now=NOW)
    gateway.script.append("refuse")
    queue(event_id=served.id)
    sending.send_due(NOW)
    admit([read_evaluation(wire_rating(), source="test")], now=NOW)
    with held_at(NOW):
        answer = as_("city").post(PAGE + "retry", {"reason": "number_refused"}, follow=True)
    assert "已经评价的" in answer.content.decode()
    assert Message.objects.get().state == "failed"


def test_a_test_message_goes_once_a_minute_and_only_by_an_administrator(as_, gateway):
    client = as_("admin")
    with held_at(NOW):
        for _ in range(2):
            said = client.post(PAGE + "test", {"mobile": "139 1234 5678"}, follow=True).content.decode()
            assert "测试短信已排队" in said
        assert as_("supervisor").post(PAGE + "test", {"mobile": "13912345678"}).status_code == 403
    while sending.send_due(NOW):
        pass
    assert [taken.kind for taken in gateway.messages.values()] == ["notice"]
    assert "13912345678" not in str(list(Audit.objects.values_list("facts", "subject")))


def test_a_test_message_to_nowhere_is_explained(as_, gateway):
    with held_at(NOW):
        said = as_("admin").post(PAGE + "test", {"mobile": "12345"}, follow=True).content.decode()
    assert "请填写 11 位手机号码" in said
    assert not Message.objects.exists()


def test_the_list_is_filtered_and_says_when_there_is_nothing(as_, gateway):
    client = as_("city")
    assert "还没有短信" in page(client)
    queue()
    assert "****5678" in page(client, "?kind=invitation&state=queued")
    assert "没有符合条件的短信" in page(client, "?state=failed")
