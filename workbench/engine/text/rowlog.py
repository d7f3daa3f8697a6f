"""What was wrong with which row: collected while reading, judged once at the end."""

from __future__ import annotations

from collections import Counter

from workbench.core.documents import RowProblem
from workbench.core.problem import InputError
from workbench.core.words import spaced

SHOWN = 100
TOLERATED = 0.2
"""Share of unusable rows up to which the others are still worth reading."""


class RowLog:
    """Rows that were left out or cut, and the faults that make a file unfit as a whole."""

    def __init__(self, *, field: str = "data", place: str = "") -> None:
        self.field, self.place = field, place
        self.problems: list[RowProblem] = []
        self.count = self.left_out = 0
        self._fatal: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._fatal_row: dict[str, tuple[int, str, str]] = {}
        self._left_out_first = ""

    def cut(self, row: int, what: str) -> None:
        """Note a row that is used, though not as it is."""
        self.count += 1
        if len(self.problems) < SHOWN:
            self.problems.append(RowProblem(row, what))

    def leave_out(self, row: int, what: str) -> None:
        """Note a row that cannot be used."""
        self.left_out += 1
        self._left_out_first = self._left_out_first or f"row {spaced(row + 1)} {what}"
        self.cut(row, what)

    def refuse(self, row: int, what: str, *, expected: str, fix: str) -> None:
        """Note a fault that means that the file as a whole must not be trusted."""
        self._fatal[what] += 1
        self._fatal_row.setdefault(what, (row, expected, fix))
        self.leave_out(row, what)

    def judge(self, good: int, *, unit: str = "row") -> None:
        """Raise one InputError when the file cannot be trusted, or too few rows are of use."""
        if self._fatal:
            what, count = self._fatal.most_common(1)[0]
            row, expected, fix = self._fatal_row[what]
            others = f" (and {spaced(count - 1)} more)" if count > 1 else ""
            raise self._error(f"{unit.capitalize()} {spaced(row + 1)} {what}{others}.", expected, what, fix)
        if good == self.left_out == 0:
            fix = "Choose another file, or export this one again with its rows."
            raise self._error(f"There is no {unit} in it.", f"at least one {unit}", "a header or blank lines only", fix)
        if good == 0 or self.left_out > TOLERATED * (good + self.left_out):
            received = f"{spaced(self.left_out)} of {spaced(good + self.left_out)} cannot be used"
            received += f": {self._left_out_first}" if self._left_out_first else ""
            fix = "Preview the data, check its format and columns, or take the faulty rows out."
            raise self._error(f"Too many {unit}s cannot be used.", f"usable {unit}s", received, fix)

    def _error(self, what: str, expected: str, received: str, fix: str) -> InputError:
        return InputError(what, expected=expected, received=received, fix=fix, field=self.field, place=self.place)


def refuse_fault(log: RowLog, row: int, fault: str) -> None:
    """Refuse a file for a fault at the level of characters (see encoding.fault)."""
    if "NUL" in fault:
        fix = "The file is probably damaged or of another format; export it again."
        log.refuse(row, fault, expected="text without NUL bytes", fix=fix)
    else:
        fix = "The file mixes encodings; save it as UTF-8 throughout."
        log.refuse(row, fault, expected="one encoding throughout", fix=fix)
