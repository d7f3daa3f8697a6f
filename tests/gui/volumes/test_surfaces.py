"""Surfaces of labels: size, place and direction."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.problem import InputError
from workbench.core.volumes import Geometry
from workbench.gui.scenes.items import smooth_normals
from workbench.gui.volumes import surfaces
from workbench.gui.volumes.surfaces import surface_of, volume_ml
from workbench.report.planes import position_mm

GEOMETRY = Geometry((1.0, 1.5, 2.0), (10.0, -20.0, 30.0), (0, 0, 1, -1, 0, 0, 0, 1, 0))


def ball(radius_mm=12.0, shape=(40, 50, 60)):
    """A label that is a ball in the patient, and its middle in the array."""
    middle = np.array([20, 25, 30])
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    away = ((z - 20) * 2.0) ** 2 + ((y - 25) * 1.5) ** 2 + (x - 30.0) ** 2
    return (away <= radius_mm**2).astype(np.uint8), middle


def test_that_a_ball_keeps_its_volume_place_and_roundness_in_the_patient():
    labels, middle = ball()
    found = surface_of(labels, 1, GEOMETRY)
    assert volume_ml(found) == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=0.06)
    centre = position_mm(GEOMETRY, middle)
    assert found.vertices.mean(axis=0) == pytest.approx(centre, abs=0.3)
    radii = np.linalg.norm(found.vertices - centre, axis=1)
    assert radii.min() > 10.5 and radii.max() < 13.0


def test_that_surfaces_are_closed_where_a_label_touches_the_border_or_is_one_voxel_thin():
    whole = np.ones((5, 6, 7), np.uint8)
    for labels in (whole, np.pad(np.ones((1, 12, 12), np.uint8), ((3, 3), (2, 2), (2, 2)))):
        found = surface_of(labels, 1, Geometry())
        edges = np.sort(found.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_that_steps_of_voxels_are_taken_out_of_a_slope_unless_they_are_wanted():
    z, _, x = np.mgrid[:30, :60, :60]
    labels = ((z < 5 + 0.15 * x) & (z > 1)).astype(np.uint8)

    def rough(smooth: bool) -> float:
        at = surface_of(labels, 1, Geometry(), smooth=smooth).vertices
        inner = at[(np.abs(at[:, :2] - 30) < 20).all(axis=1) & (at[:, 2] > 4)]
        return float((inner[:, 2] - 0.15 * inner[:, 0]).std())

    assert rough(True) < 0.08 < 0.25 < rough(False)


def test_that_small_and_thin_structures_hold_what_they_hold_and_neighbours_stay_neighbours():
    thin = np.zeros((20, 20, 60), np.uint8)
    thin[10, 10, 5:55] = 1
    for labels in (thin, ball(3.0)[0]):
        plain, smooth = (volume_ml(surface_of(labels, 1, Geometry(), smooth=one)) for one in (False, True))
        assert smooth == pytest.approx(plain, rel=0.4)
    halves = np.pad(np.ones((12, 12, 12), np.uint8), 3)
    halves[:, :, 9:] *= 2
    left, right = (surface_of(halves, value, Geometry()).vertices for value in (1, 2))
    # Within the face that both share, where no rim is rounded off.
    faces = [
        one[(np.abs(one[:, 1:] - 8.5) < 3).all(axis=1) & (np.abs(one[:, 0] - 8.5) < 1), 0] for one in (left, right)
    ]
    assert 0 <= faces[0].mean() - faces[1].mean() < 1  # no gap is seen between them


def test_that_a_large_label_is_thinned_and_keeps_its_place(monkeypatch):
    labels, middle = ball()
    monkeypatch.setattr(surfaces, "MOST_VOXELS", 4000)
    found = surface_of(labels, 1, GEOMETRY)
    assert found.step > 1
    assert found.vertices.mean(axis=0) == pytest.approx(position_mm(GEOMETRY, middle), abs=1.0)


def test_that_a_label_that_is_nowhere_has_no_surface():
    with pytest.raises(InputError, match="nowhere"):
        surface_of(np.zeros((4, 4, 4), np.uint8), 1, Geometry())


def test_that_normals_of_a_ball_point_along_its_radius():
    labels, middle = ball()
    found = surface_of(labels, 1, GEOMETRY)
    outward = found.vertices - position_mm(GEOMETRY, middle)
    normals = smooth_normals(found.vertices, found.faces)
    along = np.einsum("ij,ij->i", normals, outward / np.linalg.norm(outward, axis=1, keepdims=True))
    assert np.median(np.abs(along)) > 0.97
