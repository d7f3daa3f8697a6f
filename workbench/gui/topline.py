"""The top of a recipe's tab: what it is, how to start it, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QProgressBar, QPushButton, QToolButton, QWidget

from workbench.core.job import JobState
from workbench.core.recipe import Recipe
from workbench.core.words import duration, number, spaced
from workbench.gui.actions import key_of
from workbench.gui.buttons import show_icon
from workbench.gui.card import Caption
from workbench.gui.icons import icon
from workbench.gui.theme import theme, tokens

SHORT = "short"
"""A property of an action: fewer words for its button, where there is little room."""
TITLE_PX = 240
"""So much of a long title is kept before buttons are."""


class Choice(NamedTuple):
    """A page of a tab: its name for the window, its words in a menu, and the command that opens it."""

    name: str
    words: str
    command: str


OWN_PAGES: Mapping[str, tuple[Choice, ...]] = {
    "medical": (Choice("cases", "Cases", "go.medical"),),
    "speech": (Choice("sounds", "Sounds", "go.speech"),),
    "video": (Choice("films", "Videos", "go.video"),),
    "scenes": (Choice("scenes", "Scene", "go.scenes"),),
}
"""Pages of tabs that are no recipe's; they stand before the recipes."""


def choices_of(tab: str, recipes: Iterable[Recipe]) -> list[Choice]:
    """Every page of a tab, its own ones first."""
    named = (Choice(one.id, f"{one.title}   ·   {one.id}", f"recipes.open-{one.id}") for one in recipes)
    return [*OWN_PAGES.get(tab, ()), *named]


class TabChooser(QToolButton):
    """The title; where a tab has several pages, a menu of them."""

    chosen = Signal(str)

    def __init__(self, title: str, name: str, choices: Sequence[Choice]) -> None:
        """`name` is what a screen reader says."""
        super().__init__()
        self.setProperty("role", "title")
        self.setText(title)
        self.setAccessibleName(name)
        # The one part of the line that may be shortened: the buttons beside it would lose their words.
        self.setMinimumWidth(theme().pixels(96))
        self.setProperty("alone", len(choices) < 2)
        if len(choices) < 2:
            return
        menu = QMenu(self)
        for one in choices:
            entry = menu.addAction(one.words)
            entry.setProperty("command", one.command)
            entry.triggered.connect(lambda _=False, name=one.name: self.chosen.emit(name))
        self.setMenu(menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setToolTip("Choose another page of this tab")


class RecipeChooser(TabChooser):
    """The title of a recipe's page."""

    def __init__(self, recipe: Recipe, recipes: Iterable[Recipe]) -> None:
        super().__init__(recipe.title, f"Recipe: {recipe.title}", choices_of(recipe.tab.name, recipes))


class TopLine(QWidget):
    """Title and buttons; the buttons are the page's actions, and those that find no room stand in a menu."""

    def __init__(self, chooser: TabChooser) -> None:
        super().__init__()
        self.chooser = chooser
        self.about = Caption()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme().pixels(8))
        self._row.addWidget(chooser)
        self._row.addWidget(self.about, 1)
        self._buttons: list[tuple[QPushButton, QAction]] = []
        self._rare: list[QAction] = []
        self._folded: list[QPushButton] = []
        self._words_px = 0
        self._has_primary = False
        self._more = _more_button()
        self._row.addWidget(self._more)

    def add(self, action: QAction, *, primary: bool = False) -> QPushButton:
        """A button that does what the action does and looks as it says."""
        button = QPushButton()
        button.setCheckable(action.isCheckable())
        button.setProperty("command", action.objectName())
        if primary:
            button.setProperty("role", "primary")
        else:
            self._buttons.append((button, action))
        button.clicked.connect(action.trigger)
        button.clicked.connect(lambda _=False: self._dress(button, action, primary))
        action.changed.connect(lambda: self._dress(button, action, primary))
        theme().follow(button, lambda: self._dress(button, action, primary))
        # The primary button stays the last one, whatever parts of the page add later.
        self._row.insertWidget(self._row.count() - self._has_primary, button)
        self._has_primary = self._has_primary or primary
        self._dress(button, action, primary)
        return button

    def add_rare(self, action: QAction) -> None:
        """What is seldom wanted stands in the menu however much room there is."""
        self._rare.append(action)
        action.changed.connect(self._show_folded)
        self._show_folded()

    def tell(self, words: str, *, least_px: int = 0) -> None:
        """Words beside the title; buttons go into the menu before the words get less than `least_px`."""
        self.about.set_whole(words)
        wide = self.about.fontMetrics().horizontalAdvance(words) + theme().pixels(8)
        self._words_px = min(wide, theme().pixels(least_px)) if words else 0
        self._fit()

    def anchor(self, button: QPushButton) -> QWidget:
        """Where a menu of this button opens: at the button, or at the menu that it stands in."""
        return self._more if button in self._folded else button

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _dress(self, button: QPushButton, action: QAction, primary: bool) -> None:
        _dress(button, action, primary)
        button.setVisible(action.isVisible() and button not in self._folded)
        self._fit()

    def _fit(self) -> None:
        """Put buttons into the menu, from the left, until the rest has room for its words."""
        there = [button for button, action in self._buttons if action.isVisible()]
        gap = self._row.spacing()
        fixed = [self.chooser, *(one for one in self._primaries() if not one.isHidden())]
        room = self.width() - sum(_least(one) + gap for one in fixed) - (self._words_px + gap if self._words_px else 0)
        wanted = sum(_least(one) + gap for one in there)
        rare = any(one.isVisible() for one in self._rare)
        folded: list[QPushButton] = []
        for button in there:
            if wanted + (self._more.sizeHint().width() + gap if folded or rare else 0) <= room:
                break
            folded.append(button)
            wanted -= _least(button) + gap
        if folded != self._folded:
            self._folded = folded
            self._show_folded()

    def _show_folded(self) -> None:
        menu = self._more.menu()
        menu.clear()
        for button, action in self._buttons:
            button.setVisible(action.isVisible() and button not in self._folded)
            if button in self._folded:
                menu.addAction(action)
        rare = [one for one in self._rare if one.isVisible()]
        if rare and self._folded:
            menu.addSeparator()
        menu.addActions(rare)
        self._more.setVisible(bool(self._folded or rare))

    def _primaries(self) -> list[QWidget]:
        known = {button for button, _ in self._buttons}
        items = (self._row.itemAt(at) for at in range(self._row.count()))
        widgets = (item.widget() for item in items if item is not None)
        return [one for one in widgets if isinstance(one, QPushButton) and one not in known]


