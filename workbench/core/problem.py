"""Problems a person can act on: what happened, what was expected, what was received, how to fix it.

Problem                 base; carries the four sentences and where it happened
├── InputError          a file, a field or an argument is wrong        (exit status 2)
├── KnownTrouble        disk full, out of memory, missing weights …    (exit status 1)
├── Bug                 an unforeseen exception of another process, with its trace
└── Problems            several InputErrors found in one look, reported together
"""

from __future__ import annotations

import difflib
import errno
import re
import traceback
from collections.abc import Iterable
from typing import Literal

import msgspec

Severity = Literal["input", "known", "bug"]


class ProblemRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem as it travels in events and replies: plain sentences, never a pickled exception."""

    what: str
    expected: str = ""
    received: str = ""
    fix: str = ""
    field: str = ""
    place: str = ""
    severity: Severity = "known"
    trace: str = ""
    others: tuple[ProblemRecord, ...] = ()

    def text(self) -> str:
        """The sentences on separate lines, as shown in a terminal or a banner."""
        where = f"{self.field} ({self.place})" if self.field and self.place else self.field or self.place
        lines = [f"{where}: {self.what}" if where else self.what]
        lines += [f"  Expected: {self.expected}"] if self.expected else []
        lines += [f"  Received: {self.received}"] if self.received else []
        lines += [f"  Fix: {self.fix}"] if self.fix else []
        return "\n".join(lines + [other.text() for other in self.others])


class Problem(Exception):
    """Something a person can act on.

    `field` names the knob or slot at fault, `place` the file, row or line.
    """

    severity: Severity = "known"

    def __init__(
        self,
        what: str,
        *,
        expected: str = "",
        received: str = "",
        fix: str = "",
        field: str = "",
        place: str = "",
    ) -> None:
        super().__init__(what)
        self.what, self.expected, self.received = what, expected, received
        self.fix, self.field, self.place = fix, field, place

    def record(self) -> ProblemRecord:
        """This problem as a wire struct."""
        return ProblemRecord(
            what=self.what,
            expected=self.expected,
            received=self.received,
            fix=self.fix,
            field=self.field,
            place=self.place,
            severity=self.severity,
        )

    def __str__(self) -> str:
        return self.record().text()


class InputError(Problem):
    """A file, a field or an argument is not what the program can work with."""

    severity: Severity = "input"


class KnownTrouble(Problem):
    """The world is in the way: disk full, out of memory, weights missing, worker gone."""


class Bug(Problem):
    """An unforeseen exception that happened in another process; `trace` is its traceback as text."""

    severity: Severity = "bug"

    def __init__(self, what: str, *, trace: str = "", fix: str = "") -> None:
        super().__init__(what, fix=fix)
        self.trace = trace

    def record(self) -> ProblemRecord:
        return msgspec.structs.replace(super().record(), trace=self.trace)


class Problems(InputError):
    """All problems of a form or a file, found in one look and shown together."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(
            first.what,
            expected=first.expected,
            received=first.received,
            fix=first.fix,
            field=first.field,
            place=first.place,
        )

    def record(self) -> ProblemRecord:
        rest = tuple(problem.record() for problem in self.problems[1:])
        return msgspec.structs.replace(super().record(), others=rest)


_CUT_SHORT = re.compile(r"\d+ requested and \d+ written")
"""What NumPy says, without a number, of an array for which there was no room."""
_NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def record_of(error: BaseException) -> ProblemRecord:
    """Any exception as a record; an unforeseen one is a bug and carries its trace."""
    if isinstance(error, Problem):
        return error.record()
    if isinstance(error, OSError) and (error.errno in _NO_SPACE or _CUT_SHORT.fullmatch(str(error))):
        return KnownTrouble(
            "The disk is full.",
            received=str(error),
            fix="Free some space, then try again; a run continues from its checkpoint when Resume is pressed.",
        ).record()
    return ProblemRecord(
        what=f"{type(error).__name__}: {error}",
        fix="This is a fault of the program. Copy the trace into a bug report.",
        severity="bug",
        trace="".join(traceback.format_exception(error)),
    )


def raised(record: ProblemRecord) -> Problem:
    """The exception that a record describes, to be raised on the receiving side."""
    if record.others:
        alone = msgspec.structs.replace(record, others=())
        return Problems([raised(alone), *map(raised, record.others)])
    if record.severity == "bug":
        return Bug(record.what, trace=record.trace, fix=record.fix)
    kind = InputError if record.severity == "input" else KnownTrouble
    return kind(
        record.what,
        expected=record.expected,
        received=record.received,
        fix=record.fix,
        field=record.field,
        place=record.place,
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'Did you mean x?' for a mistyped name, or the list of what exists."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else "Known: " + ", ".join(known)
