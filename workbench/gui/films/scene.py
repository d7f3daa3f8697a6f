"""What is seen of a video: its frames' times, the frame on screen, the stretch in view and the one chosen; shared by
the player and everything drawn on the timeline below it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from workbench.core.video import FrameIndex

MOST_MAGNIFIED = 8
"""So few frames fill the timeline at the closest."""


class FilmScene(QObject):
    """Times are seconds from the first frame; a frame's number counts shown frames from 0."""

    shown = Signal()
    """Another video, or none, or more of one that grows."""
    ranged = Signal()
    """The stretch in view changed."""
    moved = Signal()
    """Another frame is on screen."""
    selected = Signal()
    """The in or the out point changed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.index: FrameIndex | None = None
        self.frame = 0
        self.start_s, self.span_s = 0.0, 1.0
        self.selection_s: tuple[float, float] | None = None
        """In and out point: what is looped, labelled and recognised."""
        self.names_px = 0
        """So wide are the names at the left of the timeline, which all strips make room for."""

    def set_names(self, wide_px: int) -> None:
        """Names this wide stand at the left of the timeline."""
        if wide_px != self.names_px:
            self.names_px = wide_px
            self.ranged.emit()

    @property
    def frames(self) -> int:
        """How many frames there are; 0 without a video."""
        return len(self.index) if self.index is not None else 0

    @property
    def duration_s(self) -> float:
        """How long the video is; 0 without one."""
        return self.index.duration_s if self.index is not None else 0.0

    @property
    def time_s(self) -> float:
        """When the frame on screen is shown."""
        return self.index.time_s(self.frame) if self.index is not None and self.frames else 0.0

    def show(self, index: FrameIndex | None) -> None:
        """Another video, seen whole, at its first frame."""
        self.index, self.frame, self.selection_s = index, 0, None
        self.start_s, self.span_s = 0.0, max(self.duration_s, 1e-3)
        for signal in (self.shown, self.ranged, self.moved, self.selected):
            signal.emit()

    def grow(self, index: FrameIndex) -> None:
        """More of the same video's frames are known; what is chosen and on screen stays, all of it stays in view."""
        whole = self.start_s == 0.0 and self.span_s >= self.duration_s - 1e-9
        self.index = index
        if whole:
            self.span_s = max(self.duration_s, 1e-3)
        for signal in (self.shown, self.ranged):
            signal.emit()

    def end_s(self, frame: int) -> float:
        """When a frame makes room for the next one; the last one stays until the video's end."""
        if self.index is None or not self.frames:
            return 0.0
        return self.index.time_s(frame + 1) if frame + 1 < self.frames else self.duration_s

    def place(self, frame: int, *, follow: bool = False) -> None:
        """Put a frame on screen; with `follow` the timeline goes along."""
        self.frame = min(max(frame, 0), max(self.frames - 1, 0))
        at = self.time_s
        if follow and not self.start_s <= at <= self.start_s + self.span_s:
            self.look(at if at > self.start_s else at - self.span_s * 0.9, self.span_s)
        self.moved.emit()

    def look(self, start_s: float, span_s: float) -> None:
        """See this stretch, kept within the video."""
        whole = max(self.duration_s, 1e-3)
        span = min(max(span_s, self._least_s()), whole)
        start = min(max(start_s, 0.0), whole - span)
        if (start, span) != (self.start_s, self.span_s):
            self.start_s, self.span_s = start, span
            self.ranged.emit()

    def magnify(self, factor: float, at_s: float | None = None) -> None:
        """See `factor` times less; the time `at_s` (the frame on screen, where none is given) stays where it is."""
        middle = at_s if at_s is not None else self._middle_s()
        share = (middle - self.start_s) / self.span_s
        span = min(max(self.span_s / factor, self._least_s()), max(self.duration_s, 1e-3))
        self.look(middle - share * span, span)

    def shift(self, share: float) -> None:
        """Go on by a share of what is in view."""
        self.look(self.start_s + share * self.span_s, self.span_s)

    def fit(self) -> None:
        """See the whole video."""
        self.look(0.0, self.duration_s)

    def select(self, start_s: float | None, end_s: float = 0.0) -> None:
        """Choose a stretch, its ends in either order; None chooses nothing."""
        found = None
        if start_s is not None and start_s != end_s:
            low, high = sorted((start_s, end_s))
            found = (max(low, 0.0), min(high, self.duration_s))
        if found != self.selection_s:
            self.selection_s = found
            self.selected.emit()

    def snapped_s(self, time_s: float) -> float:
        """The nearest edge between two frames: where a frame begins, or the video's end."""
        if self.index is None or not self.frames:
            return max(time_s, 0.0)
        at = self.index.frame_at(time_s)
        begin = self.index.time_s(at)
        end = self.index.time_s(at + 1) if at + 1 < self.frames else self.duration_s
        return begin if time_s - begin <= end - time_s else end

    def time_at(self, x: float, width: int) -> float:
        """The time under a pixel, within the video."""
        return min(max(self.start_s + x / max(width, 1) * self.span_s, 0.0), self.duration_s)

    def x_of(self, time_s: float, width: int) -> float:
        """The pixel of a time."""
        return (time_s - self.start_s) / self.span_s * width

    def _least_s(self) -> float:
        return self.duration_s * MOST_MAGNIFIED / self.frames if self.frames > MOST_MAGNIFIED else 1e-3

    def _middle_s(self) -> float:
        at = self.time_s
        return at if self.start_s <= at <= self.start_s + self.span_s else self.start_s + self.span_s / 2
