"""Makes the window's pages when they are first opened, and ties what they ask for to what the window does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QWidget

from workbench.core.job import JobState
from workbench.gui.recipepage import RecipePage

if TYPE_CHECKING:
    from workbench.gui.window import MainWindow

RECIPE = "recipe:"


def make_page(window: MainWindow, name: str, remembered: Mapping[str, Any]) -> QWidget:
    """'home', 'cases', 'sounds', 'films', 'scenes', 'runs', 'compare', 'models', 'settings', 'recipe:<id>', as left."""
    if name.startswith(RECIPE):
        recipe = name.removeprefix(RECIPE)
        return _recipe(window, recipe, remembered.get("recipes", {}).get(recipe, {}))
    if name == "runs":
        return _runs(window, remembered.get("runs", {}))
    if name == "cases":
        return _cases(window, remembered.get("cases", {}))
    if name == "sounds":
        return _sounds(window, remembered.get("sounds", {}))
    if name == "films":
        return _films(window, remembered.get("films", {}))
    if name == "scenes":
        return _scenes(window, remembered.get("scenes", {}))
    return {"home": _home, "compare": _compare, "models": _models, "settings": _settings}[name](window)


def _home(window: MainWindow) -> QWidget:
    from workbench.gui.pages.home import HomePage

    page = HomePage(window.recipes.values(), window.link)
    page.tried.connect(window.try_recipe)
    page.recipe_opened.connect(window.open_recipe)
    page.run_opened.connect(window.open_run)
    page.sample_opened.connect(window.open_sample)
    return page


def _cases(window: MainWindow, remembered: Mapping[str, Any]) -> QWidget:
    from workbench.gui.cases.page import CasesPage
    from workbench.gui.topline import TabChooser, choices_of

    choices = choices_of("medical", window.tabs().get("medical", ()))
    chooser = TabChooser("Cases", "Page: Cases", choices)
    chooser.chosen.connect(window.open_choice)
    page = CasesPage(window.link, chooser)
    page.recipes = window.recipes
    page.run_wanted.connect(window.open_run)
    page.compare_wanted.connect(window.open_compare)
    page.set_values(remembered)
    page.changed.connect(window.memory.touch)
    return page


def _sounds(window: MainWindow, remembered: Mapping[str, Any]) -> QWidget:
    from workbench.gui.sounds.page import SoundsPage
    from workbench.gui.topline import TabChooser, choices_of

    chooser = TabChooser("Sounds", "Page: Sounds", choices_of("speech", window.tabs().get("speech", ())))
    chooser.chosen.connect(window.open_choice)
    page = SoundsPage(window.link, chooser)
    page.recipes = window.recipes
    page.transcribing.recipe_wanted.connect(lambda name, inputs, values: _fill_recipe(window, name, inputs, values))
    page.set_values(remembered)
    page.changed.connect(window.memory.touch)
    return page


def _films(window: MainWindow, remembered: Mapping[str, Any]) -> QWidget:
    from workbench.gui.films.page import FilmsPage
    from workbench.gui.topline import TabChooser, choices_of

    chooser = TabChooser("Videos", "Page: Videos", choices_of("video", window.tabs().get("video", ())))
    chooser.chosen.connect(window.open_choice)
    page = FilmsPage(window.link, chooser)
    page.recipes = window.recipes
    page.recognising.recipe_wanted.connect(lambda name, inputs, values: _fill_recipe(window, name, inputs, values))
    page.set_values(remembered)
    page.changed.connect(window.memory.touch)
    return page


def _scenes(window: MainWindow, remembered: Mapping[str, Any]) -> QWidget:
    from workbench.gui.scenes.fieldlearning import FieldLearning
    from workbench.gui.scenes.gridfinding import GridFinding
    from workbench.gui.scenes.page import ScenesPage
    from workbench.gui.scenes.processing import Processing
    from workbench.gui.topline import TabChooser, choices_of

    chooser = TabChooser("Scene", "Page: Scene", choices_of("scenes", window.tabs().get("scenes", ())))
    chooser.chosen.connect(window.open_choice)
    page = ScenesPage(window.link, chooser)
    page.recipes = window.recipes
    Processing(page)
    GridFinding(page)
    learning = FieldLearning(page)
    learning.recipe_wanted.connect(lambda name, inputs, values: _fill_recipe(window, name, inputs, values))
    page.set_values(remembered)
    page.changed.connect(window.memory.touch)
    return page


def _fill_recipe(window: MainWindow, name: str, inputs: Mapping[str, str], values: Mapping[str, Any]) -> None:
    """Open a recipe with these inputs and knobs in its form; nothing is started."""
    page = window.open_recipe(name)
    page.setup.inputs.set_inputs(inputs)
    page.setup.form.set_values(dict(values))
    if inputs:
        page.banner.show_note("What you corrected, labelled or chose is in the form; change it and press Run.")


def _runs(window: MainWindow, remembered: Mapping[str, Any]) -> QWidget:
    from workbench.gui.pages.runs import RunsPage

    page = RunsPage(window.link)
    page.run_opened.connect(window.open_run)
    page.run_replayed.connect(lambda run: window.open_run(run, replay=True))
    page.forked.connect(window.fork_run)
    page.compared.connect(window.open_compare)
    page.set_values(remembered)
    page.changed.connect(window.memory.touch)
    return page


def _compare(window: MainWindow) -> QWidget:
    from workbench.gui.pages.compare import ComparePage

    page = ComparePage(window.link, window.recipes)
    page.run_opened.connect(window.open_run)
    page.runs_wanted.connect(lambda: window.open_page("runs"))
    return page


def _models(window: MainWindow) -> QWidget:
    from workbench.gui.pages.models import ModelsPage

    page = ModelsPage(window.link, window.recipes)
    page.run_opened.connect(window.open_run)
    page.use_wanted.connect(window.use_backbone)
    page.catalogue_changed.connect(window.offer_backbones)
    return page


def _settings(window: MainWindow) -> QWidget:
    from workbench.gui.pages.settings import SettingsPage

    return SettingsPage(window.link, window.stack)


def _recipe(window: MainWindow, name: str, remembered: Mapping[str, Any]) -> RecipePage:
    recipe = window.recipes[name]
    page = RecipePage(recipe, window.link, window.tabs()[recipe.tab.name], window.stack)
    page.set_values(remembered)
    page.recipe_wanted.connect(window.open_choice)
    page.claim_wanted.connect(lambda config: window.run_claim(name, config))
    page.sweep_wanted.connect(lambda config: window.sweeps().want(recipe, config))
    page.setup.changed.connect(window.memory.touch)
    for splitter in page.splitters.values():
        splitter.splitterMoved.connect(lambda *_: window.memory.touch())

    def told(state: JobState) -> None:
        if page is window.recipe_page():
            window.status.show_job(state)

    page.showing.state_changed.connect(told)
    return page
