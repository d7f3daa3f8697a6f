"""The panel beside the sound: whose voices there are, what is to be said, what came of it, and a map of voices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QListWidgetItem,
    QPushButton,
)

from workbench.core.cloning import CONSENT, Said, VoiceSource
from workbench.gui.actions import keymap
from workbench.gui.sidepanel import ShortList, ShortText, SidePanel, TellsWork, chooser, row, words
from workbench.gui.sounds.saidstrip import SaidStrip
from workbench.gui.theme import theme, tokens
from workbench.gui.views import palette
from workbench.gui.views.legend import Legend
from workbench.gui.views.pointmap import Groups, PointMap
from workbench.store.models import ModelFacts

WIDTH_PX, LIST_PX, TEXT_PX, MAP_PX, SWATCH_PX = 340, 84, 52, 136, 12
Kind = Literal["learned", "remembered", "enrolled", "nobody's"]
KINDS: tuple[Kind, ...] = ("learned", "remembered", "enrolled", "nobody's")
SYMBOLS = ("disc", "square", "triangle", "diamond")
HINT = "Enrol a voice from seconds of speech, click one on the map, or take one that nobody has."
BUTTONS = {
    "enrol": "Enrol", "record": "Record…", "remember": "Remember…", "remove": "Remove", "voices": "Voices…",
    "nobody": "A voice that nobody has", "speak": "Speak", "stop": "Stop", "play": "Play", "original": "Original",
    "open": "Open", "export": "Export…",
}  # fmt: skip


class Shown(NamedTuple):
    """A voice in the list or on the map; `neighbour` is the learned voice that it is most like."""

    source: VoiceSource
    title: str
    kind: Kind
    place: tuple[float, float]
    neighbour: str = ""
    cosine: float = 0.0
    speech_s: float = 0.0

    @property
    def about(self) -> str:
        """In words, for a tooltip."""
        told = f"\n{self.speech_s:.1f} s of speech" if self.speech_s else ""
        like = f"\nmost like {self.neighbour}: {self.cosine:.2f}" if self.neighbour else ""
        return f"{self.title} ({self.kind}){told}{like}"


class ClonePanel(SidePanel, TellsWork):
    """Shows what it is told; its buttons, list and map are wired by who made it."""

    def __init__(self, strip: SaidStrip) -> None:
        super().__init__("Speak with a voice", WIDTH_PX)
        px = theme().pixels
        self.strip = strip
        self.model = chooser("Synthesiser")
        self.model.setToolTip("The model that speaks: the shipped one, or one that a run has made")
        self.source = chooser("Whose voice is enrolled")
        self.source.setToolTip("The part of the open sound in which one person speaks")
        self.buttons = {name: QPushButton(text) for name, text in BUTTONS.items()}
        self.buttons["speak"].setProperty("role", "primary")
        for name, button in self.buttons.items():
            if name not in ("enrol", "speak", "stop"):
                button.setProperty("role", "compact")
            keymap().explain(button, "sounds.speakers-voices" if name == "voices" else f"sounds.clone-{name}")
        self.list = ShortList(LIST_PX)
        self.list.setAccessibleName("Voices")
        self.list.setMinimumHeight(px(LIST_PX))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.notes, self.hint = words("", "warning"), words(HINT, "dim")
        self.text = ShortText(TEXT_PX)
        self.text.setAccessibleName("What is to be said")
        self.text.setPlaceholderText("What is to be said, in English")
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(px(TEXT_PX))
        self.wrong = words("", "error")
        self.make_progress("Speaking")
        self.result = words("", "small")
        self.map = PointMap()
        self.map.setMinimumHeight(px(MAP_PX))
        self.map.setAccessibleName("Map of voices, alike ones close; a click on a point lets that voice speak")
        self.map.setToolTip("Voices that are alike lie close; click one to hear it say the text")
        self.legend = Legend()
        self.legend.chosen.connect(self.map.single_out)
        self.voices: list[Shown] = []
        self.points: list[Shown] = []
        theme().changed.connect(self._recolour)
        self._lay_out()
        self.say("", -1.0)
        self.show_models([], "")
        self.show_voices([], None)
        self.show_map([], None)
        self.show_notes(())
        self.show_wrong("")
        self.show_said(None)

    def _lay_out(self) -> None:
        of, column = self.buttons, self.make_column(left_px=4, gap_px=6)
        column.addWidget(words("Speak with a voice", "heading"))
        column.addWidget(self.model)
        enrolling = row(self.source, of["enrol"])
        enrolling.setStretch(1, 0)
        column.addLayout(enrolling)
        drawing = row(of["record"], of["nobody"])
        drawing.setStretch(0, 0)
        column.addLayout(drawing)
        column.addWidget(self.list, 1)
        column.addWidget(self.hint)
        column.addWidget(self.notes)
        column.addLayout(row(of["remember"], of["remove"], of["voices"]))
        column.addWidget(self.text)
        column.addWidget(self.wrong)
        column.addLayout(row(of["speak"], of["stop"]))
        for widget in (self.bar, self.progress, self.strip, self.result):
            column.addWidget(widget)
        column.addLayout(row(of["play"], of["original"], of["open"], of["export"]))
        column.addWidget(self.map, 3)
        column.addWidget(self.legend)
        column.addWidget(words(CONSENT, "small"))
        column.addStretch(0)

    def chosen(self) -> Shown | None:
        """The voice that is selected in the list."""
        at = self.list.currentRow()
        return self.voices[at] if 0 <= at < len(self.voices) else None

    def show_models(self, found: Sequence[ModelFacts], chosen: str) -> None:
        """The synthesisers to choose from, where there are others than the shipped one."""
        with QSignalBlocker(self.model):
            self.model.clear()
            self.model.addItem("The shipped synthesiser", "")
            for one in found:
                self.model.addItem(one.run or one.name, one.path)
                self.model.setItemData(self.model.count() - 1, one.path, Qt.ItemDataRole.ToolTipRole)
            self.model.setCurrentIndex(max(0, self.model.findData(chosen)))
        self.model.setVisible(bool(found))

    def show_sources(self, sources: Sequence[tuple[str, VoiceSource]]) -> None:
        """What can be enrolled; the same entry stays chosen where it is still there, else the first."""
        with QSignalBlocker(self.source):
            before = self.source.currentText().split("   ·")[0]
            self.source.clear()
            for title, source in sources:
                self.source.addItem(title, source)
            names = [title.split("   ·")[0] for title, _ in sources]
            self.source.setCurrentIndex(names.index(before) if before in names else 0 if sources else -1)
        self.source.setEnabled(bool(sources))
        self.source.setPlaceholderText("Open or record a sound")

    def say_far(self, doing: str, more: str, fraction: float) -> None:
        self.say(f"{doing}: {more}" if doing and more else doing, fraction)

    def show_voices(self, found: Sequence[Shown], chosen: VoiceSource | None) -> None:
        """The voices that are at hand, `chosen` selected."""
        self.voices = list(found)
        with QSignalBlocker(self.list):
            self.list.clear()
            for one in found:
                item = QListWidgetItem(one.title if one.kind == "nobody's" else f"{one.title}   ·   {one.kind}")
                item.setToolTip(one.about)
                self.list.addItem(item)
            sources = [one.source for one in found]
            self.list.setCurrentRow(sources.index(chosen) if chosen in sources else -1)
        self.list.setVisible(bool(found))
        self.hint.setVisible(chosen is None)
        self._recolour()

    def show_map(self, points: Sequence[Shown], chosen: VoiceSource | None) -> None:
        """Voices on the map, the chosen one marked; nothing hides it."""
        moved = [one.place for one in points] != [one.place for one in self.points]
        self.points = list(points)
        for widget in (self.map, self.legend):
            widget.setVisible(bool(points))
        if moved and points:
            self.map.show_points(np.array([one.place for one in points], np.float64))
        self.map.describe = lambda at: self.points[at].about if at < len(self.points) else ""
        self._group()
        at = [one.source for one in points].index(chosen) if chosen in [one.source for one in points] else -1
        self.map.selected = np.array([at] if at >= 0 else [], np.int64)
        self.map.update()

    def _group(self) -> None:
        colours = [QColor(self._colour(kind)) for kind in KINDS]
        numbers = np.array([KINDS.index(one.kind) for one in self.points], np.int64)
        self.map.set_groups(Groups(numbers, list(KINDS), colours, list(SYMBOLS), named=False, front=1))
        present = set(numbers.tolist())
        self.legend.show_entries([(KINDS[at], colours[at], SYMBOLS[at]) for at in range(len(KINDS)) if at in present])

    def show_notes(self, notes: Sequence[str]) -> None:
        """What is to be known of the chosen voice."""
        self.notes.setText("\n".join(f"{one[:1].upper()}{one[1:]}." for one in notes))
        self.notes.setVisible(bool(notes))

    def show_wrong(self, problem: str) -> None:
        """Why the text cannot be said."""
        self.wrong.setText(problem)
        self.wrong.setVisible(bool(problem))

    def show_said(self, said: Said | None) -> None:
        """How near what was said came to the voice."""
        for name in ("play", "original", "open", "export"):
            self.buttons[name].setVisible(said is not None)
        told = ""
        if said is not None and said.likeness is not None:
            near, rival = (f"{one:.2f}".replace("-", "−") for one in (said.likeness, said.rival_cosine))
            own = f" (original {said.own_cosine:.2f})" if said.own_cosine is not None else ""
            told = f"Cosine {near}{own}, to {said.rival} {rival}"
            halves = "; two halves of the original come to " + f"{said.own_cosine:.2f}" if own else ""
            self.result.setToolTip(
                f"The encoder finds what was said like {said.title} at a cosine of {near}{halves}. The learned voice "
                f"that it is most like, {said.rival}, comes to {rival}. 1 is the same voice, 0 an unrelated one."
            )
        elif said is not None:
            told = "Too little was said to compare the voices"
        self.result.setText(told)
        self.result.setVisible(bool(told))

    def _colour(self, kind: Kind) -> str:
        now = tokens()
        return now.dim if kind == "learned" else palette.category(KINDS.index(kind) - 1, now).name()

    def _recolour(self, _: object = None) -> None:
        self.map.set_theme(tokens())
        self.legend.set_theme(tokens())
        if self.points:
            self._group()
        size = theme().pixels(SWATCH_PX)
        for at, one in enumerate(self.voices):
            swatch = QPixmap(size, size)
            swatch.fill(QColor(self._colour(one.kind)))
            self.list.item(at).setIcon(QIcon(swatch))
