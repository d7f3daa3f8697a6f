"""Which way round slices are shown, for every order and direction of the array's axes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from workbench.core.volumes import Geometry
from workbench.report.planes import NAMES, in_words, letters_of, planes_of, position_mm

EDGES = {"axial": ("R", "L", "A", "P"), "coronal": ("R", "L", "H", "F"), "sagittal": ("A", "P", "H", "F")}
ORDERS = [
    (order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)
]


def acquired(order, signs):
    """A volume whose array axis x, y, z runs along the anatomical axis order[0], order[1], order[2] of LPS."""
    direction = np.zeros((3, 3))
    for axis, (anatomical, sign) in enumerate(zip(order, signs, strict=True)):
        direction[anatomical, axis] = sign
    sizes = [5, 7, 9]  # anatomical x, y, z
    spacing = [1.0, 2.0, 3.0]
    shape = tuple(sizes[order[2 - axis]] for axis in range(3))
    # The origin is such that the patient's middle is the array's middle.
    steps = np.array([spacing[one] for one in order])
    middle = np.array([(sizes[one] - 1) / 2 for one in order]) * steps
    geometry = Geometry(tuple(steps), tuple(-(direction @ middle)), tuple(direction.ravel()))
    return geometry, np.zeros(shape, np.int16)


@pytest.mark.parametrize(("order", "signs"), ORDERS)
def test_that_left_is_shown_at_the_right_edge_for_every_order_and_flip(order, signs):
    geometry, array = acquired(order, signs)
    marked = (2.0, 0.0, 0.0), (0.0, 6.0, 0.0), (0.0, 0.0, 12.0)  # left, back, head; millimetres
    for mark, anatomical in zip(marked, range(3), strict=True):
        array[:] = 0
        voxel = np.round(np.linalg.inv(np.array(geometry.direction).reshape(3, 3)) @
                         (np.array(mark) - geometry.origin_mm) / geometry.spacing_mm).astype(int)  # fmt: skip
        array[tuple(voxel[::-1])] = 1
        for name, plane in planes_of(geometry).items():
            assert plane.letters == EDGES[name]
            assert plane.across == 2 - order.index({"axial": 2, "coronal": 1, "sagittal": 0}[name])
            flat = plane.cut(array, int(voxel[::-1][plane.across]))
            ((row, column),) = np.argwhere(flat)
            assert plane.point(tuple(voxel[::-1]), array.shape) == (row, column)
            assert plane.place(row, column, voxel[::-1][plane.across], array.shape) == tuple(voxel[::-1])
            rows, columns = flat.shape
            letter = "LPH"[anatomical]
            if letter in plane.letters:  # the mark is drawn on the side that bears its letter
                side = plane.letters.index(letter)
                assert (column == 0, column == columns - 1, row == 0, row == rows - 1)[side]


def test_that_pixels_have_the_spacing_of_their_own_axes():
    geometry, array = acquired((2, 0, 1), (1, 1, -1))  # sagittally acquired: columns run head to foot
    planes = planes_of(geometry)
    assert planes["axial"].pitch_mm == (2.0, 1.0) and planes["axial"].step_mm == 3.0
    assert planes["coronal"].pitch_mm == (3.0, 1.0) and planes["coronal"].step_mm == 2.0
    assert planes["sagittal"].pitch_mm == (3.0, 2.0) and planes["sagittal"].step_mm == 1.0
    assert {name: planes[name].size(array.shape) for name in NAMES} == {
        "axial": (7, 5), "coronal": (9, 5), "sagittal": (9, 7)
    }  # fmt: skip


def test_that_a_cut_is_a_view_of_the_array():
    geometry, array = acquired((2, 0, 1), (1, -1, -1))
    assert all(np.shares_memory(plane.cut(array, 0), array) for plane in planes_of(geometry).values())


def test_that_an_oblique_volume_takes_the_nearest_axes_and_names_both_directions():
    angle = np.radians(30)
    turned = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    plane = planes_of(Geometry(direction=tuple(turned.ravel())))["axial"]
    assert (plane.across, plane.down, plane.right) == (0, 1, 2)
    assert plane.letters == ("RH", "LF", "A", "P")
    slightly = np.radians(8)
    assert letters_of(np.array([np.cos(slightly), np.sin(slightly), 0])) == "L"


def test_that_positions_are_those_of_the_itk_convention():
    geometry = Geometry((1, 2, 3), (10, 20, 30), (0, 0, 1, 1, 0, 0, 0, 1, 0))
    assert position_mm(geometry, (5, 4, 7)) == pytest.approx([10 + 3 * 5, 20 + 7, 30 + 2 * 4])
    assert in_words((34.14, -18.0, 22.0)) == "L 34.1  A 18.0  H 22.0 mm"
