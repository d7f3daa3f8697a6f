"""COLMAP models, text and binary, as an independent writer has them: exact poses, lenses and points, or a refusal."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from tests.engine.scenes.colmapfiles import Camera, Image, Point, write_binary, write_text
from tests.engine.scenes.photos import HEIGHT, WIDTH, picture, poses
from workbench.core.problem import InputError
from workbench.core.scenes import CamerasDoc, Lens, PosedImage
from workbench.engine.scenes.colmap import quaternion_of, read_model
from workbench.engine.scenes.lenses import seen_at
from workbench.engine.scenes.posed import read_posed, read_scene, turned_onto, write_colmap
from workbench.engine.scenes.posedframes import placement_of, poses_of

WRITERS = {"binary": write_binary, "text": write_text}
CAMERAS = [
    Camera(1, "PINHOLE", WIDTH, HEIGHT, [20.0, 20.5, 8.25, 6.125]),
    Camera(2, "SIMPLE_RADIAL", WIDTH, HEIGHT, [21.0, 8.0, 6.0, -0.125]),
    Camera(7, "OPENCV", WIDTH, HEIGHT, [20.0, 21.0, 8.0, 6.0, 0.1, -0.2, 0.01, -0.02]),
    Camera(8, "OPENCV_FISHEYE", WIDTH, HEIGHT, [20.0, 21.0, 8.0, 6.0, 0.1, -0.2, 0.03, -0.04]),
    Camera(9, "SIMPLE_PINHOLE", WIDTH, HEIGHT, [19.0, 8.0, 6.0]),
    Camera(10, "RADIAL", WIDTH, HEIGHT, [19.0, 8.0, 6.0, 0.5, 0.25]),
]
TILT = turned_onto(np.array([0.0, 0.0, 1.0]), np.array([0.3, -0.8, -0.6]))
"""Models lie any way up."""
LANDMARKS = np.random.default_rng(90).uniform(-0.5, 0.5, (40, 3))


def _model(folder: Path, form: str, count: int = 6) -> np.ndarray:
    """A tilted model with pictures; its camera-to-world matrices in OpenGL axes."""
    way = np.eye(4)
    way[:3, :3] = TILT
    turned = way @ poses(count)
    images = []
    for number, pose in enumerate(turned):
        name = f"left/{number:02d} a.png"
        picture(folder / "images" / name, seed=number)
        world_to_camera = np.linalg.inv(pose @ np.diag([1.0, -1, -1, 1]))
        images.append(Image(number + 3, list(quaternion_of(world_to_camera[:3, :3])), list(world_to_camera[:3, 3]),
                            CAMERAS[number % 6].number, name, matches=number % 3))  # fmt: skip
    points = [Point(number, list(TILT @ at), (number, 2, 255), 0.25, number % 4) for number, at in enumerate(LANDMARKS)]
    WRITERS[form](folder / "sparse" / "0", CAMERAS, images[::-1], points)
    return turned


@pytest.mark.parametrize("form", WRITERS)
def test_that_a_model_reads_exactly_and_stands_upright(tmp_path: Path, form: str) -> None:
    turned = _model(tmp_path, form)
    scene = read_scene(tmp_path)
    assert scene.kind == "COLMAP"
    assert [Path(one.path).name for one in scene.cameras.images] == [f"{number:02d} a.png" for number in range(6)]
    assert [one.lens for one in scene.cameras.images] == [
        Lens(WIDTH, HEIGHT, 20.0, 20.5, 8.25, 6.125),
        Lens(WIDTH, HEIGHT, 21.0, 21.0, 8.0, 6.0, k1=-0.125),
        Lens(WIDTH, HEIGHT, 20.0, 21.0, 8.0, 6.0, 0.1, -0.2, 0.01, -0.02),
        Lens(WIDTH, HEIGHT, 20.0, 21.0, 8.0, 6.0, 0.1, -0.2, k3=0.03, k4=-0.04, fisheye=True),
        Lens(WIDTH, HEIGHT, 19.0, 19.0, 8.0, 6.0),
        Lens(WIDTH, HEIGHT, 19.0, 19.0, 8.0, 6.0, 0.5, 0.25),
    ]
    way = np.array(scene.placement).reshape(4, 4)
    assert np.allclose(np.linalg.inv(way) @ poses_of(scene.cameras), turned, atol=1e-12), "nothing is lost"
    assert np.allclose(poses_of(scene.cameras)[:, :3, 1].mean(0)[:2], 0, atol=1e-9), "upright"
    assert scene.points is not None
    assert np.allclose(scene.points.positions @ way[:3, :3], LANDMARKS @ TILT.T, atol=1e-9)
    assert scene.points.colours[5].tolist() == [5, 2, 255] and scene.points.seen_in.tolist() == [
        n % 4 for n in range(40)
    ]
    assert (scene.points.error_px == 0.25).all()
    assert scene.cameras.low is not None and "box was guessed" in scene.cameras.notes[-1]
    assert not any("upside down" in note or "do not stand" in note for note in scene.cameras.notes)


def test_that_points_are_seen_where_the_models_own_numbers_put_them(tmp_path: Path) -> None:
    _model(tmp_path, "binary")
    scene, model = read_scene(tmp_path), read_model(tmp_path / "sparse" / "0")
    assert scene.points is not None and model.points is not None
    views = sorted(model.views, key=lambda view: view.name)
    for view, one in zip(views[:1], scene.cameras.images[:1], strict=True):
        w, x, y, z = view.quaternion
        turn = np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                         [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                         [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]])  # fmt: skip
        in_camera = model.points.positions @ turn.T + view.shift
        pixels = in_camera[:, :2] / in_camera[:, 2:] * [20.0, 20.5] + [8.25, 6.125]
        pose = np.array(one.pose).reshape(4, 4)
        assert np.allclose(seen_at((scene.points.positions - pose[:3, 3]) @ pose[:3, :3], one.lens), pixels, atol=1e-9)


def test_that_a_rescaled_scene_has_its_cameras_four_away_and_keeps_the_way_back(tmp_path: Path) -> None:
    turned = _model(tmp_path, "text")
    scene = read_scene(tmp_path, rescale=True)
    eyes = poses_of(scene.cameras)[:, :3, 3]
    assert np.linalg.norm(eyes, axis=1).mean() == pytest.approx(4)
    way = np.array(scene.placement).reshape(4, 4)
    back = np.linalg.inv(way) @ poses_of(scene.cameras)
    assert np.allclose(back[:, :3, 3], turned[:, :3, 3], atol=1e-9)
    assert np.allclose(np.linalg.norm(poses_of(scene.cameras)[:, :3, :3], axis=1), 1)
    as_it_lies = read_scene(tmp_path, upright=False)
    assert np.allclose(poses_of(as_it_lies.cameras), turned, atol=1e-12)


@pytest.mark.parametrize("part", ["", "sparse", "sparse/0", "sparse/0/cameras.txt"])
def test_that_any_part_of_a_model_leads_to_its_pictures(tmp_path: Path, part: str) -> None:
    _model(tmp_path, "text", 2)
    assert len(read_posed(tmp_path / part).images) == 2


def test_that_smaller_pictures_have_their_lenses_scaled(tmp_path: Path) -> None:
    _model(tmp_path, "text", 2)
    (tmp_path / "images").rename(tmp_path / "originals")
    for number in range(2):
        picture(tmp_path / "images_2" / "left" / f"{number:02d} a.png", (WIDTH // 2, HEIGHT // 2))
    found = read_posed(tmp_path)
    assert found.images[0].lens == Lens(8, 6, 10.0, 10.25, 4.125, 3.0625)
    assert "lenses were scaled" in found.notes[0]


def test_that_what_a_model_lacks_is_counted(tmp_path: Path) -> None:
    _model(tmp_path, "text")
    folder = tmp_path / "sparse" / "0"
    (tmp_path / "images" / "left" / "00 a.png").unlink()
    picture(tmp_path / "images" / "left" / "new.png")
    text = (folder / "images.txt").read_text().splitlines()
    rows = {line.split()[0]: number for number, line in enumerate(text) if line.endswith(".png")}
    words = text[rows["4"]].split(maxsplit=9)
    text[rows["4"]] = " ".join([*words[:8], "55", words[9]])
    words = text[rows["5"]].split(maxsplit=9)
    text[rows["5"]] = " ".join([words[0], "nan", *words[2:]])
    words = text[rows["6"]].split(maxsplit=9)
    text[rows["6"]] = " ".join([words[0], "0", "0", "0", "0", *words[5:]])
    (folder / "images.txt").write_text("\n".join(text))
    points = (folder / "points3D.txt").read_text().replace("\n1 ", "\n1 nan ", 1).splitlines()
    points[2] = "1 nan 0 0 1 2 3 0.5"
    (folder / "points3D.txt").write_text("\n".join(points))
    scene = read_scene(tmp_path)
    assert len(scene.cameras.images) == 2
    told = " ".join(scene.cameras.notes)
    for reason in ("1 of 6 poses have no picture", "1 of 6 poses name a lens that the model does not have",
                   "2 of 6 poses are not finite numbers", "1 of 40 matched points are not finite",
                   "1 pictures have no pose and are not used: new.png"):  # fmt: skip
        assert reason in told


def test_that_further_parts_of_a_model_are_told(tmp_path: Path) -> None:
    _model(tmp_path, "text", 2)
    write_text(tmp_path / "sparse" / "1", CAMERAS, [], [])
    assert "parts; only sparse/0 was read" in " ".join(read_posed(tmp_path).notes)


def test_that_poses_without_lines_of_matches_are_read(tmp_path: Path) -> None:
    _model(tmp_path, "text", 4)
    path = tmp_path / "sparse" / "0" / "images.txt"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if line.endswith(".png")))
    assert len(read_posed(tmp_path).images) == 4


@pytest.mark.parametrize("form", WRITERS)
def test_that_lens_models_that_cannot_be_read_are_named_with_those_that_can(tmp_path: Path, form: str) -> None:
    WRITERS[form](tmp_path, [Camera(1, "FULL_OPENCV", 4, 4, [1.0] * 12)], [], [])
    with pytest.raises(InputError, match="FULL_OPENCV cannot be read") as caught:
        read_scene(tmp_path)
    assert "OPENCV_FISHEYE" in caught.value.expected and "image_undistorter" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("cameras", "1 PINHOLE 4", "too short"), ("cameras", "1 PINHOLE 4 x 1 1 1 1", "no number"),
        ("cameras", "1 PINHOLE 4 4 1 1 1", "wrong number of parameters"),
        ("cameras", "1 PINHOLE 0 4 1 1 1 1", "no sense"),
        ("images", "1 1 0 0 0 0 0 0 1", "malformed"), ("images", "1 1 0 0 0 0 zero 0 1 a.png", "malformed"),
        ("points3D", "1 0 0", "malformed"), ("points3D", "1 0 0 0 1.5 2 3 0", "malformed"),
    ],
)  # fmt: skip
def test_that_malformed_lines_are_shown(tmp_path: Path, name: str, line: str, told: str) -> None:
    _model(tmp_path, "text", 2)
    path = tmp_path / "sparse" / "0" / f"{name}.txt"
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=told) as caught:
        read_scene(tmp_path)
    assert caught.value.place == str(path)


@pytest.mark.parametrize("name", ["cameras", "images", "points3D"])
def test_that_counts_that_a_file_cannot_hold_are_refused_before_memory_is_asked_for(tmp_path: Path, name: str) -> None:
    _model(tmp_path, "binary", 2)
    path = tmp_path / "sparse" / "0" / f"{name}.bin"
    data = path.read_bytes()
    for claimed in (2**63, 10**9, 300):
        path.write_bytes(struct.pack("<Q", claimed) + data[8:])
        with pytest.raises(InputError, match=r"claims more entries than it can hold|ends early|does not end|no sense"):
            read_scene(tmp_path)


def test_that_every_cut_of_a_binary_file_is_refused_or_read(tmp_path: Path) -> None:
    _model(tmp_path, "binary", 3)
    refused = 0
    for name in ("cameras", "images", "points3D"):
        path = tmp_path / "sparse" / "0" / f"{name}.bin"
        data = path.read_bytes()
        for end in range(0, len(data), max(1, len(data) // 40)):
            path.write_bytes(data[:end])
            with pytest.raises(InputError) as caught:
                read_model(path.parent)
            refused += caught.value.place == str(path)
        path.write_bytes(data)
    assert refused >= 120


# Writing


def test_that_a_written_model_reads_back_exactly(tmp_path: Path) -> None:
    lenses = [Lens(WIDTH, HEIGHT, 20.1, 20.3, 8.2, 6.1), Lens(WIDTH, HEIGHT, 20, 20, 8, 6, 0.1, 0.2, 0.3, 0.4),
              Lens(WIDTH, HEIGHT, 20, 20, 8, 6, 0.1, 0.2, k3=0.3, k4=0.4, fisheye=True)]  # fmt: skip
    images = [PosedImage(str(picture(tmp_path / "images" / f"{number % 2}" / f"{number}.png")), lenses[number % 3],
                         placement_of(pose)) for number, pose in enumerate(poses(4))]  # fmt: skip
    _model(tmp_path / "other", "binary")
    points = read_model(tmp_path / "other" / "sparse" / "0").points
    assert points is not None
    # Nowhere near the pictures: only project.ini tells where they are.
    assert write_colmap(tmp_path / "far" / "away" / "model", CamerasDoc(tuple(images)), points) == tmp_path / "images"
    scene = read_scene(tmp_path / "far" / "away" / "model", upright=False)
    assert sorted(Path(one.path) for one in scene.cameras.images) == sorted(Path(one.path) for one in images)
    by_name = {Path(one.path).name: one for one in scene.cameras.images}
    for one in images:
        found = by_name[Path(one.path).name]
        assert found.lens == one.lens and np.allclose(found.pose, one.pose, atol=1e-14)
    assert scene.points is not None and np.array_equal(scene.points.positions, points.positions)
    assert np.array_equal(scene.points.colours, points.colours)


def test_that_a_lens_that_colmap_has_no_model_for_is_refused(tmp_path: Path) -> None:
    image = PosedImage(str(tmp_path / "a.png"), Lens(4, 4, 1, 1, 2, 2, k3=0.1), placement_of(np.eye(4)))
    with pytest.raises(InputError, match="no model for this lens"):
        write_colmap(tmp_path, CamerasDoc((image,)))
    with pytest.raises(InputError, match="no photographs"):
        write_colmap(tmp_path, CamerasDoc(()))


def test_that_directions_turn_onto_each_other() -> None:
    rng = np.random.default_rng(90)
    for one in [*rng.normal(size=(5, 3)), np.array([0.0, 0, -1]), np.array([0.0, 0, 2])]:
        turn = turned_onto(one, np.array([0.0, 0, 1]))
        assert np.allclose(turn @ one, [0, 0, np.linalg.norm(one)]) and np.allclose(turn @ turn.T, np.eye(3))
        assert np.linalg.det(turn) == pytest.approx(1)
    assert np.array_equal(turned_onto(np.zeros(3), np.array([0.0, 0, 1])), np.eye(3))
