"""What is printed where: JSON lines or words on standard output, talk and a live line on standard error."""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from workbench.core import events as ev
from workbench.core import words
from workbench.core.job import JobState
from workbench.core.problem import Problem, record_of

REFRESH_S = 0.2


def json_line(document: Any) -> None:
    """One JSON document on one line of standard output."""
    print(msgspec.json.encode(document).decode(), flush=True)


def say(text: str = "") -> None:
    """A line of the answer."""
    print(text, flush=True)


def tell(text: str) -> None:
    """A line of talk."""
    print(text, file=sys.stderr, flush=True)


def report(error: BaseException) -> int:
    """Print a problem with its fix (a bug with its trace); returns the exit status."""
    record = record_of(error)
    tell(record.text() + (f"\n\n{record.trace}" if record.trace else ""))
    return 2 if isinstance(error, Problem) and record.severity == "input" else 1


def number(value: float | None, digits: int = 4) -> str:
    """A number for a table: '0.8312', '12', or '–' where there is none."""
    return "–" if value is None or math.isnan(value) else words.number(value, digits)


def duration(seconds: float) -> str:
    """As everywhere, but with tenths below ten seconds: '0.3 s', '3 min 05 s'."""
    return words.took(seconds)


def table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> None:
    """Columns in line, the header underlined by spacing alone."""
    lines = [list(header), *rows] if header else [list(row) for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))] if lines else []
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def results_table(results: Mapping[str, float | None]) -> None:
    """A run's final numbers."""
    if results:
        table([[name, number(value)] for name, value in results.items()])


class Live:
    """Follows a run on standard error: one line that rewrites itself on a terminal, log lines elsewhere."""

    def __init__(self, name: str = "", *, quiet: bool = False) -> None:
        self.name, self.quiet = name, quiet
        self._terminal = sys.stderr.isatty() and not quiet
        self._shown_at, self._phase = 0.0, ""
        self._numbers: dict[str, float | None] = {}

    def show(self, events: Sequence[ev.AnyEvent], state: JobState, note: str = "") -> None:
        """Tell of new events; the live line at most five times a second."""
        for event in events:
            if isinstance(event, ev.Metric):
                self._numbers[f"{event.name} {event.series}".strip()] = event.value
            elif isinstance(event, ev.Log) and not self.quiet:
                self._above(event.message if event.level == "info" else f"{event.level}: {event.message}")
        if self._terminal and time.monotonic() - self._shown_at >= REFRESH_S:
            self._shown_at = time.monotonic()
            self._rewrite(self._line(state, note))
        elif not self._terminal and not self.quiet and state.doing != self._phase:
            self._phase = state.doing
            tell(f"{self.name}{state.doing}" + (f", {state.total} steps" if state.total else ""))

    def close(self) -> None:
        """Leave the terminal clean."""
        if self._terminal:
            self._rewrite("")

    def _line(self, state: JobState, note: str) -> str:
        parts = [f"{self.name}{note or state.doing or state.phase}"]
        parts += [f"{state.step}/{state.total}"] if state.total else [f"{state.done}/{state.of}"] if state.of else []
        parts += [f"{state.steps_per_s:.1f} steps/s"] if state.steps_per_s else []
        parts += [f"{duration(state.seconds_left)} left"] if state.seconds_left > 0 else []
        parts += [f"{name} {number(value, 3)}" for name, value in list(self._numbers.items())[:3]]
        return "  ".join(parts)

    def _above(self, text: str) -> None:
        if self._terminal:
            self._rewrite("")
        tell(text)

    def _rewrite(self, line: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r{line[:width]}\x1b[K")
        sys.stderr.flush()
