"""transforms.json in its variants: what is read, what is left out and told, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.scenes.photos import HEIGHT, WIDTH, folder_of, frames, picture, poses, write_json
from workbench.core.posing import read_as, remedy_of
from workbench.core.problem import InputError
from workbench.core.scenes import CamerasDoc, Lens, PosedImage, PoseReading
from workbench.engine.scenes import reading
from workbench.engine.scenes.lenses import seen_at
from workbench.engine.scenes.posed import read_posed, read_scene, with_held_out, write_transforms
from workbench.engine.scenes.posedframes import placement_of, poses_of
from workbench.engine.scenes.posedsamples import sample_cameras

FLIP_Y, FLIP_Z = np.diag([1.0, -1, 1, 1]), np.diag([1.0, 1, -1, 1])


def test_that_nerfstudio_frames_have_their_own_lenses_and_poses_stay_as_they_are(tmp_path: Path) -> None:
    entries = frames(tmp_path, poses(3))
    entries[1] |= {"fl_x": 30.0, "k1": 0.1, "k3": 0.01, "k4": 0.02, "p2": 0.001}
    entries[2] |= {"camera_model": "OPENCV_FISHEYE", "k1": 0.1, "k2": 0.2, "k3": 0.3, "k4": 0.4}
    found = read_posed(write_json(tmp_path, entries, camera_model="OPENCV", k2=0.05))
    assert [one.lens for one in found.images] == [
        Lens(WIDTH, HEIGHT, 20.0, 21.0, 8.5, 5.75, k2=0.05),
        Lens(WIDTH, HEIGHT, 30.0, 21.0, 8.5, 5.75, k1=0.1, k2=0.05, k3=0.01, k4=0.02, p2=0.001),
        Lens(WIDTH, HEIGHT, 20.0, 21.0, 8.5, 5.75, 0.1, 0.2, 0, 0, 0.3, 0.4, fisheye=True),
    ]
    assert np.array_equal(poses_of(found), poses(3)) and found.notes[-1:] == (
        "3 of 3 lenses have pixels that are not square.",
    )
    assert read_posed(tmp_path) == found, "a folder is as good as its file"


def test_that_instant_ngp_files_give_their_cube_in_the_files_own_coordinates(tmp_path: Path) -> None:
    path = write_json(tmp_path, frames(tmp_path, poses(4)), aabb_scale=4, scale=0.5, offset=[0.5, 0.6, 0.5])
    found = read_posed(path)
    # A point p lies at p · scale + offset; the cube is from −1.5 to 2.5.
    assert np.allclose(found.low, [-4.0, -4.2, -4.0]) and np.allclose(found.high, [4.0, 3.8, 4.0])
    plain = read_posed(write_json(tmp_path, frames(tmp_path, poses(4)), aabb_scale=1))
    assert np.allclose(plain.low, -0.5 / 0.33) and np.allclose(plain.high, 0.5 / 0.33)
    assert read_posed(folder_of(tmp_path / "none")).low is None


def test_that_an_angle_stands_for_the_focal_length(tmp_path: Path) -> None:
    entries = frames(tmp_path, poses(2))
    path = tmp_path / "transforms.json"
    path.write_text(json.dumps({"camera_angle_x": 0.8, "frames": entries}))
    lens = read_posed(path).images[0].lens
    focal = 0.5 * WIDTH / math.tan(0.4)
    assert lens == Lens(WIDTH, HEIGHT, focal, focal, WIDTH / 2, HEIGHT / 2)
    path.write_text(json.dumps({"x_fov": 90, "y_fov": 60, "is_fisheye": True, "frames": entries}))
    lens = read_posed(path).images[0].lens
    assert lens.fx == pytest.approx(8) and lens.fy == pytest.approx(6 / math.tan(math.pi / 6)) and lens.fisheye


def test_that_blender_folders_are_read_whole_and_tests_are_held_out(tmp_path: Path) -> None:
    for part, count in (("train", 4), ("val", 1), ("test", 2)):
        entries = []
        for number, pose in enumerate(poses(count)):
            picture(tmp_path / part / f"r_{number}.png", (8, 8), "RGBA")
            picture(tmp_path / part / f"r_{number}_depth_0001.png", (8, 8), "RGBA")
            entries.append({"file_path": f"./{part}/r_{number}", "rotation": 0.1, "transform_matrix": pose.tolist()})
        (tmp_path / f"transforms_{part}.json").write_text(json.dumps({"camera_angle_x": 0.69, "frames": entries}))
    found = read_scene(tmp_path)
    assert found.kind == "Blender" and found.cameras.notes == ()
    assert [Path(one.path).parent.name for one in found.cameras.images] == ["train"] * 4 + ["val"] + ["test"] * 2
    assert [one.held_out for one in found.cameras.images] == [False] * 4 + [True] * 3
    alone = read_posed(tmp_path / "transforms_train.json")
    assert len(alone.images) == 4 and "transforms_val.json and transforms_test.json" in alone.notes[-1]


def test_that_names_of_test_pictures_hold_them_out(tmp_path: Path) -> None:
    found = read_posed(folder_of(tmp_path, test_filenames=["images/001.png"], train_filenames=["images/000.png"]))
    assert [one.held_out for one in found.images] == [False, True, False, False]
    assert with_held_out(found) is found
    split = with_held_out(read_posed(folder_of(tmp_path / "b", 10)), 8)
    assert [one.held_out for one in split.images] == [number in (0, 8) for number in range(10)]
    assert "Every 8th" in split.notes[-1]


def test_that_missing_pictures_and_missing_poses_are_counted_and_told(tmp_path: Path) -> None:
    path = folder_of(tmp_path, 5)
    (tmp_path / "images" / "003.png").unlink()
    (tmp_path / "images" / "004.png").write_bytes(b"not a picture")
    picture(tmp_path / "images" / "extra.png")
    document = json.loads(path.read_text())
    document["frames"] += [{"file_path": "images/000.png"}, {"transform_matrix": np.eye(4).tolist()}, 7]
    path.write_text(json.dumps(document))
    found = read_posed(path)
    assert len(found.images) == 3
    assert found.notes[:4] == (
        "1 of 8 poses have no picture and were left out: images/003.png.",
        "1 of 8 poses have a picture that cannot be read and were left out: images/004.png.",
        "1 of 8 poses are no 4 × 4 matrix of numbers and were left out: images/000.png.",
        "2 of 8 poses name no picture and were left out: frame 6, frame 7.",
    )
    assert "1 pictures have no pose and are not used: extra.png." in found.notes


def test_that_bad_poses_are_left_out_one_by_one(tmp_path: Path) -> None:
    turned = poses(7)
    turned[1, 0, 3] = np.nan
    turned[2, :3, :3] = np.ones((3, 3))
    turned[3, 3] = [0, 0, 1, 1]
    turned[4, :3, :3] *= 0.33
    turned[5, :3, :3] += 0.02 * np.eye(3)[::-1]
    turned[6] = turned[6] @ FLIP_Y
    found = read_posed(write_json(tmp_path, frames(tmp_path, turned)))
    assert [Path(one.path).stem for one in found.images] == ["000", "004", "005"]
    told = " ".join(found.notes)
    for reason in ("are not finite numbers", "are no rotations", "last row of 0 0 0 1", "are mirrored (determinant −1)",
                   "1 of 4 rotations are scaled", "1 of 4 rotations are not quite at right angles"):  # fmt: skip
        assert reason in told
    for pose in poses_of(found)[:, :3, :3]:
        assert np.allclose(pose @ pose.T, np.eye(3), atol=1e-9) and np.linalg.det(pose) > 0
    assert np.allclose(poses_of(found)[1], poses(7)[4]), "only the scale was taken out"


@pytest.mark.parametrize(
    ("mirror", "said"),
    [
        (lambda pose: pose @ FLIP_Z, "the cameras' z axes"),
        (lambda pose: pose @ FLIP_Y, "the cameras' y axes"),
        (lambda pose: np.diag([-1.0, 1, 1, 1]) @ pose, "the scene's x axis"),
    ],
)
def test_that_mirrored_poses_are_refused_until_someone_asks_to_repair_them(
    tmp_path: Path, mirror: Any, said: str
) -> None:
    path = write_json(tmp_path, frames(tmp_path, np.stack([mirror(pose) for pose in poses(5)])))
    with pytest.raises(InputError, match="All 5 poses are mirrored") as caught:
        read_posed(path)
    assert "mirroring repaired" in caught.value.fix and "--" not in caught.value.fix
    found = read_scene(path, repair=True).cameras
    assert said in found.notes[-2] + found.notes[-1] + found.notes[0] and np.allclose(poses_of(found), poses(5))


def test_that_a_scene_takes_mirrored_poses_once_asked_to_and_not_out_of_its_cache_before(tmp_path: Path) -> None:
    path = write_json(tmp_path, frames(tmp_path, poses(5) @ FLIP_Z))
    read = reading.read_scene(path, tmp_path / "cache", poses=PoseReading(repair=True))
    thing = read.things[0].thing
    assert np.allclose(poses_of(thing), poses(5)) and np.allclose(poses_of(read_posed(path, thing.reading)), poses(5))
    with pytest.raises(InputError) as caught:
        reading.read_scene(path, tmp_path / "cache")
    assert caught.value.field == "repair"


def test_that_opencv_axes_are_suspected_and_read_when_asked_for(tmp_path: Path) -> None:
    path = write_json(tmp_path, frames(tmp_path, poses(6) @ FLIP_Y @ FLIP_Z), fl_y=20.0)
    (note,) = read_posed(path).notes
    assert "look away" in note and "OpenCV's" in note and "--" not in note
    found = read_scene(path, axes="opencv").cameras
    assert found.notes == () and np.allclose(poses_of(found), poses(6))
    remedy = remedy_of(note)
    assert remedy is not None and remedy.flag == "--axes opencv"
    assert remedy.after(read_posed(path).reading) == found.reading == PoseReading(axes="opencv")
    assert read_as(found.reading) == "with OpenCV's camera axes" and read_as(PoseReading()) == ""


@pytest.mark.parametrize(
    ("turned", "told"),
    [
        (poses(1), "one photograph only"),
        (
            np.stack([np.block([[pose[:3, :3], np.ones((3, 1))], [np.zeros((1, 3)), 1]]) for pose in poses(5)]),
            "one place",
        ),
        (np.diag([1.0, -1, -1, 1]) @ poses(5), "upside down"),
        (
            np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]) @ poses(5),
            "along y: the scene lies on its side",
        ),
    ],
)
def test_that_odd_arrangements_are_told(tmp_path: Path, turned: np.ndarray, told: str) -> None:
    assert told in " ".join(read_posed(write_json(tmp_path, frames(tmp_path, turned))).notes)


def test_that_pictures_of_other_sizes_have_their_lenses_scaled_or_are_left_out(tmp_path: Path) -> None:
    path = folder_of(tmp_path, 4)
    picture(tmp_path / "images" / "001.png", (WIDTH // 2, HEIGHT // 2))
    picture(tmp_path / "images" / "002.png", (WIDTH, WIDTH))
    found = read_posed(path)
    assert [one.lens.width for one in found.images] == [16, 8, 16]
    assert found.images[1].lens == Lens(8, 6, 10.0, 10.5, 4.25, 2.875)
    told = " ".join(found.notes)
    assert "8 × 6 where the file says 16 × 12" in told and "have a picture of another shape than their lens" in told
    assert "2 sizes, from 8 × 6 to 16 × 12" in told


def test_that_a_box_that_no_camera_sees_is_left_out(tmp_path: Path) -> None:
    away = read_posed(folder_of(tmp_path / "a", aabb=[[50, 50, 50], [60, 60, 60]]))
    assert away.low is None and "No camera sees anything of the file's box" in " ".join(away.notes)
    some = read_posed(folder_of(tmp_path / "b", aabb=[[2.0, -1, 0], [9, 1, 2]]))
    assert some.low == (2.0, -1.0, 0.0) and "of 4 cameras see nothing of the file's box" in " ".join(some.notes)
    for box in ([[1, 1, 1], [0, 0, 0]], [[0, 0, math.nan], [1, 1, 1]], "x", [1, 2]):
        found = read_posed(folder_of(tmp_path / "c", aabb=box))
        assert found.low is None and any("box" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"), ("[1, 2]", "no poses"), ("{}", "no frames"), ('{"frames": {}}', "no frames"),
        ('{"frames": []}', "no frames"), ('{"frames": [1]}', "None of the photographs"), ("[" * 10_000, "not JSON"),
        ("\x00\xff", "not JSON"),
    ],
)  # fmt: skip
def test_that_what_is_no_list_of_poses_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "transforms.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=told) as caught:
        read_posed(path)
    assert caught.value.place == str(path) and caught.value.expected and caught.value.fix


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"fl_x": "20"}, "`fl_x` is not a number"), ({"w": True}, "`w` is not a number"),
        ({"w": -5}, "size makes no sense"), ({"camera_model": "EQUIRECTANGULAR"}, "kind that cannot be read"),
        ({"fl_x": None, "fl_y": None}, "focal length is missing"), ({"fl_x": -3.0}, "None of the photographs"),
        ({"fl_x": math.nan}, "None of the photographs"),
    ],
)  # fmt: skip
def test_that_lenses_that_cannot_be_are_refused(tmp_path: Path, keys: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_posed(folder_of(tmp_path, 2, **keys))


def test_that_places_without_poses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no posed photographs") as caught:
        read_posed(tmp_path)
    assert caught.value.received == "an empty folder"
    with pytest.raises(InputError, match="no photographs here"):
        read_posed(tmp_path / "gone")
    with pytest.raises(InputError, match="no posed photographs"):
        read_posed(picture(tmp_path / "a.png"))


# Writing


def test_that_what_is_written_reads_back_exactly(tmp_path: Path) -> None:
    lenses = [
        Lens(WIDTH, HEIGHT, 20.1, 20.2, 8.3, 5.9, 0.1, 0.2, 0.01, 0.02, 0.3, 0.4),
        Lens(WIDTH, HEIGHT, 20, 20, 8, 6),
    ]
    turned = poses(4)
    turned[:, :3] += 1e-9 / 3
    images = [PosedImage(str(picture(tmp_path / "p" / f"{number}.png")), lenses[number % 2], placement_of(pose),
                         number == 2) for number, pose in enumerate(turned)]  # fmt: skip
    for kept in (images, images[::2]):
        doc = CamerasDoc(tuple(kept), (-1.25, -1.0, -0.1), (1.0, 1 / 3, 2.0))
        write_transforms(tmp_path / "out" / "transforms.json", doc)
        found = read_posed(tmp_path / "out")
        assert [(one.lens, one.pose, one.held_out) for one in found.images] == [
            (one.lens, one.pose, one.held_out) for one in kept]  # fmt: skip
        assert (found.low, found.high) == (doc.low, doc.high)
        assert [Path(one.path).resolve() for one in found.images] == [Path(one.path) for one in kept]
    document = json.loads((tmp_path / "out" / "transforms.json").read_text())
    assert document["fl_x"] == 20.1 and document["frames"][0]["file_path"] == "../p/0.png"
    assert document["test_filenames"] == ["../p/2.png"]
    with pytest.raises(InputError, match="no photographs to write"):
        write_transforms(tmp_path / "none.json", CamerasDoc(()))


def test_that_the_cube_that_is_written_for_instant_ngp_holds_the_box(tmp_path: Path) -> None:
    path = tmp_path / "transforms.json"
    image = PosedImage(str(picture(tmp_path / "a.png")), Lens(WIDTH, HEIGHT, 20, 20, 8, 6), placement_of(poses(1)[0]))
    write_transforms(path, CamerasDoc((image,), (-1.0, -2.0, 0.0), (1.0, 3.0, 2.0)))
    document = json.loads(path.read_text())
    corners = np.array(document["aabb"]) * document["scale"] + document["offset"]
    assert document["aabb_scale"] == 1 and corners.min() == pytest.approx(0) and corners.max() == pytest.approx(1)


# Samples


def test_that_samples_are_drawn_once_and_show_known_points_at_their_pixels(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = sample_cameras("room", tmp_path, images=3, size=12, seed=90, tell=lambda *at: told.append(at))
    assert told == [(1, 3), (2, 3), (3, 3)] and [one.held_out for one in found.images] == [True, False, False]
    assert sample_cameras("room", tmp_path, images=3, size=12, seed=90, tell=lambda *at: told.append(at)) == found
    assert len(told) == 3 and found.notes == () and found.low is not None
    for one in found.images:
        pose = np.array(one.pose).reshape(4, 4)
        ahead = pose[:3, 3] - 2 * pose[:3, 2]
        assert np.allclose(seen_at((ahead - pose[:3, 3]) @ pose[:3, :3], one.lens), [one.lens.cx, one.lens.cy])
    clear = sample_cameras("object", tmp_path, images=2, size=8, seed=90)
    assert len(clear.images) == 2 and not list(tmp_path.glob("*.part"))
    with pytest.raises(InputError, match="no sample scene 'rom'") as caught:
        sample_cameras("rom", tmp_path)
    assert "room" in caught.value.fix
