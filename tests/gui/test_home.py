"""The home page: cards with pictures, search, runs, samples, this machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from tests.gui.runs import demo_recipe, write_run
from workbench.core.events import WorkerState
from workbench.core.problem import InputError
from workbench.gui.card import Caption
from workbench.gui.pages.home import HomePage
from workbench.gui.recipecard import PICTURES, RecipeCard
from workbench.gui.snapshot import take_view
from workbench.gui.window import MainWindow
from workbench.recipes import recipes
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import Home

Open = Callable[..., MainWindow]
NAME = "berturk-nlu"


def said(widget: object) -> str:
    return " ".join(label.text() for label in widget.findChildren(QLabel))


@pytest.mark.parametrize("name", recipes())
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_that_every_recipe_has_a_small_picture_of_its_own(name: str, theme: str) -> None:
    path = PICTURES / f"{name}-{theme}.png"
    assert 1_000 < path.stat().st_size <= 120_000
    assert not QImage(str(path)).isNull()


def test_that_a_card_without_a_picture_still_shows_something(qtbot: QtBot) -> None:
    card = RecipeCard(demo_recipe())
    qtbot.addWidget(card)
    card.resize(360, 320)
    image = card.grab().toImage()
    assert not card.picture.drawn()
    assert len({image.pixel(x, y) for x in range(150, 210) for y in range(40, 100)}) > 2


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080), (880, 560)])
def test_that_cards_are_not_clipped(open_window: Open, size: tuple[int, int], qtbot: QtBot) -> None:
    window = open_window()
    window.resize(*size)
    home = window.open_page("home")
    qtbot.waitUntil(lambda: all(card.width() > 200 for card in home.cards))
    qtbot.waitUntil(lambda: not _clipped(home))
    assert all(card.picture.drawn() for card in home.cards)


def _clipped(home: HomePage) -> list[str]:
    """What is cut; the last bar that comes or goes lays the cards out once more."""
    labels = [one for card in home.cards for one in card.findChildren(QLabel) if one.wordWrap()]
    return [one.text() for one in labels if one.height() < one.heightForWidth(one.width())]


def test_that_typing_finds_recipes_papers_and_runs(open_window: Open, home: Home, qtbot: QtBot) -> None:
    for recipe in (NAME, "punctuation-adversarial"):
        write_run(home.runs, steps=4, ended=True, recipe=recipe)
    page = open_window().open_page("home")
    qtbot.waitUntil(lambda: len(page._rows) == 2)
    page.search.setText("turkish")
    assert page.shown() == [NAME]
    assert len(page._found()) == 1
    page.search.setText("2004.00248")
    assert page.shown() == ["punctuation-adversarial"]
    page.search.setText("zebra crossing")
    assert page.shown() == [] and page._nothing.isVisible()
    assert "No run has these words." in said(page._recent)
    page.search.clear()
    assert len(page.shown()) == len(recipes())


def test_that_a_sample_opens_its_recipe_with_its_knobs(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    page = window.open_page("home")
    names = {one.text(): one for one in page._samples.findChildren(QAbstractButton)}
    names["Names in sentences (generated)"].click()
    recipe = window.recipe_page()
    assert recipe.recipe.id == NAME
    assert recipe.setup.inputs.inputs()["data"] == "sample:generated-entities"
    assert recipe.setup.params()["task"] == "entities"


def test_that_device_disk_and_network_are_told(open_window: Open, home: Home, qtbot: QtBot) -> None:
    page = open_window().open_page("home")
    qtbot.waitUntil(lambda: "free" in said(page._machine))
    assert "offline" in said(page._machine)
    page._show_machine(WorkerState(memory_bytes=1 << 30, memory_total_bytes=4 << 30))
    body = page._machine.body()
    page._show_machine(WorkerState(memory_bytes=2 << 30, memory_total_bytes=4 << 30))
    told = [one.whole for one in page._machine.findChildren(Caption)]
    assert page._machine.body() is body and "2.1 GB of 4.3 GB" in told


def test_that_try_on_a_card_runs_it(open_window: Open, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    window = open_window()
    page = window.open_page("home")
    names = {one.accessibleName(): one for one in page.findChildren(QAbstractButton)}
    names["Try Fine-tune a text encoder"].click()
    qtbot.waitUntil(lambda: "submit" in [word for word, _ in scripted.asked])


@pytest.mark.parametrize("slot", ["", "confusion"])
def test_that_a_view_of_a_run_is_drawn_alone(home: Home, qtbot: QtBot, slot: str) -> None:
    run = write_run(home.runs, steps=50, ended=True)
    out = take_view(home, run, slot, home.root / "view.png", size=(640, 320))
    image = QImage(str(out))
    assert (image.width(), image.height()) == (640, 320)
    assert len({image.pixel(x, y) for x in range(0, 640, 5) for y in range(0, 320, 5)}) > 20


def test_that_a_slot_without_pictures_is_explained(home: Home, qtbot: QtBot) -> None:
    run = write_run(home.runs, steps=50)
    with pytest.raises(InputError) as caught:
        take_view(home, run, "smell", home.root / "view.png")
    assert "confusion" in caught.value.expected and caught.value.received == "smell"
