"""The panel beside the sound: how many speakers, how far the work is, who was found, and a map of their voices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QFormLayout,
    QListWidgetItem,
    QPushButton,
    QSpinBox,
)

from workbench.core.speakers import Voice
from workbench.gui.actions import keymap
from workbench.gui.card import Caption
from workbench.gui.sidepanel import ShortList, SidePanel, TellsWork, indent, row, words
from workbench.gui.theme import theme, tokens
from workbench.gui.views.pointmap import Groups, PointMap

WIDTH_PX, LIST_PX, MAP_PX, SWATCH_PX = 280, 120, 190, 12
MOST = 20


class SpeakerPanel(SidePanel, TellsWork):
    """Shows what it is told; its buttons, list and map are wired by who made it."""

    waking = "waking the encoder"

    def __init__(self) -> None:
        super().__init__("Who spoke when", WIDTH_PX)
        px = theme().pixels
        self.number = QSpinBox()
        self.number.setRange(0, MOST)
        self.number.setSpecialValueText("find out")
        indent(self.number)
        self.number.setAccessibleName("Number of speakers")
        self.number.setToolTip("How many speak, where that is known: that finds them more surely")
        self.run, self.stop = QPushButton("Run"), QPushButton("Stop")
        self.run.setProperty("role", "primary")
        self.rename, self.play, self.voices = QPushButton("Name…"), QPushButton("Play turns"), QPushButton("Voices…")
        for button, name in ((self.run, "run"), (self.stop, "stop"), (self.rename, "name"), (self.play, "play"),
                             (self.voices, "voices")):  # fmt: skip
            keymap().explain(button, f"sounds.speakers-{name}")
        self.make_progress("Finding speakers")
        self.found = words("", "dim")
        self.list = ShortList(LIST_PX)
        self.list.setAccessibleName("Speakers")
        self.list.setMinimumHeight(px(LIST_PX))
        self.map = PointMap()
        self.map.setMinimumHeight(px(MAP_PX))
        self.map.setAccessibleName("Map of voices; a click on a point plays its moment")
        self.map_about = Caption(role="small")
        self.map_about.set_whole("A point is 1.5 s of speech; click it to hear it")
        self.colours: list[str] = []
        self.speakers: list[str] = []
        self._told: tuple[Sequence[Voice], str] = ((), "")
        theme().changed.connect(self._recolour)
        self._lay_out()
        self.say("", -1.0)
        self.show_speakers([], "")
        self.show_map(None, [])

    def _lay_out(self) -> None:
        column = self.make_column(left_px=4)
        form = QFormLayout()
        form.addRow(words("Speakers", "dim"), self.number)
        column.addWidget(words("Who spoke when", "heading"))
        column.addLayout(form)
        column.addLayout(row(self.run, self.stop))
        for widget in (self.bar, self.progress, self.found):
            column.addWidget(widget)
        column.addWidget(self.list)
        column.addLayout(row(self.rename, self.play))
        column.addWidget(self.voices)
        column.addWidget(self.map, 1)
        column.addWidget(self.map_about)
        column.addStretch(0)

    def chosen(self) -> str:
        """The speaker that is selected in the list; empty for none."""
        at = self.list.currentRow()
        return self.speakers[at] if 0 <= at < len(self.speakers) else ""

    def show_speakers(self, found: Sequence[Voice], notes: str, colours: Sequence[str] = ()) -> None:
        """Who speaks for how long, in these colours; whoever was selected stays so."""
        before = self.chosen()
        self._told = found, notes
        self.speakers, self.colours = [one.name for one in found], list(colours)
        whole = sum(one.talk_s for one in found) or 1.0
        with QSignalBlocker(self.list):
            self.list.clear()
            for one in found:
                words = f"{one.name}   ·   {_clock(one.talk_s)}   ·   {100 * one.talk_s / whole:.0f} %"
                item = QListWidgetItem(words)
                like = f"\nmost like {one.likeness}: {one.score:.2f}" if one.likeness else ""
                like += " (recognised)" if one.known else ""
                item.setToolTip(f"{one.name}: {one.talk_s:.1f} s in {one.turns} turns{like}")
                self.list.addItem(item)
            self.list.setCurrentRow(self.speakers.index(before) if before in self.speakers else 0 if found else -1)
        self._recolour()
        self.found.setText(notes)
        self.found.setVisible(bool(notes))
        for widget in (self.list, self.rename, self.play):
            widget.setVisible(bool(found))

    def show_map(self, points: NDArray[np.float64] | None, speakers: Sequence[str]) -> None:
        """Windows (n, 2) on the map, each with its speaker; None hides the map."""
        there = points is not None and len(points) > 1
        self.map.setVisible(there)
        self.map_about.setVisible(there)
        if points is None or not there:
            return
        names = list(dict.fromkeys([*self.speakers, *speakers]))
        numbers = np.array([names.index(one) for one in speakers], np.int64)
        table = [QColor(self._colour(at)) for at in range(len(names))]
        if self.map.points is not points:
            self.map.show_points(points)
        self.map.describe = lambda at: speakers[at] or "between turns"
        self.map.set_groups(Groups(numbers, names, table, ["disc"] * len(names), named=False))

    def _colour(self, at: int) -> str:
        return self.colours[at] if at < len(self.colours) else tokens().dim

    def _recolour(self, _: object = None) -> None:
        self.map.set_theme(tokens())
        size = theme().pixels(SWATCH_PX)
        for at in range(self.list.count()):
            swatch = QPixmap(size, size)
            swatch.fill(QColor(self._colour(at)))
            self.list.item(at).setIcon(QIcon(swatch))


def _clock(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
