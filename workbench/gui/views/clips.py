"""Stretches of one sound, a stretch for each point or row of a view: read from a run's files, played one at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from workbench.core import documents
from workbench.core import events as ev
from workbench.core.words import spaced
from workbench.gui.autosave import Background
from workbench.gui.sounds import devices
from workbench.gui.sounds.player import MakeOutput, Player
from workbench.gui.sounds.waves import Sound
from workbench.gui.views import reading
from workbench.gui.views.audio import read_wave


@dataclasses.dataclass(frozen=True)
class Clips:
    """A sound and the stretch (start_s, end_s) of each item."""

    sound: Sound
    spans_s: list[tuple[float, float]]


def read_clips(folder: Path, artifact: ev.Artifact, count: int) -> Clips:
    """The parts `audio` and `clips` of an artifact with so many items; raises InputError where they do not fit."""
    sound = read_wave(reading.inside(folder, artifact.parts["audio"]), {})
    path = reading.inside(folder, artifact.parts["clips"])
    spans = documents.read(path, list[tuple[float, float]])
    if len(spans) != count:
        raise reading.damaged(path, f"{spaced(count)} stretches, one for each item", f"{spaced(len(spans))} stretches")
    end_s = len(sound.samples) / sound.rate_hz
    wrong = next((one for one in spans if not 0 <= one[0] < one[1] <= end_s + 0.01), None)
    if wrong is not None:
        raise reading.damaged(path, f"stretches within {end_s:.2f} s", f"{wrong[0]:g} to {wrong[1]:g} s")
    return Clips(sound, spans)


class ClipPlayer(QObject):
    """Plays one clip, and the next in its place; asks once, off the GUI thread, whether anything can be heard."""

    able = Signal()
    """It is known now whether anything can be heard."""

    def __init__(
        self, background: Background, parent: QObject, *, make_output: MakeOutput = devices.PortOutput,
        hears: Callable[[], str] = devices.problem,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._background, self._hears, self._asked = background, hears, False
        self.problem = ""
        """Why nothing can be heard; empty where it can, as far as is known."""
        self.player = Player(make_output, self)
        self.player.failed.connect(lambda words: self._heard(f"Nothing can be played: {words}"))

    def listen(self) -> None:
        """Find out whether anything can be heard here, once."""
        if not self._asked:
            self._asked = True
            self._background.background(self._hears, then=self._heard, owner=self)

    def play(self, clips: Clips, at: int) -> None:
        """Play the stretch of an item; nothing where nothing can be heard."""
        if not self.problem and 0 <= at < len(clips.spans_s):
            first, last = (round(edge * clips.sound.rate_hz) for edge in clips.spans_s[at])
            self.player.play(clips.sound, first, min(last, len(clips.sound.samples)))

    def _heard(self, problem: str) -> None:
        self.problem = problem
        self.able.emit()
