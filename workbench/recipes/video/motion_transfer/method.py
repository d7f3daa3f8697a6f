"""The course of a run: clips, what describes them, training on known variants, both held-out parts, what is kept."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from workbench.core.job import Job
from workbench.core.words import spaced
from workbench.engine import rng
from workbench.engine.devices import Place, place_of
from workbench.engine.training import fit

from . import show
from .data import Data, Part, load
from .describing import TOGETHER, Described, assembled
from .objective import Moving
from .recipe import MotionTransfer
from .scores import Named, Transfer


def train(job: Job, params: MotionTransfer) -> None:
    """Load, describe, train, test, save: the whole course of a run."""
    place = place_of(job)
    job.phase("making clips ready")
    data = load(job, params)
    tell_data(job, data)
    rng.seed(job.seed)
    describe, model = assembled(params, data.taxonomy, data.known_set, place)
    learning = sum(one.numel() for one in model.parameters() if one.requires_grad)
    job.log(f"{params.model}: {spaced(learning)} weights learn.")
    job.phase("describing clips")
    parts = Parts(*(Described(part, describe) for part in (data.train, data.known, data.unknown)))
    watcher = Watcher(job, model.to(place.device), data, parts, place)
    fit(job, Moving(model, parts.train, data), params, place=place, evaluate=watcher.evaluate)
    job.phase("testing")
    known, unknown = watcher.named()
    tell(job, data, known, unknown)
    show.everything(job, data, known, unknown, features=watcher.features())
    if params.keep_model:
        from .saving import save

        job.phase("saving the model")
        save(job, model, data, params)


def tell_data(job: Job, data: Data) -> None:
    """How many clips there are of what."""
    job.log(f"{len(data.train)} clips of {len(data.known_fine)} variants (Set {data.known_set}) to learn from; held "
            f"out {len(data.known)} of the same variants, {len(data.unknown)} of {len(data.unknown_fine)} unknown "
            f"ones; {len(data.taxonomy.coarse)} motions.")  # fmt: skip


# Looking -----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Parts:
    """The three parts as the model reads them."""

    train: Described
    known: Described
    unknown: Described


@torch.no_grad()
def looked(model: nn.Module, clips: Described, place: Place, what: str = "forward") -> dict[str, NDArray[np.float32]]:
    """What a model in eval mode says of every clip of a part, by name, in their order."""
    was = model.training
    model.eval()
    found: dict[str, list[NDArray[np.float32]]] = {}
    for at in range(0, len(clips.part), TOGETHER):
        places = list(range(at, min(at + TOGETHER, len(clips.part))))
        inputs = {name: one.to(place.device) for name, one in clips.batch(places).items()}
        with place.autocast():
            said = model(inputs) if what == "forward" else {what: getattr(model, what)(inputs)}
        for name, one in said.items():
            found.setdefault(name, []).append(one.float().cpu().numpy())
    model.train(was)
    return {name: np.concatenate(one) for name, one in found.items()}


class Watcher:
    """Names both held-out parts while the model learns; what it finds chooses nothing."""

    def __init__(self, job: Job, model: nn.Module, data: Data, parts: Parts, place: Place) -> None:
        self.job, self.model, self.data, self.parts, self.place = job, model, data, parts, place

    def evaluate(self, step: int) -> float:
        """Tell K and U at this step. Returns the step, so that the last weights are the ones that stay."""
        known, unknown = self.named()
        self.job.metric("accuracy", known.accuracy, series="known variants", step=step)
        self.job.metric("accuracy", unknown.accuracy, series="unknown variants", step=step)
        with self.job.preview("held-out clips") as granted:
            if granted:
                show.named(self.job, self.data, known, unknown)
        return float(step)

    def named(self) -> tuple[Named, Named]:
        """Both held-out parts as the model names them now."""
        data = self.data
        return (
            named(data, data.known, looked(self.model, self.parts.known, self.place), data.known_fine),
            named(data, data.unknown, looked(self.model, self.parts.unknown, self.place), data.unknown_fine),
        )

    def features(self) -> NDArray[np.float32]:
        """What the coarse head reads of known, then of unknown clips, (N, width)."""
        both = (self.parts.known, self.parts.unknown)
        return np.concatenate([looked(self.model, one, self.place, "features")["features"] for one in both])


def named(data: Data, part: Part, said: dict[str, Any], among: list[int]) -> Named:
    """The class of each clip with the highest score: a coarse one, or a fine one `among` those of the part's set."""
    coarse = data.coarse(part)
    if "named" in said:
        labels = tuple(data.taxonomy.fine[one].name for one in among)
        truth, scores = np.searchsorted(among, part.fine), said["named"][:, among]
        motions = np.array([data.taxonomy.fine[one].coarse for one in among], np.int64)
    else:
        labels, truth, scores = data.taxonomy.coarse, coarse, said["coarse"]
        motions = np.arange(len(labels))
    shares = np.exp(scores - scores.max(1, keepdims=True))
    sure = (shares / shares.sum(1, keepdims=True)).max(1).astype(np.float32)
    guess = scores.argmax(1).astype(np.int64)
    return Named(labels, truth.astype(np.int64), guess, sure, coarse, part.fine, motions[guess])


def tell(job: Job, data: Data, known: Named, unknown: Named) -> None:
    """The run's final numbers: K, U, the fall, and both sets by their number, for runs that learn the other way."""
    found = Transfer(known.accuracy, unknown.accuracy)
    job.result("known_accuracy", found.known)
    job.result("unknown_accuracy", found.unknown)
    job.result("drop", found.drop)
    job.result("relative_drop", found.relative_drop)
    job.result("harmonic_mean", found.harmonic_mean)
    job.result("known_motion_accuracy", known.motion_accuracy)
    job.result("unknown_motion_accuracy", unknown.motion_accuracy)
    job.result(f"set_{data.known_set}_accuracy", found.known)
    job.result(f"set_{3 - data.known_set}_accuracy", found.unknown)
    names = {"known": known, "unknown": unknown, f"set_{data.known_set}": known, f"set_{3 - data.known_set}": unknown}
    for name, one in names.items():
        show.outcomes(job, f"outcomes_{name}", one)
