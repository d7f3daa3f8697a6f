"""Values to tones: windows, lookup tables, label pictures."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gui.volumes import phantom
from workbench.core.volumes import VolumeMeta
from workbench.gui.volumes import shades

VALUES = np.array([[-1000, 0, 20, 40], [60, 80, 100, 3000]])


def expected(window):
    centre, width = window
    return np.clip((VALUES.astype(np.float32) - (centre - width / 2)) * (255 / width), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<i4", "<i8", "<f2", "<f4", ">f4", "<f8"])
def test_that_every_number_type_gets_the_same_tones(dtype):
    tones = shades.Toner(np.dtype(dtype), (40, 80)).tones(VALUES.astype(dtype))
    assert tones.dtype == np.uint8 and tones.flags.c_contiguous
    assert np.abs(tones.astype(int) - expected((40, 80))).max() <= 1


@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", ">u2"])
def test_that_short_integers_go_through_a_table_with_their_sign(dtype):
    values = np.array([[0, 1, 2, 100]]).astype(dtype)
    if np.dtype(dtype).kind == "i":
        values[0, 0] = -100
    tones = shades.Toner(np.dtype(dtype), (50, 100)).tones(values)
    assert tones[0, 0] == 0 and tones[0, 3] == 255 and tones[0, 1] < tones[0, 2] < 10


def test_that_missing_and_infinite_values_are_black_and_white():
    tones = shades.Toner(np.dtype("f4"), (0.5, 1)).tones(np.array([[np.nan, -np.inf, np.inf, 0.5]], np.float32))
    assert tones.tolist() == [[0, 0, 255, 127]]


def test_that_a_flipped_view_is_toned_as_it_lies():
    values = VALUES.astype(np.int16)
    tones = shades.Toner(values.dtype, (40, 80)).tones(values.T[::-1])
    assert (tones == shades.Toner(values.dtype, (40, 80)).tones(values).T[::-1]).all()


def test_that_the_first_window_is_the_files_own_then_soft_tissue_then_percentiles():
    values, _ = phantom.head((20, 30, 25))
    assert shades.first_window(values, VolumeMeta(modality="CT", unit="HU", window=(35, 70))) == (35, 70)
    assert shades.first_window(values, VolumeMeta(modality="CT", unit="HU")) == shades.PRESETS["soft tissue"]
    mr = np.zeros((10, 20, 20), np.float32)
    mr[2:8, 5:15, 5:15] = np.random.default_rng(0).uniform(100, 300, (6, 10, 10))
    centre, width = shades.first_window(mr, VolumeMeta(modality="MR"))
    assert 95 < centre - width / 2 < 110 and 290 < centre + width / 2 < 300  # the black background does not count


@pytest.mark.parametrize("fill", [0.0, 7.0, np.nan])
def test_that_a_constant_volume_has_a_window_of_some_width(fill):
    centre, width = shades.automatic(np.full((4, 5, 6), fill, np.float32))
    assert width > 0 and np.isfinite(centre)


def test_that_hidden_and_unnamed_labels_are_not_in_the_picture():
    index = shades.LabelIndex.of([1, 5, 300], lambda value: value != 5)
    flat = np.array([[0, 1, 5, 300, 7]])
    assert index.indices(flat.astype(np.int16)).tolist() == [[0, 1, 0, 3, 0]]
    assert index.indices(np.array([[0, 1, 5, 7]], np.uint8)).tolist() == [[0, 1, 0, 0]]


def test_that_outlines_lie_inside_the_label_and_reach_no_border_of_the_picture():
    flat = np.zeros((7, 7), np.uint8)
    flat[1:6, 1:6] = 2
    found = shades.with_outline(flat)
    assert found[3, 3] == 2 and found[1, 1] == 2 | shades.OUTLINE and (found[0] == 0).all()
    assert (shades.with_outline(np.full((4, 4), 3, np.uint8)) == 3).all()


def test_that_the_colour_table_has_fill_and_outline_of_each_label():
    table = shades.colour_table([(255, 0, 0), (0, 255, 0)], fill=0.4, outline=1.0)
    assert table[0] == 0
    assert table[1] == 102 << 24 | 0xFF0000
    assert table[2 | shades.OUTLINE] == 255 << 24 | 0x00FF00
