"""The small copy of the film that is seen: made while nothing else is done, shown where frames take long to decode."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from workbench.core.filmcopier import FilmCopier
from workbench.core.framepipe import Pipe
from workbench.core.problem import KnownTrouble, Problem, ProblemRecord, record_of
from workbench.core.video import FrameIndex, VideoFacts
from workbench.core.words import size
from workbench.gui.films.ownthread import OwnThread
from workbench.store import filmcopies
from workbench.store.filmcopies import FilmCopy

if TYPE_CHECKING:
    from workbench.gui.films.page import FilmsPage

LOOK_MS = 500
IDLE_S = 2.0
"""So long nobody has moved before a copy is gone on with."""
LEAVES_WITHIN_S = 5.0
STEP_OF_ROOM = 1 / 16
"""Whenever so much of the room was filled, it is looked whether others' parts have to go."""
GB = 10**9


class Copier(OwnThread, QObject):
    """Makes the parts of a copy that are not there yet, those after the frame on screen first, while it may.

    `grew` tells of each part; `over` carries a ProblemRecord, or None where all parts are there or no more have room.
    """

    grew = Signal()
    over = Signal(object)

    def __init__(
        self, path: Path, copy: FilmCopy, room_bytes: float, seen: os.stat_result, parent: QObject | None = None
    ) -> None:
        """`seen` is the film's file as it was when its index was read."""
        super().__init__(parent)
        self.path, self.copy, self._room_bytes, self._seen = path, copy, room_bytes, seen
        self._near, self._may = 0, False
        self._pipe: Pipe | None = None
        self._new_bytes = 0
        self.full = False
        """No more parts fit into the room for them."""
        self.stale = False
        """The film's file is another by now."""
        self._ready("copier of a film")

    def start(self) -> None:
        """Begin, once somebody hears of it: where all parts are there it is over at once."""
        self._thread.start()

    def let(self, may: bool, frame: int) -> None:
        """Go on from a frame, or rest when what is under way is done."""
        with self._turn:
            self._may, self._near = may, frame
            self._turn.notify_all()

    def close(self) -> None:
        super().close()
        self._let_end()

    def _begun(self, pipe: Pipe) -> None:
        self._pipe = pipe
        if self._closed:
            self._let_end()

    def _let_end(self) -> None:
        """Whatever the copier's process is at: nobody waits for it any more."""
        if (pipe := self._pipe) is not None:
            pipe.interrupt()

    def _run(self) -> None:
        record: ProblemRecord | None = None
        with contextlib.ExitStack() as ends:
            try:
                self._make(ends)
            except (Problem, OSError) as error:
                record = self._said(error)
        self._tell(self.over, record)

    def _make(self, ends: contextlib.ExitStack) -> None:
        copy, copier = self.copy, None
        copy.look()
        most = filmcopies.most_bytes(self._seen.st_size, self._room_bytes)
        if copy.size_bytes > self._room_bytes:  # there was more of it when they were made
            copy.clear()
        self._tell(self.grew)
        self._make_room()
        while (part := self._next()) >= 0:
            if copy.found(part):
                self._tell(self.grew)
                continue
            side = copy.side(most - copy.size_bytes)
            if not side:
                self.full = True
                return
            self._check()
            if copier is None:
                copier = FilmCopier(self.path, self._begun)
                ends.callback(copier.close)
            packed = copier.pack(copy.path_of(part), copy.times_of(part), side=side, quality=filmcopies.QUALITY)
            try:
                self._check()
            except KnownTrouble:
                copy.drop(part)  # it may be of the other film
                raise
            copy.keep(part, packed.bytes, side=side, pictures=packed.pictures)
            self._new_bytes += packed.bytes
            if self._new_bytes > STEP_OF_ROOM * self._room_bytes:
                self._make_room()
            self._tell(self.grew)

    def _make_room(self) -> None:
        """Let other films' parts go that have no room beside those which this one gets until it is asked again."""
        self._new_bytes = 0
        room_bytes = (1 - STEP_OF_ROOM) * self._room_bytes
        filmcopies.make_room(self.copy.folder, room_bytes, but=self.copy.index.digest)

    def _next(self) -> int:
        """The part to make now, when that may be; −1 at the end."""
        others = self.copy.under_way()
        with self._turn:
            part = -1
            while not self._closed and (part := self.copy.missing(self._near, others)) >= 0 and not self._may:
                self._turn.wait()
            return -1 if self._closed else part

    def _check(self) -> None:
        """Raises KnownTrouble where the file is another by now, or the disk is nearly full."""
        now = self.path.stat()
        if (now.st_size, now.st_mtime_ns, now.st_ino) != (
            self._seen.st_size, self._seen.st_mtime_ns, self._seen.st_ino
        ):  # fmt: skip
            self.stale = True
            raise KnownTrouble(
                "The video has been changed since it was opened.", expected="the file as it was",
                received="another size, time or file under its name", fix="Open it again.", place=self.path.name,
            )  # fmt: skip
        free = shutil.disk_usage(self.copy.folder).free
        if free < filmcopies.FREE_BYTES:
            raise KnownTrouble(
                "The disk of the data folder is nearly full: no small pictures of this video are made.",
                expected=f"{size(filmcopies.FREE_BYTES)} that stay free", received=size(free),
                fix="Free some space, and open the video again.", place=str(self.copy.folder),
            )  # fmt: skip

    def _said(self, error: Problem | OSError) -> ProblemRecord:
        if isinstance(error, Problem):
            record = record_of(error)
            return msgspec.structs.replace(record, what=f"The preview copy is not gone on with. {record.what}")
        return ProblemRecord(
            "Small pictures of this video cannot be made.", received=str(error), place=self.path.name,
            expected="a data folder that can be written, and the video where it was",
            fix="Check that the data folder can be written and the video is where it was; it is seen without them.",
        )  # fmt: skip


