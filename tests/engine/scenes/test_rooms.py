"""Rooms and objects by formula: exact geometry, grids, boxes and photographs, all from a seed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from workbench.core.scenes import Lens
from workbench.engine.scenes import objects, rooms
from workbench.engine.scenes.lenses import directions_at, pixels_of
from workbench.engine.scenes.roomlayout import gap
from workbench.engine.scenes.solids import Paint, Solid, about_z, along
from workbench.engine.scenes.tracing import Light, looking, photograph, trace

GOLDEN = {"room": "c34d36db2738145e", "labels": "bc3847e287dee43e", "object": "f4ed03eb47b48e0a"}
RED = Paint((1.0, 0.0, 0.0))


def _hash(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:16]


def _rounded(values: object) -> str:
    return np.array2string(np.round(np.asarray(values, float), 3) + 0.0, precision=3, threshold=10**6)


def test_that_a_seed_always_gives_the_same_room_and_object() -> None:
    room = rooms.make_room(3)
    said = [
        (one.kind, one.pattern, _rounded([*one.centre, *one.size, one.yaw_rad, *one.colour])) for one in room.objects
    ]
    thing = objects.make_object(3)
    parts = [(one.shape, _rounded([*one.centre, *one.half, *one.paint.colour])) for one in thing.solids]
    found = {"room": _hash(repr(said)), "labels": _hash(rooms.grid(room)[1].tobytes()), "object": _hash(repr(parts))}
    assert found == GOLDEN


@pytest.fixture(scope="module")
def many() -> list[rooms.Room]:
    return [rooms.make_room(seed) for seed in range(90, 130)]


def test_that_rooms_hold_three_to_eight_things_that_touch_and_stack_but_never_overlap(many: list[rooms.Room]) -> None:
    touching = stacked = 0
    for room in many:
        assert 3 <= len(room.objects) <= 8
        for number, one in enumerate(room.objects):
            x, y = np.abs(one.centre[:2]) - room.half
            assert max(x, y) < 0 and one.centre[2] - one.size[2] / 2 >= -1e-9
            gaps = [gap(one, other) for other in room.objects[:number]]
            assert min(gaps, default=0) >= -1e-8
            on_top = one.centre[2] - one.size[2] / 2 > 1e-6
            stacked += on_top
            touching += any(gap < 1e-6 for gap in gaps) and not on_top
    assert touching > 10 and stacked > 10
    assert {one.kind for room in many for one in room.objects} == set(rooms.KINDS)


def test_that_no_thing_is_shared_between_rooms(many: list[rooms.Room]) -> None:
    sizes = [tuple(sorted(round(side, 6) for side in one.size)) for room in many for one in room.objects
             if one.kind in ("box", "l-shape")]  # fmt: skip
    colours = [one.colour for room in many for one in room.objects]
    assert len(set(colours)) == len(colours)
    assert len(set(sizes)) == len(sizes)


def test_that_as_many_things_stand_in_a_room_as_were_asked_for() -> None:
    assert [len(rooms.make_room(7, objects=count).objects) for count in (0, 1, 5, 8)] == [0, 1, 5, 8]


def test_that_points_have_the_label_of_what_they_lie_in() -> None:
    room = rooms.make_room(3)
    x, y = room.half
    points = [[0, 0, -0.07], [x + 0.07, 0, 1], [0, -y - 0.07, 1], [0, 0, room.height + 0.1], [9, 9, 9]]
    rgb, solid, label = room.sample(np.array(points))
    assert [rooms.LABELS[one] for one in label] == ["floor", "wall", "wall", "empty", "empty"]
    assert solid.tolist() == [True, True, True, False, False]
    assert (rgb[3:] == 0).all() and (rgb[:3] > 0).any(1).all()


def test_that_boxes_hold_exactly_what_is_labelled_as_their_thing(many: list[rooms.Room]) -> None:
    rng = np.random.default_rng(90)
    for room in many[:8]:
        low, high = np.array(room.low), np.array(room.high)
        points = low + (high - low) * rng.random((20_000, 3))
        _, _, label = room.sample(points)
        claimed = np.zeros(len(points), bool)
        for box in room.boxes().boxes:
            turn, half = about_z(box.yaw_rad), np.array(box.size) / 2
            within = box.centre + (rng.uniform(-half, half, (3000, 3)) @ turn.T)
            share = (room.sample(within)[2] == rooms.LABELS.index(box.label)).mean()
            expected = {"box": 1.0, "cylinder": np.pi / 4, "sphere": np.pi / 6}.get(box.label)
            assert 0.3 < share < 0.85 if expected is None else abs(share - expected) < 0.04
            claimed |= (np.abs((points - box.centre) @ turn) <= half).all(1)
        assert not (claimed < (label > 2)).any()


def test_that_a_grid_says_what_its_points_are(many: list[rooms.Room]) -> None:
    room = many[0]
    rgba, labels, meta = rooms.grid(room, 16)
    low, step = np.array(meta.low), (meta.high[0] - meta.low[0]) / 32
    axes = [low[axis] + (np.arange(32) + 0.5) * step for axis in range(3)]
    rgb, solid, label = room.sample(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3))
    shares = solid.reshape(16, 2, 16, 2, 16, 2).mean((1, 3, 5))
    assert rgba.shape == (16, 16, 16, 4) and rgba.dtype == np.float32 and labels.dtype == np.uint8
    assert np.array_equal(rgba[..., 3], shares.astype(np.float32))
    whole = rgb.reshape(16, 2, 16, 2, 16, 2, 3).sum((1, 3, 5)) / 8
    assert np.allclose(rgba[..., :3] * rgba[..., 3:], whole, atol=1e-6)
    assert np.array_equal(labels > 0, shares >= 0.5)
    pure = shares == 1
    same = label.reshape(16, 2, 16, 2, 16, 2).transpose(0, 2, 4, 1, 3, 5).reshape(16, 16, 16, 8)
    alike = pure & (same.max(-1) == same.min(-1))
    assert alike.sum() > 50 and np.array_equal(labels[alike], same[alike][:, 0])
    assert (
        meta.density == "alpha" and (np.array(meta.low) <= room.low).all() and (np.array(meta.high) >= room.high).all()
    )


def test_that_the_first_axis_of_a_grid_is_x_and_the_last_is_height(many: list[rooms.Room]) -> None:
    room = replace(many[0], objects=(replace(many[0].objects[0], kind="box", centre=(0.9, -0.4, 0.5),
                                             size=(0.5, 0.5, 1.0), yaw_rad=0.0),))  # fmt: skip
    _, labels, meta = rooms.grid(room)
    at = np.argwhere(labels == 3).mean(0) + 0.5
    place = np.array(meta.low) + at / 32 * (np.array(meta.high) - meta.low)
    assert np.allclose(place, [0.9, -0.4, 0.5], atol=0.07)


def test_that_a_degraded_grid_is_the_same_scene_with_clouds_and_holes(many: list[rooms.Room]) -> None:
    rgba, labels, _ = rooms.grid(many[1])
    before = rgba.copy()
    found = rooms.degraded(rgba, np.random.default_rng(90))
    assert np.array_equal(rgba, before)
    assert np.array_equal(found, rooms.degraded(rgba, np.random.default_rng(90)))
    assert not np.array_equal(found, rooms.degraded(rgba, np.random.default_rng(91)))
    assert found.dtype == np.float32 and found.min() >= 0 and found.max() <= 1
    assert found[labels == 0, 3].mean() < 0.1 < 0.4 < found[labels > 2, 3].mean() < 0.97
    assert (found[..., 3] > 0.1)[rgba[..., 3] == 0].sum() > 5, "clouds hang in the air"
    assert np.corrcoef(found[labels > 0, 3] * found[labels > 0, 0], rgba[labels > 0, 0])[0, 1] > 0.4


# Pictures


@pytest.mark.parametrize("shape", ["box", "cylinder", "ellipsoid"])
def test_that_rays_end_where_points_begin_to_lie_inside(shape: str) -> None:
    turn = about_z(0.7) @ along(np.array([1.0, 2.0, 3.0]))
    solid = Solid(shape, (0.3, -0.2, 0.1), (0.5, 0.5, 0.9), RED, turn)  # type: ignore[arg-type]
    rng = np.random.default_rng(90)
    eyes = rng.normal(size=(400, 3))
    eyes *= 3 / np.linalg.norm(eyes, axis=1, keepdims=True)
    aims = np.array(solid.centre) + rng.uniform(-0.6, 0.6, (400, 3)) - eyes
    aims /= np.linalg.norm(aims, axis=1, keepdims=True)
    hits = trace([solid], eyes, aims)
    met = np.isfinite(hits.distance)
    assert 100 < met.sum() < 400
    for off, inside in ((-1e-6, False), (1e-6, True)):
        at = eyes[met] + (hits.distance[met] + off)[:, None] * aims[met]
        assert (solid.holds(solid.local(at)) == inside).mean() > 0.995, "all but grazing rays"
    steps = np.linspace(0, 6, 1200)[:, None, None]
    missed = (eyes[~met] + steps * aims[~met]).reshape(-1, 3)
    assert not solid.holds(solid.local(missed)).any()
    assert np.allclose(np.linalg.norm(hits.normal[met], axis=1), 1)
    assert (np.einsum("nc,nc->n", hits.normal[met], aims[met]) < 0).all()
    around = np.array(solid.centre) + np.array([solid.reach, -solid.reach])
    touched = eyes[met] + hits.distance[met][:, None] * aims[met]
    assert (touched <= around[0] + 1e-9).all() and (touched >= around[1] - 1e-9).all()


def test_that_depth_and_colour_of_a_facing_wall_are_exact() -> None:
    wall = Solid("box", (0.0, 0.0, 0.0), (3.0, 0.5, 3.0), RED)
    lens = Lens(8, 6, 10.0, 10.0, 4.0, 3.0)
    pose = looking(np.array([0.0, -2.5, 0.0]), np.zeros(3))
    rgba, depth = photograph([wall], Light((0.0, -2.5, 0.0), 0.4), pose, lens, parts=1)
    assert np.allclose(depth, 2.0, atol=1e-5), "depth is along the view axis, not along the ray"
    ahead = directions_at(pixels_of(lens), lens)
    slant = 1 / np.linalg.norm(ahead, axis=-1)
    assert np.allclose(rgba[..., 0], 0.4 * 0.8 + 0.6 * slant, atol=1e-5)
    assert (rgba[..., 1:3] == 0).all() and (rgba[..., 3] == 1).all()


def test_that_what_stands_before_the_lamp_throws_a_shadow() -> None:
    floor = Solid("box", (0.0, 0.0, -0.5), (4.0, 4.0, 0.5), Paint((1.0, 1.0, 1.0)))
    ball = Solid("ellipsoid", (0.0, 0.0, 1.0), (0.3, 0.3, 0.3), RED)
    pose = looking(np.array([0.0, -3.0, 3.0]), np.array([0.0, 0.0, 0.0]))
    lens = Lens(41, 41, 60.0, 60.0, 20.5, 20.5)
    light = Light((0.0, 0.0, 3.0))
    shaded, _ = photograph([floor, ball], light, pose, lens, parts=1)
    free, _ = photograph([floor], light, pose, lens, parts=1)
    assert shaded[20, 20, 1] < 0.5 < 0.9 < free[20, 20, 1]


def test_that_highlights_move_with_the_view_and_paint_does_not() -> None:
    ball = Solid("ellipsoid", (0.0, 0.0, 0.0), (0.5, 0.5, 0.5), RED, shine=0.8)
    lens, light = Lens(64, 64, 90.0, 90.0, 32.0, 32.0), Light((2.0, -2.0, 3.0))
    poses = [looking(np.array(eye), np.zeros(3)) for eye in ([0.0, -3, 1], [1.5, -2.6, 1])]
    places = []
    for pose in poses:
        rgba, depth = photograph([ball], light, pose, lens, parts=1)
        brightest = np.unravel_index(rgba[..., 1].argmax(), rgba.shape[:2])
        ahead = directions_at(np.array([brightest[1], brightest[0]]) + 0.5, lens)
        places.append(pose[:3, :3] @ (ahead * depth[brightest]) + pose[:3, 3])
    assert np.linalg.norm(places[0] - places[1]) > 0.1


def test_that_photographs_of_a_room_show_its_things_and_their_depth_is_that_of_the_points(
    many: list[rooms.Room],
) -> None:
    room = many[2]
    lens = rooms.lens(24)
    poses = rooms.orbit_poses(room, 6, 0)
    assert np.array_equal(poses, rooms.orbit_poses(room, 6, 0))
    assert not room.sample(poses[:, :3, 3])[1].any()
    raised = rooms.orbit_poses(room, 6, 0, raised_m=0.6)
    assert (raised[:, 2, 3] > 1.8 - 1e-9).all() and (raised[:, 2, 3] < room.height + 0.5).all()
    seen: set[int] = set()
    for pose in poses:
        rgb, depth = rooms.render(room, pose, lens, parts=1)
        assert rgb.shape == (24, 24, 3) and rgb.dtype == np.uint8 and depth.dtype == np.float32
        assert (rgb[~np.isfinite(depth)] == 255).all()
        met = np.isfinite(depth)
        ahead = directions_at(pixels_of(lens), lens)[met]
        for off, expected in ((-2e-3, False), (2e-3, True)):
            points = (ahead * (depth[met][:, None] + off)) @ pose[:3, :3].T + pose[:3, 3]
            _, solid, label = room.sample(points)
            assert (solid == expected).mean() > 0.97
        seen |= set(label.tolist())
    assert {1, 2} < seen


def test_that_objects_are_photographed_on_nothing_from_all_sides() -> None:
    thing, lens = objects.make_object(90), objects.lens(40)
    poses = objects.hemisphere_poses(12, 0)
    assert np.allclose(np.linalg.norm(poses[:, :3, 3], axis=1), objects.RADIUS) and (poses[:, 2, 3] > 0).all()
    low, high = thing.bounds()
    assert np.abs([low, high]).max() < 1.5
    for pose in poses[:3]:
        rgba, depth = objects.render(thing, pose, lens)
        assert rgba.shape == (40, 40, 4)
        rim = np.concatenate([rgba[0, :, 3], rgba[-1, :, 3], rgba[:, 0, 3], rgba[:, -1, 3]])
        assert rim.max() == 0, "nothing is cut off"
        assert 0.1 < (rgba[..., 3] > 0).mean() < 0.7
        assert np.array_equal(np.isfinite(depth), rgba[..., 3] > 0)
        at = directions_at(pixels_of(lens), lens)[rgba[..., 3] == 255] * depth[rgba[..., 3] == 255][:, None]
        points = at @ pose[:3, :3].T + pose[:3, 3]
        assert (points > np.array(low) - 0.05).all() and (points < np.array(high) + 0.05).all()
    colours, solid = thing.sample(np.array([[0.0, 0, -0.8], [0, 0, 3.0]]))
    assert solid.tolist() == [True, False] and colours[0].max() > 0 and (colours[1] == 0).all()
