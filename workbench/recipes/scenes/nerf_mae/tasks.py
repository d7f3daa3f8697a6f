"""The tasks: the network each trains, its loss, and how well it does on grids that it did not learn from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.engine.devices import Place
from workbench.engine.scenes import boxes as bx
from workbench.engine.scenes import detection as dt

from .data import UNCOUNTED, Drawing, Grid, batch_of, counted
from .networks import ConvUnet, Detector, Labeller, Refiner, SwinBackbone, interpolated
from .recipe import BOXES, LABELS, SUPER, NerfMae

OVERLAP = 0.25
SURE = 0.05
"""Boxes of a lower score are not shown; scores of a test count them."""


class Task(Protocol):
    """What a task brings to the course of a run; `metric` is its curve, `higher` numbers of which are better."""

    name: str
    metric: str

    def make(self, backbone: SwinBackbone | ConvUnet) -> nn.Module:
        """The network to train."""

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        """The mean loss over a batch."""

    def asked(self, model: nn.Module, grids: Sequence[Grid], place: Place) -> Any:
        """What the network says of each grid."""

    def value(self, said: Any, grids: Sequence[Grid]) -> float:
        """The number by which weights and rates are chosen; higher is better."""


class Learning(Drawing):
    """The objective of a task's training."""

    def __init__(self, task: Task, model: nn.Module, grids: Sequence[Grid], params: NerfMae, *, seed: int) -> None:
        super().__init__(grids, params, seed=seed)
        self.task, self.model = task, model

    def collate(self, indices: list[int]) -> dict[str, Any]:
        return batch_of(
            self.drawn(indices), self.params.side, upscale=self.params.upscale if self.task.name == SUPER else 1
        )

    def loss(self, batch: dict[str, Any]) -> Tensor:
        return self.task.loss(self.model, batch) * len(batch["grid"])


@torch.no_grad()
def _said(model: nn.Module, grid: Grid, params: NerfMae, place: Place) -> Any:
    """What a network in eval mode says of one grid."""
    model.eval()
    with place.autocast():
        return model(batch_of([grid], params.side)["grid"].to(place.device))


# Labels -----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Overlaps:
    """Counts of voxels by true and by said class, (N, K, K); class 0 is empty space and has no score."""

    counts: NDArray[np.int64]

    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each class but empty space over all grids, (K − 1,), NaN where neither is."""
        return _iou(self.counts.sum(0))

    def accuracy(self) -> NDArray[np.float64]:
        """The share of each class's voxels that are called so, (K − 1,), NaN where there are none."""
        whole = self.counts.sum(0)
        there = whole.sum(1)
        return np.where(there > 0, np.diag(whole) / np.maximum(there, 1), np.nan)[1:]

    def by_grid(self) -> NDArray[np.float64]:
        """The mean IoU of each grid over classes that are there or were said, (N,)."""
        scores = np.array([_iou(one) for one in self.counts])
        known = ~np.isnan(scores)
        mean: NDArray[np.float64] = np.where(known, scores, 0).sum(1) / np.maximum(known.sum(1), 1)
        return mean


