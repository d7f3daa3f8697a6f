"""Curves."""

import types

import numpy as np
import pytest
from PySide6.QtCore import QRectF

from workbench.gui.theme import DARK, LIGHT
from workbench.gui.views import palette
from workbench.gui.views.curve import CurveView
from workbench.gui.views.marks import apart


def track(values, *, steps=None, every=1):
    values = np.asarray(values, float)
    steps = np.arange(len(values)) * every if steps is None else np.asarray(steps)
    return types.SimpleNamespace(steps=steps.astype(float), values=values, times=1e9 + steps * 0.5)


@pytest.fixture
def view(qtbot):
    shown = CurveView()
    qtbot.addWidget(shown)
    shown.resize(420, 300)
    shown.show()
    return shown


def test_that_the_best_validation_value_is_told_with_its_step(view):
    scores = 1 - np.exp(-np.arange(20) / 5)
    scores[18:] -= 0.1
    view.show_metric("macro_f1", {"validation": track(scores, every=25), "train": track(scores + 1, every=25)}, "high")
    assert view.caption == f"best {scores[17]:.3f} at step 425"
    view.show_metric("loss", {"train": track([3, 2, np.nan, 1, 2])}, "low")
    assert view.caption == "best 1.000 at step 3"


def test_that_the_overall_series_is_judged_where_parts_of_it_are_drawn_beside(view):
    view.show_metric(
        "f1", {"comma": track([0.9, 0.8]), "overall": track([0.5, 0.6]), "period": track([0.1, 1])}, "high"
    )
    assert view.caption == "overall best 0.600 at step 1"


def test_that_a_schedule_has_no_best_value(view):
    view.show_metric("learning_rate", {"": track([1, 3, 2])}, "")
    assert view.caption == ""
    assert view.best() == (None, -1)


def test_that_values_voided_by_a_resume_are_not_the_best(view):
    view.show_metric("loss", {"train": track([5, 4, 0.1, 3], steps=[1, 2, 3, 3])}, "low")
    assert view.caption == "best 3.000 at step 3"
    assert view.lines[0].values.tolist() == [5, 4, 3]


def test_that_gaps_stay_gaps(view):
    values = np.ones(50)
    values[20:30] = np.nan
    view.show_metric("loss", {"train": track(values)}, "low")
    _, drawn = view.lines[0].strong.getData()
    assert np.isnan(drawn[20:30]).all() and not np.isnan(drawn[:20]).any()


def test_that_a_hundred_thousand_points_are_thinned_to_the_pixels(view):
    view.show_metric("loss", {"train": track(np.random.default_rng(0).normal(size=100_000))}, "low")
    for item in (view.lines[0].faint, view.lines[0].strong):
        assert len(item.getData()[0]) <= 2 * view.plot.width() + 4


def test_that_zooming_in_brings_the_points_back(view):
    view.show_metric("loss", {"train": track(np.random.default_rng(0).normal(size=100_000))}, "low")
    view.plot.set_ranges((500, 560), (-3, 3))
    view.plot.ranged()
    assert view.lines[0].faint.getData()[0].tolist() == list(range(499, 562))
    view.fit()
    assert view.plot.x_range() == (0, 99_999)


def test_that_the_log_axis_leaves_out_what_has_no_logarithm(view):
    view.show_metric("loss", {"train": track([100, 10, 0, -1, 1])}, "low")
    view.use_log(True)
    drawn = view.lines[0].strong.getData()[1]
    np.testing.assert_allclose(drawn[[0, 1, 4]], [2, 1, 0])
    assert np.isnan(drawn[2:4]).all()
    view.grab()


def test_that_time_starts_at_the_first_number(view):
    view.show_metric("loss", {"train": track([3, 2, 1]), "validation": track([3, 1], steps=[1, 2])}, "low")
    view.use_time(True)
    assert view.plot.x_range() == (0.0, 1.0)
    assert view.axis_button.text() == "time"


