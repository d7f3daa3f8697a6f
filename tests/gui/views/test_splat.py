"""Points painted with numpy, lassos, and names that keep apart."""

import itertools

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF, QSizeF

from workbench.gui.views.naming import anchors, placed
from workbench.gui.views.splat import splat, stamp, within

COLOURS = np.array([[255, 0, 0, 255], [0, 0, 255, 255]], np.uint8)


def test_that_a_point_is_painted_where_it_is_and_later_ones_lie_on_top():
    places = np.array([[10.0, 5.0], [30.0, 20.0], [30.0, 20.0]])
    picture = splat(places, np.array([0, 0, 1]), colours=COLOURS, symbols=["disc", "disc"], size=(40, 60), radius_px=3)
    assert picture.shape == (40, 60, 4)
    assert picture[5, 10].tolist() == [255, 0, 0, 255]
    assert picture[20, 30].tolist() == [0, 0, 255, 255]
    assert picture[35, 50].tolist() == [0, 0, 0, 0]


def test_that_points_outside_and_at_the_rim_do_no_harm():
    places = np.array([[-1e6, 3.0], [59.9, 39.9], [0.0, 0.0], [60.0, 10.0]])
    picture = splat(places, np.zeros(4, int), colours=COLOURS, symbols=["disc", "disc"], size=(40, 60), radius_px=4)
    assert picture[39, 59, 3] == 255 and picture[0, 0, 3] == 255
    assert picture[10, 59, 3] == 0


@pytest.mark.parametrize("symbol", ["disc", "square", "diamond", "triangle"])
def test_that_symbols_have_about_the_same_area(symbol):
    _, _, cover = stamp(symbol, 4.0)
    assert cover.sum() / 255 == pytest.approx(np.pi * 16, rel=0.12)


def test_that_a_lasso_holds_what_lies_inside_by_the_even_odd_rule():
    star = np.array([[0, 0], [10, 0], [10, 10], [0, 10], [0, 4], [6, 4], [6, 6], [0, 6]], float)
    places = np.array([[5, 2], [3, 5], [8, 5], [12, 5], [5, 9]], float)
    assert within(star, places).tolist() == [True, False, True, False, True]
    assert not within(star[:2], places).any()


def test_that_names_never_overlap_and_stay_inside():
    random = np.random.default_rng(1)
    area = QRectF(0, 0, 400, 300)
    wanted = [(QPointF(*random.uniform(150, 250, 2)), QSizeF(70, 18)) for _ in range(14)]
    boxes = [box for box in placed(wanted, area) if box is not None]
    assert len(boxes) >= 12
    assert all(area.contains(box) for box in boxes)
    assert not any(one.intersects(other) for one, other in itertools.combinations(boxes, 2))


def test_that_only_groups_that_keep_together_are_named():
    random = np.random.default_rng(2)
    near, far = random.normal(size=(100, 2)) * 0.2 + 5, random.normal(size=(100, 2)) * 5
    points = np.concatenate([near, far])
    groups = np.repeat([0, 1], 100)
    assert [group for group, _ in anchors(points, groups, 3)] == [0]
