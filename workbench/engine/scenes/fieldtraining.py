"""Learning a radiance field from photographs: chance pixels of all of them in each step, held-out ones for the scores.

What is drawn in a step hangs on the seed and the step's number alone: a run that was stopped goes on as if it had not
been, and nothing that is shown in between changes it.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.core.problem import KnownTrouble
from workbench.engine.scenes.blending import runs_beside
from workbench.engine.scenes.fieldrendering import Learned, Occupancy, Rendered, in_parts, learned
from workbench.engine.scenes.fields import Field, HashField, VoxelField
from workbench.engine.scenes.fieldviews import Photograph, Photographs, PixelPool

Background = Literal["white", "black", "random", "last colour"]
ROUGHNESS_EVERY = 8
"""Steps between two looks at the grid's roughness, which then counts as many times."""
LOOK_EVERY = 32
"""Steps between two looks at what is empty."""
LOOK_PARTS = 4
"""With a room for samples each look goes to one of so many parts of the cells, and comes as many times as often."""
ROUNDED = 256
"""Rays of a step whose samples have a room are a multiple of it."""
FULL = 0.95
"""How much of the room they are to fill: what empty cells save changes from step to step."""
SMOOTHING = 0.95
"""How much of the mean weights stays in each step, of hash fields (Instant NGP's implementation)."""
HUBER = 0.1


@dataclasses.dataclass(frozen=True)
class Learning:
    """How a field is learned; roughness weights and entropy as in paper 09 A."""

    steps: int = 600
    rays: int = 512
    """Of each step; the most of them where samples have a room."""
    samples: int = 64
    room: int = 0
    """Samples outside of empty cells that a step works out: as many rays are drawn as fill it. 0: all that rays have.

    Steps then have one shape, and a GPU is never waited for.
    """
    background: Background = "white"
    rate: float = 1.0
    """A factor on all step sizes."""
    start_side: int = 48
    """A voxel grid's longest side until `grow_at`."""
    grow_at: float = 0.5
    """Share of the steps after which a voxel grid becomes `side` voxels long."""
    side: int = 96
    roughness_density: float = 1e-5
    roughness_colour: float = 1e-6
    entropy: float = 1e-3
    """Weight of the doubt whether a ray ends in the field or behind it."""
    spread: float = 0.0
    """Weight of the spread of what is seen along a ray."""
    calm: float = 0.5
    """Nearer to a camera than this share of the box's longest side gradients are made smaller; 0: nowhere."""
    skip_from: float = 0.25
    """Share of the steps after which empty space is passed over; 1 never does."""
    exposure: bool = False
    cells: int = 64
    long_from: int = 20_000
    """Longer runs of hash fields keep their step size until then (paper 09 A)."""
    goes_on: bool = False
    """The field was learned before: step sizes begin lower, and what is empty is known from the start."""
    seed: int = 0


