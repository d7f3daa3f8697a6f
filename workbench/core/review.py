"""Reviewing cases: what is written of each deed, and how a worklist follows from what was written.

The log of deeds is the truth; a case's state, readers, comments and time are only ever derived from it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import msgspec

State = Literal["pending", "in work", "accepted", "corrected", "rejected"]
Deed = Literal["added", "removed", "opened", "looked", "state", "comment", "exported", "trained"]
STATES: tuple[State, ...] = get_args(State)
SIGNED: tuple[State, ...] = ("accepted", "corrected", "rejected")
"""States that a reader has put a name to."""
USABLE: tuple[State, ...] = ("accepted", "corrected")
"""States whose labels may be trained on."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the log: who did what, when, and, where labels were signed, which ones they were.

    Digests are SHA-256 of the arrays' bytes in (z, y, x) order. `previous` is the SHA-256 of the line before,
    so that no line can be changed, taken out or put in without its followers telling.
    """

    number: int
    at: str
    """ISO 8601, UTC."""
    who: str
    deed: Deed
    case: str = ""
    """A case's `case_id`."""
    path: str = ""
    keys: tuple[str, ...] = ()
    """The series that are shown together, labels included; empty as long as nobody has chosen."""
    title: str = ""
    state: State = "pending"
    text: str = ""
    seconds: float = 0.0
    """How long the case was looked at since the entry before."""
    model: str = ""
    """What made the labels before correction, with its version."""
    before: str = ""
    """Digest of the labels as the model or the file gave them."""
    after: str = ""
    """Digest of the labels that were signed."""
    dice: dict[str, float] = {}
    """Of the signed labels against those before, by label; 1 where nothing was changed."""
    reading: str = ""
    """The file with the signed labels, below the home's review folder."""
    files: dict[str, str] = {}
    """Names of exported files with their digests."""
    run: str = ""
    previous: str = ""


class Comment(msgspec.Struct, frozen=True):
    """Something a reader said about a case."""

    at: str
    who: str
    text: str


class Reading(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one reader said last of a case, and the labels that were signed with it."""

    who: str
    state: State
    at: str
    model: str = ""
    dice: dict[str, float] = {}
    file: str = ""
    before: str = ""
    after: str = ""


@dataclasses.dataclass
class ReviewCase:
    """A case of the worklist as its log tells it."""

    id: str
    path: str
    title: str
    keys: tuple[str, ...] = ()
    readings: dict[str, Reading] = dataclasses.field(default_factory=dict)
    """The last one of each reader, the newest at the end."""
    comments: list[Comment] = dataclasses.field(default_factory=list)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    """Time looked at, by reader."""
    runs: list[str] = dataclasses.field(default_factory=list)
    """Runs that were trained on it: such a case tests none of their models."""

    @property
    def state(self) -> State:
        """What was said last, by whomever."""
        return next(reversed(self.readings.values())).state if self.readings else "pending"

    def state_for(self, who: str) -> State:
        """Where one reader stands with it; readers do not see each other's states as their own."""
        found = self.readings.get(who)
        return found.state if found else "pending"

    def reading(self) -> Reading | None:
        """The reading signed last."""
        return next((one for one in reversed(self.readings.values()) if one.state in SIGNED), None)

    def copy(self) -> ReviewCase:
        """Its own lists, so that another thread may go on writing."""
        return dataclasses.replace(
            self, readings=dict(self.readings), comments=list(self.comments), seconds=dict(self.seconds),
            runs=list(self.runs),
        )  # fmt: skip

    def seconds_for(self, who: str) -> float:
        """How long one reader has looked at it."""
        return self.seconds.get(who, 0.0)


def case_id(path: Path, key: str = "") -> str:
    """How a case is known everywhere: a digest of its path and first series, so that no name stands in it."""
    facts = f"{path.absolute()}\0{key}".encode("utf-8", "surrogateescape")
    return hashlib.sha256(facts).hexdigest()[:24]


def now() -> str:
    """This moment as an entry's `at`."""
    moment = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}Z"


def cases_of(entries: Iterable[Entry], known: dict[str, ReviewCase] | None = None) -> dict[str, ReviewCase]:
    """The worklist that follows from a log, in the order in which cases were added; `known` is carried on."""
    cases = known if known is not None else {}
    for entry in entries:
        if entry.deed == "added":
            cases.setdefault(entry.case, ReviewCase(entry.case, entry.path, entry.title, entry.keys))
        elif entry.case in cases:
            _apply(entry, cases)
    return cases


def _apply(entry: Entry, cases: dict[str, ReviewCase]) -> None:
    case = cases[entry.case]
    if entry.deed == "removed":
        del cases[entry.case]
    elif entry.deed == "opened":
        case.keys = entry.keys or case.keys
    elif entry.deed == "looked":
        case.seconds[entry.who] = case.seconds_for(entry.who) + entry.seconds
    elif entry.deed == "comment":
        case.comments.append(Comment(entry.at, entry.who, entry.text))
    elif entry.deed == "trained":
        case.runs.append(entry.run)
    elif entry.deed == "state":
        before = case.readings.pop(entry.who, None)
        reading = Reading(entry.who, entry.state, entry.at, entry.model, entry.dice, entry.reading, entry.before,
                          entry.after)  # fmt: skip
        if not entry.reading and before is not None and entry.state == "in work":
            reading = msgspec.structs.replace(before, state=entry.state, at=entry.at)
        case.readings[entry.who] = reading
        if entry.text:
            case.comments.append(Comment(entry.at, entry.who, entry.text))


def tally(cases: Iterable[ReviewCase], who: str) -> dict[State, int]:
    """How many cases one reader has in each state."""
    found = dict.fromkeys(STATES, 0)
    for case in cases:
        found[case.state_for(who)] += 1
    return found
