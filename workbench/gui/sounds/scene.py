"""What is seen of a sound: the stretch in view, cursor, selection; shared by everything drawn below each other."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal

from workbench.core.audio import Segment, SpectrogramSettings, Tracks
from workbench.gui.sounds.waves import Sound
from workbench.gui.timescene import TimeScene

MOST_MAGNIFIED = 16
"""So few samples fill the view at the closest."""


class SoundScene(TimeScene):
    """Times are seconds; cursor and selection are exact samples."""

    restyled = Signal()
    """Colours, axis, gain or channel changed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.sound: Sound | None = None
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
    def is_empty(self) -> bool:
        """Whether there is no sound, or none with a sample."""
        return not self.samples

    @property
    def time_s(self) -> float:
        """Where the cursor is."""
        return self.cursor / self.rate_hz

    @property
    def chosen_s(self) -> tuple[float, float] | None:
        """The ends of the selection."""
        if self.selection is None:
            return None
        first, last = self.selection
        return first / self.rate_hz, last / self.rate_hz

    @property
    def least_s(self) -> float:
        """A few samples."""
        return MOST_MAGNIFIED / self.rate_hz

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
        self.show_whole()

    def grow(self, sound: Sound) -> None:
        """More of the same sound; a view of the whole stays one."""
        whole = self.start_s <= 0 and self.span_s >= self.duration_s * 0.999
        self.sound = sound
        if whole:
            self.start_s, self.span_s = 0.0, self.whole_s
        self.shown.emit()
        self.ranged.emit()

    def fit_selection(self) -> None:
        """See the selection, with a little around it."""
        if self.chosen_s is not None:
            first, last = self.chosen_s
            self.look(first - 0.02 * (last - first), 1.04 * (last - first))

    def place(self, sample: int, *, follow: bool = False) -> None:
        """Put the cursor on a sample; with `follow` the view goes along."""
        self.cursor = min(max(sample, 0), max(self.samples, 0))
        if follow:
            self.follow()
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
