"""nerfstudio's nerfacto on the bench's photographs: its own model, losses, samplers and optimizers, without its viewer.

Of nerfstudio's dependencies only those are fetched that importing the model needs, and none is built; its hash grids
are those in torch, since tiny-cuda-nn is an extension. Settings are those that nerfstudio's documentation has for
bounded synthetic scenes: no contraction, uniform first samples, no distortion loss, cameras as they are, white behind;
no appearance of single photographs, as all have the same light. Rays run through the bench's box. The score LPIPS,
which the model makes for its own evaluation, would fetch another network's weights: it is left out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tests.bench.fields_method import on_white
from workbench.core.problem import KnownTrouble
from workbench.engine.scenes.fieldrendering import Rays, through_box
from workbench.engine.scenes.fields import PlainField
from workbench.engine.scenes.fieldviews import Photographs, PixelPool

NEEDED = (
    "nerfstudio==1.1.5", "nerfacc==0.5.2", "absl-py", "docstring-parser", "jaxtyping", "lightning-utilities",
    "opencv-python-headless", "protobuf", "rich", "shtab", "tensorboard", "torchmetrics", "tyro", "typeguard", "viser",
    "wadler-lindig", "websockets", "zstandard",
)  # fmt: skip
INSTALL_S = 600
LEAST_SPAN = 1e-3
"""Rays that miss the box are followed so far: its samplers divide by the length."""


def fetched(folder: Path | None) -> Path:
    """Make nerfstudio importable, from a folder or from a throw-away one; raises KnownTrouble where pip cannot."""
    folder = folder or Path(tempfile.mkdtemp(prefix="nerfacto-"))
    if not (folder / "nerfstudio").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:", "--target",
               str(folder), *NEEDED]  # fmt: skip
        try:
            done = subprocess.run(pip, capture_output=True, text=True, timeout=INSTALL_S, check=False)
            said = (done.stderr.strip().splitlines() or [""])[-1][:300] if done.returncode else ""
        except subprocess.TimeoutExpired:
            said = f"pip was not done after {INSTALL_S} s"
        if said:
            raise KnownTrouble("nerfacto cannot be installed.", expected="wheels of " + ", ".join(NEEDED),
                               received=said, fix="Name a folder that holds them with --peer.")  # fmt: skip
    sys.path.append(str(folder))  # behind what is here: the torch that is measured stays the same
    return folder


class Nerfacto:
    """The model with its own losses and optimizers, step by step."""

    def __init__(self, taken: Photographs, place: torch.device) -> None:
        torch.manual_seed(0)
        self.place, self.quick = place, place.type == "cuda"
        self.rays = 4096 if self.quick else 1024
        self.pool = PixelPool(taken.learned, place)
        self.box = PlainField(taken.low, taken.high, width=16, depth=2).to(place)
        self.chance = torch.Generator(place if self.quick else "cpu").manual_seed(0)
        self.model = _model(taken).to(place).train()
        groups = self.model.get_param_groups()
        self.optimizers = {name: torch.optim.Adam(groups[name], lr=1e-2, eps=1e-15) for name in
                           ("proposal_networks", "fields")}  # fmt: skip
        # Its exponential decay, which reaches a hundredth after 200,000 steps.
        self.schedules = [torch.optim.lr_scheduler.ExponentialLR(one, 0.01 ** (1 / 200_000))
                          for one in self.optimizers.values()]  # fmt: skip
        self.scaler = torch.amp.GradScaler(place.type, enabled=self.quick)
        self.callbacks = self.model.get_training_callbacks(None)
        self.done = 0

    def step(self) -> None:
        """One step, as its trainer takes it."""
        before, after = self.callbacks
        before.func(step=self.done)
        rays, rgba, image = self.pool.drawn(self.rays, self.chance)
        for one in self.optimizers.values():
            one.zero_grad(set_to_none=True)
        with torch.autocast(self.place.type, torch.float16, enabled=self.quick):
            found = self.model(self._bundle(rays, image))
            batch = {"image": on_white(rgba)}
            told = self.model.get_metrics_dict(found, batch)
            loss = sum(self.model.get_loss_dict(found, batch, told).values())
        self.scaler.scale(loss).backward()
        for one in self.optimizers.values():
            self.scaler.step(one)
        self.scaler.update()
        for schedule in self.schedules:
            schedule.step()
        after.func(step=self.done)
        self.done += 1

    @torch.no_grad()
    def colours(self, rays: Rays) -> Tensor:
        """What rays (R, 3) see, on the CPU."""
        self.model.eval()
        parts = zip(*(one.split(1 << 15 if self.quick else 2048) for one in rays), strict=True)
        found = []
        for part in parts:
            some = Rays(*(one.to(self.place) for one in part))
            image = torch.zeros(len(some.origins), dtype=torch.long, device=self.place)
            found.append(self.model(self._bundle(some, image))["rgb"].float().cpu())
        self.model.train()
        return torch.cat(found)

    def _bundle(self, rays: Rays, image: Tensor) -> Any:
        from nerfstudio.cameras.rays import RayBundle

        near, far = through_box(self.box, rays)
        far = torch.maximum(far, near + LEAST_SPAN * self.box.longest)
        return RayBundle(origins=rays.origins, directions=rays.directions, pixel_area=torch.ones_like(near)[:, None],
                         camera_indices=image[:, None], nears=near[:, None], fars=far[:, None])  # fmt: skip


def _model(taken: Photographs) -> Any:
    from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
    from nerfstudio.data.scene_box import SceneBox
    from nerfstudio.models.nerfacto import NerfactoModelConfig
    from torchmetrics.image import lpip

    config = NerfactoModelConfig(
        implementation="torch", background_color="white", disable_scene_contraction=True, average_init_density=0.01,
        proposal_initial_sampler="uniform", distortion_loss_mult=0.0, use_appearance_embedding=False,
        camera_optimizer=CameraOptimizerConfig(mode="off"),
    )  # fmt: skip
    kept = lpip.LearnedPerceptualImagePatchSimilarity
    lpip.LearnedPerceptualImagePatchSimilarity = lambda **_: nn.Identity()
    try:
        box = SceneBox(aabb=torch.tensor([taken.low, taken.high]))
        return config.setup(scene_box=box, num_train_data=len(taken.learned))
    finally:
        lpip.LearnedPerceptualImagePatchSimilarity = kept