def _more_button() -> QToolButton:
    button = QToolButton()
    button.setAutoRaise(True)
    button.setMenu(QMenu(button))
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setToolTip("More of what can be done with this recipe and its run")
    button.setAccessibleName("More actions")
    show_icon(button, "mdi6.dots-horizontal")
    theme().follow(button, lambda: show_icon(button, "mdi6.dots-horizontal"))
    button.hide()
    return button


def _least(widget: QWidget) -> int:
    hint = widget.sizeHint().width()
    return min(hint, theme().pixels(TITLE_PX)) if isinstance(widget, TabChooser) else hint


def _dress(button: QPushButton, action: QAction, primary: bool) -> None:
    key = key_of(action)
    button.setText(str(action.property(SHORT) or action.text()))
    button.setEnabled(action.isEnabled())
    button.setChecked(action.isChecked())
    button.setToolTip(action.statusTip() + (f" ({key})" if key else ""))
    button.setAccessibleName(action.text())
    name = action.data()
    if isinstance(name, str) and name:
        now = tokens()
        button.setIcon(icon(name, now.on_accent if primary else now.text))


class ProgressLine(QWidget):
    """How far, how fast, how long still; with pause and cancel at hand while something runs."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName("Progress of the run")
        self._text = QLabel("ready")
        self._text.setProperty("role", "dim")
        self._text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._text.setMinimumWidth(theme().pixels(320))
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme().pixels(8))
        self._row.addWidget(self._bar, 1)
        self._row.addWidget(self._text)

    def add(self, action: QAction) -> None:
        """A small button at the end, there only while its action is."""
        button = QToolButton()
        button.setAutoRaise(True)
        button.setProperty("command", action.objectName())
        button.clicked.connect(action.trigger)
        action.changed.connect(lambda: self._dress(button, action))
        theme().follow(button, lambda: self._dress(button, action))
        self._dress(button, action)
        self._row.addWidget(button)

    def text(self) -> str:
        """What is said about the run."""
        return self._text.text()

    def show_state(self, state: JobState, *, ahead: int = 0) -> None:
        """Tell a run's state; `ahead` is how many runs wait before it."""
        self._text.setText(describe(state, ahead=ahead))
        share = 1.0 if state.phase == "finished" else state.share
        unknown = state.phase == "running" and share is None
        self._bar.setRange(0, 0 if unknown else 1000)
        self._bar.setValue(round(1000 * (share or 0.0)))
        if self._bar.property("state") != state.phase:
            self._bar.setProperty("state", state.phase)
            self._bar.style().unpolish(self._bar)
            self._bar.style().polish(self._bar)

    def _dress(self, button: QToolButton, action: QAction) -> None:
        key = key_of(action)
        show_icon(button, str(action.data()))
        button.setVisible(action.isVisible() and action.isEnabled())
        button.setToolTip(action.statusTip() + (f" ({key})" if key else ""))
        button.setAccessibleName(action.text())


def describe(state: JobState, *, ahead: int = 0) -> str:
    """A run's state in one line."""
    if state.phase == "new":
        return "ready"
    if state.phase == "queued":
        return f"waiting, {ahead} before it" if ahead else "waiting for its turn"
    if state.phase == "finished":
        kept = "stopped early and kept" if state.kept_early else "finished"
        return f"{kept} at step {state.step} in {duration(state.ended_at - state.started_at)}"
    if state.phase == "failed":
        return f"failed at step {state.step}"
    if state.phase == "cancelled":
        return f"cancelled at step {state.step}"
    return " · ".join(_running(state))


def _where(state: JobState) -> str:
    if state.total:
        return f"step {state.step} / {state.total}"
    if state.of:
        return f"{spaced(state.done)} of {spaced(state.of)}"
    return f"step {state.step}" if state.step else ""


def _running(state: JobState) -> list[str]:
    parts = [state.doing] if state.doing else []
    parts += [where] if (where := _where(state)) else []
    if state.phase == "paused":
        return [*parts, "paused"]
    if state.steps_per_s > 0:
        slow = state.steps_per_s < 1
        parts.append(f"{1 / state.steps_per_s:.1f} s/step" if slow else f"{number(state.steps_per_s, 3)} steps/s")
    if state.seconds_left >= 0:
        parts.append(f"{duration(state.seconds_left)} left")
    return parts
