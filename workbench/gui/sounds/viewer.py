"""A sound to be seen, heard and annotated: ruler, waveform, spectrogram and tiers on one time axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QHideEvent, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from workbench.core.audio import Tier, TiersDoc, Tracks
from workbench.core.words import spaced
from workbench.gui.actions import make_action
from workbench.gui.autosave import Background
from workbench.gui.card import Caption
from workbench.gui.sounds import confidences, devices
from workbench.gui.sounds.canvas import Ruler, SoundStrip, Waveform
from workbench.gui.sounds.controls import Controls
from workbench.gui.sounds.player import SPEEDS, MakeOutput, Player
from workbench.gui.sounds.scene import SoundScene
from workbench.gui.sounds.spectrogram import Spectrogram
from workbench.gui.sounds.tierstrip import NUDGE_S, ROW_PX, TierStrip
from workbench.gui.sounds.tiles import LocalTiles, TileSource, TileStore
from workbench.gui.sounds.waves import Sound
from workbench.gui.theme import theme
from workbench.gui.timebar import TimeBar
from workbench.gui.timestrip import clock
from workbench.gui.volumes.toolrow import ToolRow

MOST_TIERS_PX, TIERS_SHARE = 150, 0.25
"""Tiers take no more than this of the height: magnified text must leave room for the sound itself."""


class SoundViewer(QWidget):
    """`background` works off the GUI thread; tiles come from what `show_sound` is given, or are worked out here."""

    edited = Signal()
    """The tiers were edited."""
    tracks_wanted = Signal()
    failed = Signal(object)

    def __init__(
        self, background: Background, *, editable: bool = True, tracked: bool = False,
        make_output: MakeOutput = devices.PortOutput, hears: Callable[[], str] = devices.problem,
    ) -> None:  # fmt: skip
        """`hears` says in one line why nothing can be heard, empty where it can."""
        super().__init__()
        self.background, self._hears = background, hears
        self.scene = SoundScene(self)
        self.store = TileStore(self)
        self.player = Player(make_output, self)
        self.ruler, self.waveform = Ruler(self.scene), Waveform(self.scene)
        self.spectrogram = Spectrogram(self.scene, self.store)
        self.tiers = TierStrip(self.scene, editable=editable)
        self.controls = Controls(self.scene)
        self.readout = Caption()
        self.silence = Caption(role="small")
        self.silence.hide()
        self.speed = QComboBox()
        self.bar = TimeBar(self.scene)
        self._asked_hearing = False
        self._tracked = tracked
        self._make_actions()
        self._lay_out()
        self._wire()
        self._tell()
        self._able()

    # What is shown

    def show_sound(self, sound: Sound, tiers: TiersDoc | None = None, *, source: TileSource | None = None) -> None:
        """Another sound, seen whole."""
        self.player.halt()
        self.store.use(source or LocalTiles(self.background, sound), len(sound.samples))
        self.scene.show(sound)
        self.acts["tracks"].setChecked(False)
        self.show_tiers(tiers or TiersDoc())
        if not self._asked_hearing:
            self._asked_hearing = True
            self.background.background(self._hears, then=self._heard, owner=self)

    def grow(self, sound: Sound) -> None:
        """More of the same sound has been read."""
        self.store.forget_end(len(sound.samples), sound.rate_hz)
        self.scene.grow(sound)

    def show_tiers(self, doc: TiersDoc) -> None:
        """Other tiers for the same sound."""
        self.tiers.show_tiers(doc)
        self._fit_tiers()
        self._able()

    def show_tracks(self, tracks: Tracks | None, rows: NDArray[Any] | None) -> None:
        """Lay pitch and energy (frames, 4) over the spectrogram."""
        self.acts["tracks"].setChecked(tracks is not None)
        self.scene.restyle(tracks=tracks, track_rows=rows)

    def clear(self) -> None:
        """Show nothing."""
        self.player.halt()
        self.store.use(None)
        self.scene.show(None)
        self.tiers.show_tiers(TiersDoc())
        self._fit_tiers()
        self._able()

    def strips(self) -> list[SoundStrip]:
        """Everything that is drawn along time."""
        return [self.ruler, self.waveform, self.spectrogram, self.tiers]

    # Playing

    def play(self) -> None:
        """Play the selection, or from the cursor on; halt while it plays."""
        sound = self.scene.sound
        if self.player.playing:
            self.player.halt()
            return
        if sound is None or not self.acts["play"].isEnabled():
            return
        if self.scene.selection is not None:
            first, last = self.scene.selection
            here = self.scene.cursor if first <= self.scene.cursor < last else first
            self.player.play(sound, here, last, again=first)
        else:
            here = self.scene.cursor if self.scene.cursor < self.scene.samples - 1 else 0
            self.player.play(sound, here, self.scene.samples, again=0)

    def _heard(self, problem: str) -> None:
        self.silence.set_whole(problem)
        self.silence.setVisible(bool(problem))
        self._able()

    def _played(self, sample: int) -> None:
        self.scene.place(sample, follow=True)

    def _speed(self) -> None:
        playing = self.player.playing
        self.player.halt()
        self.player.speed = SPEEDS[self.speed.currentIndex()]
        if playing:
            self.play()

    def _step_speed(self, by: int) -> None:
        self.speed.setCurrentIndex(min(max(self.speed.currentIndex() + by, 0), len(SPEEDS) - 1))

    def hideEvent(self, event: QHideEvent) -> None:
        self.player.halt()
        super().hideEvent(event)

    # Telling

    def _tell(self, sample: int | None = None, share: float | None = None) -> None:
        """Where the cursor or pointer is, and how long the selection is."""
        scene = self.scene
        if not scene.samples:
            self.readout.set_whole("")
            return
        at = scene.cursor if sample is None else sample
        parts = [f"{at / scene.rate_hz:.6f} s", f"sample {spaced(at)}"]
        if share is not None:
            parts.append(f"{self.spectrogram.hz_at(share):.0f} Hz")
            power = self.spectrogram.db_at(at, share)
            parts += [f"{power:.1f} dB".replace("-", "−")] if power is not None else []
        track = self.spectrogram.track_at(at)
        if track is not None:
            pitch, energy = track
            parts.append((f"pitch {pitch:.0f} Hz, " if pitch else "unvoiced, ") + f"{energy:.0f} dB".replace("-", "−"))
        word = confidences.word_at(scene.words, at / scene.rate_hz)
        parts += [f"“{word.text}” {100 * word.confidence:.0f} % sure"] if word is not None else []
        if scene.selection is not None:
            first, last = (one / scene.rate_hz for one in scene.selection)
            size = spaced(scene.selection[1] - scene.selection[0])
            parts.append(f"selected {first:.6f} – {last:.6f} s = {last - first:.6f} s, {size} samples")
        parts.append(f"of {clock(scene.duration_s)}")
        self.readout.set_whole("  ·  ".join(parts))

    def _able(self) -> None:
        there = self.scene.samples > 0
        heard = there and not self.silence.whole
        for name, action in self.acts.items():
            action.setEnabled(heard if name in ("play", "loop", "slower", "faster") else there)
        self.speed.setEnabled(heard)
        for name in ("untier", "split", "join", "delete", "text", "earlier", "later"):
            self.acts[name].setEnabled(there and self.tiers.editable and bool(self.tiers.doc.tiers))
        for name in ("insert", "tier"):
            self.acts[name].setEnabled(there and self.tiers.editable)
        self.acts["tracks"].setVisible(self._tracked)

    def _tiers_edited(self) -> None:
        self._fit_tiers()
        self._able()
        self.edited.emit()

    def _fit_tiers(self) -> None:
        """Show the tiers there are, and how sure a model is of their words."""
        words = confidences.judged_words(self.tiers.doc)
        if words or self.scene.words:
            self.scene.restyle(words=words)
        self._fit_height()

    def _fit_height(self) -> None:
        """Room for the tiers up to a share of the view; more of them scroll."""
        there = bool(self.tiers.doc.tiers)
        self.tier_area.setVisible(there)
        if there:
            most = min(theme().pixels(MOST_TIERS_PX), max(round(TIERS_SHARE * self.height()), theme().pixels(ROW_PX)))
            self.tier_area.setFixedHeight(min(self.tiers.height(), most) + 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_height()

    # Building

    def _make_actions(self) -> None:
        scene, tiers = self.scene, self.tiers
        doing: dict[str, Callable[[], object]] = {
            "play": self.play, "loop": self._loop, "slower": lambda: self._step_speed(-1),
            "faster": lambda: self._step_speed(1),
            "in": lambda: scene.magnify(1.5), "out": lambda: scene.magnify(1 / 1.5), "fit": scene.fit,
            "selection": scene.fit_selection, "all": lambda: scene.select(0, scene.samples),
            "none": lambda: scene.select(None), "back": lambda: scene.shift(-0.5), "on": lambda: scene.shift(0.5),
            "taller": lambda: self._taller(1.5), "lower": lambda: self._taller(1 / 1.5),
            "tracks": self.tracks_wanted.emit,
            "insert": tiers.insert, "split": tiers.split, "join": tiers.join, "delete": tiers.delete,
            "tier": lambda: tiers.add(Tier("segments")), "untier": tiers.remove,
            "text": tiers.begin_text, "earlier": lambda: tiers.nudge(-NUDGE_S), "later": lambda: tiers.nudge(NUDGE_S),
            "next": lambda: tiers.step(1), "previous": lambda: tiers.step(-1),
        }  # fmt: skip
        self.acts: dict[str, QAction] = {
            name: make_action(self, f"view.sound.{name}", do, checkable=name in ("loop", "tracks"))
            for name, do in doing.items()
        }
        self.undo, self.redo = tiers.document.actions(self, ("view.sound.undo", "view.sound.redo"))

    def _loop(self) -> None:
        self.player.loop = self.acts["loop"].isChecked()

    def _taller(self, factor: float) -> None:
        (self.spectrogram if self.spectrogram.hasFocus() else self.waveform).taller(factor)

    def _lay_out(self) -> None:
        px = theme().pixels
        menu = QMenu(self)
        menu.addActions([*self.acts.values(), self.undo, self.redo])
        act = self.acts
        self.tools = ToolRow(
            [[act["play"], act["loop"]], [act["in"], act["out"], act["fit"], act["selection"]],
             [act["tracks"]], [act["insert"], act["split"], act["join"], act["delete"]], [self.undo, self.redo]], menu,
        )  # fmt: skip
        self.speed.addItems([f"{one:g} ×" for one in SPEEDS])
        self.speed.setCurrentIndex(SPEEDS.index(1.0))
        self.speed.setAccessibleName("Speed")
        self.speed.setToolTip("Speed of playing; the pitch stays (, and . change it)")
        top = QHBoxLayout()
        top.setSpacing(px(8))
        top.addWidget(self.tools, 1)
        label = QLabel("Speed")
        label.setProperty("role", "dim")
        top.addWidget(label)
        top.addWidget(self.speed)
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.addWidget(self.waveform)
        self.split.addWidget(self.spectrogram)
        self.split.setStretchFactor(0, 2)
        self.split.setStretchFactor(1, 3)
        self.split.setChildrenCollapsible(False)
        self.tier_area = QScrollArea()
        self.tier_area.setWidgetResizable(True)
        self.tier_area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.tier_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tier_area.setWidget(self.tiers)
        self.tier_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.tier_area.hide()
        self.area = QWidget()
        column = QVBoxLayout(self.area)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.ruler, self.split, self.tier_area, self.bar):
            column.addWidget(widget, int(widget is self.split))
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(px(4))
        whole.addLayout(top)
        whole.addWidget(self.controls)
        whole.addWidget(self.area, 1)
        whole.addWidget(self.readout)
        whole.addWidget(self.silence)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().pixels(240), theme().pixels(260))

    def _wire(self) -> None:
        scene = self.scene
        for strip in (self.waveform, self.tiers, self.ruler):
            strip.pointed.connect(lambda sample, _share: self._tell(sample))
        self.spectrogram.pointed.connect(self._tell)
        scene.moved.connect(self._tell)
        scene.selected.connect(self._tell)
        scene.shown.connect(self._tell)
        self.tiers.edited.connect(self._tiers_edited)
        self.player.moved.connect(self._played)
        self.player.failed.connect(lambda words: self._heard(f"Nothing can be played: {words}"))
        self.player.changed.connect(self._show_playing)
        self.speed.currentIndexChanged.connect(lambda _: self._speed())
        self.store.failed.connect(self.failed)

    def _show_playing(self) -> None:
        self.acts["play"].setText("Halt" if self.player.playing else "Play")