def _iou(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    shared = np.diag(counts)
    union = counts.sum(0) + counts.sum(1) - shared
    return np.where(union > 0, shared / np.maximum(union, 1), np.nan)[1:]


class Naming:
    """Each voxel's class, by weighted cross-entropy over voxels that are there or were seen."""

    name, metric = "labels", "mean_iou"

    def __init__(self, params: NerfMae, learned: Sequence[Grid], *, classes: int) -> None:
        self.params, self.classes = params, classes
        self.weights = rarity(learned, classes, params.rarity)

    def make(self, backbone: SwinBackbone | ConvUnet) -> nn.Module:
        return Labeller(backbone, self.classes)

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        logits = model(batch["grid"]).float()
        return F.cross_entropy(logits, batch["labels"], self.weights.to(logits.device), ignore_index=UNCOUNTED)

    def asked(self, model: nn.Module, grids: Sequence[Grid], place: Place) -> list[NDArray[np.uint8]]:
        """Said classes (X, Y, Z) of each grid."""
        found = []
        for one in grids:
            x, y, z = one.rgba.shape[:3]
            said = _said(model, one, self.params, place)[0, :, :x, :y, :z]
            found.append(said.argmax(0).to(torch.uint8).cpu().numpy())
        return found

    def overlaps(self, said: Sequence[NDArray[np.uint8]], grids: Sequence[Grid]) -> Overlaps:
        """Voxels by true and by said class."""
        tables = []
        for guess, one in zip(said, grids, strict=True):
            truth = counted(one)
            looked = truth != UNCOUNTED
            places = truth[looked] * self.classes + guess[looked]
            tables.append(np.bincount(places, minlength=self.classes**2).reshape(self.classes, self.classes))
        return Overlaps(np.array(tables, np.int64))

    def value(self, said: Any, grids: Sequence[Grid]) -> float:
        return float(self.overlaps(said, grids).by_grid().mean())


def rarity(grids: Sequence[Grid], classes: int, power: float) -> Tensor:
    """A weight for each class (K,): its share of the looked-at voxels to the power −`power`, one for the mean voxel."""
    counts = np.zeros(classes)
    for one in grids:
        truth = counted(one)
        counts += np.bincount(truth[truth != UNCOUNTED], minlength=classes)[:classes]
    shares = np.maximum(counts, 1.0)
    shares /= shares.sum()
    weights = shares**-power
    return torch.from_numpy((weights / (weights * shares).sum()).astype(np.float32))


# Boxes ------------------------------------------------------------------------------------------


class Finding:
    """Boxes around things, by FCOS in three dimensions."""

    name, metric = "boxes", "average_precision"

    def __init__(self, params: NerfMae) -> None:
        self.params = params
        self.turned = params.boxes == "turned"

    def make(self, backbone: SwinBackbone | ConvUnet) -> nn.Module:
        return Detector(backbone, width=self.params.pyramid, turned=self.turned)

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        return dt.detection_loss(model(batch["grid"]), batch["boxes"])

    def asked(self, model: nn.Module, grids: Sequence[Grid], place: Place) -> list[bx.Scene]:
        """Found boxes of each grid with the true ones, where those are known."""
        scenes = []
        for one in grids:
            said = _said(model, one, self.params, place)
            ((boxes, scores),) = dt.found(said, candidates=self.params.candidates, most=self.params.proposals)
            scenes.append(bx.Scene(boxes.cpu().numpy(), scores.cpu().numpy(), self.truth(one)))
        return scenes

    def truth(self, grid: Grid) -> NDArray[np.float32]:
        """The true boxes as this run learns them: turned, or the aligned ones around them."""
        rows = np.zeros((0, 7), np.float32) if grid.boxes is None else grid.boxes
        return rows if self.turned else bx.enclosing(torch.from_numpy(np.ascontiguousarray(rows))).numpy()

    def precision(self, scenes: Sequence[bx.Scene], least_iou: float) -> bx.Precision:
        """Average precision and recall of at most `proposals` boxes a grid."""
        return bx.precision(scenes, least_iou=least_iou, most=self.params.proposals)

    def by_grid(self, scenes: Sequence[bx.Scene]) -> NDArray[np.float64]:
        """AP25 of each grid that has boxes, (N,)."""
        return np.array([self.precision([one], OVERLAP).average for one in scenes if len(one.truth)])

    def value(self, said: Any, grids: Sequence[Grid]) -> float:
        found = self.by_grid(said)
        return float(found.mean()) if len(found) else float("nan")


# Finer grids ------------------------------------------------------------------------------------


class Refining:
    """A finer grid: squared errors of colour where the fine grid has something, and of alpha everywhere."""

    name, metric = "super-resolution", "psnr"

    def __init__(self, params: NerfMae) -> None:
        self.params = params

    def make(self, backbone: SwinBackbone | ConvUnet) -> nn.Module:
        return Refiner(backbone, upscale=self.params.upscale)

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        said, fine = model(batch["grid"]).float(), batch["finer"]
        there = fine[:, 3:] > 0.01
        colour = ((said[:, :3] - fine[:, :3]).square() * there).sum() / (3 * there.sum().clamp(min=1))
        total: Tensor = colour + F.mse_loss(said[:, 3], fine[:, 3])
        return total

    def asked(self, model: nn.Module, grids: Sequence[Grid], place: Place) -> list[NDArray[np.float32]]:
        """Finer grids (uX, uY, uZ, 4), 0 to 1."""
        found = []
        for one in grids:
            x, y, z = (self.params.upscale * side for side in one.rgba.shape[:3])
            said = _said(model, one, self.params, place)[0, :, :x, :y, :z].float().clamp(0, 1)
            found.append(np.ascontiguousarray(said.permute(1, 2, 3, 0).cpu().numpy()))
        return found

    def plain(self, grids: Sequence[Grid]) -> list[NDArray[np.float32]]:
        """What the network begins as, and has to be better than: the coarse grids interpolated."""
        found = []
        for one in grids:
            coarse = torch.from_numpy(np.moveaxis(one.rgba, -1, 0)[None].copy())
            found.append(interpolated(coarse, self.params.upscale)[0].permute(1, 2, 3, 0).contiguous().numpy())
        return found

    def errors(self, said: Sequence[NDArray[np.float32]], grids: Sequence[Grid]) -> NDArray[np.float64]:
        """The mean squared error of each grid's colours where the fine grid has something, (N,)."""
        found = []
        for guess, one in zip(said, grids, strict=True):
            fine = np.zeros_like(guess) if one.finer is None else one.finer
            there = fine[..., 3] > 0.01
            found.append(float(np.square(guess[there][:, :3] - fine[there][:, :3]).mean()) if there.any() else 0.0)
        return np.array(found)

    def opacity_errors(self, said: Sequence[NDArray[np.float32]], grids: Sequence[Grid]) -> NDArray[np.float64]:
        """The mean squared error of each grid's opacity, everywhere, (N,)."""
        return np.array([float(np.square(guess[..., 3] - (0 if one.finer is None else one.finer[..., 3])).mean())
                         for guess, one in zip(said, grids, strict=True)])  # fmt: skip

    def value(self, said: Any, grids: Sequence[Grid]) -> float:
        """The mean of the PSNR of colours and of opacity, both of which the loss is made of."""
        return (psnr(self.errors(said, grids)) + psnr(self.opacity_errors(said, grids))) / 2


def psnr(errors: NDArray[np.float64]) -> float:
    """The mean over grids of 10 · log₁₀(1 / MSE), in dB."""
    return float(np.mean(-10 * np.log10(np.maximum(errors, 1e-10))))


def task_of(name: str, params: NerfMae, learned: Sequence[Grid], *, classes: int) -> Naming | Finding | Refining:
    """A task by its name."""
    if name == LABELS:
        return Naming(params, learned, classes=classes)
    return Finding(params) if name == BOXES else Refining(params)
