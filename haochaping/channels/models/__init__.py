"""What the channels keep of their own, by noun."""

from __future__ import annotations

from haochaping.channels.models.callouts import CallOut, CallTry
from haochaping.channels.models.citizens import CitizenSession, LoginCode
from haochaping.channels.models.entries import Entry
from haochaping.channels.models.inspections import Inspection
from haochaping.channels.models.links import Link
from haochaping.channels.models.signs import Sign, SignTally, TerminalSession, Upload

__all__ = [
    "CallOut",
    "CallTry",
    "CitizenSession",
    "Entry",
    "Inspection",
    "Link",
    "LoginCode",
    "Sign",
    "SignTally",
    "TerminalSession",
    "Upload",
]
