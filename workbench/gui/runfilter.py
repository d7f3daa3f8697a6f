"""What narrows the history: words, recipe, state, tag and stars, and by what it is grouped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QSizePolicy, QWidget

from workbench.gui.fields import Combo
from workbench.gui.historymodel import GROUPINGS
from workbench.gui.theme import theme
from workbench.store.index import RunRow

COMBO_PX, TEXT_SHARE = 104, 2
"""A list narrower than this cannot show its words; the words to filter by are as wide as so many lists."""
STARS = {"": "Star: any", "first": "Star: first", "only": "Star: only"}


class RunFilter(QWidget):
    """One line above the list, or as many as the lists' words need; every change is told at once."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        px = theme().pixels
        self.text = QLineEdit()
        self.text.setPlaceholderText("Filter: words, or macro_f1>0.9 (Ctrl+F)")
        self.text.setToolTip(
            "Every word must stand somewhere in a run: its id, tags, note, knobs, results …\n"
            "A comparison looks at one column: epochs>3, macro_f1>=0.9, state=failed, tags=paper"
        )
        self.text.setAccessibleName("Filter of the runs")
        self.text.setClearButtonEnabled(True)
        self.text.setMinimumWidth(px(120))
        self.text.textChanged.connect(lambda _: self.changed.emit())
        self.recipe, self.state, self.tag = _combo("Recipe"), _combo("State"), _combo("Tag")
        self.stars, self.group = _combo("Stars"), _combo("Groups")
        _fill(self.stars, STARS)
        _fill(self.group, {one: f"Group: {one or 'none'}" for one in GROUPINGS})
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(px(8))
        self._across = 0
        for combo in self._combos().values():
            combo.currentIndexChanged.connect(lambda _: self.changed.emit())
        self._arrange(len(self._combos()) + TEXT_SHARE)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.offer([])

    def values(self) -> dict[str, str]:
        """What is wanted, by the names of historymodel.Wanted."""
        return {"text": self.text.text()} | {name: str(combo.currentData()) for name, combo in self._combos().items()}

    def set_values(self, values: Mapping[str, str]) -> None:
        """Show remembered wishes; recipes, states and tags that are not there (yet) stay wished for."""
        with QSignalBlocker(self):
            self.text.setText(values.get("text", ""))
            for name, combo in self._combos().items():
                value = values.get(name, "")
                if combo.findData(value) < 0 and name in ("recipe", "state", "tag"):
                    combo.addItem(value, value)
                combo.setCurrentIndex(max(0, combo.findData(value)))
        self.changed.emit()

    def clear(self) -> None:
        """Let all runs through; the grouping stays."""
        stars = self.stars.currentData()
        self.set_values({"group": str(self.group.currentData()), "stars": "first" if stars == "first" else ""})

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange(self.width() // theme().pixels(COMBO_PX))

    def _arrange(self, across: int) -> None:
        """Everything in one line where `across` places are enough; else the words alone, and the lists below."""
        combos = list(self._combos().values())
        across = len(combos) + TEXT_SHARE if across >= len(combos) + TEXT_SHARE else min(max(across, 2), len(combos))
        if across == self._across:
            return
        self._across = across
        alone = across <= len(combos)
        self._grid.addWidget(self.text, 0, 0, 1, across if alone else TEXT_SHARE)
        for at, combo in enumerate(combos):
            place = at if alone else at + TEXT_SHARE
            self._grid.addWidget(combo, place // across + alone, place % across)
        for column in range(len(combos) + TEXT_SHARE):
            self._grid.setColumnStretch(column, 1 if column < across else 0)

    def offer(self, rows: Sequence[RunRow]) -> None:
        """Offer the recipes, states and tags of these runs, with how many there are of each."""
        with QSignalBlocker(self):
            _refill(self.recipe, "Recipe: all", (row.config.recipe for row in rows))
            _refill(self.state, "State: all", (row.phase for row in rows))
            _refill(self.tag, "Tag: all", (tag for row in rows for tag in row.tags))

    def _combos(self) -> dict[str, QComboBox]:
        return {"recipe": self.recipe, "state": self.state, "tag": self.tag, "stars": self.stars, "group": self.group}


def _combo(name: str) -> QComboBox:
    combo = Combo()
    combo.setAccessibleName(name)
    combo.setToolTip({"Groups": "Runs below headings that fold", "Stars": "Where starred runs stand"}.get(
        name, f"Only runs of one {name.lower()}"))  # fmt: skip
    combo.setMinimumContentsLength(2)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return combo


def _fill(combo: QComboBox, choices: Mapping[str, str]) -> None:
    for value, text in choices.items():
        combo.addItem(text, value)


def _refill(combo: QComboBox, everything: str, values: Iterable[str]) -> None:
    found = Counter(value for value in values if value)
    held = str(combo.currentData() or "")
    choices = {"": everything} | {name: f"{name} ({found[name]})" for name in sorted(found, key=str.casefold)}
    choices |= {held: f"{held} (0)"} if held not in choices else {}
    now = {combo.itemData(place): combo.itemText(place) for place in range(combo.count())}
    if choices != now:
        combo.clear()
        _fill(combo, choices)
        combo.setCurrentIndex(combo.findData(held))
