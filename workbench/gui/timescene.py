"""What is seen of something that has a time: the stretch in view, and what is chosen of it; shared by everything that
is drawn along it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

LEAST_S = 1e-3
"""So much is in view at the least where nothing is shown yet."""


class TimeScene(QObject):
    """Times are seconds from the beginning. A subclass knows what is shown: its length, its playhead, its selection."""

    shown = Signal()
    """Something else, or none, or more of what grows."""
    ranged = Signal()
    """The stretch in view changed."""
    moved = Signal()
    """The playhead moved."""
    selected = Signal()
    """Another stretch is chosen, or none."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.start_s, self.span_s = 0.0, 1.0

    # For subclasses

    @property
    def is_empty(self) -> bool:
        """Whether nothing is shown."""
        raise NotImplementedError

    @property
    def duration_s(self) -> float:
        """How long it is; 0 where nothing is shown."""
        raise NotImplementedError

    @property
    def time_s(self) -> float:
        """Where the playhead is."""
        raise NotImplementedError

    @property
    def chosen_s(self) -> tuple[float, float] | None:
        """The ends of the stretch that is chosen."""
        raise NotImplementedError

    @property
    def least_s(self) -> float:
        """How much is in view at the closest."""
        raise NotImplementedError

    # What is in view

    @property
    def whole_s(self) -> float:
        """How much is in view at the farthest."""
        return max(self.duration_s, LEAST_S)

    def show_whole(self) -> None:
        """Something else is shown, all of it."""
        self.start_s, self.span_s = 0.0, self.whole_s
        for signal in (self.shown, self.ranged, self.moved, self.selected):
            signal.emit()

    def look(self, start_s: float, span_s: float) -> None:
        """See this stretch, kept within what there is."""
        span = min(max(span_s, self.least_s), self.whole_s)
        start = min(max(start_s, 0.0), self.whole_s - span)
        if (start, span) != (self.start_s, self.span_s):
            self.start_s, self.span_s = start, span
            self.ranged.emit()

    def magnify(self, factor: float, at_s: float | None = None) -> None:
        """See `factor` times less; the time `at_s` (the playhead, where none is given) stays where it is."""
        middle = at_s if at_s is not None else self.time_s if self.in_view else self.start_s + self.span_s / 2
        share = (middle - self.start_s) / self.span_s
        span = min(max(self.span_s / factor, self.least_s), self.whole_s)
        self.look(middle - share * span, span)

    def shift(self, share: float) -> None:
        """Go on by a share of what is in view."""
        self.look(self.start_s + share * self.span_s, self.span_s)

    def fit(self) -> None:
        """See all of it."""
        self.look(0.0, self.duration_s)

    @property
    def in_view(self) -> bool:
        """Whether the playhead is in view."""
        return self.start_s <= self.time_s <= self.start_s + self.span_s

    def follow(self) -> None:
        """Bring the playhead into view: at the left going on, near the right going back."""
        if not self.in_view:
            at = self.time_s
            self.look(at if at > self.start_s else at - self.span_s * 0.9, self.span_s)

    # Pixels

    def time_at(self, x: float, width: int) -> float:
        """The time under a pixel, within what there is."""
        return min(max(self.start_s + x / max(width, 1) * self.span_s, 0.0), self.duration_s)

    def x_of(self, time_s: float, width: int) -> float:
        """The pixel of a time."""
        return (time_s - self.start_s) / self.span_s * width
