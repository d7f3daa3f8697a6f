"""The views of a sweep are pure functions of its trials."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from pytestqt.qtbot import QtBot

from workbench.gui.theme import theme
from workbench.gui.views.axes import Scale, best_so_far, figure, held, make_axis, nearest
from workbench.gui.views.bestcurve import BestCurveView
from workbench.gui.views.parallel import ParallelView
from workbench.gui.views.trials import TrialRow, TrialsData

KNOBS = (
    Scale("rate", "Learning rate", log=True, low=1e-5, high=1e-1),
    Scale("adapt", "Adapt", choices=("full", "lora")),
    Scale("batch", "Batch, rows", log=True, whole=True, low=8, high=128, marks=(8.0, 32.0, 128.0)),
)


def data(*, better: str = "max") -> TrialsData:
    rows = (
        TrialRow("a", "trial 0", {"rate": 1e-3, "adapt": "full", "batch": 8}, 0.5, "finished"),
        TrialRow("b", "trial 1", {"rate": 1e-2, "adapt": "lora", "batch": 32}, 0.9, "finished"),
        TrialRow("c", "trial 2", {"rate": 1e-4, "adapt": "lora", "batch": 128}, 0.2, "pruned"),
        TrialRow("d", "trial 3", {"rate": 1e-5, "adapt": "full"}, None, "failed"),
    )
    return TrialsData(KNOBS, Scale("f1", "F1"), better, rows)


def test_that_factors_choices_and_lists_have_their_places_and_ticks() -> None:
    rate = make_axis(KNOBS[0], [1e-5, 1e-3, 1e-1])
    assert rate.places == pytest.approx([0, 0.5, 1])
    assert [words for _, words in rate.ticks] == ["1e-5", "1e-4", "0.001", "0.01", "0.1"]
    adapt = make_axis(KNOBS[1], ["lora", None, "full"])
    assert adapt.places[0] == 0.75 and math.isnan(adapt.places[1]) and adapt.places[2] == 0.25
    assert [words for _, words in make_axis(KNOBS[2], [8, 32]).ticks] == ["8", "32", "128"]
    switch = make_axis(Scale("fails", "Fails", choices=(False, True)), [True, False])
    assert list(switch.places) == [0.75, 0.25] and [words for _, words in switch.ticks] == ["false", "true"]


@pytest.mark.parametrize("values", [[], [None], [3.0], [3.0, 3.0], [0.0], [-1e9, 1e9], [1e-30, 2e-30]])
def test_that_any_numbers_make_an_axis_with_finite_ticks(values: list[float | None]) -> None:
    for log in (False, True):
        axis = make_axis(Scale("x", "X", log=log), values)
        assert all(-1e-6 <= place <= 1 + 1e-6 for place, _ in axis.ticks)
        assert 1 <= len(axis.ticks) <= 8
        there = axis.places[np.isfinite(axis.places)]
        assert ((there >= -1e-9) & (there <= 1 + 1e-9)).all()


def test_that_whole_numbers_have_whole_ticks() -> None:
    ticks = make_axis(Scale("n", "N", whole=True, low=1, high=4), [1, 4]).ticks
    assert [words for _, words in ticks] == ["1", "2", "3", "4"]


def test_that_brushes_hold_what_crosses_all_of_them() -> None:
    axes = [make_axis(KNOBS[0], [1e-5, 1e-3, None]), make_axis(KNOBS[1], ["full", "full", "full"])]
    assert list(held(axes, {})) == [True, True, True]
    assert list(held(axes, {"rate": (0.4, 1.0)})) == [False, True, False]
    assert list(held(axes, {"rate": (0.0, 1.0), "adapt": (0.5, 1.0)})) == [False, False, False]


def test_that_the_nearest_line_is_found_and_gaps_are_not() -> None:
    heights = np.array([[0.0, 100.0], [50.0, 50.0], [math.nan, 20.0]])
    assert nearest([0.0, 100.0], heights, 50, 53) in (0, 1)
    assert nearest([0.0, 100.0], heights, 90, 52) == 1
    assert nearest([0.0, 100.0], heights, 90, 15) == -1
    assert nearest([0.0], heights[:, :1], 0, 0) == -1


def test_that_the_best_so_far_never_gets_worse() -> None:
    assert list(best_so_far([1, 3, None, 2], "max")) == [1, 3, 3, 3]
    assert list(best_so_far([3, None, 1], "min")) == [3, 3, 1]
    assert np.isnan(best_so_far([None], "max")).all()


def test_that_figures_are_short() -> None:
    assert [figure(value) for value in (0, 0.05, 1e-5, 2.5e-7, 12.0, 123456)] == [
        "0", "0.05", "1e-5", "2.5e-7", "12", "1.23e5",
    ]  # fmt: skip


@pytest.mark.parametrize("better", ["max", "min"])
@pytest.mark.parametrize("look", ["dark", "light"])
def test_that_both_views_draw_every_kind_of_trial(qtbot: QtBot, better: str, look: str) -> None:
    theme().use(look)  # type: ignore[arg-type]
    for view in (ParallelView(), BestCurveView()):
        qtbot.addWidget(view)
        view.resize(700, 300)
        view.show_trials(data(better=better))
        picture = view.grab().toImage()
        shades = {picture.pixel(x, y) for x in range(0, 700, 3) for y in range(0, 300, 3)}
        assert len(shades) > 5
        columns, rows = view.rows()
        assert len(list(rows)) == 4 and len(columns) >= 4


def test_that_a_drag_along_an_axis_brushes_and_a_click_on_it_lets_go(qtbot: QtBot) -> None:
    view = ParallelView()
    qtbot.addWidget(view)
    view.resize(800, 300)
    view.show_trials(data())
    view.show()
    told: list[list[str] | None] = []
    view.held_changed.connect(told.append)
    canvas = view.canvas
    x, area = round(canvas.xs()[0]), canvas.area()
    top, middle = QPoint(x, round(area.top())), QPoint(x, round(area.center().y()) + 4)
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=top)
    qtbot.mouseMove(canvas, middle)
    view.set_brush("rate", 0.5 - 0.02, 1.0)  # what the move says where the platform passes buttons on
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle)
    assert told[-1] == ["a", "b"] and "2 of 4" in view.caption
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    assert told[-1] is None


def test_that_lines_are_walked_and_opened_from_the_keyboard(qtbot: QtBot) -> None:
    view = ParallelView()
    qtbot.addWidget(view)
    view.show_trials(data())
    opened: list[str] = []
    view.opened.connect(opened.append)
    qtbot.keyClick(view.canvas, Qt.Key.Key_Down)
    qtbot.keyClick(view.canvas, Qt.Key.Key_Down)
    qtbot.keyClick(view.canvas, Qt.Key.Key_Return)
    assert opened == ["b"]
    qtbot.keyClick(view.canvas, Qt.Key.Key_Right)
    qtbot.keyClick(view.canvas, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert view.brushes == {"rate": (pytest.approx(0.1), 1.0)}


def test_that_a_click_on_a_line_or_a_dot_opens_its_run(qtbot: QtBot) -> None:
    view, curve = ParallelView(), BestCurveView()
    opened: list[str] = []
    for one in (view, curve):
        qtbot.addWidget(one)
        one.resize(800, 300)
        one.show_trials(data())
        one.opened.connect(opened.append)
    xs, heights = view.canvas.xs(), view.canvas.heights()
    between = QPointF((xs[2] + xs[3]) / 2, (heights[1][2] + heights[1][3]) / 2)
    qtbot.mouseClick(view.canvas, Qt.MouseButton.LeftButton, pos=between.toPoint())
    curve.show()
    qtbot.mouseClick(curve.plot.viewport(), Qt.MouseButton.LeftButton, pos=curve.dot(0).toPoint())
    assert opened == ["b", "a"]


def test_that_no_trials_leave_a_sentence(qtbot: QtBot) -> None:
    nothing = TrialsData(KNOBS, Scale("f1", "F1"), "max", ())
    for view in (ParallelView(), BestCurveView()):
        qtbot.addWidget(view)
        view.show_trials(data())
        view.show_trials(nothing)
        assert not view.grab().isNull()
        assert list(view.rows()[1]) == []
