"""security.md T19: a far side whose answers are made up by a fuzzer changes no record, or puts it where a person looks."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haochaping.evaluation.models import Evaluation, ServiceEvent
from haochaping.exchange import commands
from haochaping.exchange.models import Circuit, Delivery
from haochaping.exchange.rules import Phase
from haochaping.rectification.models import Order
from tests.exchange.test_envelope import NEARLY, answer, line

pytestmark = pytest.mark.django_db


@contextmanager
def far_side():
    """A server that answers whatever `say` holds."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        say = (200, b"")

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = Handler.say
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", Handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


OUTCOME = st.booleans() | st.sampled_from(["true", "false", "yes", 1, None])
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "projectNo": st.sampled_from(["A", "B", "C", "\x00", "A\x00"]),
            "serviceNumber": st.sampled_from([1, "1", "01", 0, "9" * 30, "x"]),
            "success": OUTCOME,
            "code": st.none() | st.integers() | st.text(max_size=50),
            "errorMessage": st.none() | st.text(max_size=400) | st.sampled_from(["没有对应的服务数据", "不可重复"]),
        }
    ),
    max_size=6,
)
HOSTILE = (
    st.binary(max_size=200)
    | NEARLY.map(lambda value: json.dumps(value).encode())
    | LINES.map(lambda lines: answer(serviceList=lines))
)


def test_fuzzed_answers_change_no_record_and_lose_no_delivery(stage, monkeypatch):
    stage.serve("A", "B", "C")
    stage.rate_badly("A", "B", "C")
    commands.collect(stage.clock.now)
    before = [list(model.objects.order_by("id").values()) for model in (ServiceEvent, Evaluation, Order)]
    with far_side() as (url, handler):
        monkeypatch.setenv("HCP_NATIONAL_URL", url)

        @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(st.sampled_from([200, 200, 200, 500, 302, 204]), HOSTILE)
        def one_answer(status, body):
            handler.say = (status, b"" if status == 204 else body)
            Delivery.objects.update(state="waiting", next_at=stage.clock.now, attempts=0, first_tried_at=None)
            Circuit.objects.all().delete()
            commands.send_due(stage.clock.now)
            rows = list(Delivery.objects.filter(phase=Phase.SERVICE))
            assert len(rows) == 3, "nothing is lost"
            assert {row.state for row in rows} <= {"accepted", "waiting", "quarantined"}
            if status != 200 or b"serviceList" not in body:
                assert {row.state for row in rows} == {"waiting"}, "no acceptance without a word of it"

        one_answer()
    after = [list(model.objects.order_by("id").values()) for model in (ServiceEvent, Evaluation, Order)]
    assert before == after


def test_an_answer_without_end_is_cut_off(stage, monkeypatch):
    stage.serve("A")
    with far_side() as (url, handler):
        monkeypatch.setenv("HCP_NATIONAL_URL", url)
        handler.say = (200, answer(serviceList=[line("A")]) + b" " * 3_000_000)
        stage.send()
    assert stage.delivery(Phase.SERVICE, "A").error_text == "应答超过 2097152 字节"


def test_a_redirect_is_not_followed(stage, monkeypatch):
    stage.serve("A")
    with far_side() as (url, handler):
        monkeypatch.setenv("HCP_NATIONAL_URL", url)
        handler.say = (307, b"")
        stage.send()
    assert stage.delivery(Phase.SERVICE, "A").error_text == "HTTP 307"


def test_results_for_records_that_were_not_sent_are_no_answer(stage, monkeypatch):
    stage.serve("A")
    with far_side() as (url, handler):
        monkeypatch.setenv("HCP_NATIONAL_URL", url)
        handler.say = (200, answer(serviceList=[line("OTHER")]))
        stage.send()
    row = stage.delivery(Phase.SERVICE, "A")
    assert (row.state, row.error_code) == ("waiting", "not_mentioned")
