"""Learning fields: that it learns, that going on equals not having stopped, and what is told of odd photographs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.engine.scenes.fieldviews import CENTRE, HIGH, LOW, Ball, photographs, pose
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.scenes import CamerasDoc, Lens, PosedImage, RadianceMeta
from workbench.engine import checkpoints
from workbench.engine.scenes import blending, fields
from workbench.engine.scenes import fieldexport as export
from workbench.engine.scenes import fieldrendering as rendering
from workbench.engine.scenes.fieldboxes import guessed_box
from workbench.engine.scenes.fieldrendering import learned, normals, pictured
from workbench.engine.scenes.fields import FieldFacts, FieldKind, VoxelField
from workbench.engine.scenes.fieldtraining import Learner, Learning, mean_scores, psnr, seen
from workbench.engine.scenes.fieldviews import Photograph, Photographs, PixelPool, chosen, from_cameras
from workbench.engine.scenes.gridfiles import alpha_of

CPU = torch.device("cpu")
QUICK = Learning(steps=120, rays=192, samples=32, start_side=16, side=24, cells=24, background="random", rate=0.5)


@pytest.fixture(scope="module")
def taken() -> Photographs:
    return photographs()


def learner(taken: Photographs, learning: Learning = QUICK, kind: FieldKind = "voxels") -> Learner:
    torch.manual_seed(1)
    facts = FieldFacts(kind, LOW, HIGH, side=learning.start_side, levels=4, table_log2=10, finest=64, width=24, depth=3)
    return Learner(fields.made(facts), taken, learning, CPU)


def held_out(one: Learner) -> float:
    found = [seen(one.shown, shot, one.learning.samples, one.backdrop(), occupancy=one.empty)
             for shot in one.taken.held_out]  # fmt: skip
    return mean_scores(found)[0]


@pytest.fixture(scope="module")
def trained(taken: Photographs) -> Learner:
    one = learner(taken)
    for _ in range(QUICK.steps):
        one.step()
    return one


def test_that_voxels_learn_views_they_never_saw_and_grow_at_half_time(trained: Learner, taken: Photographs) -> None:
    before = held_out(learner(taken))
    assert held_out(trained) > max(20.0, before + 6)
    assert isinstance(trained.field, VoxelField) and trained.field.shape == (24, 24, 24)
    assert trained.occupancy.filled.float().mean() < 0.98


def test_that_normals_of_a_learned_ball_point_outwards(trained: Learner, taken: Photographs) -> None:
    rays = taken.held_out[0].rays
    found = pictured(trained.shown, rays, 64, torch.ones(3), occupancy=trained.empty)
    there = found.alpha > 0.9
    places = rays.origins[there] + rays.directions[there] * found.depth[there, None]
    known = torch.nn.functional.normalize(places - torch.tensor(CENTRE), dim=1)
    along = (normals(trained.shown, rays, found.depth)[there] * known).sum(1)
    assert there.sum() > 40
    assert torch.rad2deg(along.clamp(-1, 1).acos()).mean() < 21


def test_that_a_hash_field_learns_too_and_is_shown_smoothed(taken: Photographs) -> None:
    torch.manual_seed(1)
    facts = FieldFacts("hash", LOW, HIGH, levels=4, table_log2=13, finest=64)
    learning = dataclasses.replace(QUICK, steps=200, rate=1.0, skip_from=0.5, entropy=0.001)
    one = Learner(fields.made(facts), taken, learning, CPU)
    before = held_out(one)
    for _ in range(90):
        one.step()
    assert held_out(one) > before + 3
    assert one.shown is not one.field


@pytest.mark.parametrize(
    ("kind", "change"),
    [("voxels", {"exposure": True, "background": "white", "spread": 0.01}), ("hash", {}),
     ("plain", {"background": "last colour"})],
)  # fmt: skip
def test_that_going_on_from_a_state_equals_not_having_stopped(
    taken: Photographs, tmp_path: Path, kind: FieldKind, change: dict[str, object]
) -> None:
    learning = dataclasses.replace(QUICK, steps=12, rays=32, samples=12, **change)  # type: ignore[arg-type]
    whole, first = learner(taken, learning, kind), learner(taken, learning, kind)
    for _ in range(12):
        last = whole.step()
    for _ in range(8):
        first.step()
    checkpoints.write(tmp_path, first.state())
    torch.manual_seed(99)
    again = learner(taken, learning, kind)
    again.load_state(checkpoints.read(tmp_path))
    for _ in range(4):
        now = again.step()
    assert torch.equal(now, last)
    for (name, one), other in zip(again.field.state_dict().items(), whole.field.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    with pytest.raises(KnownTrouble, match="another field"):
        learner(taken, learning, "plain" if kind == "hash" else "hash").load_state(checkpoints.read(tmp_path))


@pytest.mark.parametrize("kind", ["voxels", "hash", "plain"])
def test_that_a_room_for_samples_changes_nothing_but_how_they_are_found(
    taken: Photographs, monkeypatch: pytest.MonkeyPatch, kind: FieldKind
) -> None:
    def gradients(room: int) -> tuple[list[torch.Tensor], torch.Tensor]:
        one = learner(taken, QUICK, kind)
        one.occupancy.looked = True
        one.occupancy.filled[:, :, 12:] = False
        rays, _, _ = one.pool.drawn(64, torch.Generator().manual_seed(2))
        found = learned(one.field, rays, 24, torch.ones(3), occupancy=one.occupancy, jitter=torch.rand(64, 24),
                        far_enough=1.0, room=room)  # fmt: skip
        found.seen.rgb.square().sum().backward()  # type: ignore[no-untyped-call]
        return [found.seen.rgb.detach(), *(p.grad for p in one.field.parameters() if p.grad is not None)], found.counts

    monkeypatch.setattr(rendering, "LEAST_WEIGHT", 0.0)
    known, counts = gradients(0)
    monkeypatch.setattr(blending, "runs_beside", lambda device: True)  # rows as a GPU counts and gathers them
    found, _ = gradients(64 * 24 + 9)
    for one, other in zip(known, found, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=2e-4)
    cut = int(counts.cumsum(0)[40])
    torch.testing.assert_close(gradients(cut)[0][0][:41], known[0][:41], atol=2e-5, rtol=2e-4)


def test_that_rays_of_a_step_fill_the_room_once_empty_cells_are_known(taken: Photographs) -> None:
    learning = dataclasses.replace(QUICK, steps=70, rays=1 << 15, samples=24, room=1 << 14, skip_from=0.02, cells=12)
    one = learner(taken, learning)
    assert one.rays == 512  # all samples count
    with torch.no_grad():
        one.field.density_grid.fill_(-9.0)  # type: ignore[union-attr,operator]
        one.field.density_grid.view(16, 16, 16)[6:10, 6:10, 6:10] = 3.0  # type: ignore[union-attr,operator]
    for _ in range(32):
        one.step()
    assert 512 < one.rays < 1 << 15 and one.rays % 256 == 0
    again = learner(taken, learning)
    again.load_state(one.state())
    assert again.rays == one.rays


def test_that_rendering_in_between_changes_nothing_of_what_is_learned(taken: Photographs) -> None:
    learning = dataclasses.replace(QUICK, steps=8, rays=32, samples=12)
    one, other = learner(taken, learning), learner(taken, learning)
    for _ in range(8):
        one.step()
        other.step()
        held_out(other)
    assert torch.equal(one.field.density_grid, other.field.density_grid)  # type: ignore[arg-type]


def test_that_learned_exposure_takes_brightness_off_the_photographs(taken: Photographs) -> None:
    dark = [dataclasses.replace(one, pixels=(one.pixels * ([0.6] * 3 + [1] if at % 2 else 1)).astype(np.uint8))
            for at, one in enumerate(taken.learned)]  # fmt: skip
    odd = dataclasses.replace(taken, learned=tuple(dark))
    learning = dataclasses.replace(QUICK, steps=60, rays=96, samples=24, exposure=True, background="black")
    one = learner(odd, learning)
    one.optimizer.param_groups[-1]["lr"] = 0.02
    one.peaks[-1] = 0.02
    for _ in range(60):
        one.step()
    gains = one.exposure.detach().mean(1)
    assert gains[1::2].mean() < gains[::2].mean() - 0.2


def test_that_pixels_are_drawn_with_their_own_rays_of_photographs_of_mixed_sizes(taken: Photographs) -> None:
    small = dataclasses.replace(taken.learned[1], pixels=taken.learned[1].pixels[:6, :9].copy(),
                                lens=Lens(9, 6, 10.0, 11.0, 4.0, 3.0))  # fmt: skip
    shots = (taken.learned[0], small)
    pool = PixelPool(shots, CPU)
    rays, rgba, image = pool.drawn(300, torch.Generator().manual_seed(5))
    assert set(image.tolist()) == {0, 1}
    for number, shot in enumerate(shots):
        every = shot.rays
        near = (rays.directions[image == number] @ every.directions.T).max(1)
        assert (near.values > 1 - 1e-5).all()
        flat = torch.from_numpy(shot.pixels.reshape(-1, 4).copy()).float() / 255
        torch.testing.assert_close(rgba[image == number], flat[near.indices])


def test_that_transparent_photographs_are_learned_on_the_background_chosen(taken: Photographs) -> None:
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[2:6, 2:6] = (200, 40, 10, 255)
    shot = Photograph(clear, Lens(8, 8, 9, 9, 4, 4), pose(0, 4))
    assert shot.seen_on(torch.ones(3))[0, 0].tolist() == [1, 1, 1]
    assert shot.seen_on(torch.zeros(3))[0, 0].tolist() == [0, 0, 0]
    assert shot.seen_on(torch.zeros(3))[3, 3].tolist() == pytest.approx([200 / 255, 40 / 255, 10 / 255])
    black = learner(taken, dataclasses.replace(QUICK, background="black"))
    assert black.backdrop().tolist() == [0, 0, 0]


# Odd photographs --------------------------------------------------------------------------------


def shots(count: int, **change: object) -> list[Photograph]:
    pixels = np.full((8, 8, 3), 90, np.uint8)
    lens = Lens(8, 8, 9, 9, 4, 4)
    return [dataclasses.replace(Photograph(pixels, lens, pose(at, count)), **change) for at in range(count)]


def test_that_too_few_photographs_are_refused_with_their_number() -> None:
    with pytest.raises(InputError) as told:
        chosen(shots(2), LOW, HIGH)
    assert "at least 3" in told.value.expected and "2 of them" in told.value.received


def test_that_black_photographs_are_left_out_and_none_but_black_ones_refused() -> None:
    black = shots(3, pixels=np.zeros((8, 8, 3), np.uint8))
    found = chosen([*shots(9), *black], LOW, HIGH)
    assert len(found.learned) + len(found.held_out) == 9 and any("3 black" in note for note in found.notes)
    with pytest.raises(InputError, match="too few") as told:
        chosen(black, LOW, HIGH)
    assert "black" in told.value.received


def test_that_cameras_that_miss_the_box_are_left_out_and_a_box_none_sees_is_refused() -> None:
    away = np.array(pose(0, 6)).reshape(4, 4)
    away[:3, 0] *= -1
    away[:3, 2] *= -1
    found = chosen([*shots(6), dataclasses.replace(shots(1)[0], pose=tuple(away.reshape(16)))], LOW, HIGH)
    assert any("1 photographs look past the box" in note for note in found.notes)
    with pytest.raises(InputError) as told:
        chosen(shots(6), (50.0, 50.0, 50.0), (51.0, 51.0, 51.0))
    assert "(50, 50, 50)" in told.value.received


def test_that_every_eighth_is_held_out_where_none_is_marked_and_the_marked_ones_otherwise() -> None:
    assert len(chosen(shots(17), LOW, HIGH).held_out) == 3
    marked = [dataclasses.replace(one, held_out=at == 5) for at, one in enumerate(shots(9))]
    assert [one.pose for one in chosen(marked, LOW, HIGH).held_out] == [pose(5, 9)]


def test_that_a_missing_box_is_guessed_around_what_cameras_look_at() -> None:
    low, high, what = guessed_box(shots(8))
    assert "look at" in what
    middle = (np.array(low) + high) / 2
    assert np.linalg.norm(middle - np.array([0.1, -0.05, 0])) < 0.05
    assert high[0] - low[0] == pytest.approx(2 * 2.2 * np.sqrt(1 + 0.35**2), rel=0.05)
    assert any("No box" in note for note in chosen(shots(8), None, None).notes)


def test_that_posed_files_are_read_straight_and_shrunk(tmp_path: Path) -> None:
    lens = Lens(40, 20, 30, 30, 20, 10, k1=-0.05)
    images = []
    for at in range(5):
        Image.fromarray(np.full((20, 40, 3), 40 * at + 20, np.uint8)).save(tmp_path / f"{at}.png")
        images.append(PosedImage(str(tmp_path / f"{at}.png"), lens, pose(at, 5)))
    found = from_cameras(CamerasDoc(tuple(images), LOW, HIGH, notes=("told before",)), longest_px=20)
    assert found.learned[0].pixels.shape == (10, 20, 3)
    assert found.learned[0].lens.width == 20 and not found.learned[0].lens.is_distorted
    assert found.notes[0] == "told before"


# Taken away -------------------------------------------------------------------------------------


def ball_grid(kind: str = "relu", longest: int = 20) -> tuple[np.ndarray, RadianceMeta]:
    poses = [pose(at, 5) for at in range(5)]
    return export.extract(Ball(), poses, longest, density=kind)  # type: ignore[arg-type]


def test_that_a_grid_is_asked_at_voxel_centres_in_x_y_z_order() -> None:
    grid, meta = export.extract(Ball(), [pose(0, 4)], 10, (-1.0, -1.0, 0.0), (1.0, 0.0, 0.5))
    assert grid.shape == (10, 5, 2, 4) and meta.low == (-1.0, -1.0, 0.0)
    x, y, z = 6, 4, 1
    centre = np.array(meta.low) + (np.array(meta.high) - meta.low) * (np.array([x, y, z]) + 0.5) / grid.shape[:3]
    known = Ball().colour(torch.tensor(centre[None]).float(), torch.ones(1, 3))[0].numpy()
    np.testing.assert_allclose(grid[x, y, z, :3], known, atol=1e-5)
    assert grid[x, y, z, 3] == pytest.approx(200 * 2)  # per longest side of the field's box
    assert grid[0, 0, 0, 3] == 0


def test_that_every_kind_of_density_means_the_same_alpha() -> None:
    kinds = {kind: ball_grid(kind) for kind in ("alpha", "relu", "exp")}
    assert all(meta.density == kind for kind, (_, meta) in kinds.items())
    first = alpha_of(kinds["alpha"][0][..., 3], "alpha")
    for kind, (grid, meta) in kinds.items():
        np.testing.assert_allclose(alpha_of(grid[..., 3], meta.density), first, atol=1e-5, err_msg=kind)
    assert first.max() == pytest.approx(1 - np.exp(-4.0), abs=1e-5)


def test_that_colours_are_the_mean_over_cameras_directions() -> None:
    class Turning(Ball):
        def coloured(self, features: object, points: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
            return directions * 0.5 + 0.5

    poses = [pose(at, 6) for at in range(6)]
    grid, _ = export.extract(Turning(), poses, 8)
    at = np.array([4, 4, 4])
    centre = -1 + 2 * (at + 0.5) / 8
    ahead = centre - np.array(poses)[:, [3, 7, 11]]
    known = (ahead / np.linalg.norm(ahead, axis=1, keepdims=True)).mean(0) * 0.5 + 0.5
    np.testing.assert_allclose(grid[tuple(at)][:3], known, atol=1e-5)


def test_that_the_surface_of_a_ball_has_its_place_size_and_outward_faces(tmp_path: Path) -> None:
    import trimesh

    grid, meta = ball_grid(longest=40)
    vertices, faces, colours = export.surface(grid, meta)
    away = np.linalg.norm(vertices - [0.1, -0.05, 0], axis=1)
    assert away.mean() == pytest.approx(0.5, abs=0.02) and away.std() < 0.03
    export.write_ply(tmp_path / "ball.ply", vertices, colours, faces)
    mesh = trimesh.load(tmp_path / "ball.ply")
    assert mesh.is_watertight and mesh.volume == pytest.approx(4 / 3 * np.pi * 0.125, rel=0.12)
    known = 0.5 + 0.8 * (vertices - [0.1, -0.05, 0])
    assert np.abs(mesh.visual.vertex_colors[:, :3] / 255 - known).mean() < 0.06
    points, shades = export.scattered(grid, meta, 300, 4)
    assert points.shape == shades.shape == (300, 3)
    assert np.abs(np.linalg.norm(points - [0.1, -0.05, 0], axis=1) - 0.5).max() < 0.1
    np.testing.assert_array_equal(points, export.scattered(grid, meta, 300, 4)[0])


def test_that_a_field_without_a_surface_says_so() -> None:
    with pytest.raises(KnownTrouble, match="no surface"):
        export.surface(np.zeros((4, 4, 4, 4), np.float32), RadianceMeta())


def test_that_equal_pictures_have_the_highest_score_and_noise_the_known_one() -> None:
    flat = np.full((16, 16, 3), 0.5)
    assert psnr(flat, flat) == 100.0
    assert psnr(flat, flat + 0.1) == pytest.approx(20.0)