def test_that_noise_is_averaged_unless_switched_off(view):
    random = np.random.default_rng(1)
    view.show_metric("loss", {"train": track(random.normal(size=400))}, "low")
    assert view.lines[0].faint.isVisible()
    assert np.nanstd(view.lines[0].strong.getData()[1]) < 0.5
    view.smooth_button.setChecked(False)
    assert not view.lines[0].faint.isVisible()
    assert np.nanstd(view.lines[0].strong.getData()[1]) > 0.8


def test_that_few_points_are_drawn_as_they_are(view):
    view.show_metric("f1", {"validation": track([0.1, 0.5, 0.4])}, "high")
    assert view.lines[0].strong.getData()[1].tolist() == [0.1, 0.5, 0.4]
    assert view.smooth_button.isHidden()


def test_that_an_empty_metric_says_that_numbers_will_come(view):
    view.show_metric("loss", {}, "low")
    assert view._hint.isVisible() and view.caption == ""
    view.show_metric("loss", {"train": track([1])}, "low")
    assert view.plot.isVisible()
    view.grab()


def test_that_only_gaps_do_no_harm(view):
    view.show_metric("loss", {"train": track([np.nan, np.nan])}, "low")
    view.grab()
    assert view.caption == ""


def test_that_series_keep_their_colours_in_both_themes(view):
    view.show_metric("loss", {"validation": track([1, 2]), "train": track([1, 2])}, "low")
    assert [line.label for line in view.lines] == ["train", "validation"]
    for now in (DARK, LIGHT):
        view.set_theme(now)
        assert view.lines[1].colour == palette.series("validation", 0, now)


def test_that_a_zoomed_chart_stays_put_while_numbers_arrive(view):
    view.show_metric("loss", {"train": track(np.arange(100))}, "low")
    view.plot.set_ranges((10, 20), (0, 50))
    view.plot.ranged()
    view.show_metric("loss", {"train": track(np.arange(200))}, "low")
    assert view.plot.x_range() == (10, 20)


def test_that_hovering_reads_the_nearest_values(view):
    view.show_metric("loss", {"train": track([3, 2, 1]), "validation": track([5.0, 4.0], steps=[0, 2])}, "low")
    assert [words for words, _ in view._readout(1.2)] == ["step 1", "train  2.000", "validation  4.000"]


def test_that_numbers_come_out_as_rows(view):
    view.show_metric("loss", {"train": track([3, np.nan])}, "low")
    columns, rows = view.rows()
    assert columns == ("series", "step", "seconds", "loss")
    assert list(rows) == [("train", 0, 0.0, 3.0), ("train", 1, 0.5, None)]


def test_that_a_mark_and_runs_side_by_side_are_drawn(view):
    runs = [(f"run {number}", track(np.random.default_rng(number).normal(size=300))) for number in range(9)]
    view.show_lines("loss", runs, "low")
    view.mark(120)
    view.grab()
    assert len({line.colour.name() for line in view.lines}) == 9
    assert view.caption.startswith("run ")


def test_that_names_at_line_ends_keep_apart():
    area = QRectF(0, 0, 100, 100)
    placed = apart([10, 11, 12, 95, 99], 12, area)
    gaps = np.diff(placed)
    assert (gaps >= 12 - 1e-9).all()
    assert placed[-1] <= 94 and placed[0] >= 6


def test_that_a_single_value_is_a_dot(view):
    view.show_metric("f1", {"validation": track([0.2, 0.8]), "test": track([0.5], steps=[1])}, "high")
    spot = view.plot.to_pixels(1.0, 0.5).toPoint()
    colour = view.plot.grab().toImage().pixelColor(spot)
    assert colour.name() == palette.series("test", 0, view.tokens).name()


def test_that_a_growing_line_stays_visible(view):
    # A line's items are taken over when it is drawn anew; a hidden background must not become the line.
    for count in (3, 4, 5):
        view.show_metric("loss", {"train": track(range(count)), "validation": track(range(count - 1))}, "low")
        assert all(line.strong.isVisible() and not line.faint.isVisible() for line in view.lines)
    view.show_metric("loss", {"train": track(range(200))}, "low")
    assert view.lines[0].strong.isVisible() and view.lines[0].faint.isVisible()
