"""Grids and boxes of NeRF-MAE's files: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.core.problem import InputError
from workbench.core.scenes import RadianceMeta
from workbench.engine.scenes.gridfiles import alpha_of, read_boxes, read_grid, write_grid

GRID = np.random.default_rng(5).random((4, 5, 6, 4)).astype(np.float32)
GOOD: dict[str, Any] = {
    "rgbsigma": GRID,
    "resolution": np.array([4, 5, 6]),
    "bbox_min": [-1, 0, 1],
    "bbox_max": [1, 2, 4],
}


def _file(folder: Path, **changes: Any) -> Path:
    told = {name: value for name, value in (GOOD | changes).items() if value is not None}
    np.savez(folder / "scene.npz", **told)
    return folder / "scene.npz"


def test_that_what_was_written_is_read_back(tmp_path: Path) -> None:
    meta = RadianceMeta((-1.0, 0.0, 1.0), (1.0, 2.0, 4.0), "alpha", "scene")
    write_grid(tmp_path / "scene.npz", GRID, meta)
    found, told = read_grid(tmp_path / "scene.npz")
    assert np.array_equal(found, GRID)
    assert told == meta


def test_that_raw_rows_are_read_with_x_fastest(tmp_path: Path) -> None:
    rows = np.zeros((4 * 5 * 6, 4), np.float32)
    x, y, z = 3, 1, 4
    rows[x + 4 * (y + 5 * z)] = 0.5
    found, _ = read_grid(_file(tmp_path, rgbsigma=rows))
    assert np.argwhere(found[..., 3] > 0).tolist() == [[x, y, z]]


def test_that_what_was_written_is_rows_with_x_fastest_that_nobody_turns(tmp_path: Path) -> None:
    write_grid(tmp_path / "scene.npz", GRID, RadianceMeta((0, 0, 0), (4, 5, 6), "exp"))
    with np.load(tmp_path / "scene.npz", allow_pickle=False) as found:
        # As NeRF-MAE's loader does it: (W·L·H, 4) to (H, L, W, 4), then W, L, H.
        width, length, height = found["resolution"]
        np.testing.assert_array_equal(found["rgbsigma"].reshape(height, length, width, 4).transpose(2, 1, 0, 3), GRID)
        assert found["from_mitsuba"] and str(found["density_kind"]) == "exp" and found["bbox_max"].tolist() == [4, 5, 6]


def test_that_what_instant_ngp_extracts_is_turned_upright_for_training_too(tmp_path: Path) -> None:
    rows = GRID.transpose(2, 1, 0, 3).reshape(-1, 4)
    found, meta = read_grid(_file(tmp_path, rgbsigma=rows, from_mitsuba=False))
    assert np.array_equal(found, GRID.transpose(2, 0, 1, 3))
    assert meta.low == (1, -1, 0) and meta.high == (4, 1, 2)


def test_that_densities_become_alphas_by_their_kind(tmp_path: Path) -> None:
    density = np.array([-3.0, 0.0, 4.0, 200.0])
    assert alpha_of(density, "exp") == pytest.approx(1 - np.exp(-np.exp(density) / 100))
    assert alpha_of(density, "relu") == pytest.approx(1 - np.exp(-np.maximum(density, 0) / 100))
    raw = GRID.copy()
    raw[..., 3] = 8 * raw[..., 3] - 4
    expected = alpha_of(raw[..., 3], "exp")
    assert read_grid(_file(tmp_path, rgbsigma=raw), "exp")[0][..., 3] == pytest.approx(expected)
    by_file = read_grid(_file(tmp_path, rgbsigma=raw, density_kind="relu"), "exp")[0]
    assert by_file[..., 3] == pytest.approx(alpha_of(raw[..., 3], "relu"))


def test_that_bytes_are_read_as_shares(tmp_path: Path) -> None:
    found, _ = read_grid(_file(tmp_path, rgbsigma=np.full((4, 5, 6, 4), 255, np.uint8)))
    assert (found == 1).all()


def _with_nan() -> np.ndarray:
    broken = GRID.copy()
    broken[0, 0, 0, 0] = np.nan
    return broken


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rgbsigma": None, "other": GRID}, "an array rgbsigma"),
        ({"rgbsigma": GRID[..., :3]}, "\\(W, L, H, 4\\)"),
        ({"resolution": np.array([6, 5, 4])}, "size that the file tells"),
        ({"rgbsigma": GRID.reshape(-1, 4), "resolution": np.array([4, 5, 7])}, "140 voxels"),
        ({"rgbsigma": GRID.reshape(-1, 4), "resolution": None}, "with a resolution"),
        ({"rgbsigma": _with_nan()}, "no numbers"),
        ({"rgbsigma": GRID * 9}, "densities mean"),
        ({"density_kind": "softplus"}, "densities mean"),
        ({"bbox_max": [-1, 2, 4]}, "no volume"),
    ],
)
def test_that_what_is_no_grid_is_refused_with_its_file(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = _file(tmp_path, **changes)
    with pytest.raises(InputError, match=words) as caught:
        read_grid(path)
    assert caught.value.place == str(path)
    assert caught.value.fix


def test_that_files_that_are_no_npz_are_refused(tmp_path: Path) -> None:
    for name, content in (("text.npz", b"not a zip"), ("cut.npz", _file(tmp_path).read_bytes()[:200])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="cannot be read"):
            read_grid(tmp_path / name)


def test_that_boxes_of_both_kinds_become_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "aabb.npy", np.array([[0, 1, 2, 2, 5, 6]]))
    np.save(tmp_path / "obb.npy", np.array([[1, 2, 3, 2, 2, 2, 0.5]]))
    np.save(tmp_path / "none.npy", np.zeros((0, 6)))
    assert read_boxes(tmp_path / "aabb.npy", (4, 5, 6)).tolist() == [[1, 3, 4, 2, 4, 4, 0]]
    assert read_boxes(tmp_path / "obb.npy", (4, 5, 6)).tolist() == [[1, 2, 3, 2, 2, 2, 0.5]]
    assert read_boxes(tmp_path / "none.npy", (4, 5, 6)).shape == (0, 7)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.zeros((2, 5)), "as boxes"), (np.full((1, 6), np.nan), "as boxes"), (np.array(["a"]), "as boxes"),
        (np.array([[1, 1, 1, 1, 2, 2.0]]), "no volume"), (np.array([[30, 1, 1, 2, 2, 2, 0.0]]), "outside"),
    ],
)  # fmt: skip
def test_that_what_are_no_boxes_of_the_grid_is_refused(tmp_path: Path, rows: np.ndarray, words: str) -> None:
    np.save(tmp_path / "boxes.npy", rows)
    with pytest.raises(InputError, match=words):
        read_boxes(tmp_path / "boxes.npy", (4, 5, 6))
