"""Operations on clouds and meshes, against shapes whose planes, volumes and poses are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.core.problem import InputError, Problems
from workbench.core.sceneprocess import OPERATIONS, SceneProcessed, SceneProcessWish, Standing
from workbench.core.scenes import Column, MeshDoc, Placement, PointsDoc
from workbench.engine.scenes.processing import ON_CLOUDS, ON_MESHES, process
from workbench.engine.scenes.processingarrays import Surface
from workbench.engine.scenes.processingmeshes import edges_of, volume_of

Floats = NDArray[np.float64]
RADIUS = 2.0


class Desk:
    """Things in files of a folder, and operations on them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made = folder, 0

    def save(self, array: NDArray[Any]) -> str:
        self.made += 1
        path = self.folder / f"{self.made}.npy"
        np.save(path, array)
        return str(path)

    def cloud(self, points: NDArray[Any], **columns: tuple[str, NDArray[Any]]) -> PointsDoc:
        low, high = (
            tuple(float(f(np.nan_to_num(points[:, k]), initial=0)) for k in range(3)) for f in (np.min, np.max)
        )
        kept: Any = [Column(name, kind, self.save(array)) for name, (kind, array) in columns.items()]  # type: ignore[arg-type]
        return PointsDoc(
            self.save(points.astype(np.float32)), len(points), tuple(low), tuple(high), columns=tuple(kept)
        )  # type: ignore[arg-type]

    def mesh(self, vertices: Floats, faces: NDArray[Any], **more: Any) -> MeshDoc:
        return MeshDoc(self.save(vertices.astype(np.float32)), self.save(np.asarray(faces, np.uint32)), len(vertices),
                       len(faces), (0, 0, 0), (0, 0, 0), **more)  # fmt: skip

    def do(self, name: str, thing: PointsDoc | MeshDoc | Standing, *, sample: int = 0, other: Any = None,
           **knobs: Any) -> SceneProcessed:  # fmt: skip
        on = thing if isinstance(thing, Standing) else Standing(thing)
        wish = SceneProcessWish(name, on, knobs, Standing(other) if other is not None else None, sample)
        self.made += 1
        # As it comes over the wire.
        found = process(msgspec.json.decode(msgspec.json.encode(wish), type=SceneProcessWish),
                        self.folder / f"made-{self.made}", lambda far, words: None)  # fmt: skip
        return msgspec.json.decode(msgspec.json.encode(found), type=SceneProcessed)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def fact(found: SceneProcessed, name: str) -> float:
    value = next(one.value for one in found.facts if one.name == name)
    assert value is not None
    return value


def column(found: SceneProcessed, name: str = "") -> NDArray[Any]:
    assert found.thing is not None
    return np.load(next(one.path for one in found.thing.columns if one.name == (name or found.column)))


def points_in(thing: Any) -> NDArray[Any]:
    return np.load(thing.positions)


def surface_in(thing: Any) -> Surface:
    return Surface(np.load(thing.vertices).astype(np.float64), np.load(thing.faces).astype(np.int64))


