"""What is seen of a sound: the stretch in view, cursor, selection; shared by everything drawn below each other."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal

from workbench.core.audio import Segment, SpectrogramSettings, Tracks
from workbench.gui.sounds.waves import Sound

MOST_MAGNIFIED = 16
"""So few samples fill the view at the closest."""


class SoundScene(QObject):
    """Times are seconds; cursor and selection are exact samples."""

    shown = Signal()
    """Another sound, or more of it."""
    ranged = Signal()
    """The stretch in view changed."""
    moved = Signal()
    """The cursor moved."""
    selected = Signal()
    restyled = Signal()
    """Colours, axis, gain or channel changed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.sound: Sound | None = None
        self.start_s, self.span_s = 0.0, 1.0
        self.cursor = 0
        self.selection: tuple[int, int] | None = None
        self.settings = SpectrogramSettings()
        self.colour_map, self.top_db, self.range_db = "inferno", -20.0, 70.0
        self.gain = 1.0
        self.tracks: Tracks | None = None
        self.track_rows: np.ndarray | None = None
        self.words: list[Segment] = []
        """Words that a model was more or less sure of."""

    @property
    def duration_s(self) -> float:
        """How long the sound is; 0 without one."""
        return len(self.sound.samples) / self.sound.rate_hz if self.sound is not None else 0.0

    @property
    def rate_hz(self) -> int:
        """Samples per second; 1 without a sound."""
        return self.sound.rate_hz if self.sound is not None else 1

    @property
    def samples(self) -> int:
        """Samples of a channel."""
        return len(self.sound.samples) if self.sound is not None else 0

    def show(self, sound: Sound | None) -> None:
        """Another sound, seen whole."""
        self.sound, self.cursor, self.selection = sound, 0, None
        self.tracks = self.track_rows = None
        self.start_s, self.span_s = 0.0, max(self.duration_s, 1e-3)
        self.shown.emit()
        self.ranged.emit()
        self.moved.emit()
        self.selected.emit()

    def grow(self, sound: Sound) -> None:
        """More of the same sound; a view of the whole stays one."""
        whole = self.start_s <= 0 and self.span_s >= self.duration_s * 0.999
        self.sound = sound
        if whole:
            self.start_s, self.span_s = 0.0, max(self.duration_s, 1e-3)
        self.shown.emit()
        self.ranged.emit()

    def look(self, start_s: float, span_s: float) -> None:
        """See this stretch, kept within the sound."""
        whole = max(self.duration_s, 1e-3)
        span = min(max(span_s, MOST_MAGNIFIED / self.rate_hz), whole)
        start = min(max(start_s, 0.0), whole - span)
        if (start, span) != (self.start_s, self.span_s):
            self.start_s, self.span_s = start, span
            self.ranged.emit()

    def magnify(self, factor: float, at_s: float | None = None) -> None:
        """See `factor` times less; the time `at_s` stays where it is."""
        middle = at_s if at_s is not None else self._middle_s()
        share = (middle - self.start_s) / self.span_s
        whole = max(self.duration_s, 1e-3)
        span = min(max(self.span_s / factor, MOST_MAGNIFIED / self.rate_hz), whole)
        self.look(middle - share * span, span)

    def _middle_s(self) -> float:
        at = self.cursor / self.rate_hz
        return at if self.start_s <= at <= self.start_s + self.span_s else self.start_s + self.span_s / 2

    def shift(self, share: float) -> None:
        """Go on by a share of what is in view."""
        self.look(self.start_s + share * self.span_s, self.span_s)

    def fit(self) -> None:
        """See the whole sound."""
        self.look(0.0, self.duration_s)

    def fit_selection(self) -> None:
        """See the selection, with a little around it."""
        if self.selection is not None:
            first, last = (one / self.rate_hz for one in self.selection)
            self.look(first - 0.02 * (last - first), 1.04 * (last - first))

    def place(self, sample: int, *, follow: bool = False) -> None:
        """Put the cursor on a sample; with `follow` the view goes along."""
        self.cursor = min(max(sample, 0), max(self.samples, 0))
        at = self.cursor / self.rate_hz
        if follow and not self.start_s <= at <= self.start_s + self.span_s:
            self.look(at if at > self.start_s else at - self.span_s * 0.9, self.span_s)
        self.moved.emit()

    def select(self, first: int | None, last: int = 0) -> None:
        """Select samples [first, last) in either order, or nothing."""
        if first is None or first == last:
            found = None
        else:
            low, high = sorted((first, last))
            found = (max(low, 0), min(high, self.samples))
        if found != self.selection:
            self.selection = found
            self.selected.emit()

    def restyle(self, **changes: object) -> None:
        """Set colours, axis, gain or spectrogram settings."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.restyled.emit()

    def sample_at(self, x: float, width: int) -> int:
        """The sample under a pixel."""
        at = round((self.start_s + x / max(width, 1) * self.span_s) * self.rate_hz)
        return min(max(at, 0), self.samples)

    def x_of(self, sample: float, width: int) -> float:
        """The pixel of a sample."""
        return (sample / self.rate_hz - self.start_s) / self.span_s * width
