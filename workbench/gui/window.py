"""The main window: rail, pages, job panel, status bar, and what holds them together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QByteArray, QSignalBlocker, Qt, QTimer
from PySide6.QtGui import QAction, QCloseEvent, QHideEvent, QKeySequence, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from workbench.core.events import WorkerState
from workbench.core.problem import ProblemRecord
from workbench.core.recipe import TABS, Recipe
from workbench.core.settings import Settings
from workbench.gui.attention import Attention
from workbench.gui.banner import Banner
from workbench.gui.closing import ClosingQuestion, Stopping
from workbench.gui.dialogs import help_page
from workbench.gui.halves import Halves
from workbench.gui.jobpanel import JobPanel
from workbench.gui.link import Link
from workbench.gui.memory import WindowMemory
from workbench.gui.pace import Pace
from workbench.gui.pages.frame import PageFrame
from workbench.gui.palette import Palette
from workbench.gui.rail import Rail
from workbench.gui.recipepage import RecipePage
from workbench.gui.statusbar import StatusBar
from workbench.gui.theme import theme
from workbench.store.runfolder import RunFolder

SURROUNDINGS = (
    ("runs", "Runs", "mdi6.history"),
    ("models", "Models", "mdi6.layers-outline"),
    ("settings", "Settings", "mdi6.cog-outline"),
)


class MainWindow(QMainWindow):
    """Pages are made when they are first opened; the worker is sought after the first paint."""

    def __init__(self, link: Link, recipes: Mapping[str, Recipe], *, demo: bool = True) -> None:
        super().__init__()
        self.link, self.recipes, self._demo = link, recipes, demo
        self.setWindowTitle("Transfer Workbench")
        self.setMinimumSize(theme().pixels(880), theme().pixels(560))
        self.resize(1440, 900)
        self.pages: dict[str, QWidget] = {}
        self._recipe_of_tab: dict[str, str] = {}
        self._begun = self._leaving = self._silent = False
        self._stopping: Stopping | None = None
        self.rail, self.stack, self.banner = Rail(), QStackedWidget(), Banner()
        self.jobs, self.status = JobPanel(link, recipes), StatusBar()
        self.pace = Pace(self)
        self.attention = Attention(self)
        self._fill_rail()
        self._lay_out()
        self.palette_ = Palette(self)
        self._make_actions()
        self.memory = WindowMemory(link.home.window_state, self._collect, self)
        self._remembered = self.memory.read()
        self._restore_shape()
        self._wire()
        self.open_page(self._first_page())

    # Pages

    def open_page(self, name: str) -> QWidget:
        """Bring a page to the front: 'home', a tab's name, 'recipe:<id>', 'runs', 'models', 'settings'."""
        if name in self._tabs():
            name = f"recipe:{self._recipe_of_tab.get(name) or self._tabs()[name][0].id}"
        if name not in self.pages:
            self.pages[name] = self._make_page(name)
            self.stack.addWidget(self.pages[name])
        page = self.pages[name]
        self.stack.setCurrentWidget(page)
        page.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        page.setFocus(Qt.FocusReason.OtherFocusReason)
        if isinstance(page, RecipePage):
            self._recipe_of_tab[page.recipe.tab.name] = page.recipe.id
            self.rail.mark(page.recipe.tab.name)
            self._wake(page)
        else:
            self.rail.mark(name)
        if isinstance(page, PageFrame) and self._begun:
            page.opened()
        self.memory.touch()
        return page

    def open_recipe(self, name: str) -> RecipePage:
        """Bring a recipe's page to the front."""
        page = self.open_page(f"recipe:{name}")
        assert isinstance(page, RecipePage)
        return page

    def open_run(self, run: str) -> None:
        """Show a run in its tab, live or as it was; its values are loaded into the form."""
        folder = RunFolder(self.link.home.runs / run)
        self.link.background(folder.config, then=lambda config: self._show_run(folder, config.recipe), owner=self)

    def fork_run(self, run: str) -> None:
        """Load a run's values into its recipe's form, to be changed and run again."""
        folder = RunFolder(self.link.home.runs / run)
        self.link.background(folder.config, then=self._load_form, owner=self)

    def try_recipe(self, name: str) -> None:
        """Run a recipe's desk preset on its first sample."""
        page = self.open_recipe(name)
        page.setup.inputs.set_inputs({slot: one.default for slot, one in page.recipe.reads.items() if one.default})
        page.setup.choose_preset("desk")
        page.start()

    def forget(self) -> None:
        """Start from delivered shapes and save none (for pictures)."""
        self.memory.stop()
        self._remembered = {}

    def recipe_page(self) -> RecipePage | None:
        """The recipe's page in front, if one is."""
        page = self.stack.currentWidget()
        return page if isinstance(page, RecipePage) else None

    def _show_run(self, folder: RunFolder, recipe: str) -> None:
        if recipe not in self.recipes:
            self.banner.show_problem(
                ProblemRecord(f"The recipe {recipe!r} of this run is not installed.", place=folder.id)
            )
            return
        page = self.open_recipe(recipe)
        if page.model is None or page.model.folder.path != folder.path:
            page.setup.load(page.show_run(folder).config)

    def _load_form(self, config: Any) -> None:
        if config.recipe in self.recipes:
            page = self.open_recipe(config.recipe)
            page.setup.load(config)
            page.banner.show_note("The values of that run are in the form; change what you like and press Run.")

    def _tabs(self) -> dict[str, list[Recipe]]:
        tabs = {tab.name: [one for one in self.recipes.values() if one.tab == tab] for tab in TABS}
        return {name: sorted(some, key=lambda one: one.id) for name, some in tabs.items() if some}

    def _make_page(self, name: str) -> QWidget:
        if name.startswith("recipe:"):
            return self._make_recipe_page(name.removeprefix("recipe:"))
        if name == "home":
            from workbench.gui.pages.home import HomePage

            home = HomePage(self.recipes.values(), self.link)
            home.tried.connect(self.try_recipe)
            home.recipe_opened.connect(self.open_recipe)
            home.run_opened.connect(self.open_run)
            return home
        if name == "runs":
            from workbench.gui.pages.runs import RunsPage

            runs = RunsPage(self.link)
            runs.run_opened.connect(self.open_run)
            runs.forked.connect(self.fork_run)
            return runs
        if name == "models":
            from workbench.gui.pages.models import ModelsPage

            models = ModelsPage(self.link)
            models.run_opened.connect(self.open_run)
            return models
        from workbench.gui.pages.settings import SettingsPage

        return SettingsPage(self.link)

    def _make_recipe_page(self, name: str) -> RecipePage:
        recipe = self.recipes[name]
        page = RecipePage(recipe, self.link, self._tabs()[recipe.tab.name])
        page.set_values(self._remembered.get("recipes", {}).get(name, {}))
        page.recipe_wanted.connect(self.open_recipe)
        page.claim_wanted.connect(lambda config: self.run_claim(name, config))
        page.setup.changed.connect(self.memory.touch)
        for splitter in page.splitters.values():
            splitter.splitterMoved.connect(lambda *_: self.memory.touch())
        page.showing.state_changed.connect(lambda state: self._job_told(page, state))
        return page

    def _job_told(self, page: RecipePage, state: Any) -> None:
        if page is self.recipe_page():
            self.status.show_job(state)

    def run_claim(self, name: str, config: Any) -> None:
        """Queue every arm of a recipe's claim on this data, or find the last claim, and follow it to its verdict."""
        from workbench.gui.claimwindow import ClaimWindow

        window = ClaimWindow(self, self.recipes[name], self.link)
        window.run_opened.connect(self.open_run)
        window.show()
        if config is None:
            window.find_last()
        else:
            window.begin(config)

    # First moments

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.pace.start()
        if not self._begun:
            self._begun = True
            QTimer.singleShot(0, self._begin)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.pace.stop()

    def _begin(self) -> None:
        """After the first paint: what the first paint need not wait for."""
        self.link.background(_warm_up, then=None, owner=self)
        self.link.attach()
        page = self.stack.currentWidget()
        if isinstance(page, PageFrame):
            page.opened()
        if self._demo and self._first_start():
            self.try_recipe(self._first_recipe())
        self.attention.begin()

    def _first_start(self) -> bool:
        return bool(self.recipes) and not any(self.link.home.runs.iterdir())

    def _first_recipe(self) -> str:
        tabs = self._tabs()
        first = tabs["text"] if "text" in tabs else next(iter(tabs.values()))
        return first[0].id

    def _first_page(self) -> str:
        if self._demo and self._first_start():
            return f"recipe:{self._first_recipe()}"
        wanted = str(self._remembered.get("page", "home"))
        known = wanted.removeprefix("recipe:") in self.recipes
        return wanted if known or wanted in ("home", "runs", "models", "settings") else "home"

    def _worker_changed(self, state: WorkerState) -> None:
        self.status.show_state(state)
        self._tell_silence(state)
        page = self.recipe_page()
        if page is not None:
            self._wake(page)
        if state.running and not self._shown(state.running):
            self._reattach(state.running)

    def _tell_silence(self, state: WorkerState) -> None:
        if state.silent and not self._silent:
            record = ProblemRecord(
                "The worker has stopped answering.",
                expected="a word at least every ten seconds",
                received=f"silence from process {state.pid}",
                fix="It was stopped, or the machine is out of memory. Ended by force, its run stays resumable.",
            )
            self.banner.show_problem(record, ("End the worker", self._end_worker))
        elif self._silent and not state.silent:
            self.banner.dismiss()
        self._silent = state.silent

    def _end_worker(self) -> None:
        self.banner.dismiss()
        self.link.deliver(self.link.runner.shutdown(now=True), owner=self)

    def _shown(self, run: str) -> bool:
        pages = (page for page in self.pages.values() if isinstance(page, RecipePage))
        return run in self._attached or any(page.model and page.model.folder.id == run for page in pages)

    def _reattach(self, run: str) -> None:
        """A run that goes on without a page: show it, once, where nothing else is being shown."""
        self._attached.add(run)
        folder = RunFolder(self.link.home.runs / run)
        self.link.background(folder.config, then=lambda config: self._reattached(folder, config.recipe), owner=self)

    def _reattached(self, folder: RunFolder, recipe: str) -> None:
        page = self.pages.get(f"recipe:{recipe}")
        first = len(self._attached) == 1
        if first and recipe in self.recipes and not (isinstance(page, RecipePage) and page.busy):
            self._show_run(folder, recipe)

    def _wake(self, page: RecipePage) -> None:
        if self.link.state.pid:
            page.wake()

    # Commands

    def actions_known(self) -> list[QAction]:
        """Every command that can be given now: the window's, and those of the page in front."""
        page = self.stack.currentWidget()
        elsewhere = [one for one in self.pages.values() if one is not page]
        found = [one for one in self.findChildren(QAction) if not any(_below(one, other) for other in elsewhere)]
        return [one for one in found if one.menu() is None and not one.isSeparator()]

    def open_palette(self) -> None:
        """Show the command palette."""
        self.palette_.open(self.actions_known())

    def toggle_jobs(self) -> None:
        """Show or hide the job panel."""
        self.jobs.setVisible(not self.jobs.isVisible())

    def switch_theme(self) -> None:
        """From dark to light or back, as a setting."""
        settings = self.link.settings.replace(theme="light" if theme().now.dark else "dark")
        self.link.settings = settings
        self.link.settings_changed.emit(settings)

    def show_help(self) -> None:
        """The help of the recipe in front, or of the first one."""
        page = self.recipe_page()
        name = page.recipe.id if page is not None else self._first_recipe() if self.recipes else ""
        if name:
            help_page(self, self.recipes[name])

    def _make_actions(self) -> None:
        self._command("Command palette", "Ctrl+K", self.open_palette)
        self._command("Job panel", "Ctrl+J", self.toggle_jobs)
        self._command("Doctor: what this machine offers and lacks", "", self.attention.open_doctor)
        self._command("Switch between dark and light", "Ctrl+Shift+L", self.switch_theme)
        self._command("Help on this recipe", "F1", self.show_help)
        self._command(
            "Full screen", "F11", lambda: self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)
        )
        self._command("Close the window", "Ctrl+Q", self.close)
        for recipe in self.recipes.values():
            name = f"{recipe.title} ({recipe.id})"
            self._command(f"Open {name}", "", functools.partial(self.open_recipe, recipe.id))
            self._command(f"Try {name}", "", functools.partial(self.try_recipe, recipe.id))

    def _command(self, text: str, key: str, do: Callable[[], Any]) -> None:
        action = QAction(text, self)
        action.setStatusTip(text)
        if key:
            action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda _=False: do())
        self.addAction(action)

    # Closing

    def closeEvent(self, event: QCloseEvent) -> None:
        state = self.link.state
        if (state.running or state.queue) and not self._leaving and not state.silent and self._stopping is None:
            event.ignore()
            self._ask_closing()
            return
        if self._stopping is not None:
            self._stopping.give_up()
            self._stopping = None
        self._tidy()
        event.accept()

    def _ask_closing(self) -> None:
        asked = self.findChild(ClosingQuestion)
        if asked is None:
            ClosingQuestion(self, self.link, keep_on=self.leave_quietly, stop=self._stop_and_leave).open()
        else:
            asked.raise_()

    def leave_quietly(self) -> None:
        """Close without asking; running work goes on."""
        self._leaving = True
        self.close()

    def _stop_and_leave(self) -> None:
        """Say that the window is closing until the run has kept its model; closing again waits no longer."""
        self._stopping = Stopping(self, self.link, leave=self.leave_quietly, stay=self._stay)
        self.banner.show_note(
            "Closing… the run finishes its step and keeps its model. Closed now, it does the same on its own.",
            ("Close now", self.leave_quietly),
        )
        self._stopping.begin()

    def _stay(self) -> None:
        self._stopping = None

    def _tidy(self) -> None:
        self.memory.save()
        self.memory.stop()
        self.jobs.close_tail()
        self.pace.stop()
        for page in self.pages.values():
            if isinstance(page, RecipePage):
                page.close_run()
        self.link.close()

    # Memory

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.palette_.isVisible():
            self.palette_.place()
        self.memory.touch()

    def _collect(self) -> dict[str, Any]:
        page = self.stack.currentWidget()
        name = next((known for known, one in self.pages.items() if one is page), "home")
        recipes = dict(self._remembered.get("recipes", {}))
        recipes |= {one.recipe.id: one.values() for one in self.pages.values() if isinstance(one, RecipePage)}
        shape = bytes(self.saveGeometry().toBase64().data()).decode()
        jobs = {**self.jobs.values(), "height": self._halves.height_px}
        return {"page": name, "recipe_of_tab": self._recipe_of_tab, "recipes": recipes, "shape": shape, "jobs": jobs}

    def _restore_shape(self) -> None:
        shape = str(self._remembered.get("shape", ""))
        if shape:
            self.restoreGeometry(QByteArray.fromBase64(shape.encode()))
        jobs = dict(self._remembered.get("jobs", {}))
        self._halves.height_px = int(jobs.get("height", self._halves.height_px))
        self.jobs.set_values(jobs)
        self._recipe_of_tab = {
            tab: name for tab, name in self._remembered.get("recipe_of_tab", {}).items() if name in self.recipes
        }

    # Building

    def _fill_rail(self) -> None:
        self.rail.add("home", "Home", "mdi6.view-dashboard-outline")
        for tab in TABS:
            if tab.name in self._tabs():
                self.rail.add(tab.name, tab.title, tab.icon)
        self.rail.add_gap()
        for name, title, picture in SURROUNDINGS:
            self.rail.add(name, title, picture)

    def _lay_out(self) -> None:
        right = QWidget()
        right.setObjectName("page")
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.banner)
        self._halves = Halves(self.stack, self.jobs)
        column.addWidget(self._halves, 1)
        across = QWidget()
        row = QHBoxLayout(across)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addWidget(right, 1)
        whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(across, 1)
        rows.addWidget(self.status)
        self.setCentralWidget(whole)

    def _wire(self) -> None:
        self._attached: set[str] = set()
        self.rail.chosen.connect(self.open_page)
        self.jobs.opened.connect(self.open_run)
        self.jobs.changed.connect(self.memory.touch)
        self._halves.splitterMoved.connect(lambda *_: self.memory.touch())
        self.status.jobs_wanted.connect(self.toggle_jobs)
        self.status.commands_wanted.connect(self.open_palette)
        self.pace.measured.connect(self.status.show_pace)
        self.link.worker_changed.connect(self._worker_changed)
        self.link.saved.connect(self.status.show_saved)
        self.link.settings_changed.connect(self._dress)

    def _dress(self, settings: Settings) -> None:
        with QSignalBlocker(self):
            theme().use(settings.theme, scale_percent=settings.scale)


def _below(action: QAction, widget: QWidget) -> bool:
    """Whether an action belongs to a widget or something in it."""
    owner = action.parent()
    while owner is not None:
        if owner is widget:
            return True
        owner = owner.parent()
    return False


def _warm_up() -> None:
    """Import what the first curve needs while nobody waits for it."""
    import importlib

    for module in ("workbench.gui.views.curve", "workbench.gui.views.table"):
        importlib.import_module(module)