class Learner:
    """A field, its photographs, its optimizer: `step` by step.

    Raises KnownTrouble from `step` where the loss is not a number any more.
    """

    def __init__(
        self, field: Field, taken: Photographs, learning: Learning, device: torch.device, *, half: bool = False
    ) -> None:
        """`half` works wide matrix products out in bf16. A room holds a few rays' samples, however small it is."""
        if learning.room:
            least = learning.samples * min(ROUNDED, learning.rays)
            learning = dataclasses.replace(learning, room=max(learning.room, least))
        self.field, self.taken, self.learning, self.device = field.to(device), taken, learning, device
        self.half = half and field.is_wide
        self.pool = PixelPool(taken.learned, device)
        self.occupancy = Occupancy(self.field, learning.cells)
        self.exposure = torch.zeros(len(taken.learned), 3, device=device, requires_grad=True)
        self.smooth = copy.deepcopy(self.field).requires_grad_(False) if isinstance(field, HashField) else None
        self.done = 0
        self.rays = learning.rays
        """Of the next step."""
        if learning.room:
            self.rays = self._fitting(learning.samples)
        self._optimize()

    def _optimize(self) -> None:
        groups = self.field.groups()
        if self.learning.exposure:
            groups.append({"params": [self.exposure], "lr": 1e-3})
        for one in groups:
            one["lr"] *= self.learning.rate
        self.optimizer = torch.optim.Adam(groups, fused=self.device.type != "mps")
        self.peaks = [one["lr"] for one in self.optimizer.param_groups]

    @property
    def shown(self) -> Field:
        """The field to look at: of hash fields the one with smoothed weights."""
        return self.field if self.smooth is None else self.smooth

    @property
    def skips(self) -> bool:
        """Whether empty space is passed over by now."""
        if self.learning.goes_on:
            return self.learning.skip_from < 1
        return self.learning.skip_from < 1 and self.done >= round(self.learning.skip_from * self.learning.steps)

    @property
    def empty(self) -> Occupancy | None:
        """What is known to be empty; None while nothing is."""
        return self.occupancy if self.skips else None

    def chance(self, purpose: int = 0) -> torch.Generator:
        """The source of chance of this step, on the device where that would otherwise be waited for."""
        seed = (self.learning.seed * 1_000_003 + self.done) * 4 + purpose
        place = self.device if runs_beside(self.device) else "cpu"
        return torch.Generator(place).manual_seed(seed % 2**63)

    def step(self) -> Tensor:
        """One step; returns the mean squared error of its colours as a tensor on the device."""
        learning = self.learning
        self._grow()
        self._look()
        factor = self.rate_factor()
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor
        chance = self.chance()
        count = self.rays
        rays, rgba, image = self.pool.drawn(count, chance)
        jitter = torch.rand(count, learning.samples, generator=chance, device=chance.device).to(self.device)
        behind, target = self._backed(rgba, chance)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            found = learned(self.field, rays, learning.samples, behind, occupancy=self.empty, jitter=jitter,
                            far_enough=learning.calm * self.field.longest, room=learning.room,
                            spreads=learning.spread > 0)  # fmt: skip
        loss, told = self._loss(found, target, image)
        if not loss.requires_grad:  # all of it counts as empty: a mistake early on, from which nothing leads back
            self.occupancy.forget()
            self.done += 1
            return told
        loss.backward()  # type: ignore[no-untyped-call]
        if isinstance(self.field, VoxelField) and self.done % ROUGHNESS_EVERY == 0:
            share = ROUGHNESS_EVERY / count  # the colour loss is a mean over rays, and so is this
            self.field.roughness_gradient(learning.roughness_density * share, learning.roughness_colour * share)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.done += 1
        if self.smooth is not None:
            self._follow()
        if learning.room and self.done % LOOK_EVERY == 0:
            each = float(found.counts.sum()) / count  # the one number that is waited for
            self.rays = self._fitting(each)
            if not each:
                self.occupancy.forget()
        return told.detach()

    def _look(self) -> None:
        """Look at what is empty, when it is time to."""
        parts = LOOK_PARTS if self.learning.room else 1
        every = LOOK_EVERY // parts
        if self.skips and (self.done % every == 0 or not self.occupancy.looked):
            self.occupancy.look(self.field, self.chance(1), part=self.done // every, parts=parts)

    def _fitting(self, each: float) -> int:
        """How many rays with so many samples each fill the room."""
        count = int(FULL * self.learning.room / max(each, 1e-3)) // ROUNDED * ROUNDED
        return max(min(count, self.learning.rays), min(ROUNDED, self.learning.rays))

    def _loss(self, found: Learned, target: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """What is made smaller, and the mean squared error, of rays whose samples all found room."""
        rgb, alpha = found.seen.rgb, found.seen.alpha
        whole = None
        if self.learning.room:
            whole = (found.counts.cumsum(0) <= self.learning.room).float()
            whole = whole / whole.sum().clamp(min=1)

        def mean(values: Tensor) -> Tensor:
            return values.mean() if whole is None else (values * whole).sum()

        if self.learning.exposure:
            gains = self.exposure - self.exposure.mean(0, keepdim=True)  # all brighter is not an exposure
            rgb = rgb * gains[image].exp()
        told = mean((rgb - target).square().mean(1))
        loss = told
        if isinstance(self.field, HashField):
            loss = mean(torch.nn.functional.huber_loss(rgb, target, delta=HUBER, reduction="none").mean(1))
        if self.learning.spread > 0:
            loss = loss + self.learning.spread * mean(found.apart)
        if self.learning.entropy <= 0:
            return loss, told
        share = alpha.clamp(1e-6, 1 - 1e-6)
        doubt = mean(-(share * share.log() + (1 - share) * (1 - share).log()))
        return loss + self.learning.entropy * doubt, told

    def _backed(self, rgba: Tensor, chance: torch.Generator) -> tuple[Tensor | None, Tensor]:
        """What lies behind the field, and the photographs' colours on it (where they are transparent)."""
        if self.learning.background == "random":
            behind = torch.rand(len(rgba), 3, generator=chance, device=chance.device).to(self.device)
        else:
            behind = self.backdrop().expand(len(rgba), 3)
        target = rgba[:, :3] * rgba[:, 3:] + (1 - rgba[:, 3:]) * behind
        return None if self.learning.background == "last colour" else behind, target

    def backdrop(self) -> Tensor:
        """What transparent pixels of photographs are seen on, (3,)."""
        return torch.full((3,), 0.0 if self.learning.background == "black" else 1.0, device=self.device)

    def rate_factor(self) -> float:
        """A tenth at the end (going on begins at a third); long runs of hash fields lose two thirds every 10,000 steps
        after 20,000 (paper 09 A)."""
        if self.learning.goes_on:
            return float(0.1 ** (0.5 + 0.5 * self.done / max(self.learning.steps, 1)))
        if isinstance(self.field, HashField) and self.learning.steps > self.learning.long_from:
            return float(0.33 ** max(0, math.ceil((self.done - self.learning.long_from + 1) / 10_000)))
        return float(0.1 ** (self.done / max(self.learning.steps, 1)))

    def _grow(self) -> None:
        wanted = self.learning.side
        if not isinstance(self.field, VoxelField) or max(self.field.shape) == wanted:
            return
        if self.learning.goes_on or self.done >= round(self.learning.grow_at * self.learning.steps):
            self.field.grow(wanted)
            self._optimize()

    @torch.no_grad()
    def _follow(self) -> None:
        if self.smooth is None:
            return
        keep = min(SMOOTHING, self.done / (self.done + 1))  # the first weights are chance
        for mean, now in zip(self.smooth.parameters(), self.field.parameters(), strict=True):
            mean.lerp_(now, 1 - keep)

    # Keeping

    def state(self) -> dict[str, Any]:
        """All that going on needs, as a tree that engine.checkpoints writes."""
        smooth = None if self.smooth is None else self.smooth.state_dict()
        return {
            "done": self.done, "rays": self.rays, "field": self.field.state_dict(), "smooth": smooth,
            "optimizer": self.optimizer.state_dict(), "exposure": self.exposure.detach(),
            "optical": self.occupancy.optical, "looked": self.occupancy.looked,
            "side": max(self.field.shape) if isinstance(self.field, VoxelField) else 0,
        }  # fmt: skip

    def load_state(self, tree: dict[str, Any]) -> None:
        """Go on from a state; raises KnownTrouble where it is another field's."""
        if isinstance(self.field, VoxelField) and tree["side"] and tree["side"] != max(self.field.shape):
            self.field.grow(tree["side"])
            self._optimize()
        try:
            self.field.load_state_dict(tree["field"])
            if self.smooth is not None:
                self.smooth.load_state_dict(tree["smooth"])
        except (RuntimeError, TypeError) as error:
            raise KnownTrouble(
                "The checkpoint belongs to another field.", expected=f"a {self.field.facts.kind} field of this run",
                received=str(error)[:200], fix="Start a new run: its knobs have changed since.",
            ) from None  # fmt: skip
        self.optimizer.load_state_dict(tree["optimizer"])
        with torch.no_grad():
            self.exposure.copy_(tree["exposure"])
        self.occupancy.optical = tree["optical"].to(self.device)
        self.done = tree["done"]
        self.rays = tree.get("rays", self.rays)
        self.occupancy.looked = tree["looked"]
        if self.occupancy.looked:
            self.occupancy.settle()


# Looking --------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Seen:
    """A photograph's view of a field: colours (h, w, 3) from 0 to 1, distance along the view axis (h, w) (inf: none),
    alpha (h, w), the photograph itself (h, w, 3), how near they are."""

    rgb: NDArray[np.float32]
    depth: NDArray[np.float32]
    alpha: NDArray[np.float32]
    truth: NDArray[np.float32]
    psnr: float
    ssim: float


def seen(field: Field, one: Photograph, samples: int, background: Tensor, *, occupancy: Occupancy | None = None,
         last_colour: bool = False, told: Callable[[], object] = lambda: None) -> Seen:  # fmt: skip
    """Render a photograph's view and compare the two; `told` is called now and then, and may raise."""
    rays = one.rays
    parts = []
    for part in in_parts(field, rays, samples, None if last_colour else background, occupancy=occupancy):
        parts.append(part)
        told()
    size = (one.lens.height, one.lens.width)
    whole = Rendered(*(torch.cat([part[at] for part in parts]).cpu() for at in range(3)))
    rgb = whole.rgb.clamp(0, 1).view(*size, 3).numpy()
    truth = one.seen_on(background.cpu()).numpy()
    return Seen(rgb, (whole.depth * rays.forward).view(size).numpy(), whole.alpha.view(size).numpy(), truth,
                psnr(rgb, truth), ssim(rgb, truth))  # fmt: skip


def psnr(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Peak signal-to-noise ratio in dB of pictures from 0 to 1; at most 100."""
    error = float(np.square(one.astype(np.float64) - other).mean())
    return min(100.0, -10 * math.log10(max(error, 1e-12)))


def ssim(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Structural similarity of pictures (h, w, 3) from 0 to 1 (Wang et al., 2004) in 7 × 7 windows."""
    from skimage.metrics import structural_similarity

    window = min(7, min(one.shape[:2]) // 2 * 2 - 1)
    if window < 3:
        return float("nan")
    return float(structural_similarity(one, other, channel_axis=-1, data_range=1.0, win_size=window))


def mean_scores(found: Sequence[Seen]) -> tuple[float, float]:
    """Mean PSNR and SSIM over photographs."""
    return float(np.mean([one.psnr for one in found])), float(np.mean([one.ssim for one in found]))
