"""From the service record to the telephone to the rating: the whole way by the real protocols, and the console's page of it."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from django.db import connections

from haochaping.channels.invitations import commands as invitations
from haochaping.evaluation.models import Evaluation
from haochaping.kit import clock
from haochaping.messaging import gateway as access
from haochaping.messaging import queries, sending
from haochaping.messaging.models import Message
from tests.cast import PASSWORD
from tests.fakes.sms import SmsGateway

# The worker's minute is played at tomorrow's noon in China, so that no night stops it whenever this runs.
TOMORROW = (clock.now() + timedelta(days=1)).astimezone(clock.CHINA).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def telephone(live, tmp_path, settings):
    """The gateway, known to the running server by the installation's own file."""
    settings.PUBLIC_URL = live.url
    with SmsGateway(tmp_path / "sms") as gateway:
        access.store_access(gateway.url, gateway.app_id, gateway.secret)
        yield gateway
    access._file().unlink()


@pytest.fixture
def sound(axe, fits):
    return lambda page: axe(page) == [] and fits(page)


def send_all():
    try:
        while sending.send_due(clock.now()):
            pass
    finally:
        connections.close_all()


def invited(live):
    """A service event whose applicant is being asked, and the message about it."""
    event = live.serve(mobile=f"139{clock.now().microsecond:08d}")
    while invitations.collect(TOMORROW) or invitations.ask_due(TOMORROW):
        pass
    row = Message.objects.get(event_id=event.id)
    assert row.state == "queued"
    Message.objects.filter(pk=row.pk).update(next_at=clock.now(), quiet_from=None, quiet_to=None)
    with ThreadPoolExecutor(1) as thread:  # the browser's event loop has this one
        thread.submit(send_all).result()
    row.refresh_from_db()
    return row


def test_an_invitation_is_queued_sent_delivered_opened_and_rated_as_sms(live, visit, telephone, sound):
    row = invited(live)
    assert row.state == "sent"
    answer = telephone.receipts(live.url)
    assert (answer.status_code, answer.json()) == (200, {"accepted": len(telephone.messages)})
    row.refresh_from_db()
    assert row.state == "delivered"
    (url,) = re.findall(r"https?://\S+/e/\w{13}", telephone.messages[row.id.hex].text)
    page = visit()
    page.goto(url)
    assert sound(page)
    page.get_by_role("radio", name="满意", exact=True).check()
    page.get_by_role("button", name="提交").click()
    page.get_by_text("回执").first.wait_for()
    assert Evaluation.objects.get(id=row.event_id).pf == 7


def test_whoever_replies_td_is_left_alone(live, telephone):
    mobile = telephone.messages[invited(live).id.hex].to
    assert telephone.reply(live.url, mobile, "TD").json() == {"accepted": 1}
    assert not queries.may_text(mobile)
    forged, headers = telephone.signed("/sms/inbound", {"messages": []}, "not the secret")
    answer = httpx.post(live.url + "/sms/inbound", content=forged, headers=headers, trust_env=False)
    assert answer.status_code == 401


@pytest.mark.parametrize("username", ["admin", "supervisor"])
def test_the_console_page_is_readable_on_every_screen(live, visit, telephone, sound, username):
    telephone.script.append("refuse")
    invited(live)
    for width in (375, 1440):
        page = visit(width=width, height=900)
        page.goto(live.url + "/console/login?next=/console/messages/")
        page.get_by_label("用户名").fill(username)
        page.get_by_label("密码", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="登录").click()
        page.get_by_role("heading", name="短信网关").wait_for()
        assert sound(page)
        if shots := os.environ.get("HCP_SHOTS_DIR", ""):
            page.screenshot(path=f"{shots}/messages-{username}-{width}.png", full_page=True)
