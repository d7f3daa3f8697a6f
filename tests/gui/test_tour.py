"""The tour: shown once, on real widgets, over by Escape, and in nobody's way."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, QRect, Qt
from pytestqt.qtbot import QtBot

from workbench.gui.tour import GAP_PX, Tour, beside
from workbench.gui.window import MainWindow
from workbench.runner.scripted import ScriptedRunner

Open = Callable[..., MainWindow]
WINDOW = QRect(0, 0, 1366, 768)


def tour_of(window: MainWindow) -> Tour:
    tour = window.findChild(Tour)
    assert tour is not None
    return tour


def test_that_the_first_start_shows_it_and_runs_all_the_same(
    open_window: Open, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    window = open_window(demo=True)
    page = window.recipe_page()
    qtbot.waitUntil(lambda: page.model is not None)
    assert tour_of(window).title() == "Your data"
    assert [word for word, _ in scripted.asked].count("submit") == 1


def test_that_escape_ends_it_and_it_never_comes_back_by_itself(open_window: Open, qtbot: QtBot) -> None:
    window = open_window(demo=True)
    qtbot.keyClick(tour_of(window), Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.findChild(Tour) is None)
    for run in window.link.home.runs.iterdir():
        run.rename(run.parent.parent / run.name)
    window.leave_quietly()
    assert open_window(demo=True).findChild(Tour) is None


def test_that_the_keyboard_walks_through_four_steps_on_widgets_that_are_seen(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    tour = window.guide.show_tour()
    titles = []
    for place in range(4):
        titles.append(tour.title())
        around = tour.outlined()
        assert tour._outline.isVisible() and window.rect().intersects(around)
        assert window.rect().contains(tour.geometry()), place
        qtbot.keyClick(tour, Qt.Key.Key_Right)
    assert len(set(titles)) == 4
    qtbot.waitUntil(lambda: window.findChild(Tour) is None)


def test_that_left_goes_back_and_buttons_do_the_same(open_window: Open, qtbot: QtBot) -> None:
    tour = open_window().guide.show_tour()
    tour._next.click()
    tour._next.click()
    assert tour.title() == "Run" and "Ctrl+R" in tour._text.text()
    qtbot.keyClick(tour, Qt.Key.Key_Left)
    tour._back.click()
    assert tour.title() == "Your data" and not tour._back.isEnabled()
    tour._skip.click()


def test_that_it_starts_again_from_the_palette_once(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    window.guide.show_tour()
    assert window.guide.show_tour() is tour_of(window)


def test_that_clicks_go_through_the_outline(open_window: Open) -> None:
    window = open_window()
    tour = window.guide.show_tour()
    assert tour._outline.testAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    assert window.childAt(tour.outlined().center()) is not tour._outline


def test_that_its_words_stand_beside_what_they_are_about_and_within_the_window() -> None:
    left = QRect(150, 70, 290, 500)
    assert beside(left, 320, 150, WINDOW) == QPoint(left.right() + GAP_PX, 70)
    button = QRect(1236, 10, 114, 30)
    assert beside(button, 320, 150, WINDOW).y() == button.bottom() + GAP_PX
    for target in (left, button, QRect(0, 0, 1366, 768), QRect(1300, 700, 60, 60)):
        assert WINDOW.contains(QRect(beside(target, 320, 150, WINDOW), QRect(0, 0, 320, 150).size()))
