"""What the supervisor tells its child processes and what they report: JSON lines over two pipes."""

from __future__ import annotations

from typing import Literal

import msgspec

from workbench.core.events import Apply, Inspect
from workbench.core.problem import ProblemRecord

Word = Literal["cancel", "keep", "pause", "go"]


class Message(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, omit_defaults=True):
    """Base of both directions."""


class Begin(Message, frozen=True):
    """Do this run (a folder's path)."""

    run: str = ""


class Tell(Message, frozen=True):
    """Ask something of the run in progress."""

    word: Word = "cancel"


class Ask(Message, frozen=True):
    """Answer this request; `number` returns in the Answer."""

    number: int = 0
    request: Apply | Inspect = Inspect()


class Forget(Message, frozen=True):
    """Nobody waits for this answer any more."""

    number: int = 0


class Ready(Message, frozen=True):
    """Heavy libraries are loaded; `device` is where 'auto' leads."""

    device: str = ""


class Held(Message, frozen=True):
    """The run holds still."""


class WentOn(Message, frozen=True):
    """The run goes on."""


class Ended(Message, frozen=True):
    """The run is over; with `written` False its last event could not be written, and why stands in `problem`."""

    written: bool = True
    problem: ProblemRecord | None = None


class Answer(Message, frozen=True):
    """The document or the problem that an Ask led to."""

    number: int = 0
    result: msgspec.Raw = msgspec.Raw(b"null")
    problem: ProblemRecord | None = None
    forgotten: bool = False
    """Let go of unfinished, as it was told to."""


class Reached(Message, frozen=True):
    """How far the answer to an Ask is; see core.events.Underway."""

    number: int = 0
    fraction: float = -1.0
    words: str = ""
    partial: msgspec.Raw = msgspec.Raw(b"null")


Order = Begin | Tell | Ask | Forget
Report = Ready | Held | WentOn | Ended | Answer | Reached

decode_order = msgspec.json.Decoder(Order).decode
decode_report = msgspec.json.Decoder(Report).decode
