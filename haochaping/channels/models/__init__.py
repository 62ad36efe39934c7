"""What the channels keep of their own, by noun."""

from __future__ import annotations

from haochaping.channels.models.callouts import CallOut, CallTry
from haochaping.channels.models.citizens import CitizenSession, LoginCode
from haochaping.channels.models.comments import CommentMark
from haochaping.channels.models.devices import Silence, TapReceived
from haochaping.channels.models.entries import Entry
from haochaping.channels.models.inspections import Inspection
from haochaping.channels.models.invitations import Invitation
from haochaping.channels.models.letters import Letter, LetterNote
from haochaping.channels.models.links import Link
from haochaping.channels.models.paper import PaperBatch, PaperKeying, PaperRun, PaperSheet
from haochaping.channels.models.probes import ProbeRun
from haochaping.channels.models.questionnaires import Questionnaire, QuestionnaireAnswer, QuestionnaireMark
from haochaping.channels.models.signs import Sign, SignTally, TerminalSession, Upload

__all__ = [
    "CallOut",
    "CallTry",
    "CitizenSession",
    "CommentMark",
    "Entry",
    "Inspection",
    "Invitation",
    "Letter",
    "LetterNote",
    "Link",
    "LoginCode",
    "PaperBatch",
    "PaperKeying",
    "PaperRun",
    "PaperSheet",
    "ProbeRun",
    "Questionnaire",
    "QuestionnaireAnswer",
    "QuestionnaireMark",
    "Sign",
    "SignTally",
    "Silence",
    "TapReceived",
    "TerminalSession",
    "Upload",
]