class Copying(QObject):
    """Has a copy of the page's film made and used; `words` say how that goes."""

    changed = Signal()

    def __init__(self, page: FilmsPage, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(page)
        self.page, self._clock = page, clock
        self.copier: Copier | None = None
        self.copy: FilmCopy | None = None
        self.trouble: ProblemRecord | None = None
        self._seen: os.stat_result | None = None
        self._room_gb = page.link.settings.film_copies
        self._full = False
        """The last copier found no room for more parts."""
        self._left: list[Copier] = []
        self._moved_s = clock()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)
        page.film_opened.connect(self._opened)
        page.opening.indexed.connect(self._indexed)
        page.viewer.scene.moved.connect(self._moved)
        page.link.settings_changed.connect(self._heed)
        self._shed()  # the room may have been made smaller while there was no page

    # What is told

    @property
    def room_bytes(self) -> float:
        """The room that the settings give to all copies."""
        return float(self.page.link.settings.film_copies) * GB

    @property
    def going_on(self) -> bool:
        """Whether parts are still to be made."""
        return self.copier is not None

    @property
    def short(self) -> str:
        """A few words while a copy is made."""
        copy = self.copy
        if copy is None or not self.going_on:
            return ""
        return f"preview copy {100 * copy.made // max(len(copy.parts), 1)} %"

    @property
    def words(self) -> str:
        """What there is of a copy; empty where the film is no file, or not read to its end yet."""
        if self._seen is None or self.page.viewer.scene.index is None or not self.page.viewer.scene.index.digest:
            return ""
        if not self.room_bytes:
            return "none (Settings, Videos)"
        copy = self.copy
        if copy is None or not copy.parts:
            return "not needed: key frames are near each other" if self.trouble is None else self.trouble.what
        said = f"{copy.made} of {len(copy.parts)} parts, {size(copy.size_bytes)}"
        if self.trouble is not None:
            return f"{said}. {self.trouble.what}"
        if self.going_on or copy.made == len(copy.parts):
            return said
        return f"{said}: there is room for no more" if self._full else f"{said}: open the video again for the rest"

    # The film

    def _opened(self, _path: str) -> None:
        self.close()
        self._seen = None

    def _indexed(self, index: FrameIndex) -> None:
        self._seen = self.page.opening.seen
        self._go_on(index)

    def _go_on(self, index: FrameIndex) -> None:
        facts = self.page.viewer.facts
        if facts is not None and self._seen is not None and self.room_bytes:
            self._begin(index, facts, self._seen)

    def _begin(self, index: FrameIndex, facts: VideoFacts, seen: os.stat_result) -> None:
        copy = FilmCopy(self.page.link.home.cache / filmcopies.FOLDER, index, facts)
        if not copy.parts:
            self.changed.emit()
            return
        self.copy = copy
        self.copier = Copier(Path(self.page.path), copy, self.room_bytes, seen, self)
        self.copier.grew.connect(self.changed)
        self.copier.over.connect(self._over)
        self.copier.start()
        self.page.viewer.player.use_copy(copy)
        self._timer.start()
        self.changed.emit()

    def _over(self, record: ProblemRecord | None) -> None:
        if self.sender() is not self.copier:
            return
        self._timer.stop()
        self._full = self.copier is not None and self.copier.full
        if self.copier is not None and self.copier.stale:
            self.page.viewer.player.use_copy(None)
        self._let_go()
        self.trouble = record
        if record is not None:
            self.page.note([f"{record.what} {record.fix}"])
        self.changed.emit()

    def close(self) -> None:
        """Make and use a copy no more; what was made stays for another time."""
        self._timer.stop()
        self._let_go()
        self.copy, self.trouble = None, None
        self.page.viewer.player.use_copy(None)
        self.changed.emit()

    def closed(self) -> None:
        """The window closes: wait until no process is left."""
        self.close()
        for one in self._left:
            one.join(LEAVES_WITHIN_S)

    def _let_go(self) -> None:
        copier, self.copier = self.copier, None
        if copier is not None:
            copier.close()
            self._left = [one for one in self._left if not one.join(0.0)]
            self._left.append(copier)

    def _heed(self, _settings: object) -> None:
        """Keep to another room: what has none in it goes at once, also parts of films that nobody sees now."""
        before, self._room_gb = self._room_gb, self.page.link.settings.film_copies
        if before == self._room_gb:
            return
        self.close()
        index = self.page.viewer.scene.index
        if index is not None and index.digest and self.room_bytes:
            self._go_on(index)
        elif self._room_gb < before:
            self._shed()

    def _shed(self) -> None:
        """What is kept of films that nobody sees fits into the room for it."""
        folder = self.page.link.home.cache / filmcopies.FOLDER
        # The room is asked for when it is made: a moment later it may be another one.
        self.page.link.background(lambda: filmcopies.make_room(folder, self.room_bytes, but=""), owner=self)

    # When

    def _moved(self) -> None:
        self._moved_s = self._clock()
        if self.copier is not None:
            self.copier.let(False, self.page.viewer.scene.frame)

    def _look(self) -> None:
        if self.copier is not None:
            self.copier.let(self._idle(), self.page.viewer.scene.frame)

    def _idle(self) -> bool:
        """Whether nobody plays, goes through frames or waits for something of this film."""
        viewer = self.page.viewer
        rests = self._clock() - self._moved_s >= IDLE_S and not viewer.player.playing
        return rests and viewer.isVisible() and not viewer.thumbnails.waiting and not self.page.working.isVisible()
