"""What radiance fields are compared with: the first NeRF, written out in plain torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.bench.fields_method import on_white
from workbench.engine.scenes import fields
from workbench.engine.scenes.fieldrendering import Rays, through_box
from workbench.engine.scenes.fields import waves
from workbench.engine.scenes.fieldviews import Photographs, PixelPool


class Network(nn.Module):
    """NeRF's own: 8 × 256 with the input again in the fifth layer, density by ReLU, colour by a layer of 128."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [63, 256, 256, 256, 256, 256 + 63, 256, 256]
        self.layers = nn.ModuleList(nn.Linear(one, 256) for one in sizes)
        self.density, self.feature = nn.Linear(256, 1), nn.Linear(256, 256)
        self.colour = nn.Sequential(nn.Linear(256 + 27, 128), nn.ReLU(), nn.Linear(128, 3))

    def forward(self, points: Tensor, ahead: Tensor) -> tuple[Tensor, Tensor]:
        """Densities (N,) and colours (N, 3) of points from −1 to 1."""
        given = waves(points, 10)
        found = given
        for at, layer in enumerate(self.layers):
            found = torch.relu(layer(torch.cat([found, given], 1) if at == 5 else found))
        rgb = torch.sigmoid(self.colour(torch.cat([self.feature(found), waves(ahead, 4)], 1)))
        return torch.relu(self.density(found)[:, 0]), rgb


class PlainNerf:
    """Coarse and fine (Mildenhall et al., secs. 4, 5.2, 5.3), white behind the box.

    A GPU gets four times as many rays, and the networks in bf16.
    """

    COARSE, FINE = 64, 128

    def __init__(self, taken: Photographs, place: torch.device) -> None:
        torch.manual_seed(0)
        self.pool, self.place, self.quick = PixelPool(taken.learned, place), place, place.type == "cuda"
        self.rays = 4096 if self.quick else 1024
        self.box = fields.PlainField(taken.low, taken.high, width=16, depth=2).to(place)
        self.coarse, self.fine = Network().to(place), Network().to(place)
        every = [*self.coarse.parameters(), *self.fine.parameters()]
        self.optimizer = torch.optim.Adam(every, lr=5e-4, fused=True)
        self.chance = torch.Generator(place if self.quick else "cpu").manual_seed(0)

    def step(self) -> None:
        """One step."""
        rays, rgba, _ = self.pool.drawn(self.rays, self.chance)
        target = on_white(rgba)
        coarse, fine = self._seen(rays, jitter=True)
        loss = (coarse - target).square().mean() + (fine - target).square().mean()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def colours(self, rays: Rays) -> Tensor:
        """What rays (R, 3) see, on the CPU."""
        parts = zip(*(one.split(1 << 14 if self.quick else 512) for one in rays), strict=True)
        return torch.cat([self._seen(Rays(*(one.to(self.place) for one in part)), jitter=False)[1].cpu()
                          for part in parts])  # fmt: skip

    def _seen(self, rays: Rays, *, jitter: bool) -> tuple[Tensor, Tensor]:
        near, far = through_box(self.box, rays)
        count = len(near)
        shift = torch.rand(count, self.COARSE, device=self.place) if jitter else 0.5
        step = (far - near) / self.COARSE
        first = near[:, None] + step[:, None] * (torch.arange(self.COARSE, device=self.place) + shift)
        coarse, weights = self._composed(self.coarse, rays, first, far)
        more = self._drawn(near, step, weights.detach() + 1e-5, jitter=jitter)
        fine, _ = self._composed(self.fine, rays, torch.cat([first, more], 1).sort(1).values, far)
        return coarse, fine

    def _composed(self, network: Network, rays: Rays, at: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
        points = rays.origins[:, None] + rays.directions[:, None] * at[..., None]
        scaled = 2 * (points - self.box.low) / self.box.longest - 1
        with torch.autocast(self.place.type, torch.bfloat16, enabled=self.quick):
            density, rgb = network(scaled.view(-1, 3), rays.directions[:, None].expand_as(points).reshape(-1, 3))
        density, rgb = density.float(), rgb.float()
        gaps = torch.cat([at[:, 1:], far[:, None]], 1) - at
        alpha = 1 - torch.exp(-density.view_as(at) * gaps.clamp(min=0))
        clear = torch.cumprod(1 - alpha + 1e-10, 1)
        weights = alpha * torch.cat([torch.ones_like(clear[:, :1]), clear[:, :-1]], 1)
        seen = (weights[..., None] * rgb.view(*at.shape, 3)).sum(1)
        return seen + clear[:, -1:], weights

    def _drawn(self, near: Tensor, step: Tensor, weights: Tensor, *, jitter: bool) -> Tensor:
        total = torch.cumsum(weights / weights.sum(1, keepdim=True), 1)
        total = torch.cat([torch.zeros_like(total[:, :1]), total], 1)
        shares = (torch.rand(len(near), self.FINE, device=self.place) if jitter
                  else torch.linspace(0.5 / self.FINE, 1 - 0.5 / self.FINE, self.FINE, device=self.place)
                  .expand(len(near), self.FINE))  # fmt: skip
        index = torch.searchsorted(total, shares.contiguous(), right=True).clamp(1, self.COARSE)
        low, high = total.gather(1, index - 1), total.gather(1, index)
        within = (shares - low) / (high - low).clamp(min=1e-8)
        return near[:, None] + step[:, None] * (index - 1 + within)
