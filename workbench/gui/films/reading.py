"""The thread that waits for frames, so that the window need not: the frame wished last, or frames ahead of playing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, Signal

from workbench.core.problem import Problem, ProblemRecord
from workbench.core.video import FrameIndex
from workbench.gui.films.ownthread import OwnThread, lost
from workbench.gui.films.schedule import Beat, Schedule
from workbench.gui.films.sources import FrameSource, OpenSource, Picture, picture_of

AHEAD_BYTES, AHEAD_FRAMES = 64 << 20, 48
"""So much, and so many frames, are read ahead of playing at most; two of them, however large they are."""
IN_FLIGHT = 2
"""So many frames are asked for before the first of them is taken: the decoder is never idle."""
Box = tuple[int, int]


class Session:
    """One stretch of playing: frames are read ahead of their time, and passed over when that has gone by."""

    def __init__(self, schedule: Schedule, box: Box, clock: Callable[[], float]) -> None:
        self.schedule, self.box = schedule, box
        self._clock = clock
        self._began_s: float | None = None
        self.ready: deque[tuple[Beat, Picture]] = deque()
        self.bytes = 0
        self.late = 0
        """Frames that were passed over because their time had gone by before they could be decoded."""
        self.complete = self.over = False
        self.end_s = 0.0

    def is_full(self, more: Picture) -> bool:
        """Whether a further frame has to wait until one is shown."""
        count = len(self.ready)
        return count >= AHEAD_FRAMES or (count >= 2 and self.bytes + more.bytes > AHEAD_BYTES)

    def begin(self) -> None:
        """Time begins to count, with the first frame on screen."""
        self._began_s = self._clock()

    @property
    def begun(self) -> bool:
        """Whether time counts."""
        return self._began_s is not None

    @property
    def now_s(self) -> float:
        """How long it has been played."""
        return self._clock() - self._began_s if self._began_s is not None else 0.0

    def wanted(self) -> Iterator[Beat]:
        """The frames to decode, passing over those whose time is up when they are reached."""
        held: Beat | None = None
        for beat in self.schedule.beats():
            if held is not None:
                # The last frame is shown however late it is: there playing ends.
                if self.begun and beat.due_s <= self.now_s and beat.frame != held.frame:
                    self.late += 1
                else:
                    yield held
            held = beat
        # The end is no frame of its own: it says how long the last one stays.
        self.end_s = held.due_s if held is not None else 0.0


class FilmReader(OwnThread, QObject):
    """Reads a film on a thread of its own. `arrived` carries (frame, Picture) for `seek`, playing fills a Session."""

    arrived = Signal(int, object)
    lacking = Signal(int)
    """This frame, which was wished, cannot be decoded."""
    failed = Signal(object)
    """A ProblemRecord; the next wish begins with another decoder."""

    def __init__(self, open_source: OpenSource, index: FrameIndex, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open = open_source
        self.index = index
        self._wish: tuple[int, Box] | None = None
        self._session: Session | None = None
        self._ready("reader of frames").start()

    # From the window

    def seek(self, frame: int, box: Box = (0, 0)) -> None:
        """Want one frame; a wish that is not begun with is forgotten for a newer one."""
        with self._turn:
            self._wish, self._session = (frame, box), None
            self._turn.notify_all()

    def play(self, session: Session) -> None:
        """Fill a session from now on, in the place of anything else."""
        with self._turn:
            self._wish, self._session = None, session
            self._turn.notify_all()

    def take(self, session: Session) -> tuple[Beat, Picture] | None:
        """The next frame of a session, if it is there already."""
        with self._turn:
            if not session.ready:
                return None
            found = session.ready.popleft()
            session.bytes -= found[1].bytes
            self._turn.notify_all()
            return found

    # On the thread

    def _run(self) -> None:
        while not self._closed:
            record = self._serve()
            if record is not None:
                self._break(record)

    def _serve(self) -> ProblemRecord | None:
        """Do what is wished until the end, or until something goes wrong."""
        source: FrameSource | None = None
        try:
            source = self._open(False)
            while (turn := self._next()) is not None:
                if isinstance(turn, Session):
                    self._fill(source, turn)
                else:
                    self._fetch(source, *turn)
        except (Problem, OSError) as error:
            return lost(error)
        finally:
            if source is not None:
                source.close()
        return None

    def _break(self, record: ProblemRecord) -> None:
        """Tell what went wrong, and wait for another wish: a decoder that ended does not end the film."""
        with self._turn:
            self._session = None
            if self._closed:
                return
            self.failed.emit(record)
            while not self._closed and self._wish is None and self._session is None:
                self._turn.wait()

    def _next(self) -> Session | tuple[int, Box] | None:
        with self._turn:
            while not self._closed:
                if self._wish is not None:
                    wish, self._wish = self._wish, None
                    return wish
                if self._session is not None and not self._session.complete:
                    return self._session
                self._turn.wait()
        return None

    def _fetch(self, source: FrameSource, frame: int, box: Box) -> None:
        source.ask(self.index.times[min(frame, len(self.index) - 1)], width=box[0], height=box[1])
        found = source.take()
        if found is None:
            self._tell(self.lacking, frame)
        else:
            self._tell(self.arrived, frame, picture_of(found))

    def _fill(self, source: FrameSource, session: Session) -> None:
        """Decode ahead until another wish comes; what is in flight then is taken and let go."""
        flight: deque[Beat] = deque()
        beats = session.wanted()
        done = False
        while self._goes_on(session):
            while not done and len(flight) < IN_FLIGHT:
                beat = next(beats, None)
                if beat is None:
                    done = True
                    break
                source.ask(self.index.times[beat.frame], width=session.box[0], height=session.box[1])
                flight.append(beat)
            if not flight:
                session.complete = True
                return
            self._keep(session, flight.popleft(), source)
        for _ in flight:
            source.take()

    def _keep(self, session: Session, beat: Beat, source: FrameSource) -> None:
        found = source.take()
        if found is None:
            return
        picture = picture_of(found)
        with self._turn:
            while self._mine(session) and session.is_full(picture):
                self._turn.wait()
            session.ready.append((beat, picture))
            session.bytes += picture.bytes

    def _goes_on(self, session: Session) -> bool:
        with self._turn:
            return self._mine(session)

    def _mine(self, session: Session) -> bool:
        return not self._closed and self._session is session and self._wish is None


def wall_s() -> float:
    """The clock that playing goes by."""
    return time.perf_counter()
