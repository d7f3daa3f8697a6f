"""The worker's questions about posed photographs: read, written elsewhere, and drawn as samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.engine.scenes.photos import folder_of
from workbench.core.posing import PosedRead, PosedSample
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.scenes import UNMOVED
from workbench.engine.scenes import rooms
from workbench.engine.scenes.gridfiles import read_boxes, read_grid
from workbench.engine.scenes.posed import load_pixels
from workbench.store.home import Home
from workbench.worker.interactive import ApplyContext
from workbench.worker.posed import INSPECTORS


class _Context:
    """What these questions need of a worker: a home, and someone to tell how far it is."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.told: list[tuple[int, int]] = []

    def progress(self, done: int, of: int, words: str = "") -> None:
        self.told.append((done, of))


def _ask(what: str, context: _Context, **arguments: Any) -> Any:
    return INSPECTORS[what](arguments, cast(ApplyContext, context))


def test_that_photographs_are_read_converted_and_never_written_over(tmp_path: Path) -> None:
    context, source = _Context(tmp_path / "home"), folder_of(tmp_path / "in", 4)
    read: PosedRead = _ask("posed-read", context, path=str(source.parent))
    assert (read.kind, len(read.cameras.images), read.placement) == ("transforms.json", 4, UNMOVED)
    out = tmp_path / "in" / "sparse" / "0"
    written = _ask("posed-read", context, path=str(source), out=str(out))
    assert written.written == str(out) and f"{tmp_path / 'in' / 'images'} is COLMAP's" in written.cameras.notes[-1]
    again = _ask("posed-read", context, path=str(out), upright=False)
    assert again.kind == "COLMAP"
    assert np.allclose(
        [one.pose for one in again.cameras.images], [one.pose for one in read.cameras.images], atol=1e-12
    )
    with pytest.raises(InputError, match="lies there already"):
        _ask("posed-read", context, path=str(source), out=str(out))
    assert _ask("posed-read", context, path=str(source), out=str(out), replace=True).written
    before = source.read_bytes()
    for path in (source, source.parent):
        with pytest.raises(InputError, match="never written over"):
            _ask("posed-read", context, path=str(path), out=str(source), replace=True)
    with pytest.raises(InputError, match="never written over"):
        _ask("posed-read", context, path=str(out), out=str(out), replace=True)
    assert source.read_bytes() == before


def test_that_a_room_is_written_with_its_exact_grid_boxes_and_labels(tmp_path: Path) -> None:
    context, out = _Context(tmp_path / "home"), tmp_path / "room"
    done: PosedSample = _ask("posed-sample", context, name="room", images=3, size_px=8, seed=90, out=str(out))
    assert context.told == [(1, 3), (2, 3), (3, 3)] and done.folder == str(out)
    assert [Path(one).name for one in done.files] == [
        "transforms.json",
        "grid.npz",
        "grid_boxes.npy",
        "grid_labels.npy",
    ]
    room = rooms.make_room(90)
    rgba, labels, meta = rooms.grid(room)
    with np.load(out / "grid.npz", allow_pickle=False) as file:
        assert set(file.files) == {"rgbsigma", "resolution", "bbox_min", "bbox_max", "scale", "offset", "from_mitsuba",
                                   "density_kind"}  # fmt: skip
    found, where = read_grid(out / "grid.npz")
    assert np.array_equal(found, rgba) and (where.low, where.high, where.density) == (meta.low, meta.high, "alpha")
    assert np.array_equal(np.load(out / "grid_labels.npy", allow_pickle=False), labels)
    boxes = read_boxes(out / "grid_boxes.npy", rgba.shape[:3])
    assert len(boxes) == len(room.objects)
    for row, thing in zip(boxes, room.objects, strict=True):
        at = np.argwhere(labels == rooms.LABELS.index(thing.kind)) + 0.5
        turn = np.array([[np.cos(row[6]), -np.sin(row[6])], [np.sin(row[6]), np.cos(row[6])]])
        local = np.concatenate([(at - row[:3])[:, :2] @ turn, (at - row[:3])[:, 2:]], 1)
        assert (np.abs(local) <= row[3:6] / 2 + 0.5).all(1).any(), "voxels of its kind lie in its box"
    with pytest.raises(InputError, match="lies there already"):
        _ask("posed-sample", context, name="room", images=3, size_px=8, seed=90, out=str(out))
    assert len(_ask("posed-sample", context, name="object", images=2, size_px=8, out=str(out), replace=True).files) == 1
    again = _ask("posed-read", context, path=str(out)).cameras
    assert again.notes == () and [load_pixels(one).shape for one in again.images] == [(8, 8, 4)] * 2
    assert sorted(path.name for path in (out / "images").iterdir()) == ["0000.png", "0001.png"]
    assert not list(tmp_path.glob("*.part"))


def test_that_samples_of_the_cache_are_drawn_once_and_bounds_are_kept(tmp_path: Path) -> None:
    context = _Context(tmp_path / "home")
    done: PosedSample = _ask("posed-sample", context, name="object", images=2, size_px=8)
    assert _ask("posed-sample", context, name="object", images=2, size_px=8) == done and len(context.told) == 2
    assert Path(done.folder).is_relative_to(tmp_path / "home") and (Path(done.folder) / "transforms.json").is_file()
    for wrong in ({"images": 0}, {"images": 5000}, {"size_px": 4}, {"size_px": 10**6}, {"seed": -1}):
        with pytest.raises(InputError, match=f"sample's {next(iter(wrong))} cannot be this"):
            _ask("posed-sample", context, **wrong)
    with pytest.raises(InputError, match="malformed"):
        _ask("posed-sample", context, name="castle")


def test_that_a_name_of_another_format_or_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    context, source = _Context(tmp_path / "home"), folder_of(tmp_path / "in", 2)
    taken = tmp_path / "taken"
    taken.write_text("mine")
    for out in (tmp_path / "cloud.ply", tmp_path / "grid.npz", taken):
        with pytest.raises(InputError) as refused:
            _ask("posed-read", context, path=str(source.parent), out=str(out), replace=True)
        assert refused.value.field == "--to" and ".json" in refused.value.expected
    with pytest.raises(InputError, match="folder"):
        _ask("posed-sample", context, name="room", images=1, size_px=8, out=str(taken), replace=True)
    assert taken.read_text() == "mine" and not (tmp_path / "cloud.ply").exists()


def test_that_a_place_that_cannot_be_written_is_told_and_is_no_fault_of_the_program(tmp_path: Path) -> None:
    context, source = _Context(tmp_path / "home"), folder_of(tmp_path / "in", 2)
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "a.json", tmp_path / "file" / "model"):
        with pytest.raises(KnownTrouble) as told:
            _ask("posed-read", context, path=str(source.parent), out=str(out))
        assert str(out) in told.value.received
    with pytest.raises(KnownTrouble):
        _ask("posed-sample", context, name="object", images=1, size_px=8, out=str(tmp_path / "file" / "object"))
