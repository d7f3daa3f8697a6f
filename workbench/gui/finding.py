"""What the command palette can find: actions, buttons of the page in front, recipes, settings, help, runs."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QPushButton, QToolButton, QWidget

from workbench.core.commands import PLACES, Command
from workbench.core.params import Knob, knobs
from workbench.core.recipe import Recipe
from workbench.core.settings import Settings
from workbench.core.words import moment
from workbench.gui.actions import key_of
from workbench.gui.card import Card

if TYPE_CHECKING:
    from workbench.gui.helptopics import Topic
    from workbench.store.index import RunRow

MOST_RUNS = 300
BUTTON = "button"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of the palette; `quiet` lines appear once something is typed, those with a `why` cannot be done now."""

    text: str
    do: Callable[[], Any]
    note: str = ""
    """The key, or the kind of thing, at the right end."""
    tip: str = ""
    also: str = ""
    """More words by which it is found."""
    quiet: bool = False
    why: str = ""


def name_of(action: QAction) -> str:
    """An action's text, with the card it belongs to where several cards offer the same."""
    return _placed(action.text(), action.parent())


def of_actions(actions: Iterable[QAction], also: Callable[[str], str]) -> Iterator[Entry]:
    """A line per action; `also` tells more words for an action's id."""
    for one in actions:
        able = one.isEnabled() and one.isVisible()
        if one.text():
            yield Entry(
                name_of(one), one.trigger, key_of(one), one.statusTip() or one.toolTip(), also(one.objectName()),
                quiet=not able, why="" if able else str(one.property("why") or "not now"),
            )  # fmt: skip


def of_elsewhere(commands: Iterable[Command], here: set[str], go: Callable[[Command], None]) -> Iterator[Entry]:
    """A line per declared action that is not at hand: it opens its page first; one of an inner place says where."""
    for one in commands:
        place = PLACES.get(one.place)
        if one.id in here or place is None:
            continue
        why = f"with the focus in: {place.title}" if place.inner else ""
        yield Entry(
            one.text.rstrip("…"), functools.partial(go, one), f"opens {place.title}", one.tip, quiet=True, why=why
        )


def of_buttons(page: QWidget | None, known: set[str]) -> Iterator[Entry]:
    """A line per button that can be pressed on a page and does what no action listed does."""
    for one in page.findChildren(QAbstractButton) if page is not None else ():
        name = _placed(one.accessibleName() or one.text(), one.parent())
        if _pressable(one) and name and not {name, name.rpartition(": ")[2]} & known:
            known.add(name)
            yield Entry(name, one.click, BUTTON, one.toolTip())


def _pressable(button: QAbstractButton) -> bool:
    plain = isinstance(button, QPushButton | QToolButton) and not isinstance(button.parent(), QLineEdit)
    bound = isinstance(button, QToolButton) and (button.menu() or button.defaultAction())
    return plain and not bound and not button.property("command") and button.isVisible() and button.isEnabled()


def of_settings(change: Callable[..., None], show: Callable[[str], None]) -> Iterator[Entry]:
    """A line per value that a setting can be switched to, or that opens its field."""
    for one in knobs(Settings):
        values: list[Any] = [True, False] if one.type is bool else list(one.choices)
        for value in values:
            yield _switch(one, value, change)
        if not values:
            yield Entry(f"Setting: {one.title}", functools.partial(show, one.name), "setting", one.help, quiet=True)


def _switch(one: Knob, value: Any, change: Callable[..., None]) -> Entry:
    spelled = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
    return Entry(
        f"{one.title}: {spelled}", lambda: change(**{one.name: value}), "setting", one.help, one.help, quiet=True
    )


def of_help(topics: Iterable[Topic], show: Callable[[str], Any]) -> Iterator[Entry]:
    """A line per page of the help."""
    for one in topics:
        yield Entry(f"Help: {one.title}", functools.partial(show, one.name), "help", quiet=True)


def of_runs(rows: Iterable[RunRow], titles: dict[str, Recipe], show: Callable[[str], None]) -> list[Entry]:
    """A line per run, the newest first."""
    return [_run(row, titles, show) for row in list(rows)[:MOST_RUNS]]


def _run(row: RunRow, titles: dict[str, Recipe], show: Callable[[str], None]) -> Entry:
    config = row.config
    facts = [config.title, config.preset, config.arm, f"seed {config.seed}", moment(config.created), row.id[-6:]]
    told = " · ".join(fact for fact in facts if fact)
    title = titles[config.recipe].title if config.recipe in titles else config.recipe
    return Entry(f"Run: {title} · {told}", lambda: show(row.id), row.state.phase, row.id, row.id, quiet=True)


def words_of(recipes: Iterable[Recipe]) -> Callable[[str], str]:
    """More words for the actions that open or try a recipe: its paper and idea."""
    known = {one.id: f"{one.paper.title} {one.paper.year} {one.paper.arxiv} {one.tab.title}" for one in recipes}
    return lambda action: known.get(action.removeprefix("recipes.").partition("-")[2], "")


def _placed(text: str, owner: Any) -> str:
    plain = text.replace("&", "").strip().rstrip("…")
    while owner is not None and not isinstance(owner, Card):
        owner = owner.parent()
    return f"{owner.title()}: {plain}" if plain and isinstance(owner, Card) else plain
