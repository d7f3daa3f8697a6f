"""Tissue, tiles over it at a resolution, CLAM's files, and the drawn sample."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from workbench.core.problem import InputError
from workbench.engine.medical.slides import clam, open_slide, sample
from workbench.engine.medical.slides.tiling import read_tile, tile_grid, tile_plan
from workbench.engine.medical.slides.tissue import tissue_mask
from workbench.engine.medical.slides.writing import write_pyramid

PINK, GLASS = (205, 120, 170), (244, 244, 243)


def glass(width: int = 400, height: int = 300) -> np.ndarray:
    rng = np.random.default_rng(0)
    noisy = np.array(GLASS) + rng.integers(-1, 2, (height, width, 1))
    return noisy.astype(np.uint8)


@pytest.fixture
def slide(tmp_path: Path):
    rgb = np.full((3072, 4096, 3), GLASS, np.uint8)
    rgb[1024:2048, 1024:3072] = PINK
    with open_slide(write_pyramid(tmp_path / "slide.tif", rgb, mpp=0.25, compression="deflate")) as found:
        yield found


@pytest.mark.parametrize("threshold", [8, "otsu"])
def test_that_coloured_areas_are_tissue_and_specks_and_glass_are_not(threshold):
    rgb = glass()
    rgb[80:220, 100:300] = PINK
    rgb[140:144, 180:184] = GLASS  # a pinhole
    rgb[20:23, 20:23] = (90, 30, 60)  # a speck
    mask = tissue_mask(rgb, threshold=threshold)
    truth = np.zeros((300, 400), bool)
    truth[80:220, 100:300] = True
    overlap = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    assert overlap > 0.98 and mask[142, 182] and not mask[21, 21]


def test_that_blank_glass_and_black_are_no_tissue():
    assert not tissue_mask(glass()).any()
    assert not tissue_mask(glass(), threshold="otsu").any()
    assert not tissue_mask(np.zeros((50, 60, 3), np.uint8)).any()


def test_that_tissue_at_the_edge_of_the_picture_is_kept():
    rgb = glass()
    rgb[:100, :150] = PINK
    mask = tissue_mask(rgb)
    assert mask[0, 0] and mask[:95, :145].all()


def test_that_tiles_are_read_from_the_coarsest_level_that_is_fine_enough(slide):
    assert tile_plan(slide, 0.25, 256).level == 0 and tile_plan(slide, 0.25, 256).size == 256
    assert (tile_plan(slide, 0.5, 256).level, tile_plan(slide, 0.5, 256).size) == (1, 256)
    odd = tile_plan(slide, 0.7, 224)  # d* = 2.8: level 1, 224 · 2.8 / 2 pixels
    assert (odd.level, odd.size, odd.span) == (1, 314, pytest.approx(627.2))
    finer = tile_plan(slide, 0.2, 256)
    assert (finer.level, finer.size) == (0, 205)


def test_that_the_grid_covers_the_tissue_in_level_0_pixels(slide):
    mask = tissue_mask(slide.thumbnail(512))
    coords = tile_grid(slide, mask, mpp=0.5, tile=256)
    assert sorted(map(tuple, coords.tolist())) == [(x, y) for x in range(1024, 3072, 512) for y in (1024, 1536)]
    assert coords.dtype == np.int64
    for coord in coords:
        tile = read_tile(slide, coord, 0.5, 256)
        assert tile.shape == (256, 256, 3) and np.abs(tile.mean((0, 1)) - PINK).max() < 1


def test_that_overlap_and_the_least_share_of_tissue_change_the_grid(slide):
    mask = tissue_mask(slide.thumbnail(512))
    plain = tile_grid(slide, mask)
    dense = tile_grid(slide, mask, overlap=128)
    assert np.diff(np.unique(dense[:, 0])).max() == 256 and len(dense) > 3 * len(plain)
    shifted = np.roll(mask, 20, axis=1)
    loose, strict = tile_grid(slide, shifted, min_tissue=0.05), tile_grid(slide, shifted, min_tissue=0.95)
    assert len(loose) > len(strict)


def test_that_a_slide_without_resolution_tissue_or_detail_is_refused_with_a_remedy(slide, tmp_path):
    bare = open_slide(write_pyramid(tmp_path / "bare.tif", glass(600, 600), mpp=None))
    with pytest.raises(InputError, match="how large its pixels") as caught:
        tile_grid(bare, np.ones((10, 10), bool))
    assert caught.value.field == "mpp" and "0.25" in caught.value.fix
    with pytest.raises(InputError, match="No tile") as caught:
        tile_grid(slide, np.zeros((30, 40), bool))
    assert "0.0%" in caught.value.received
    with pytest.raises(InputError, match="too coarsely"):
        tile_grid(slide, np.ones((30, 40), bool), mpp=0.1)
    with pytest.raises(InputError, match="overlap"):
        tile_grid(slide, np.ones((30, 40), bool), overlap=256)
    with pytest.raises(InputError, match="too many"):
        tile_grid(slide, np.ones((30, 40), bool), mpp=0.25, tile=1)


def test_that_a_slide_smaller_than_a_tile_has_none(tmp_path):
    small = open_slide(write_pyramid(tmp_path / "small.tif", glass(100, 100), mpp=0.5))
    with small, pytest.raises(InputError, match="No tile"):
        tile_grid(small, np.ones((10, 10), bool))


def test_that_coordinates_and_features_make_the_round_trip_in_clams_layout(tmp_path):
    coords = np.array([[0, 512], [512, 1024], [90_000, 70_000]])
    clam.write_coords(tmp_path / "a.h5", coords, patch_level=1, patch_size=256)
    found = clam.read_coords(tmp_path / "a.h5")
    assert np.array_equal(found.coords, coords) and (found.patch_level, found.patch_size) == (1, 256)
    features = np.random.default_rng(0).standard_normal((3, 8))
    clam.write_features(tmp_path / "f.h5", features, coords)
    read, at = clam.read_features(tmp_path / "f.h5")
    assert read.dtype == np.float32 and np.allclose(read, features, atol=1e-6) and np.array_equal(at, coords)
    with h5py.File(tmp_path / "f.h5") as file:
        assert set(file) == {"features", "coords"}


def test_that_other_files_are_not_taken_for_clams(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError):
        clam.read_coords(tmp_path / "text.h5")
    clam.write_features(tmp_path / "f.h5", np.zeros((2, 3)), np.zeros((2, 2), int))
    with pytest.raises(InputError, match="layout") as caught:
        clam.read_coords(tmp_path / "f.h5")
    assert "patch_level" in caught.value.received
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file["coords"] = np.zeros((4, 3), int)
        file["features"] = np.zeros((4, 3))
    with pytest.raises(InputError):
        clam.read_features(tmp_path / "odd.h5")
    with pytest.raises(InputError):
        clam.write_features(tmp_path / "g.h5", np.zeros((2, 3)), np.zeros((5, 2), int))


def test_that_the_sample_is_the_same_every_time_and_holds_tissue_on_glass():
    one, other = sample.draw(640, 480), sample.draw(640, 480)
    assert np.array_equal(one, other) and one.shape == (480, 640, 3)
    assert 0.2 < tissue_mask(one).mean() < 0.8
    assert (one[:8, :8] > 225).all()
