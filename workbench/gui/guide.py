"""What leads a person through the window: command palette, help and tour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QWidget

from workbench.core.commands import Command
from workbench.gui import finding
from workbench.gui.actions import keymap
from workbench.gui.palette import Palette
from workbench.store.index import Index

if TYPE_CHECKING:
    from workbench.gui.helpbrowser import HelpBrowser
    from workbench.gui.helptopics import Topic
    from workbench.gui.tour import Tour
    from workbench.gui.window import MainWindow


class Guide:
    """Knows the window; what is remembered of it between starts is in `values`."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self.palette = Palette(window)
        self.tour_seen = False
        self.command_help: Callable[[], Mapping[str, str]] | None = None
        """Texts of the command line's help, from whoever knows it."""
        self._topics: dict[str, Topic] = {}

    def values(self) -> dict[str, object]:
        """What is remembered: the commands used of late, and whether the tour was seen."""
        return {"recent": self.palette.recent, "tour": self.tour_seen}

    def set_values(self, values: Mapping[str, object]) -> None:
        """Back to what was remembered."""
        recent = values.get("recent", [])
        self.palette.recent = [str(one) for one in recent] if isinstance(recent, list) else []
        self.tour_seen = bool(values.get("tour"))

    def open_palette(self) -> None:
        """Show the palette; runs are added when they are read."""
        window = self._window
        self.palette.open(self._findable())
        home, recipes = window.link.home, dict(window.recipes)
        window.link.background(
            lambda: Index(home.index, home.runs).refresh(),
            then=lambda rows: self.palette.add(finding.of_runs(rows, recipes, window.open_run)), owner=window,
        )  # fmt: skip

    def topics(self) -> dict[str, Topic]:
        """Every page of the help."""
        from workbench.gui.helptopics import topics

        if not self._topics:
            self._topics = topics(self._window.recipes.values(), self.command_help)
        return self._topics

    def show_help(self) -> None:
        """The help of what has the focus; else of the page in front."""
        from workbench.gui.helpbrowser import topic_at

        name, word = topic_at(QApplication.focusWidget())
        self.read(name or topic_at(self._window.stack.currentWidget())[0], at=word)

    def read(self, name: str = "", *, at: str = "") -> HelpBrowser:
        """Open the help, at a page of it."""
        from workbench.gui.helpbrowser import HelpBrowser

        browser = self._window.findChild(HelpBrowser) or HelpBrowser(self._window, self.topics())
        browser.show_topic(name or "page:home", at=at)
        browser.show()
        browser.raise_()
        browser.activateWindow()
        (browser.page if name else browser.search).setFocus(Qt.FocusReason.OtherFocusReason)
        return browser

    def show_tour(self) -> Tour | None:
        """Four steps through the recipe in front, or the first one; None where there is no recipe."""
        from workbench.gui.tour import Tour

        window, going = self._window, self._window.findChild(Tour)
        if going is not None or not window.recipes:
            return going
        page = window.recipe_page() or window.open_recipe(window.first_recipe())
        self.tour_seen = True
        window.memory.touch()
        return Tour(window, page.tour())

    def _go_and_do(self, command: Command) -> None:
        """Open the page that an action belongs to, then do it where it can be done there."""
        window = self._window
        if command.place == "recipe":
            page: QWidget = window.open_recipe(window.first_recipe())
        else:
            page = window.open_page(command.place)
        action = page.findChild(QAction, command.id)
        if action is not None and action.isEnabled() and action.isVisible():
            action.trigger()

    def _findable(self) -> list[finding.Entry]:
        from workbench.gui.helptopics import topics

        window = self._window
        actions = window.actions_known()
        found = list(finding.of_actions(actions, finding.words_of(window.recipes.values())))
        here = {one.objectName() for one in actions}
        found += finding.of_elsewhere(keymap().commands(), here, self._go_and_do)
        found += finding.of_buttons(window.stack.currentWidget(), {one.text for one in found})
        found += finding.of_settings(window.link.change_settings, window.show_setting)
        # Pages of the command line are left to the help's own search: making them takes a moment.
        return found + list(finding.of_help(topics(window.recipes.values()).values(), self.read))
