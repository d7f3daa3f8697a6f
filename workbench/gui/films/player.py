"""Playing a film: frames come to the screen when they are due, and those that come too late are counted."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from workbench.core.problem import ProblemRecord
from workbench.gui.films.reading import Box, FilmReader, Session, wall_s
from workbench.gui.films.scene import FilmScene
from workbench.gui.films.schedule import Beat, Schedule
from workbench.gui.films.sources import OpenSource, Picture
from workbench.gui.films.standins import StandIns
from workbench.store.filmcopies import FilmCopy

SPEEDS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0)
SHUTTLE = (1.0, 2.0, 4.0, 8.0)
"""What L and J go through when they are pressed again."""
WAITS_MS = 2
"""How long to wait for a frame that is not there yet."""
AT_HAND = 10
"""A frame no farther than this from the one on screen is decoded as soon as its stand-in would be there."""
QUICK_S, RESTS_MS = 0.1, 80
"""Of wishes that come faster, as while somebody drags, one that stays so long is decoded, if all have stand-ins."""


class FilmPlayer(QObject):
    """Puts frames of a film on screen: the one that the scene stands at, or one after the other.

    `shown` carries (frame, Picture); the frame on screen is always the one that was told last.
    """

    shown = Signal(int, object)
    stood_in = Signal(int, object)
    """A small picture (frame, Picture) of the frame wished is there before the frame is decoded; `shown` follows."""
    lacking = Signal(int)
    """The frame that should be on screen cannot be decoded."""
    changed = Signal()
    """Playing began, ended, or has another speed."""
    failed = Signal(object)

    def __init__(
        self, scene: FilmScene, box: Callable[[], Box], parent: QObject | None = None,
        clock: Callable[[], float] = wall_s,
    ) -> None:  # fmt: skip
        """`box` says how many pixels there are for a frame; (0, 0) for all that it has."""
        super().__init__(parent)
        self.scene, self._box, self._clock = scene, box, clock
        self.reader: FilmReader | None = None
        self.session: Session | None = None
        self.speed = 1.0
        """The speed of playing; negative while it goes backwards."""
        self.loop = False
        self.on_screen = -1
        """The frame that was shown last; −1 before any."""
        self.standing_in = -1
        """The frame of which a small picture is on screen instead; −1 where the frame itself is."""
        self.beats_shown = self.beats_late = 0
        """Since playing began last."""
        self._stand_ins: StandIns | None = None
        self._preview_wished = False
        """The frame wished last is one of which a small picture was asked for."""
        self._wished_s = -math.inf
        self._rests = QTimer(self)
        self._rests.setSingleShot(True)
        self._rests.setInterval(RESTS_MS)
        self._rests.timeout.connect(self.refresh)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.tick)

    # What is played

    def open(self, open_source: OpenSource) -> None:
        """Another film, whose index the scene has."""
        self.close()
        if self.scene.index is None:
            raise RuntimeError("the scene has no film")
        self.reader = FilmReader(open_source, self.scene.index, self)
        self.reader.arrived.connect(self._arrived)
        self.reader.lacking.connect(self._lacking)
        self.reader.failed.connect(self._failed)
        self.refresh()

    def close(self) -> None:
        """Let the film go; the next one is played at its own rate."""
        self.halt(settle=False)
        self.use_copy(None)
        self._rests.stop()
        self.on_screen, self.speed = -1, 1.0
        self.beats_shown = self.beats_late = 0
        self.changed.emit()
        if self.reader is not None:
            self.reader.close()
            self.reader.deleteLater()
            self.reader = None

    def use_copy(self, copy: FilmCopy | None) -> None:
        """Show pictures of a small copy until frames are decoded, from now on; None shows frames only."""
        self.standing_in = -1
        if self._stand_ins is not None:
            self._stand_ins.close()
            self._stand_ins.deleteLater()
        self._stand_ins = StandIns(copy, self) if copy is not None else None
        if self._stand_ins is not None:
            self._stand_ins.arrived.connect(self._stand_in)
            self._stand_ins.lacking.connect(self._no_stand_in)

    def grow(self) -> None:
        """The scene's index has more frames now."""
        if self.reader is not None and self.scene.index is not None:
            self.reader.index = self.scene.index

    def refresh(self) -> None:
        """Read the frame that the scene stands at anew: its place on screen has another size."""
        self._rests.stop()
        if self.reader is not None and self.session is None and self.scene.frames:
            self.reader.seek(self.scene.frame, self._box())

    # Hands

    @property
    def playing(self) -> bool:
        """Whether frames go by."""
        return self.session is not None

    def go(self, frame: int, *, follow: bool = False) -> None:
        """Stand at a frame; until it is decoded a small picture of it, or the one before, stays on screen."""
        self.halt(settle=False)
        self.scene.place(frame, follow=follow)
        wished_s, self._wished_s = self._wished_s, self._clock()
        self._preview_wished = self._ask_stand_in()
        if self._preview_wished and self._wished_s - wished_s < QUICK_S:
            self._rests.start()
        else:
            self.refresh()

    def step(self, by: int) -> None:
        """Go on by so many frames; no stand-in comes between."""
        self.halt(settle=False)
        self.scene.place(self.scene.frame + by, follow=True)
        self._preview_wished = False
        self.refresh()

    def _ask_stand_in(self) -> bool:
        """Ask for a small picture of the frame wished where there is one, and the frame itself is not at hand."""
        frame, stand_ins = self.scene.frame, self._stand_ins
        at_hand = self.standing_in < 0 <= self.on_screen and abs(frame - self.on_screen) <= AT_HAND
        if stand_ins is None or at_hand or not stand_ins.copy.covers(frame):
            return False
        stand_ins.want(frame)
        return True

    def play(self, speed: float | None = None) -> None:
        """Play from the frame on screen at a speed; at its end from the other end on."""
        if speed is not None:
            self.speed = speed
        index, reader = self.scene.index, self.reader
        if index is None or reader is None or not len(index):
            return
        stretch = self.stretch()
        first, last = stretch or (0, len(index) - 1)
        start = self.scene.frame
        forwards = self.speed > 0
        if not first <= start <= last or start == (last if forwards else first):
            start = first if forwards else last
        self.beats_shown = self.beats_late = 0
        self._rests.stop()
        schedule = Schedule(index, start, self.speed, stretch=stretch, loop=self.loop)
        self.session = Session(schedule, self._box(), self._clock)
        reader.play(self.session)
        self._timer.start(0)
        self.changed.emit()

    def shuttle(self, direction: int) -> None:
        """Play in a direction; when it is played that way already, faster."""
        same = self.playing and self.speed * direction > 0
        faster = next((one for one in SHUTTLE if one > abs(self.speed)), SHUTTLE[-1]) if same else 1.0
        self.play(direction * faster)

    def toggle(self) -> None:
        """Play as last, or halt."""
        if self.playing:
            self.halt()
        else:
            self.play(abs(self.speed))

    def set_speed(self, speed: float) -> None:
        """Another speed in the direction of now."""
        self.speed = speed if self.speed > 0 else -speed
        if self.playing:
            self.play()
        else:
            self.changed.emit()

    def set_loop(self, loop: bool) -> None:
        """Begin again at the end, or not."""
        self.loop = loop
        if self.playing:
            self.play()

    def halt(self, *, settle: bool = True) -> None:
        """Stand still at the frame on screen; with `settle` it is read as sharp as there is room for."""
        if self.session is None:
            return
        self.session = None
        self._timer.stop()
        if settle:
            self.refresh()
        self.changed.emit()

    def stretch(self) -> tuple[int, int] | None:
        """The first and the last frame between in and out point; None where none are set."""
        scene = self.scene
        if scene.selection_s is None or scene.index is None:
            return None
        start_s, end_s = scene.selection_s
        first = scene.index.frame_at(start_s)
        last = scene.index.frame_at(end_s)
        # A frame that begins where the stretch ends is not part of it.
        last -= last > first and scene.index.time_s(last) >= end_s - scene.index.tick_s
        return first, last

    @property
    def late_share(self) -> float:
        """Which part of the frames that were due since playing began came too late to be shown."""
        late = self.beats_late + (self.session.late if self.session is not None else 0)
        every = late + self.beats_shown
        return late / every if every else 0.0

    # Time

    def tick(self) -> None:
        """Show what is due; the frames before it came too late."""
        session, reader = self.session, self.reader
        if session is None or reader is None:
            return
        due: tuple[Beat, Picture] | None = None
        while session.ready and (not session.begun or session.ready[0][0].due_s <= session.now_s):
            found = reader.take(session)
            if found is None:
                break
            if not session.begun:
                session.begin()
            self.beats_late += due is not None
            due = found
        if due is not None:
            self.beats_shown += 1
            self._show(due[0].frame, due[1])
        if self.session is session:
            self._await(session)

    def _await(self, session: Session) -> None:
        if session.ready:
            self._timer.start(max(round((session.ready[0][0].due_s - session.now_s) * 1000), 0))
        elif not session.complete:
            self._timer.start(WAITS_MS)
        elif session.now_s < session.end_s:
            self._timer.start(max(round((session.end_s - session.now_s) * 1000), 1))
        else:
            self._end(session)

    def _end(self, session: Session) -> None:
        """Stand at the end; go on where more of the film has been read by now."""
        self.beats_late += session.late
        grown = self.scene.index is not None and len(self.scene.index) > len(session.schedule.index)
        if grown and self.speed > 0 and self.stretch() is None:
            shown, late = self.beats_shown, self.beats_late
            self.session = None
            self.play()
            self.beats_shown, self.beats_late = shown, late
            return
        self.halt()

    def _show(self, frame: int, picture: Picture) -> None:
        self.on_screen, self.standing_in = frame, -1
        self.scene.place(frame, follow=True)
        self.shown.emit(frame, picture)

    def _arrived(self, frame: int, picture: Picture) -> None:
        """While somebody drags, each frame that is done is shown, though another is wished by now."""
        if self._is_due(frame):
            self.on_screen, self.standing_in = frame, -1
            self.shown.emit(frame, picture)

    def _lacking(self, frame: int) -> None:
        if self._is_due(frame):
            self.on_screen, self.standing_in = frame, -1
            self.lacking.emit(frame)

    def _is_due(self, frame: int) -> bool:
        """Whether what the reader has for a frame is shown; not where a later wish's small picture is on screen."""
        later = self._preview_wished and self.standing_in >= 0 and frame != self.scene.frame
        return self.session is None and self.sender() is self.reader and not later

    def _stand_in(self, frame: int, picture: Picture) -> None:
        there = self.standing_in < 0 and self.on_screen == self.scene.frame
        if self.session is None and self.sender() is self._stand_ins and self._preview_wished and not there:
            self.standing_in = frame
            self.stood_in.emit(frame, picture)

    def _no_stand_in(self, frame: int) -> None:
        """The copy has been deleted, or is damaged: the frame itself is waited for."""
        if self.session is None and self.sender() is self._stand_ins and self._rests.isActive():
            self.refresh()

    def _failed(self, record: ProblemRecord) -> None:
        if self.sender() is self.reader:
            self.halt(settle=False)
            self.failed.emit(record)
