"""Radiance fields and their pictures against what is known of them in closed form."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.engine.scenes.fieldviews import CENTRE, HIGH, LOW, RADIUS, Ball, pose
from workbench.core.fields import FieldLook
from workbench.core.problem import KnownTrouble
from workbench.core.scenes import Lens, Viewpoint
from workbench.engine.scenes import fields
from workbench.engine.scenes.blending import PRIMES, blend, corners, hashed_corners
from workbench.engine.scenes.fieldlive import progressive
from workbench.engine.scenes.fieldrendering import (
    Occupancy,
    Rays,
    lens_rays,
    normals,
    pictured,
    rendered,
    spread,
    through_box,
    view_rays,
)
from workbench.engine.scenes.fields import FieldFacts, VoxelField
from workbench.engine.scenes.rooms import lens as room_lens
from workbench.engine.scenes.rooms import make_room, orbit_poses, render

KINDS = (
    FieldFacts("voxels", LOW, HIGH, side=8), FieldFacts("voxels", LOW, HIGH, side=8, view_dependent=True),
    FieldFacts("hash", LOW, HIGH, levels=4, table_log2=9, finest=64), FieldFacts("plain", LOW, HIGH, width=16, depth=3),
)  # fmt: skip


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(3)


def some_rays(count: int = 40) -> Rays:
    ahead = torch.nn.functional.normalize(torch.randn(count, 3), dim=1)
    return Rays(torch.tensor(CENTRE) - 3 * ahead + 0.1 * torch.randn(count, 3), ahead, torch.ones(count))


def test_that_blending_equals_grid_sample_forwards_and_backwards() -> None:
    shape = (5, 4, 6)
    grid = torch.randn(math.prod(shape), 3, dtype=torch.float32, requires_grad=True)
    points = torch.rand(50, 3)
    found = blend(grid, *corners(points * (torch.tensor(shape) - 1), shape))
    block = grid.T.reshape(1, 3, *shape)
    at = (points * 2 - 1).flip(1)[None, None, None]
    known = torch.nn.functional.grid_sample(block, at, align_corners=True)[0, :, 0, 0].T
    torch.testing.assert_close(found, known, atol=1e-5, rtol=1e-5)
    weight = torch.randn(50, 3)
    (one,) = torch.autograd.grad((found * weight).sum(), grid, retain_graph=True)
    (other,) = torch.autograd.grad((known * weight).sum(), grid)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_that_hashed_rows_are_those_of_the_formula_and_small_levels_are_not_hashed() -> None:
    at = torch.tensor([[0.31, 0.63, 0.91]])
    rows, weights = hashed_corners(at, (3, 40), 1 << 7)
    x, y, z = (math.floor(one * 40) for one in at[0].tolist())
    known = (((x + 1) * PRIMES[0]) ^ (y * PRIMES[1]) ^ ((z + 1) * PRIMES[2])) % 128 + 128
    assert rows[0, 1, 5] == known  # corner (1, 0, 1)
    assert rows[0, 0, 0] == (math.floor(0.93) * 4 + math.floor(1.89)) * 4 + math.floor(2.73)
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 2))


@pytest.mark.parametrize("facts", KINDS, ids=str)
def test_that_every_field_is_saved_and_read_as_it_was(facts: FieldFacts, tmp_path: Path) -> None:
    field = fields.made(facts)
    if isinstance(field, VoxelField):
        torch.nn.init.normal_(field.density_grid)
        field.grow(11)
    fields.save(field, tmp_path)
    again = fields.load(tmp_path)
    points, ahead = torch.rand(20, 3) * 2 - 1, some_rays(20).directions
    assert torch.equal(again.density(points), field.density(points))
    assert torch.equal(again.colour(points, ahead), field.colour(points, ahead))
    (tmp_path / fields.WEIGHTS).write_bytes(b"torn")
    with pytest.raises(KnownTrouble, match="cannot be read"):
        fields.load(tmp_path)


def test_that_a_new_voxel_takes_a_hundredth_of_the_light() -> None:
    field = VoxelField(LOW, HIGH, 20)
    lost = 1 - torch.exp(-field.density(torch.zeros(1, 3)) * 2 / 20)
    assert lost.item() == pytest.approx(0.01, rel=1e-3)


def test_that_a_grown_grid_means_the_same_at_the_old_nodes() -> None:
    field = VoxelField(LOW, HIGH, 5)
    torch.nn.init.normal_(field.density_grid)
    nodes = torch.cartesian_prod(*[torch.linspace(-1, 1, 5)] * 3)
    before = field.density(nodes)
    field.grow(9)
    torch.testing.assert_close(field.density(nodes), before, atol=1e-4, rtol=1e-4)


def test_that_the_gradient_of_roughness_is_that_of_its_sum() -> None:
    field = VoxelField(LOW, HIGH, 4)
    torch.nn.init.normal_(field.density_grid, std=0.2)
    field.density_grid.grad, field.colour_grid.grad = torch.zeros_like(field.density_grid), None
    field.roughness_gradient(0.5, 0.0)
    block = field.density_grid.detach().clone().requires_grad_()
    total = sum(block.view(4, 4, 4).diff(dim=axis).square().sum() / 2 for axis in range(3))
    (known,) = torch.autograd.grad(0.5 * total, block)
    torch.testing.assert_close(field.density_grid.grad, known)


def test_that_rays_through_a_ball_see_its_surface_colour_depth_and_normal() -> None:
    rays = some_rays()
    found = pictured(Ball(2000), rays, 1024, torch.ones(3))
    offset = rays.origins - torch.tensor(CENTRE)
    b = (offset * rays.directions).sum(1)
    inside = b**2 - offset.square().sum(1) + RADIUS**2
    hit = inside > 0.02
    distance = -b - inside.clamp(min=0).sqrt()
    assert hit.sum() > 10
    torch.testing.assert_close(found.depth[hit], distance[hit], atol=6e-3, rtol=0)
    torch.testing.assert_close(found.alpha[hit], torch.ones(int(hit.sum())), atol=2e-3, rtol=0)
    at = offset + distance[:, None] * rays.directions
    torch.testing.assert_close(found.rgb[hit], (0.5 + 0.8 * at)[hit], atol=0.01, rtol=0)
    outward = torch.nn.functional.normalize(at, dim=1)
    agree = (normals(Ball(2000), rays, found.depth, step=0.05) * outward).sum(1)
    assert agree[hit].mean() > 0.8 and (agree[hit] > 0.5).all()  # the edge is a step, which differences see roughly


def test_that_light_through_an_even_fog_falls_off_exponentially_onto_the_background() -> None:
    field = VoxelField(LOW, HIGH, 6)
    with torch.no_grad():
        field.density_grid.fill_(1.0)
    density = field.density(torch.zeros(1, 3)).item()
    rays = Rays(torch.tensor([[-3.0, 0.1, 0.2]]), torch.tensor([[1.0, 0, 0]]), torch.ones(1))
    for background in (torch.zeros(3), torch.tensor([[1.0, 0.5, 0.0]])):
        found = pictured(field, rays, 64, background)
        left = math.exp(-density * 2)
        assert found.alpha.item() == pytest.approx(1 - left, abs=1e-3)
        known = 0.5 * (1 - left) + left * background.reshape(3)
        torch.testing.assert_close(found.rgb[0], known, atol=2e-3, rtol=0)


@pytest.mark.parametrize("facts", KINDS, ids=str)
def test_that_early_ends_and_parts_change_a_picture_by_no_more_than_their_bound(facts: FieldFacts) -> None:
    field = fields.made(facts)
    if isinstance(field, VoxelField):
        torch.nn.init.normal_(field.density_grid, mean=3.0, std=3.0)
    rays = some_rays()
    near, far = through_box(field, rays)
    whole = rendered(field, rays.origins, rays.directions, near, far, 96, torch.ones(3))
    parts = pictured(field, rays, 96, torch.ones(3))
    assert whole.rgb.requires_grad and not parts.rgb.requires_grad
    torch.testing.assert_close(parts.rgb, whole.rgb.detach(), atol=3e-3, rtol=0)


def test_that_passing_over_empty_space_shows_the_same_with_fewer_looks() -> None:
    ball, rays = Ball(), some_rays()
    empty = Occupancy(ball, 24)
    for number in range(3):
        empty.look(ball, torch.Generator().manual_seed(number))
    assert 0.03 < empty.filled.float().mean() < 0.4
    looks: list[int] = []

    class Counted(Ball):
        def seen(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
            looks.append(len(points))
            return super().seen(points)

    all_of_it = pictured(Counted(), rays, 128, torch.ones(3))
    count, looks[:] = sum(looks), []
    skipped = pictured(Counted(), rays, 128, torch.ones(3), occupancy=empty)
    torch.testing.assert_close(skipped.rgb, all_of_it.rgb, atol=1e-4, rtol=0)
    assert sum(looks) < count / 2


def test_that_the_last_colour_goes_on_behind_the_box() -> None:
    field = VoxelField(LOW, HIGH, 4)
    with torch.no_grad():
        field.density_grid.fill_(-30.0)
        field.colour_grid.copy_(torch.tensor([4.0, 0.0, -4.0]).expand(64, 3))
    found = pictured(field, some_rays(4), 8, None)
    torch.testing.assert_close(found.rgb, torch.sigmoid(torch.tensor([4.0, 0, -4])).expand(4, 3), atol=1e-4, rtol=0)


def test_that_rays_of_a_photograph_end_where_its_exact_depth_says() -> None:
    room, lens = make_room(91), room_lens(32)
    shot = orbit_poses(room, 2, 91)[0]
    _, depth = render(room, shot, lens, parts=1)
    rays = lens_rays(tuple(shot.reshape(16).tolist()), lens)
    there = np.isfinite(depth.ravel())
    reach = torch.from_numpy(depth.ravel()) / rays.forward + 0.01
    points = (rays.origins + rays.directions * reach[:, None]).numpy()[there]
    assert room.sample(points)[1].mean() > 0.97


def test_that_a_persons_view_has_the_rays_of_a_photograph_of_the_same_angle() -> None:
    lens = Lens(30, 20, 25.0, 25.0, 15.0, 10.0)
    at = pose(1, 5)
    view = Viewpoint(at, height_deg=lens.height_deg)
    for one, other in zip(view_rays(view, 30, 20), lens_rays(at, lens), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_that_an_orthographic_view_shows_the_ball_as_large_as_it_is() -> None:
    view = Viewpoint(pose(0, 4), orthographic=True, height=2.0)
    *_, fine = [one for one in progressive(Ball(), FieldLook(view, 40, 40), 64) if one]
    assert fine.coarseness == 1
    covered = (fine.rgba[..., 3] > 127).sum() * (2.0 / 40) ** 2
    assert covered == pytest.approx(math.pi * RADIUS**2, rel=0.04)
    near = fine.depth[np.isfinite(fine.depth)].min()
    assert near == pytest.approx(math.dist(CENTRE, (at := pose(0, 4))[3::4][:3]) - RADIUS, abs=0.03), at


def test_that_views_come_coarse_first_and_finest_last_with_depth_along_the_axis() -> None:
    look = FieldLook(Viewpoint(pose(0, 4), height_deg=45), 64, 48)
    made = [one for one in progressive(Ball(2000), look, 256) if one]
    assert [one.coarseness for one in made] == [8, 4, 2, 1]
    assert [one.rgba.shape for one in made] == [(6, 8, 4), (12, 16, 4), (24, 32, 4), (48, 64, 4)]
    fine = made[-1]
    assert fine.rgba[0, 0, 3] == 0 and np.isinf(fine.depth[0, 0])
    middle = fine.depth[24, 32]
    assert middle == pytest.approx(math.dist(pose(0, 4)[3::4][:3], CENTRE) - RADIUS, abs=0.03)
    shades = [one for one in progressive(Ball(2000), looking_at(look, "depth"), 64) if one][-1].rgba
    assert shades[24, 32, 0] > shades[24, 22, 0] > 0


def looking_at(look: FieldLook, shown: str) -> FieldLook:
    return FieldLook(look.view, look.width, look.height, shown)  # type: ignore[arg-type]


def test_that_spread_is_the_mean_distance_of_two_looks() -> None:
    weights, step = torch.tensor([[0.2, 0.5, 0.3]]), torch.tensor([0.1])
    places = torch.tensor([[0.05, 0.15, 0.25]])
    pairs = sum(weights[0, i] * weights[0, j] * abs(places[0, i] - places[0, j]) for i in range(3) for j in range(3))
    known = pairs + weights.square().sum() * 0.1 / 3
    assert spread(weights, places, step).mean().item() == pytest.approx(float(known))


def test_that_fields_hold_boxes_whose_sides_differ() -> None:
    corners_of = torch.cartesian_prod(torch.tensor([0, 4.0]), torch.tensor([0, 1.0]), torch.tensor([0, 2.0]))
    for kind in ("voxels", "hash", "plain"):
        field = fields.made(FieldFacts(kind, (0, 0, 0), (4.0, 1.0, 2.0), side=8, levels=3, table_log2=8, finest=32))
        assert (field.density(corners_of) > 0).all()
    assert fields.shape_of((0, 0, 0), (4.0, 1.0, 2.0), 8) == (8, 2, 4)
