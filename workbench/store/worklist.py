"""The worklist on disk: one log of deeds that only grows, each line bound to the one before.

Lines are appended under a lock and forced to the disk, so that two windows on one home keep each other's
entries. A line torn by a kill is set aside by the next one who writes. `chain.json` holds the number and digest of
the last line: it tells when the end of the log was cut off.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.problem import KnownTrouble
from workbench.core.review import Deed, Entry, ReviewCase, case_id, cases_of, now

NAME, HEAD, LOCK = "worklist.jsonl", "chain.json", ".worklist.lock"
LOCK_WITHIN_S = 10.0


class Head(msgspec.Struct, frozen=True):
    """The last line: how many there are with it, and its SHA-256."""

    lines: int
    digest: str


@dataclasses.dataclass(frozen=True)
class Audit:
    """What a check of the log found; without faults nothing was changed since it was written.

    Whoever can write to the home can also rewrite the whole log with its chain: keep `head` elsewhere to tell.
    """

    lines: int
    head: str
    faults: tuple[str, ...]


class Worklist:
    """The log below a folder and the cases that follow from it; safe for one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME
        self.cases: dict[str, ReviewCase] = {}
        self.entries: list[Entry] = []
        self.damaged = 0
        """Lines that could not be read; they stay where they are."""
        self._forget()

    # Reading

    def refresh(self) -> bool:
        """Read what was written since, by whomever; whether there was anything. Raises KnownTrouble."""
        try:
            return self._take(self._unread())
        except OSError as error:
            raise self._trouble("read", error) from None

    def _forget(self) -> None:
        self._read_bytes, self._lines, self._last = 0, 0, ""
        self.cases.clear()
        self.entries.clear()
        self.damaged = 0

    def _unread(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._read_bytes:
                    self._forget()  # another log lies there now
                file.seek(self._read_bytes)
                return file.read()
        except FileNotFoundError:
            self._forget()
            return b""

    def _take(self, block: bytes) -> bool:
        """Whole lines; what follows the last one is left for later."""
        whole = block[: block.rfind(b"\n") + 1]
        fresh = []
        for line in whole.splitlines():
            self._lines += 1
            self._last = digest_of_line(line)
            try:
                fresh.append(msgspec.json.decode(line, type=Entry))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.damaged += 1
        self._read_bytes += len(whole)
        self.entries += fresh
        cases_of(fresh, self.cases)
        return bool(fresh)

    # Writing

    def write(self, who: str, deed: Deed, **facts: Any) -> Entry:
        """Append one entry; raises KnownTrouble when it cannot be written."""
        return self.write_all(who, deed, [facts])[0]

    def write_all(self, who: str, deed: Deed, many: Iterable[dict[str, Any]]) -> list[Entry]:
        """Append several entries of one deed in one go; raises KnownTrouble."""
        from filelock import FileLock, Timeout

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / LOCK, timeout=LOCK_WITHIN_S):
                block = self._unread()
                self._take(block)
                self._set_torn_aside(block[block.rfind(b"\n") + 1 :])
                made, lines = [], []
                number, previous = self._lines, self._last
                for facts in many:
                    number += 1
                    made.append(Entry(number, now(), who, deed, previous=previous, **facts))
                    lines.append(msgspec.json.encode(made[-1]))
                    previous = digest_of_line(lines[-1])
                if made:
                    self._append(b"".join(line + b"\n" for line in lines))
                return made
        except (OSError, Timeout) as error:
            raise self._trouble("written", error) from None

    def add_cases(self, who: str, paths: Sequence[tuple[str, str]]) -> list[Entry]:
        """Put cases (path, title) on the list, those that are not on it yet; raises KnownTrouble."""
        self.refresh()
        fresh = {case_id(Path(path)): (path, title) for path, title in paths}
        return self.write_all(
            who, "added",
            [{"case": id, "path": path, "title": title} for id, (path, title) in fresh.items() if id not in self.cases],
        )  # fmt: skip

    def _append(self, block: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
        self._take(block)
        scratch = self.folder / f"{HEAD}.tmp"
        scratch.write_bytes(msgspec.json.encode(Head(self._lines, self._last)))
        scratch.replace(self.folder / HEAD)

    def _set_torn_aside(self, torn: bytes) -> None:
        """A line without its end was being written when its writer was killed."""
        if not torn:
            return
        (self.folder / f"torn-{hashlib.sha256(torn).hexdigest()[:12]}.txt").write_bytes(torn)
        with self.path.open("r+b") as file:
            file.truncate(self._read_bytes)

    def _trouble(self, what: str, error: Exception) -> KnownTrouble:
        return KnownTrouble(
            f"The worklist could not be {what}.", expected="a home that can be read and written, with room",
            received=str(error), fix="Free some space, or mend the rights of that folder.", place=str(self.path),
        )  # fmt: skip


def digest_of_line(line: bytes) -> str:
    """The SHA-256 by which the next line names this one."""
    return hashlib.sha256(line).hexdigest()


def audit(folder: Path, *, head: str = "") -> Audit:
    """Check every line of the log against its followers, and its end against the head that was kept.

    `head` is a digest that somebody noted down earlier: it must be one of the lines'. Raises KnownTrouble.
    """
    try:
        block = (folder / NAME).read_bytes() if (folder / NAME).exists() else b""
        kept = msgspec.json.decode((folder / HEAD).read_bytes(), type=Head) if (folder / HEAD).exists() else None
    except (OSError, msgspec.DecodeError) as error:
        raise KnownTrouble("The audit log cannot be read.", expected="a whole log", received=str(error),
                           fix="Mend the rights of the folder, or restore it from a copy.",
                           place=str(folder)) from None  # fmt: skip
    lines = block.split(b"\n")
    faults = [f"the last line is torn ({len(lines[-1])} bytes); it is set aside at the next entry"] if lines[-1] else []
    lines = lines[:-1]
    previous, digests = "", []
    for number, line in enumerate(lines, 1):
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError):
            faults.append(f"line {number} cannot be read")
        else:
            if entry.number != number:
                faults.append(f"line {number} bears the number {entry.number}")
            if entry.previous != previous:
                faults.append(f"line {number} does not follow the line before it: one of them was changed")
        previous = digest_of_line(line)
        digests.append(previous)
    if kept is not None and (kept.lines > len(lines) or digests[kept.lines - 1 : kept.lines] != [kept.digest]):
        faults.append(f"the log ended with another line {kept.lines} when it was written last: its end was changed")
    if head and head not in digests:
        faults.append(f"no line has the digest {head}")
    return Audit(len(lines), previous, tuple(faults))
