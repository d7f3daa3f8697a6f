"""A short sound that was made: its mel spectrogram with a cursor, played from where it is clicked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.core.audio import SpectrogramSettings
from workbench.gui.autosave import Background
from workbench.gui.card import Caption
from workbench.gui.sounds import devices
from workbench.gui.sounds.player import MakeOutput, Player
from workbench.gui.sounds.scene import SoundScene
from workbench.gui.sounds.spectrogram import Spectrogram
from workbench.gui.sounds.tiles import LocalTiles, TileStore
from workbench.gui.sounds.waves import Sound
from workbench.gui.theme import theme

MELS = SpectrogramSettings(window_s=0.05, hop_s=0.0125, scale="mel", bins=80, high_hz=8000.0)
"""As the synthesiser makes them: 80 mel bins, 50 ms windows, a column every 12.5 ms."""
HEIGHT_PX = 84


class SaidStrip(QWidget):
    """`background` works off the GUI thread; `hears` says why nothing can be heard, empty where it can."""

    able = Signal()
    """Whether sounds can be heard, or whether one is heard now, has changed."""

    def __init__(
        self, background: Background, *, make_output: MakeOutput = devices.PortOutput,
        hears: Callable[[], str] = devices.problem,
    ) -> None:  # fmt: skip
        super().__init__()
        self._background, self._hears = background, hears
        self.scene = SoundScene(self)
        self.scene.restyle(settings=MELS)
        self.store = TileStore(self)
        self.player = Player(make_output, self)
        self.spectrogram = Spectrogram(self.scene, self.store)
        self.spectrogram.setAccessibleName("Mel spectrogram of what was said; a click sets where it is played from")
        self.spectrogram.setFixedHeight(theme().pixels(HEIGHT_PX))
        self.spectrogram.hide()
        self.silence = Caption(role="small")
        self.silence.hide()
        self.known = False
        """Whether it was asked if anything can be heard."""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().pixels(2))
        column.addWidget(self.spectrogram)
        column.addWidget(self.silence)
        self.player.moved.connect(lambda sample: self.scene.place(sample, follow=True))
        self.player.changed.connect(self.able)
        self.player.failed.connect(lambda words: self._heard(f"Nothing can be played: {words}"))

    @property
    def audible(self) -> bool:
        """Whether this machine lets sounds be heard, as far as is known."""
        return self.known and not self.silence.whole

    def listen(self) -> None:
        """Find out whether anything can be heard here, once."""
        if not self.known:
            self._background.background(self._hears, then=self._heard, owner=self)

    def show_sound(self, sound: Sound | None) -> None:
        """Another sound, or none."""
        self.player.halt()
        self.store.use(LocalTiles(self._background, sound) if sound is not None else None,
                       len(sound.samples) if sound is not None else 0)  # fmt: skip
        self.scene.show(sound)
        self.spectrogram.setVisible(sound is not None)

    def play(self) -> None:
        """Play the selection, or from the cursor to the end; halt while it plays."""
        scene = self.scene
        if self.player.playing:
            self.player.halt()
        elif scene.sound is not None and self.audible:
            first, last = scene.selection or (0, scene.samples)
            here = scene.cursor if first <= scene.cursor < last - 1 else first
            self.player.play(scene.sound, here, last)

    def play_other(self, sound: Sound, span_s: Sequence[float]) -> None:
        """Play a stretch of another sound, which is not shown."""
        first, last = (min(max(round(one * sound.rate_hz), 0), len(sound.samples)) for one in span_s)
        if self.audible:
            self.scene.place(0)
            self.player.play(sound, first, last)

    def _heard(self, problem: str) -> None:
        self.known = True
        self.silence.set_whole(problem)
        self.silence.setVisible(bool(problem))
        self.able.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        self.player.halt()
        super().hideEvent(event)