def on_sphere(count: int, seed: int = 0) -> Floats:
    found = np.random.default_rng(seed).normal(size=(count, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def on_blocks(count: int, seed: int) -> Floats:
    """Points on two boxes on each other: no turn takes the shape onto itself."""
    rng = np.random.default_rng(seed)
    found = []
    for size, at, share in (((2, 1, 0.5), (0, 0, 0), 2), ((0.5, 0.4, 1.2), (0.2, 0.1, 0.5), 1)):
        some = rng.uniform(size=(share * count // 3, 3))
        side = rng.integers(0, 3, len(some))
        some[np.arange(len(some)), side] = rng.integers(0, 2, len(some))
        found.append(some * size + at)
    return rng.permutation(np.concatenate(found))


def grid_mesh(side: int) -> tuple[Floats, NDArray[np.int64]]:
    """A square of the plane z = 0 in 2 · side² triangles."""
    x, y = np.meshgrid(np.linspace(0, 1, side + 1), np.linspace(0, 1, side + 1), indexing="ij")
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    at = np.arange((side + 1) ** 2).reshape(side + 1, side + 1)
    a, b, c, d = at[:-1, :-1].ravel(), at[1:, :-1].ravel(), at[1:, 1:].ravel(), at[:-1, 1:].ravel()
    return vertices, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


# Clouds


def test_that_every_operation_has_somebody_who_does_it() -> None:
    done = {*ON_CLOUDS, *ON_MESHES}
    assert {one.params for one in OPERATIONS.values()} - done == {
        OPERATIONS["register"].params, OPERATIONS["distances"].params
    }  # fmt: skip


def test_that_normals_of_a_sphere_point_outwards_everywhere(desk: Desk) -> None:
    directions = on_sphere(3000)
    found = desk.do("normals", desk.cloud(RADIUS * directions))
    cosines = (column(found) * directions).sum(axis=1)
    assert cosines.min() > 0.98 and found.column == "normal"


def test_that_normals_of_two_apart_spheres_point_out_of_each(desk: Desk) -> None:
    directions = np.concatenate([on_sphere(800), on_sphere(800, 1)])
    centres = np.repeat([[0.0, 0, 0], [10.0, 0, 0]], 800, axis=0)
    found = desk.do("normals", desk.cloud(directions + centres))
    assert (column(found) * directions).sum(axis=1).min() > 0.95


def test_that_normals_are_told_in_the_coordinates_of_a_thing_that_stands_turned_and_stretched(desk: Desk) -> None:
    flat = np.concatenate([np.random.default_rng(0).uniform(size=(500, 2)), np.zeros((500, 1))], axis=1)
    tilted = flat @ np.array([[1.0, 0, 1], [0, 1, 0], [0, 0, 1]])  # the plane z = x
    world: Placement = (0, -3, 0, 5, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1)
    found = desk.do("normals", Standing(desk.cloud(tilted), world), facing="up")
    assert np.allclose(column(found), np.array([-1, 0, 1]) / np.sqrt(2), atol=1e-3)


def test_that_a_voxel_keeps_the_mean_place_and_colour_and_the_commonest_class(desk: Desk) -> None:
    points = np.array([[0.1, 0.1, 0.1], [0.3, 0.1, 0.1], [0.2, 0.1, 0.1], [5.0, 0.1, 0.1]])
    cloud = desk.cloud(
        points, colour=("colour", np.array([[0, 0, 30], [60, 0, 60], [0, 0, 90], [1, 2, 3]], np.uint8)),
        kind=("class", np.array([7, 2, 7, 4], np.uint8)), height=("scalar", np.array([1, 2, 6, 9], np.float32)),
    )  # fmt: skip
    found = desk.do("down-sample", cloud, method="voxel", spacing=1.0)
    thing: Any = found.made[0].thing
    assert np.allclose(points_in(thing), [[0.2, 0.1, 0.1], [5.0, 0.1, 0.1]])
    colour, kind, height = (np.load(one.path).tolist() for one in thing.columns)
    assert (colour, kind, height) == ([[20, 0, 60], [1, 2, 3]], [7, 4], [3.0, 9.0])
    assert thing.columns[1].present == (4, 7) and (thing.columns[1].low, thing.columns[1].high) == (4, 7)
    assert fact(found, "points") == 2 and fact(found, "of") == 4


def test_that_a_poisson_disk_leaves_no_two_points_closer_and_no_gap(desk: Desk, monkeypatch: Any) -> None:
    from scipy.spatial import cKDTree

    from workbench.engine.scenes import processingclouds

    monkeypatch.setattr(processingclouds, "SLAB", 300)  # several slabs
    points = np.random.default_rng(0).uniform(size=(6000, 3)) * [4, 1, 0.02]
    found = desk.do("down-sample", desk.cloud(points), method="poisson disk", spacing=0.1)
    left = points_in(found.made[0].thing)
    nearest = cKDTree(left).query(left, k=2)[0][:, 1]
    assert nearest.min() >= 0.1 - 1e-6
    assert cKDTree(left).query(points)[0].max() <= 0.2 and 200 < len(left) < 500


def test_that_the_planted_outliers_go_and_nothing_else_of_a_grid(desk: Desk) -> None:
    x, y = np.meshgrid(np.arange(20.0), np.arange(20.0))
    grid = np.stack([x.ravel(), y.ravel(), np.zeros(400)], axis=1)
    planted = np.array([[5.0, 5, 40], [60, 0, 0], [-50, -50, 10]])
    cloud = desk.cloud(np.concatenate([grid[:200], planted, grid[200:]]))
    kept = points_in(desk.do("outliers", cloud, neighbours=8, deviations=4.0).made[0].thing)
    assert np.array_equal(kept, grid.astype(np.float32))
    marked = desk.do("outliers", cloud, method="radius", radius=1.5, least=2, keep=True)
    assert np.flatnonzero(column(marked)).tolist() == [200, 201, 202] and not marked.made


def test_that_planes_are_found_the_largest_first_and_within_their_noise(desk: Desk) -> None:
    rng = np.random.default_rng(0)
    floor = np.concatenate([rng.uniform(0, 4, (3000, 2)), rng.normal(0, 0.004, (3000, 1))], axis=1)
    wall = np.concatenate(
        [1 + rng.normal(0, 0.004, (1500, 1)), rng.uniform(0, 4, (1500, 2)) + np.array([0, 1])], axis=1
    )
    clutter = rng.uniform(1.5, 3.5, (300, 3))
    order = rng.permutation(4800)
    truth = np.repeat([1, 2, 0], [3000, 1500, 300])[order]
    cloud = desk.cloud(np.concatenate([floor, wall, clutter])[order])
    found = desk.do("planes", cloud, distance=0.02, most=4, least=0.1)
    label = column(found)
    assert fact(found, "planes") == 2 and (label == truth).mean() > 0.99
    told = [one.text for one in found.facts if one.name.startswith("plane ")]
    assert "1.000), offset" in told[0] and "normal (1.000" in told[1]
    split = desk.do("planes", cloud, distance=0.02, most=2, least=0.1, apart=True)
    assert [one.name for one in split.made] == ["plane 1", "plane 2", "the rest"]
    again = desk.do("planes", cloud, distance=0.02, most=4, least=0.1)
    assert np.array_equal(column(again), label)


def test_that_clusters_are_numbered_by_size_and_crumbs_are_noise(desk: Desk) -> None:
    rng = np.random.default_rng(0)
    heaps = [rng.normal(size=(count, 3)) * 0.1 + at for count, at in ((200, 0), (400, 3), (12, 6))]
    cloud = desk.cloud(np.concatenate(heaps))
    found = desk.do("clusters", cloud, distance=0.25, least=5, smallest=50)
    label = column(found)
    assert set(label[:200]) <= {0, 2} and set(label[200:600]) <= {0, 1} and set(label[600:]) == {0}
    assert (label[:600] > 0).mean() > 0.95 and found.thing is not None
    assert found.thing.columns[-1].names["1"] == "cluster 1"


def test_that_too_many_neighbours_for_the_memory_are_refused_before(desk: Desk, monkeypatch: Any) -> None:
    from workbench.engine.scenes import processingparts

    monkeypatch.setattr(processingparts, "MOST_NEIGHBOURS", 10_000)
    with pytest.raises(InputError, match="neighbours") as told:
        desk.do("clusters", desk.cloud(on_sphere(500)), distance=5.0)
    assert told.value.field == "distance"
    from workbench.engine.scenes import processingmending

    monkeypatch.setattr(processingmending, "MOST_PAIRS", 10_000)
    with pytest.raises(InputError, match="no mesh any more"):
        desk.do("clean", desk.mesh(*grid_mesh(20)), merge=2.0)


def test_that_a_preview_is_of_a_sample_and_says_so(desk: Desk) -> None:
    cloud = desk.cloud(on_sphere(500))
    found = desk.do("normals", cloud, sample=100)
    thing: Any = found.made[0].thing
    assert (found.seen, found.of, thing.count, found.thing) == (100, 500, 100, None)
    assert "preview on 100 of 500" in found.notes[0] and thing.columns[0].name == "normal"


def test_that_hidden_points_and_those_without_a_place_are_left_out(desk: Desk) -> None:
    points = on_sphere(300)
    points[5] = np.nan
    hidden = np.zeros(300, bool)
    hidden[:3] = True
    standing = Standing(desk.cloud(points), hidden=desk.save(hidden))
    found = desk.do("distances", standing, other=desk.cloud(np.zeros((1, 3))))
    assert np.flatnonzero(np.isnan(column(found))).tolist() == [0, 1, 2, 5] and found.seen == 296
    assert np.allclose(column(found)[6:], 1, atol=1e-5)


def test_that_only_what_is_selected_is_worked_on_and_the_rest_stays(desk: Desk) -> None:
    points = np.r_[on_sphere(400), on_sphere(200) + np.array([9, 0, 0])]
    selected = np.arange(600) < 400
    normals = np.tile(np.float32([0, 0, 1]), (600, 1))
    cloud = desk.cloud(points, normal=("normal", normals), height=("scalar", points[:, 2].astype(np.float32)))
    standing = Standing(cloud, name="ball", selected=desk.save(selected))
    found = desk.do("normals", standing, facing="outwards")
    assert np.allclose(column(found)[400:], [0, 0, 1]) and not np.allclose(column(found)[:400], [0, 0, 1])
    assert found.thing is not None and "400 selected of 600" in found.thing.notes[0]
    thinned = desk.do("down-sample", standing, method="random", share=0.25)
    made: Any = thinned.made[0].thing
    places = np.load(made.positions)
    assert (made.count, int((places[:, 0] > 5).sum()), thinned.part) == (300, 200, False)
    assert [one.name for one in made.columns] == ["normal", "height"]
    assert np.allclose(np.load(made.columns[1].path), places[:, 2])  # each row still belongs to its point
    marks = desk.do("clusters", standing, distance=2.0, least=3, smallest=2)
    assert column(marks)[400:].tolist() == [2] * 200 and marks.thing is not None
    assert marks.thing.columns[-1].names["2"] == "not selected"
    parts = desk.do("clusters", standing, distance=2.0, least=3, smallest=2, apart=True)
    assert {one.name: one.thing.count for one in parts.made} == {"cluster 1": 400, "not selected": 200}  # type: ignore[union-attr]
    fixed = desk.cloud(on_sphere(400) + np.array([0.05, 0, 0]))
    moved = desk.do("register", standing, other=fixed, method="ICP", fit="point to point", spacing=0.1, reach=1.0)
    assert moved.world is not None and np.allclose(np.reshape(moved.world, (4, 4))[:3, 3], [0.05, 0, 0], atol=0.01)


@pytest.mark.parametrize(
    ("points", "operation", "words"),
    [
        (np.empty((0, 3)), "normals", "no points"),
        (np.zeros((1, 3)), "normals", "more points"),
        (np.ones((50, 3)), "planes", "one place"),
        (np.arange(50.0)[:, None] * [1.0, 2.0, 3.0], "surface", "spread over a surface"),
        (np.full((20, 3), np.nan), "clusters", "no points"),
        (np.random.default_rng(0).uniform(size=(200, 3)) * [1, 1, 0], "surface", "flat"),
    ],
)
def test_that_what_an_operation_cannot_work_on_is_told(
    desk: Desk, points: Floats, operation: str, words: str
) -> None:  # fmt: skip
    with pytest.raises(InputError, match=words):
        desk.do(operation, desk.cloud(points))


def test_that_all_wrong_knobs_are_told_at_once(desk: Desk) -> None:
    with pytest.raises(Problems) as told:
        desk.do("planes", desk.cloud(on_sphere(10)), most=0, least=2.0)
    assert {one.field for one in told.value.problems} == {"most", "least"}
    with pytest.raises(InputError, match="two things"):
        desk.do("register", desk.cloud(on_sphere(10)))
    with pytest.raises(InputError, match="does not work"):
        desk.do("decimate", desk.cloud(on_sphere(10)))


# Registration


@pytest.mark.parametrize("features", ["RANSAC", "fast"])
def test_that_registration_finds_a_known_pose_far_from_the_origin(desk: Desk, features: str) -> None:
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    fixed = on_blocks(6000, 0) + np.array([400, -200, 30])
    moving = on_blocks(6000, 1) + np.random.default_rng(2).normal(0, 0.002, (6000, 3))
    found = desk.do("register", desk.cloud(moving @ turn.T), other=desk.cloud(fixed), spacing=0.06, features=features)
    assert found.world is not None
    world = np.asarray(found.world).reshape(4, 4)
    error = world[:3, :3] @ turn
    assert np.degrees(np.arccos(min(1.0, (np.trace(error) - 1) / 2))) < 0.3
    assert np.abs(world[:3, 3] - [400, -200, 30]).max() < 0.02
    assert fact(found, "fitness") > 0.99 and fact(found, "median residual") < 0.03
    assert fact(found, "median before") > 100 and np.median(column(found)) < 0.03
    assert sum(found.histograms[0].counts) == 6000


def test_that_icp_starts_where_the_thing_stands(desk: Desk) -> None:
    fixed, moving = on_blocks(4000, 0), on_blocks(4000, 1)
    angle = np.radians(4)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    world: Placement = (cos, -sin, 0, 0.05, sin, cos, 0, -0.03, 0, 0, 1, 0.02, 0, 0, 0, 1)
    found = desk.do("register", Standing(desk.cloud(moving), world), other=desk.cloud(fixed), method="ICP",
                    spacing=0.05)  # fmt: skip
    assert np.allclose(np.asarray(found.world).reshape(4, 4), np.eye(4), atol=0.01) and not found.notes


def test_that_a_shape_that_slides_and_one_that_does_not_overlap_are_doubted(desk: Desk) -> None:
    rng = np.random.default_rng(0)
    flat = np.concatenate([rng.uniform(size=(3000, 2)), np.zeros((3000, 1))], axis=1)
    found = desk.do("register", desk.cloud(flat), other=desk.cloud(flat[::2]), method="ICP", spacing=0.05)
    assert any("slide" in one for one in found.notes)
    apart = desk.do("register", desk.cloud(on_blocks(2000, 0) + 50), other=desk.cloud(on_blocks(2000, 1)),
                    method="ICP", spacing=0.1)  # fmt: skip
    assert any("overlap" in one for one in apart.notes) and fact(apart, "fitness") == 0


# Meshes


def test_that_the_surface_of_a_sphere_is_closed_and_has_its_volume_and_colours(desk: Desk) -> None:
    directions = on_sphere(3000)
    colours = np.where(directions[:, :1] > 0, [[255, 0, 0]], [[0, 0, 255]]).astype(np.uint8)
    found = desk.do("surface", desk.cloud(RADIUS * directions, colour=("colour", colours)), depth=6)
    made = surface_in(found.made[0].thing)
    truth = 4 / 3 * np.pi * RADIUS**3
    assert (edges_of(made.faces).counts == 2).all()
    assert abs(volume_of(made) - truth) < 0.01 * truth and abs(fact(found, "volume") - truth) < 0.01 * truth
    thing: Any = found.made[0].thing
    red = np.load(thing.colours)[:, 0] > 128
    assert (red == (made.vertices[:, 0] > 0)).mean() > 0.97 and "no normals" in found.notes[0]


@pytest.mark.parametrize("method", ["alpha shape", "ball pivoting"])
def test_that_other_surfaces_have_the_area_of_what_they_cover(desk: Desk, method: str) -> None:
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(30.0), np.arange(30.0))
    height = 0.05 * rng.uniform(size=900)
    bumpy = np.stack([x.ravel(), y.ravel(), height], axis=1)
    solid = rng.uniform(0, 4, (4000, 3))
    if method == "ball pivoting":
        found = desk.do("surface", desk.cloud(bumpy), method=method)
        assert abs(fact(found, "area") - 29 * 29) < 20
    else:
        found = desk.do("surface", desk.cloud(solid), method=method, alpha=1.0)
        assert 56 < fact(found, "volume") < 64 and fact(found, "pieces") == 1


def test_that_a_mesh_is_sampled_by_area_with_its_texture(desk: Desk, tmp_path: Path) -> None:
    from PIL import Image

    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:4] = (255, 0, 0)  # the upper half: v above ½
    Image.fromarray(picture).save(tmp_path / "texture.png")
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    mesh = desk.mesh(vertices, np.array([[0, 1, 2], [0, 2, 3]]), uv=desk.save(vertices[:, :2].astype(np.float32)),
                     texture=str(tmp_path / "texture.png"))  # fmt: skip
    found = desk.do("sample", mesh, count=4000)
    thing: Any = found.made[0].thing
    points, (normals, colours) = points_in(thing), [np.load(one.path) for one in thing.columns]
    assert np.allclose(normals, [0, 0, 1]) and ((colours[:, 0] == 255) == (points[:, 1] > 0.5)).all()
    counts = np.histogram2d(points[:, 0], points[:, 1], bins=4, range=[[0, 1], [0, 1]])[0]
    assert counts.min() > 190 and counts.sum() == 4000
    even = desk.do("sample", mesh, count=200, method="poisson disk")
    from scipy.spatial import cKDTree

    left = points_in(even.made[0].thing)
    assert len(left) == 200 and cKDTree(left).query(left, k=2)[0][:, 1].min() > 0.02


def test_that_cleaning_mends_what_was_broken_and_tells_how_much(desk: Desk) -> None:
    vertices, faces = grid_mesh(6)
    soup = vertices[faces].reshape(-1, 3)  # every face with vertices of its own
    own = np.arange(len(soup)).reshape(-1, 3)
    spike = np.array([[0, 0, 0.01], [9, 9, 9], [9.1, 9, 9], [9, 9.1, 9]])
    every = np.concatenate([soup, spike])
    last = len(soup)
    third, island = [own[0, 0], own[0, 2], last], [last + 1, last + 2, last + 3]
    extra = np.array([[0, 0, 1], own[3], third, island])
    hole = 14  # a face of the middle
    broken = desk.mesh(every, np.concatenate([np.delete(own, hole, axis=0), extra]))
    found = desk.do("clean", broken, smallest=0.1, holes=0.3)
    made = surface_in(found.made[0].thing)
    assert (fact(found, "faces without area"), fact(found, "double faces")) == (1, 1)
    assert fact(found, "faces of small pieces") == 1 and fact(found, "holes closed") == 1
    assert len(made.vertices) == 49 and len(made.faces) == 72 and fact(found, "area") == pytest.approx(1)
    assert fact(found, "faces too many at an edge") == 1 and fact(found, "open edges") == 24


def test_that_a_decimated_mesh_has_the_wanted_faces_and_its_shape_also_without_manifold_edges(desk: Desk) -> None:
    vertices, faces = grid_mesh(20)
    fewer = desk.do("decimate", desk.mesh(vertices, faces), by="faces", faces=100)
    assert fact(fewer, "faces") == 100 and fact(fewer, "area") == pytest.approx(1, abs=1e-3)
    fin = np.concatenate([vertices, [[0.5, 0.5, 1]]])
    crowded = np.concatenate([faces, [[faces[200, 0], faces[200, 1], len(vertices)]]])
    made = desk.do("decimate", desk.mesh(fin, crowded), share=0.2)
    assert fact(made, "faces") <= 0.2 * len(crowded) + 1 and fact(made, "faces before") == 801


def test_that_smoothing_takes_noise_and_leaves_the_size(desk: Desk) -> None:
    vertices, faces = grid_mesh(20)
    noisy = vertices + np.random.default_rng(0).normal(0, 0.01, vertices.shape) * [0, 0, 1]
    made = surface_in(desk.do("smooth", desk.mesh(noisy, faces)).made[0].thing)
    assert made.vertices[:, 2].std() < 0.6 * noisy[:, 2].std()
    assert np.ptp(made.vertices[:, 0]) == pytest.approx(1, abs=0.03)


def test_that_vertices_without_a_place_or_a_face_do_no_harm(desk: Desk) -> None:
    vertices, faces = grid_mesh(4)
    lost = np.concatenate([vertices, np.full((2, 3), np.nan)])
    odd = np.concatenate([faces, [[0, 1, len(vertices)], [0, 1, 99]]])
    for name in ("clean", "decimate", "smooth"):
        made = surface_in(desk.do(name, desk.mesh(lost, odd)).made[0].thing)
        assert np.isfinite(made.vertices).all() and len(made.vertices) <= len(vertices)


def test_that_a_surface_comes_whatever_the_size_of_the_cloud(desk: Desk) -> None:
    for size in (1e-12, 1e12):
        found = desk.do("surface", desk.cloud(size * on_sphere(800)), depth=5)
        assert fact(found, "volume") == pytest.approx(4 / 3 * np.pi * size**3, rel=0.03)


def test_that_a_mesh_without_faces_is_told(desk: Desk) -> None:
    for name in ("clean", "decimate", "smooth", "sample"):
        with pytest.raises(InputError, match="no faces"):
            desk.do(name, desk.mesh(np.eye(3), np.empty((0, 3))))


def test_that_a_mirrored_mesh_keeps_its_outside_and_its_place(desk: Desk) -> None:
    sphere = desk.do("surface", desk.cloud(on_sphere(800)), depth=5).made[0].thing
    assert isinstance(sphere, MeshDoc)
    mirrored: Placement = (-1, 0, 0, 7, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
    found = desk.do("clean", Standing(sphere, mirrored))
    made = surface_in(found.made[0].thing)
    assert volume_of(made) == pytest.approx(volume_of(surface_in(sphere)), rel=1e-3)
    assert np.abs(made.vertices.mean(axis=0)).max() < 0.1
