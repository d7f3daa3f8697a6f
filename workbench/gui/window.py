"""The main window: rail, pages, job panel, status bar, and what holds them together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QSignalBlocker, QSize, Qt, QTimer
from PySide6.QtGui import QAction, QCloseEvent, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from workbench.core.commands import Command
from workbench.core.events import WorkerState
from workbench.core.problem import ProblemRecord
from workbench.core.recipe import TABS, Recipe
from workbench.core.settings import Settings
from workbench.gui.actions import keymap, make_action
from workbench.gui.attention import Attention
from workbench.gui.banner import Banner
from workbench.gui.closing import Leaving
from workbench.gui.closingwork import PageWork
from workbench.gui.guide import Guide
from workbench.gui.halves import Halves
from workbench.gui.jobpanel import JobPanel
from workbench.gui.link import Link
from workbench.gui.memory import WindowMemory
from workbench.gui.pace import Pace
from workbench.gui.pages.frame import PageFrame
from workbench.gui.pages.making import make_page
from workbench.gui.rail import Rail
from workbench.gui.recipepage import RecipePage
from workbench.gui.statusbar import StatusBar
from workbench.gui.theme import theme
from workbench.gui.topline import OWN_PAGES, choices_of
from workbench.gui.warmup import warm_up
from workbench.store.runfolder import RunFolder

if TYPE_CHECKING:
    from workbench.gui.sweepdesk import SweepDesk

NARROW_PX = 800
FIRST_PX, FRAME_PX = (1440, 900), 32
SURROUNDINGS = (
    ("runs", "Runs", "mdi6.history"),
    ("models", "Models", "mdi6.layers-outline"),
    ("settings", "Settings", "mdi6.cog-outline"),
)
TAB_OF_PAGE = {one.name: tab for tab, pages in OWN_PAGES.items() for one in pages}


class MainWindow(QMainWindow):
    """Pages are made when they are first opened; the worker is sought after the first paint."""

    def __init__(self, link: Link, recipes: Mapping[str, Recipe], *, demo: bool = True) -> None:
        super().__init__()
        self.link, self.recipes, self._demo = link, recipes, demo
        keymap().use(link.settings.keys)
        self.setWindowTitle("Transfer Workbench")
        self.setMinimumSize(880, 560)
        self.resize(_first_size(self))
        self.pages: dict[str, QWidget] = {}
        self._recipe_of_tab: dict[str, str] = {}
        self._begun = self._silent = False
        self._sweeps: SweepDesk | None = None
        self._leaving = Leaving(self, link, note=self._closing_note, works=self._works)
        self.rail, self.stack, self.banner = Rail(), QStackedWidget(), Banner()
        self.jobs, self.status = JobPanel(link, recipes), StatusBar()
        self.pace = Pace(self)
        self.attention = Attention(self)
        self._fill_rail()
        self._lay_out()
        self.guide = Guide(self)
        self.palette_ = self.guide.palette
        self._make_actions()
        self.memory = WindowMemory(link.home.window_state, self._collect, self)
        self._remembered = self.memory.read()
        self.guide.set_values(self._remembered)
        self._restore_shape()
        self._wire()
        self.open_page(self._first_page())

    # Pages

    def open_page(self, name: str) -> QWidget:
        """Bring a page to the front: 'home', a tab's name, 'recipe:<id>', 'runs', 'models', 'settings'."""
        if name in self.tabs() or name in OWN_PAGES:
            wanted = self._recipe_of_tab.get(name) or choices_of(name, self.tabs().get(name, ()))[0].name
            if wanted != name:  # a tab's own page may bear its name
                return self.open_choice(wanted)
        if name not in self.pages:
            self.pages[name] = make_page(self, name, self._remembered)
            self.pages[name].setProperty("help", name if name.startswith("recipe:") else f"page:{name}")
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
            tab = TAB_OF_PAGE.get(name, "")
            self._recipe_of_tab |= {tab: name} if tab else {}
            self.rail.mark(tab or ("runs" if name == "compare" else name))
        if isinstance(page, PageFrame) and self._begun:
            page.opened()
        self.memory.touch()
        return page

    def open_recipe(self, name: str) -> RecipePage:
        """Bring a recipe's page to the front."""
        page = self.open_page(f"recipe:{name}")
        assert isinstance(page, RecipePage)
        return page

    def open_choice(self, name: str) -> QWidget:
        """Bring a page of a tab to the front: its own one or a recipe's, as a chooser names them."""
        self._recipe_of_tab |= {TAB_OF_PAGE[name]: name} if name in TAB_OF_PAGE else {}
        return self.open_page(name if name in TAB_OF_PAGE else f"recipe:{name}")

    def open_case(self) -> None:
        """Go to the cases and offer what can be opened."""
        page = self.open_page("cases")
        page.show_menu()  # type: ignore[attr-defined]

    def open_run(self, run: str, *, replay: bool = False) -> None:
        """Show a run in its tab, live or as it was, or from its first step on; the form takes its values."""
        folder = RunFolder(self.link.home.runs / run)
        self.link.background(
            folder.config, then=lambda config: self._show_run(folder, config.recipe, replay=replay), owner=self
        )

    def open_compare(self, runs: Sequence[str] = ()) -> None:
        """Hold 2 to 20 runs against each other; without any, the page as it was left."""
        page = self.open_page("compare")
        if runs:
            page.show_runs(runs)  # type: ignore[attr-defined]

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

    def use_backbone(self, name: str, address: str) -> None:
        """Open a recipe with this pretrained model in its form; nothing is started."""
        from workbench.gui.modellist import backbone_knob

        page = self.open_recipe(name)
        page.setup.form.set_values({backbone_knob(page.recipe): address})
        page.banner.show_note(f"{address} is in the form; press Run to start from it.")

    def offer_backbones(self, found: list[dict[str, Any]]) -> None:
        """Tell every open form which pretrained models there are."""
        for page in self.pages.values():
            if isinstance(page, RecipePage):
                page.setup.form.set_backbones(found)

    def open_sample(self, name: str, slot: str, address: str) -> None:
        """Open a recipe with a sample in one of its slots, and the knobs that the sample implies."""
        page = self.open_recipe(name)
        page.setup.inputs.set_inputs({slot: address})
        page.setup.form.set_values(page.setup.inputs.implied())

    def forget(self) -> None:
        """Start from delivered shapes and save none (for pictures)."""
        self.memory.stop()
        self._remembered = {}

    def recipe_page(self) -> RecipePage | None:
        """The recipe's page in front, if one is."""
        page = self.stack.currentWidget()
        return page if isinstance(page, RecipePage) else None

    def _show_run(self, folder: RunFolder, recipe: str, *, replay: bool = False) -> None:
        if recipe not in self.recipes:
            self.banner.show_problem(
                ProblemRecord(f"The recipe {recipe!r} of this run is not installed.", place=folder.id)
            )
            return
        page = self.open_recipe(recipe)
        # Making a page takes up to 80 ms and filling it 50: two short pauses, not one that is felt.
        self.link.later(lambda: page.take_run(folder, replay=replay))

    def _load_form(self, config: Any) -> None:
        if config.recipe in self.recipes:
            page = self.open_recipe(config.recipe)
            page.setup.load(config)
            page.banner.show_note("The values of that run are in the form; change what you like and press Run.")

    def tabs(self) -> dict[str, list[Recipe]]:
        """The recipes of every tab that has some."""
        tabs = {tab.name: [one for one in self.recipes.values() if one.tab == tab] for tab in TABS}
        return {name: sorted(some, key=lambda one: one.id) for name, some in tabs.items() if some}

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

    def sweeps(self) -> SweepDesk:
        """What declares, shows and drives sweeps; made on first use."""
        if self._sweeps is None:
            from workbench.gui.sweepdesk import SweepDesk

            self._sweeps = SweepDesk(self, self.link, self.recipes)
            self._sweeps.run_opened.connect(self.open_run)
            self._sweeps.values_wanted.connect(self._load_form)
        return self._sweeps

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
        warm_up(self.link, self)
        self.link.attach()
        page = self.stack.currentWidget()
        if isinstance(page, PageFrame):
            page.opened()
        if self._demo and self._first_start():
            self.try_recipe(self.first_recipe())
            if not self.guide.tour_seen:
                self.guide.show_tour()
        self.attention.begin()

    def _first_start(self) -> bool:
        return bool(self.recipes) and not any(self.link.home.runs.iterdir())

    def first_recipe(self) -> str:
        """The recipe of a first start: the text tab's first, else any tab's."""
        tabs = self.tabs()
        first = tabs["text"] if "text" in tabs else next(iter(tabs.values()))
        return first[0].id

    def _first_page(self) -> str:
        if self._demo and self._first_start():
            return f"recipe:{self.first_recipe()}"
        wanted = str(self._remembered.get("page", "home"))
        known = wanted.removeprefix("recipe:") in self.recipes
        return wanted if known or wanted in ("home", *TAB_OF_PAGE, "runs", "models", "settings") else "home"

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
        return run in self._attached or any(
            page.model and page.model.folder.id == run if isinstance(page, RecipePage) else
            isinstance(page, PageFrame) and page.shows(run)
            for page in self.pages.values()
        )  # fmt: skip

    def _reattach(self, run: str) -> None:
        """A run that goes on without a page: show it, once, where nothing else is being shown."""
        self._attached.add(run)
        folder = RunFolder(self.link.home.runs / run)
        self.link.background(folder.config, then=lambda config: self._reattached(folder, config.recipe), owner=self)

    def _reattached(self, folder: RunFolder, recipe: str) -> None:
        page = self.pages.get(f"recipe:{recipe}")
        here = self.stack.currentWidget()
        followed = any(isinstance(one, PageFrame) and one.shows(folder.id) for one in self.pages.values())
        first = len(self._attached) == 1 and not followed and not (isinstance(here, PageFrame) and here.occupied)
        if first and recipe in self.recipes and not (isinstance(page, RecipePage) and page.busy):
            self._show_run(folder, recipe)

    def _wake(self, page: RecipePage) -> None:
        if self.link.state.pid:
            page.wake()

    # Commands

    def actions_known(self) -> list[QAction]:
        """Every action of the window and of the page in front, those that cannot be done now among them."""
        page = self.stack.currentWidget()
        elsewhere = [one for one in self.pages.values() if one is not page]
        found = [one for one in self.findChildren(QAction) if not any(_below(one, other) for other in elsewhere)]
        known = [one for one in found if not (one.menu() or one.isSeparator() or one.property("command"))]
        keymap().adopt(known)
        return known

    def open_palette(self) -> None:
        """Show the command palette."""
        self.guide.open_palette()

    def show_setting(self, name: str) -> None:
        """Bring the field of a setting to the front."""
        from workbench.gui.pages.settings import SettingsPage

        page = self.open_page("settings")
        assert isinstance(page, SettingsPage)
        page.show_setting(name)

    def toggle_jobs(self) -> None:
        """Show or hide the job panel."""
        self.jobs.setVisible(not self.jobs.isVisible())

    def switch_theme(self) -> None:
        """From dark to light or back, as a setting."""
        self.link.change_settings(theme="light" if theme().now.dark else "dark")

    def zoom(self, steps: int) -> None:
        """Scale text and controls by steps of 25 %; 0 is as delivered."""
        wanted = self.link.settings.scale + 25 * steps if steps else 100
        self.link.change_settings(scale=min(200, max(100, wanted)))

    def show_help(self) -> None:
        """The help of what has the focus; else of the page in front."""
        self.guide.show_help()

    def _make_actions(self) -> None:
        full = Qt.WindowState.WindowFullScreen
        acts: dict[str, Callable[[], Any]] = {
            "palette": self.open_palette, "jobs": self.toggle_jobs, "theme": self.switch_theme,
            "help": self.show_help, "tour": self.guide.show_tour, "contents": self.guide.read, "close": self.close,
            "compare": self.open_compare, "case": self.open_case, "doctor": self.attention.open_doctor,
            "fullscreen": lambda: self.setWindowState(self.windowState() ^ full),
            "larger": lambda: self.zoom(1), "smaller": lambda: self.zoom(-1), "natural": lambda: self.zoom(0),
        }  # fmt: skip
        for name, do in acts.items():
            make_action(self, f"window.{name}", do)
        for recipe in self.recipes.values():
            title, idea = f"{recipe.title} ({recipe.id})", recipe.paper.idea or recipe.paper.title
            opened, tried = f"recipes.open-{recipe.id}", f"recipes.try-{recipe.id}"
            make_action(self, Command(opened, f"Open {title}", idea), functools.partial(self.open_recipe, recipe.id))
            make_action(self, Command(tried, f"Try {title}", idea), functools.partial(self.try_recipe, recipe.id))

    # Closing

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._leaving.may_close():
            event.ignore()
            return
        self._tidy()
        event.accept()

    def leave_quietly(self) -> None:
        """Close without asking; running work goes on."""
        self._leaving.quietly()

    def _closing_note(self) -> str:
        return self._sweeps.closing_note() if self._sweeps is not None else ""

    def _works(self) -> list[PageWork]:
        return [one for page in self.pages.values() if isinstance(page, PageFrame) for one in page.works()]

    def _tidy(self) -> None:
        self.memory.save()
        self.memory.stop()
        self.jobs.close_tail()
        self.pace.stop()
        if self._sweeps is not None:
            self._sweeps.leave()
        for page in self.pages.values():
            if isinstance(page, RecipePage):
                page.close_run()
            elif isinstance(page, PageFrame):
                page.closed()
        self.link.close()

    # Memory

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.rail.set_narrow(self.width() < theme().pixels(NARROW_PX))
        if self.palette_.isVisible():
            self.palette_.place()
        self.memory.touch()

    def _collect(self) -> dict[str, Any]:
        page = self.stack.currentWidget()
        name = next((known for known, one in self.pages.items() if one is page), "home")
        recipes = dict(self._remembered.get("recipes", {}))
        recipes |= {one.recipe.id: one.values() for one in self.pages.values() if isinstance(one, RecipePage)}
        shape = bytes(self.saveGeometry().toBase64().data()).decode()
        kept = {one: self._remembered.get(one, {}) for one in ("runs", *TAB_OF_PAGE)}
        kept |= {one: page.values() for one, page in self.pages.items() if one in kept and isinstance(page, PageFrame)}
        return {
            "page": name,
            "recipe_of_tab": self._recipe_of_tab,
            "recipes": recipes,
            "shape": shape,
            **kept,
            "jobs": {**self.jobs.values(), "height": self._halves.height_px},
            **self.guide.values(),
        }

    def _restore_shape(self) -> None:
        shape = str(self._remembered.get("shape", ""))
        if shape:
            self.restoreGeometry(QByteArray.fromBase64(shape.encode()))
        jobs = dict(self._remembered.get("jobs", {}))
        self._halves.height_px = int(jobs.get("height", self._halves.height_px))
        self.jobs.set_values(jobs)
        self._recipe_of_tab = {
            tab: name
            for tab, name in self._remembered.get("recipe_of_tab", {}).items()
            if name in self.recipes or name in TAB_OF_PAGE
        }

    # Building

    def _fill_rail(self) -> None:
        self.rail.add("home", "Home", "mdi6.view-dashboard-outline")
        for tab in TABS:
            if tab.name in self.tabs() or tab.name in OWN_PAGES:
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
        keymap().use(settings.keys)


def _first_size(window: QWidget) -> QSize:
    """As large as is comfortable, but with its frame never larger than the screen."""
    room = window.screen().availableSize()
    return QSize(FIRST_PX[0], FIRST_PX[1]).boundedTo(QSize(room.width(), room.height() - FRAME_PX))


def _below(action: QAction, widget: QWidget) -> bool:
    """Whether an action belongs to a widget or something in it."""
    owner = action.parent()
    while owner is not None:
        if owner is widget:
            return True
        owner = owner.parent()
    return False
