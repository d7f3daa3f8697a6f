"""Reviewing with the worklist: who looks at which case for how long, what is signed, and all of it in the log."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from workbench.core.problem import InputError, Problem, ProblemRecord
from workbench.core.review import Deed, ReviewCase, State, case_id, tally
from workbench.core.volumes import VolumeMeta
from workbench.gui.cases.opening import OpenCase, Shown
from workbench.gui.link import Link
from workbench.gui.volumes.editor import Editor
from workbench.gui.volumes.labelmap import LabelMap
from workbench.store.readings import keep_meta, sign
from workbench.store.worklist import Worklist

TICK_MS = 1000
KEEP_EVERY_S = 30
"""Time looked at reaches the log at least this often."""
HOLD = "Signing"
Cases = dict[str, ReviewCase]


class Review(QObject):
    """The window's side of the worklist. The log is read and written off the GUI thread, in order."""

    changed = Signal()
    """Cases, the current one, or who reads."""
    ticked = Signal()
    """The current case was looked at for another second."""
    signed = Signal(object)
    """The state that a reader has just given to the case."""
    failed = Signal(object)

    def __init__(self, link: Link, looked: Callable[[], bool], parent: QObject) -> None:
        """`looked` tells whether somebody sees the open case now."""
        super().__init__(parent)
        self._link, self._looked = link, looked
        self._log = Worklist(link.home.review)
        self._one_at_a_time = threading.Lock()
        self.cases: Cases = {}
        self.current = ""
        """The id of the case that is open, where it is on the worklist."""
        self.loaded = False
        self._seconds = 0
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def reader(self) -> str:
        """Who reads here."""
        return str(self._link.settings.reader).strip()

    @property
    def case(self) -> ReviewCase | None:
        """The open case, where it is on the worklist."""
        return self.cases.get(self.current)

    def set_reader(self, name: str) -> None:
        """From now on deeds are this person's."""
        self.leave()
        self._link.change_settings(reader=name.strip())
        self.changed.emit()

    def load(self, then: Callable[[], Any] = lambda: None) -> None:
        """Read what was written since, here or by another window."""

        def take(cases: Cases) -> None:
            self._take(cases)
            then()

        self._link.background(self._read, then=take, failed=self.failed.emit, owner=self)

    def add(self, paths: list[tuple[str, str]], then: Callable[[int], Any]) -> None:
        """Put cases (path, title) on the list; `then` gets how many are new."""

        def work() -> tuple[Cases, int]:
            with self._one_at_a_time:
                made = self._log.add_cases(self.reader, paths)
                return self._copies(), len(made)

        def take(found: tuple[Cases, int]) -> None:
            self._take(found[0])
            then(found[1])

        self._link.background(work, then=take, failed=self.failed.emit, owner=self)

    def write(self, deed: Deed, case: str, **facts: Any) -> None:
        """Put a deed into the log."""
        reader = self.reader

        def work() -> Cases:
            with self._one_at_a_time:
                self._log.write(reader, deed, case=case, **facts)
                return self._copies()

        self._link.background(work, then=self._take, failed=self.failed.emit, owner=self)

    def reader_of(self, path: Path) -> str:
        """Who reads the case at a path here; empty where it is not on the worklist."""
        return self.reader if case_id(path) in self.cases else ""

    def neighbour(self, by: int, shown: list[str], beside: str = "") -> ReviewCase | None:
        """The case before or after the open one (or `beside`) among those shown; without one the first or last."""
        beside = beside or self.current
        if not shown:
            return None
        if beside not in shown:
            return self.cases.get(shown[0 if by > 0 else -1])
        at = shown.index(beside) + by
        return self.cases.get(shown[at]) if 0 <= at < len(shown) else None

    def waiting(self, shown: list[str]) -> ReviewCase | None:
        """The next case after the open one that this reader has not signed; from the start again at the end."""
        at = shown.index(self.current) + 1 if self.current in shown else 0
        order = [self.cases[one] for one in shown[at:] + shown[:at] if one in self.cases and one != self.current]
        return next((one for one in order if one.state_for(self.reader) in ("pending", "in work")), None)

    def counts(self) -> dict[State, int]:
        """How many cases this reader has in each state."""
        return tally(self.cases.values(), self.reader)

    # The open case

    def opened(self, case: OpenCase) -> None:
        """A case is shown now: its time begins where it is on the worklist."""
        self.leave()
        id = case_id(Path(case.info.path))
        if id not in self.cases or not self.reader:
            self.changed.emit()
            return
        self.current = id
        keys = tuple(one.key for one in case.series)
        self.write("opened", id, keys=keys)
        if self.cases[id].state_for(self.reader) == "pending":
            self.write("state", id, state="in work")
        self._timer.start()
        self.changed.emit()

    def leave(self) -> None:
        """The case is shown no longer."""
        if self.current:
            self._keep_time()
        self._timer.stop()
        self.current = ""

    def finish(self) -> None:
        """The window closes: what is not written yet is written before this returns."""
        seconds, id, self._seconds, self.current = self._seconds, self.current, 0, ""
        self._timer.stop()
        if id and seconds:
            try:
                with self._one_at_a_time:
                    self._log.write(self.reader, "looked", case=id, seconds=seconds)
            except Problem as problem:
                self.failed.emit(problem.record())

    def seconds(self) -> float:
        """How long this reader has looked at the open case."""
        case = self.case
        return (case.seconds_for(self.reader) if case else 0.0) + self._seconds

    def sign(self, state: State, open_case: OpenCase, editor: Editor, text: str = "") -> None:
        """Put a reader's name to the case and its labels as they are now; painting waits until they are kept."""
        case, labels = self.case, editor.labels
        if case is None or editor.busy:
            return
        if state == "corrected" and labels is None:
            self.failed.emit(_nothing_to_sign())
            return
        editor.finish()
        editor.tools[editor.tool].leave()
        editor.busy = HOLD
        editor.changed.emit()
        reader, id = self.reader, case.id
        shown = open_case.labels
        meta = None if labels is None else _meta_now(labels)
        array = None if labels is None else labels.array

        def work() -> tuple[Cases, State]:
            facts: dict[str, Any] = {}
            said = state
            if array is not None and meta is not None and shown is not None and state != "rejected":
                name = f"{id}-{hashlib.sha256(reader.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
                facts, changed = _kept(self._link.home.review, name, array, shown, meta)
                said = "corrected" if changed and state == "accepted" else state
            with self._one_at_a_time:
                self._log.write(reader, "state", case=id, state=said, text=text, **facts)
                return self._copies(), said

        def release() -> None:
            editor.busy = ""
            editor.changed.emit()

        def then(found: tuple[Cases, State]) -> None:
            release()
            self._keep_time()
            self._take(found[0])
            self.signed.emit(found[1])

        def failed(record: ProblemRecord) -> None:
            release()
            self.failed.emit(record)

        self._link.background(work, then=then, failed=failed, owner=self)

    def _tick(self) -> None:
        if self.current and self._looked():
            self._seconds += 1
            if self._seconds >= KEEP_EVERY_S:
                self._keep_time()
            self.ticked.emit()

    def _keep_time(self) -> None:
        seconds, self._seconds = self._seconds, 0
        if seconds and self.current:
            case = self.cases.get(self.current)
            if case is not None:  # at once for the eye; the log follows
                case.seconds[self.reader] = case.seconds_for(self.reader) + seconds
            self.write("looked", self.current, seconds=seconds)

    def _read(self) -> Cases:
        with self._one_at_a_time:
            self._log.refresh()
            return self._copies()

    def _copies(self) -> Cases:
        return {id: case.copy() for id, case in self._log.cases.items()}

    def _take(self, cases: Cases) -> None:
        self.cases, self.loaded = cases, True
        self.changed.emit()


def _kept(folder: Path, name: str, array: Any, shown: Shown, meta: VolumeMeta) -> tuple[dict[str, Any], int]:
    """The labels kept on disk, what the log says of them, and how many voxels are not as they were given."""
    names = {one.value: one.name for one in meta.labels}
    try:
        before = np.load(shown.path, mmap_mode="r", allow_pickle=False).view(array.dtype)
        done = sign(folder, name, array, before, names)
        keep_meta(folder, done.file, meta)
    except (OSError, ValueError) as error:
        raise InputError("The labels could not be kept with the signature.", expected="a home with room",
                         received=str(error), fix="Free some space and sign again; nothing was signed.",
                         place=str(folder)) from None  # fmt: skip
    facts = {"reading": done.file, "before": done.before, "after": done.after, "dice": done.dice,
             "model": shown.kept.model}  # fmt: skip
    return facts, done.changed


def _meta_now(labels: LabelMap) -> VolumeMeta:
    return msgspec.structs.replace(labels.meta, labels=tuple(labels.labels), title="")


def _nothing_to_sign() -> ProblemRecord:
    return InputError("There are no labels to sign as corrected.", expected="labels over the images",
                      fix="Add labels or begin new ones; or accept the case without any.").record()  # fmt: skip
