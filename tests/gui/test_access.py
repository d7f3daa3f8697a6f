"""Keyboard and screen reader: names on every control, a focus that can be seen, and nothing out of reach at 200 %."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable

import pytest
import shiboken6
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollBar,
    QTextEdit,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tests.gui.runs import write_run
from workbench.core.settings import Settings, save
from workbench.gui.window import MainWindow
from workbench.store.home import Home

Open = Callable[..., MainWindow]
NAME = "berturk-nlu"
PAGES = ["home", f"recipe:{NAME}", "cases", "films", "scenes", "runs", "models", "settings"]
CONTROLS = (QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit,
            QPlainTextEdit, QTextEdit)  # fmt: skip


def within(control: QWidget) -> bool:
    """Whether a control is a part of another one that has the name."""
    part = (QAbstractSpinBox, QComboBox, QLineEdit)
    return isinstance(control, QScrollBar | QHeaderView) or isinstance(control.parent(), part)


def named(control: QWidget) -> bool:
    text = control.text() if isinstance(control, QAbstractButton) else ""
    return bool(control.accessibleName() or text)


def test_that_every_control_has_a_name(open_window: Open, home: Home) -> None:
    write_run(home.runs, steps=50, ended=True, recipe=NAME)
    window = open_window()
    for page in PAGES:
        window.open_page(page)
        controls = [one for one in window.findChildren(QWidget) if isinstance(one, CONTROLS) and one.isVisible()]
        assert len(controls) > 5, page
        assert [one for one in controls if not within(one) and not named(one)] == [], page


def test_that_tab_reaches_every_control_of_a_page(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    for page in PAGES:
        front = window.open_page(page)
        wanted = {
            one for one in front.findChildren(QWidget)
            if isinstance(one, CONTROLS) and one.isVisible() and one.isEnabled() and not within(one)
            and one.focusPolicy() & Qt.FocusPolicy.TabFocus and one.focusProxy() is None
        }  # fmt: skip
        assert wanted, page
        reached: set[QWidget] = set()
        for _ in range(3 * len(wanted) + 60):
            focus = QApplication.focusWidget()
            qtbot.keyClick(focus or window, Qt.Key.Key_Tab)
            reached.add(QApplication.focusWidget())
            if wanted <= reached:
                break
        assert {one for one in wanted if one not in reached and one.isVisible()} == set(), page


def unseen(widget: QWidget) -> bool:
    """Whether a control looks the same with the keyboard on it as without."""
    place = widget.parentWidget() or widget
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    QApplication.processEvents()
    with_it = place.grab().toImage()
    widget.clearFocus()
    QApplication.processEvents()
    without = place.grab().toImage()
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    return with_it == without


def walked(window: QWidget, qtbot: QtBot) -> list[QWidget]:
    """What Tab comes by, once around; it must never stay where it is."""
    found: list[QWidget] = []
    for _ in range(200):
        before = QApplication.focusWidget()
        qtbot.keyClick(before or window, Qt.Key.Key_Tab)
        now = QApplication.focusWidget()
        assert now is not None and now is not before, f"Tab does not leave {now} {now and now.accessibleName()}"
        if now in found:
            return found
        found.append(now)
    return found


def test_that_tab_leaves_every_control_and_shows_where_it_is(open_window: Open, home: Home, qtbot: QtBot) -> None:
    runs = [write_run(home.runs, steps=50, ended=True, recipe=NAME) for _ in range(2)]
    window = open_window()
    for page in [*PAGES, "compare", "run"]:
        if page == "compare":
            window.open_compare([run.id for run in runs])
        elif page == "run":
            model = window.open_recipe(NAME).show_run(runs[0])
            qtbot.waitUntil(lambda one=model: one.caught_up)
            window.open_recipe(NAME).showing.paint_all()
        else:
            window.open_page(page)
        qtbot.wait(100)
        window.activateWindow()
        lost = [  # a page that lists what has come by now makes some of its buttons anew
            f"{type(one).__name__} {one.accessibleName()}"
            for one in walked(window, qtbot)
            if shiboken6.isValid(one) and one.isVisible() and unseen(one)
        ]
        assert lost == [], page


@pytest.mark.parametrize("scale", [150, 200])
def test_that_nothing_lies_outside_the_window_at_a_large_scale(
    open_window: Open, home: Home, scale: int, qtbot: QtBot
) -> None:
    save(home.settings, Settings(theme="dark", scale=scale))
    window = open_window()
    window.resize(1366, 768)
    for page in ["home", f"recipe:{NAME}", "cases", "settings"]:
        front = window.open_page(page)
        qtbot.waitUntil(lambda one=front: one.width() > 0)
        QApplication.processEvents()
        assert (window.width(), window.height()) == (1366, 768)
        for control in front.findChildren(QAbstractButton):
            shown = control.visibleRegion().boundingRect()
            if control.isVisible() and not shown.isEmpty() and control.text():
                assert control.width() >= min(control.minimumSizeHint().width(), control.sizeHint().width()) - 1 or (
                    control.property("role") in ("title", "link")
                ), (page, control.text())
                assert control.mapTo(window, control.rect().topRight()).x() <= window.width(), (page, control.text())


def reachable(place: QWidget, kind: type[QWidget]) -> list[QWidget]:
    return [
        one for one in place.findChildren(kind)
        if one.isVisible() and one.isEnabled() and one.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]  # fmt: skip


def unplug(button: QAbstractButton) -> None:
    """Take from a button what it does."""
    action = button.defaultAction() if isinstance(button, QToolButton) else None
    signals = [button.clicked, button.toggled, *([action.triggered, action.toggled] if action else [])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for signal in signals:
            with contextlib.suppress(RuntimeError):
                signal.disconnect()


def test_that_the_space_bar_presses_every_button(open_window: Open, home: Home, qtbot: QtBot) -> None:
    write_run(home.runs, steps=50, ended=True, recipe=NAME)
    window = open_window()
    for page in PAGES:
        front = window.open_page(page)
        buttons = [one for one in reachable(front, QAbstractButton) if isinstance(one, QAbstractButton)]
        assert buttons, page
        pressed: list[QAbstractButton] = []
        for button in buttons:
            # What the button does is tested elsewhere; here it must not open dialogs or leave the page.
            unplug(button)
            button.pressed.connect(lambda one=button, found=pressed: found.append(one))
            menu = button.menu() if isinstance(button, QPushButton | QToolButton) else None
            if menu is not None:
                menu.aboutToShow.connect(lambda one=menu: QTimer.singleShot(0, one.hide))
            button.setFocus(Qt.FocusReason.TabFocusReason)
            qtbot.keyClick(button, Qt.Key.Key_Space)
        assert [one.accessibleName() or one.text() for one in buttons if one not in pressed] == [], page


def test_that_tab_goes_through_the_form_as_it_is_read(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    page = window.open_recipe(NAME)
    inside = [one for one in walked(window, qtbot) if page.setup.isAncestorOf(one)]
    starts = {part: min(i for i, one in enumerate(inside) if part is one or part.isAncestorOf(one))
              for part in (page.setup.inputs, page.setup.preset, page.setup.form, page.setup.repeat)}  # fmt: skip
    assert list(starts.values()) == sorted(starts.values())
