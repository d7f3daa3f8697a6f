"""What is seen of a video: its frames' times, the frame on screen, the stretch in view and the one chosen; shared by
the player and everything drawn on the timeline below it."""

from __future__ import annotations

from PySide6.QtCore import QObject

from workbench.core.video import FrameIndex
from workbench.gui.timescene import TimeScene

MOST_MAGNIFIED = 8
"""So few frames fill the timeline at the closest."""


class FilmScene(TimeScene):
    """Times are seconds from the first frame; a frame's number counts shown frames from 0."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.index: FrameIndex | None = None
        self.frame = 0
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
    def is_empty(self) -> bool:
        """Whether there is no video, or none with a frame."""
        return not self.frames

    @property
    def duration_s(self) -> float:
        """How long the video is; 0 without one."""
        return self.index.duration_s if self.index is not None else 0.0

    @property
    def time_s(self) -> float:
        """When the frame on screen is shown."""
        return self.index.time_s(self.frame) if self.index is not None and self.frames else 0.0

    @property
    def chosen_s(self) -> tuple[float, float] | None:
        """In and out point."""
        return self.selection_s

    @property
    def least_s(self) -> float:
        """A few frames, or a thousandth of a second of a video that has no more than those."""
        return self.duration_s * MOST_MAGNIFIED / self.frames if self.frames > MOST_MAGNIFIED else 1e-3

    def show(self, index: FrameIndex | None) -> None:
        """Another video, seen whole, at its first frame."""
        self.index, self.frame, self.selection_s = index, 0, None
        self.show_whole()

    def grow(self, index: FrameIndex) -> None:
        """More of the same video's frames are known; what is chosen and on screen stays, all of it stays in view."""
        whole = self.start_s == 0.0 and self.span_s >= self.duration_s - 1e-9
        self.index = index
        if whole:
            self.span_s = self.whole_s
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
        if follow:
            self.follow()
        self.moved.emit()

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
