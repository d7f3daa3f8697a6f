"""Where a field lies: boxes guessed, carved or narrowed, coordinates in the millions, photographs that are broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.engine.scenes.fieldviews import CENTRE, RADIUS, photographs, pose
from tests.engine.scenes.photos import folder_of, frames, poses, write_json
from workbench.core.fields import FieldLook
from workbench.core.problem import InputError
from workbench.core.scenes import CamerasDoc, PosedImage, RadianceMeta, Viewpoint
from workbench.engine.scenes import fieldexport as export
from workbench.engine.scenes.boxrows import from_voxels
from workbench.engine.scenes.fieldlive import progressive
from workbench.engine.scenes.fields import FieldFacts, load, made, save
from workbench.engine.scenes.fieldviews import chosen, from_cameras, shifted
from workbench.engine.scenes.plyrows import read_header
from workbench.engine.scenes.posed import read_posed, write_transforms

FAR_AWAY = (500_000.0, 5_400_000.0, 100.0)


def test_that_transparent_photographs_without_a_box_get_one_around_what_none_sees_through() -> None:
    taken = photographs()
    found = chosen([*taken.learned, *taken.held_out], None, None)
    low, high = np.array(found.low), np.array(found.high)
    assert (low < np.array(CENTRE) - RADIUS).all() and (high > np.array(CENTRE) + RADIUS).all()
    assert (high - low).max() < 3.2 * RADIUS  # where the cameras are 2.2 away
    assert any("sees through" in note for note in found.notes)


def test_that_a_loose_cube_is_narrowed_to_what_the_cameras_look_at_and_an_exact_one_never() -> None:
    shots = [*photographs().learned]
    wide = ((-24.0, -24.0, -24.0), (24.0, 24.0, 24.0))
    exact = chosen(shots, *wide)
    assert (exact.low, exact.high) == wide
    narrowed = chosen(shots, *wide, loose=True)
    assert max(np.subtract(narrowed.high, narrowed.low)) < 3
    assert any("48 wide" in note for note in narrowed.notes)
    near = chosen(shots, (-1.0, -1.0, -1.0), (1.0, 1.0, 1.0), loose=True)
    assert near.high == (1.0, 1.0, 1.0) and not any("wide" in note for note in near.notes)


def test_that_the_cube_of_an_instant_ngp_file_is_loose_and_a_box_is_exact(tmp_path: Path) -> None:
    loose = read_posed(folder_of(tmp_path / "a", aabb_scale=16))
    assert loose.loose and loose.low is not None
    write_transforms(tmp_path / "a" / "again.json", loose)
    again = read_posed(tmp_path / "a" / "again.json")
    assert again.loose and again.low == pytest.approx(loose.low)
    assert not read_posed(folder_of(tmp_path / "b", aabb=[[-1, -1, -1], [1, 1, 1]], aabb_scale=16)).loose


def test_that_a_photograph_that_cannot_be_read_is_left_out_and_named(tmp_path: Path) -> None:
    doc = read_posed(folder_of(tmp_path, count=8, aabb=[[-1, -1, -1], [1, 1, 1]]))
    broken = Path(doc.images[2].path)
    broken.write_bytes(broken.read_bytes()[:120])
    found = from_cameras(doc)
    assert len(found.learned) + len(found.held_out) == 7
    assert any(note.startswith("1 of 8 photographs cannot be read") and "002.png" in note for note in found.notes)
    for one in doc.images:
        Path(one.path).write_bytes(b"none")
    with pytest.raises(InputError, match="cannot be read"):
        from_cameras(doc)


def test_that_cameras_in_the_millions_are_read_as_apart_from_each_other(tmp_path: Path) -> None:
    far = poses(6)
    far[:, :3, 3] += FAR_AWAY
    doc = read_posed(write_json(tmp_path, frames(tmp_path, far)))
    assert not any("one place" in note for note in doc.notes)
    assert doc.images[0].pose[3] == pytest.approx(FAR_AWAY[0] + 3)


def test_that_photographs_in_the_millions_are_learned_from_near_zero(tmp_path: Path) -> None:
    doc = read_posed(folder_of(tmp_path, count=8, aabb=[[-1, -1, -1], [1, 1, 1]]))
    moved = CamerasDoc(tuple(PosedImage(one.path, one.lens, shifted(one.pose, FAR_AWAY)) for one in doc.images),
                       tuple(np.add(doc.low, FAR_AWAY)), tuple(np.add(doc.high, FAR_AWAY)))  # fmt: skip
    near, far = from_cameras(doc), from_cameras(moved)
    assert far.origin[:2] == FAR_AWAY[:2]
    back = np.add(far.low, far.origin)
    assert back == pytest.approx(np.add(near.low, FAR_AWAY))
    assert np.abs(np.array([one.pose for one in far.learned])[:, 3]).max() < 10
    assert any("(500000, 5400000, " in note for note in far.notes)


def test_that_a_far_field_is_seen_from_where_the_photographs_say_and_keeps_that_on_disk(tmp_path: Path) -> None:
    facts = FieldFacts("voxels", (-1.0, -1.0, -1.0), (1.0, 1.0, 1.0), side=12)
    near, far = made(facts), made(FieldFacts("voxels", facts.low, facts.high, side=12, origin=FAR_AWAY))
    far.load_state_dict(near.state_dict())
    save(far, tmp_path)
    far = load(tmp_path)
    assert far.origin == FAR_AWAY
    look = FieldLook(Viewpoint(pose(1, 6)), 12, 12)
    there = FieldLook(Viewpoint(shifted(pose(1, 6), FAR_AWAY)), 12, 12)
    pictures = [
        [one for one in progressive(field, asked, 16) if one][-1] for field, asked in ((near, look), (far, there))
    ]
    assert np.abs(pictures[0].rgba.astype(int) - pictures[1].rgba).max() <= 1


def test_that_a_far_surface_is_written_in_double_precision_where_it_stands(tmp_path: Path) -> None:
    corners = np.array([[0, 0, 0], [0.001, 0, 0], [0, 0.001, 0]], np.float32)
    colours = np.full((3, 3), 7, np.uint8)
    export.write_ply(tmp_path / "far.ply", corners, colours, np.array([[0, 1, 2]], np.uint32), origin=FAR_AWAY)
    header = read_header(tmp_path / "far.ply")
    assert [one.name for one in header.elements] == ["vertex", "face"]
    import trimesh

    back = trimesh.load(tmp_path / "far.ply", process=False)
    assert np.asarray(back.vertices) == pytest.approx(corners + np.array(FAR_AWAY), abs=1e-6)
    assert back.faces.tolist() == [[0, 1, 2]]


def test_that_boxes_of_a_far_grid_stand_where_they_were_found_to_a_millimetre() -> None:
    low = (500_000.3, 5_400_000.7, 0.0)
    meta = RadianceMeta(low, tuple(one + 3.2 for one in low))
    rows = np.array([[4.1, 7.3, 2.0, 3.0, 2.0, 1.0, 0.5]], np.float32)
    found = from_voxels(rows, meta, (32, 32, 32))
    assert found[0, :3] == pytest.approx(np.add(low, (0.41, 0.73, 0.2)), abs=1e-4, rel=0)
