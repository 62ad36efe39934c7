"""The sender is killed between the gateway's taking in and our writing down, and at any moment: one SMS each."""

from __future__ import annotations

import os
import subprocess
import sys
from random import Random
from threading import Event
from time import monotonic

from haochaping.kit.config import ROOT
from haochaping.messaging import commands
from haochaping.messaging.models import Message
from tests.exchange.sender import at
from tests.fakes.sms import SmsGateway
from tests.messaging.conftest import configure

SPEED = 120  # a lease of 60 s ends within half a second
COUNT = 30


class Senders:
    """One sender at a time; the next starts when the last was killed."""

    def __init__(self, env, base):
        self.command = [sys.executable, "-m", "tests.messaging.sender", str(base), str(SPEED)]
        self.env, self.process, self.killed = env, None, 0

    def start(self):
        self.process = subprocess.Popen(self.command, env=self.env, cwd=ROOT, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"

    def kill(self):
        """kill -9, and wait until it is gone."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.killed += 1


def test_no_message_goes_out_twice_however_often_its_sender_is_killed(committing_db, tmp_path, monkeypatch):
    base = monotonic()
    with SmsGateway(tmp_path / "sms", clock=lambda: at(base, SPEED)) as gateway:
        configure(monkeypatch, gateway)
        for n in range(COUNT):
            commands.send(
                kind="invitation", mobile=f"138000000{n:02}", text="【江苏】请评价", key=str(n), now=at(base, 0)
            )
        senders = Senders(os.environ | committing_db.env, base)
        take, armed, taken, chance = gateway.take, Event(), Event(), Random(7)

        def and_die(body):
            answer = take(body)
            if armed.is_set():
                armed.clear()
                senders.kill()
                taken.set()
            return answer

        gateway.take = and_die
        for n in range(5):
            senders.start()
            if n < 3:
                taken.clear()
                armed.set()
                assert taken.wait(30), "a message came"
            else:
                taken.clear()
                taken.wait(chance.uniform(0.02, 0.2))
                senders.kill()
        senders.start()
        quiet = Event()
        for _ in range(400):
            if not Message.objects.exclude(state="sent").exists():
                break
            quiet.wait(0.1)
        senders.kill()
        assert senders.killed == 6
        assert Message.objects.filter(state="sent").count() == COUNT
        assert len(gateway.messages) == COUNT
        assert {message.times for message in gateway.messages.values()} == {1}, "none was even sent a second time"
        assert gateway.asked, "somebody was killed between sending and hearing, and the next one asked"
