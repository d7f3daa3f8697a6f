"""The course of a run: subjects, network, training on slices, numbers on whole volumes.

L = w · (1 − soft Dice) + (1 − w) · binary cross-entropy over nested regions, each with its own sigmoid.
Source: arXiv 2501.11196; loss, rates and augmentation are our own specification.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from workbench.core.job import Job
from workbench.core.kinds import Outcomes
from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine import rng
from workbench.engine.devices import Place, place_of
from workbench.engine.medical import metrics, segmentation
from workbench.engine.medical.segmentation import RegionLoss, Segmentation, Windows
from workbench.engine.training import fit

from . import going_on, show, weights
from .data import REGIONS, Cohort, Slices, Subject, load
from .networks import (
    ChannelAttention,
    EfficientEncoder,
    ResidualEncoder,
    TumourNet,
    fitting_dilations,
)
from .recipe import BrainTumorResunet

THRESHOLD = 0.5
ATTENTION_SLICES = 64


def make_encoder(params: BrainTumorResunet, channels: int) -> EfficientEncoder | ResidualEncoder:
    """The encoder that the knobs ask for, with random weights."""
    if params.encoder == "residual":
        return ResidualEncoder(channels, [params.encoder_width * 2**k for k in range(5)])
    return EfficientEncoder(params.encoder, channels, params.size)


def make_network(params: BrainTumorResunet, channels: int, regions: int) -> TumourNet:
    """The network that the knobs ask for, with random weights; raises InputError for a size that does not fit."""
    if params.size % 32:
        raise InputError(
            "This resolution does not fit the encoder.", expected="a multiple of 32", received=str(params.size),
            fix=f"Choose {max(64, round(params.size / 32) * 32)}.", field="size",
        )  # fmt: skip
    return TumourNet(
        make_encoder(params, channels), regions=regions,
        widths=[max(8, params.decoder_width >> k) for k in range(5)], attention=params.attention,
        aspp=params.aspp_width if params.aspp else 0, dilations=dilations(params),
    )  # fmt: skip


def dilations(params: BrainTumorResunet) -> tuple[int, ...]:
    """The steps of ASPP's branches."""
    if params.dilations == "fitting":
        return fitting_dilations(params.size // 32)
    return tuple(int(one) for one in params.dilations.split(","))


def train(job: Job, params: BrainTumorResunet) -> None:
    """Load, train, test, save: the whole course of a run."""
    place = place_of(job)
    cohort = load(job, params)
    job.log(f"{cohort.detail}. {_counted(cohort, params)}")
    scheme = REGIONS[params.scheme]
    rng.seed(job.seed)
    model = make_network(params, len(cohort.channels), len(scheme))
    pretrained = params.init == "pretrained" and params.encoder != "residual"
    if params.continue_from:
        going_on.put_in(job, model, params, cohort)
    elif pretrained:
        weights.put_in(job, model.encoder, params, len(cohort.channels), place)
    count = sum(one.numel() for one in model.parameters())
    encoders = sum(one.numel() for one in model.encoder.parameters())
    job.log(f"{spaced(count)} parameters, {spaced(encoders)} of them in the encoder.")
    model.to(place.device)
    objective = Segmentation(
        model, Slices(labelled(cohort.train, params), [labels for _, labels in scheme]), params, seed=job.seed,
        loss=RegionLoss("regions", dice_weight=params.dice_weight),
        rates={"encoder.": params.encoder_rate} if pretrained else {},
    )  # fmt: skip
    eye = _Eye(job, model, cohort, params, place)
    fitted = fit(job, objective, params, place=place, evaluate=eye.evaluate)
    job.phase("testing")
    eye.show(force=True)
    if fitted.best_value is not None:
        job.result("dev_dice", fitted.best_value)
    job.result("parameters", count)
    _test(job, model, cohort, params, place)
    show.channels(job, channel_weights(model, cohort.validation, place))
    if params.keep_model:
        _save(job, params, model, cohort)


def labelled(subjects: Sequence[Subject], params: BrainTumorResunet) -> Sequence[Subject]:
    """The first subjects of the training part, as many as the label fraction leaves, one at least."""
    return subjects[: max(1, math.ceil(len(subjects) * params.label_share))]


def _counted(cohort: Cohort, params: BrainTumorResunet) -> str:
    used = len(labelled(cohort.train, params))
    return f"{used} to learn from, {len(cohort.validation)} to validate, {len(cohort.test)} to test."


@dataclasses.dataclass(frozen=True)
class Found:
    """What the network says of a subject: probabilities and regions (K, z, y, x), and their scores."""

    subject: Subject
    probabilities: NDArray[np.float32]
    regions: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    scores: metrics.Scores


class _Eye:
    """Looks at the validation subjects while training goes on."""

    def __init__(self, job: Job, model: nn.Module, cohort: Cohort, params: BrainTumorResunet, place: Place) -> None:
        self.job, self.model, self.cohort, self.params, self.place = job, model, cohort, params, place
        self.scheme = REGIONS[params.scheme]
        self.gallery = show.Gallery(job, cohort, params.scheme)
        self.seen: list[Found] | None = None

    def evaluate(self, step: int) -> float:
        """The mean Dice of validation volumes over regions, which picks the best weights."""
        self.seen = [found_in(self.job, self.model, one, self.params, self.place)
                     for one in self.cohort.validation]  # fmt: skip
        dice = np.array([one.scores.dice for one in self.seen])
        distance = np.array([one.scores.hd95_mm for one in self.seen])
        for at, (name, _) in enumerate(self.scheme):
            self.job.metric("dice", float(dice[:, at].mean()), series=name, step=step)
            self.job.metric("hd95_mm", float(distance[:, at].mean()), series=name, step=step)
        self.job.metric("loss", float(np.mean([_cross_entropy(one) for one in self.seen])),
                        series="validation cross-entropy", step=step)  # fmt: skip
        self.show()
        return float(dice.mean())

    def show(self, *, force: bool = False) -> None:
        """Predictions and errors of the first validation subjects, as time allows."""
        with self.job.preview("validation subjects", force=force) as granted:
            if not granted:
                return
            if self.seen is None or force:
                self.seen = [found_in(self.job, self.model, one, self.params, self.place)
                             for one in self.cohort.validation[: show.SHOWN]]  # fmt: skip
            self.gallery.add([(one.subject, one.regions, one.truth) for one in self.seen])


def _cross_entropy(one: Found) -> float:
    chosen = np.where(one.truth, one.probabilities, 1 - one.probabilities)
    return float(-np.log(np.maximum(chosen, 1e-7)).mean())


def found_in(job: Any, model: nn.Module, subject: Subject, params: BrainTumorResunet, place: Place) -> Found:
    """The network's regions in a subject, each inner one within its outer one, and how well they fit."""
    share = predicted(model, subject.image, params, place, told=lambda: job.progress(0, 0))
    regions = np.logical_and.accumulate(share > THRESHOLD, axis=0)
    truth = segmentation.regions_of(subject.labels, [labels for _, labels in REGIONS[params.scheme]])
    return Found(subject, share, regions, truth, metrics.score(regions, truth, subject.spacing_zyx_mm))


def predicted(
    model: nn.Module, image: NDArray[np.float32], params: BrainTumorResunet, place: Place, *, told: Any = lambda: None
) -> NDArray[np.float32]:
    """Probabilities (K, z, y, x) of a standardised volume (C, z, y, x), slice by slice."""
    windows = Windows((params.size, params.size), batch=32 if place.is_cuda else 8)
    return segmentation.probabilities(model, np.asarray(image, np.float32), windows, place, told=told)


def _test(job: Job, model: nn.Module, cohort: Cohort, params: BrainTumorResunet, place: Place) -> None:
    """Numbers on the test volumes, what each of them contributed, the worst ones and the table of all."""
    scheme = REGIONS[params.scheme]
    found = []
    for at, one in enumerate(cohort.test):
        found.append(found_in(job, model, one, params, place))
        job.progress(at + 1, len(cohort.test))
    dice, flat, distance = (
        np.array([getattr(one.scores, name) for one in found]) for name in ("dice", "slice_dice", "hd95_mm")
    )
    job.result("test_dice", float(dice.mean()))
    job.result("test_slice_dice", float(flat.mean()))
    job.result("test_hd95_mm", float(distance.mean()))
    for at, (name, _) in enumerate(scheme):
        label = name.replace(" ", "_")
        job.result(f"test_dice_{label}", float(dice[:, at].mean()))
        job.result(f"test_hd95_mm_{label}", float(distance[:, at].mean()))
    for slot, values in (("outcomes", dice), ("outcomes_hd95", distance)):
        counts = values.mean(1, keepdims=True).astype(np.float32)
        job.artifact(slot, Outcomes, counts, meta={"measure": "mean", "columns": ["mean over regions"]})
    show.patients(job, [(one.subject, one.scores) for one in found], [name for name, _ in scheme])
    order = np.argsort(dice.mean(1), kind="stable")[: show.WORST]
    show.worst(job, [(found[at].subject, found[at].regions, found[at].truth, float(dice[at].mean())) for at in order])


@torch.no_grad()
def channel_weights(model: TumourNet, subjects: Sequence[Subject], place: Place) -> list[NDArray[np.float32]]:
    """The mean weight that attention gives each channel, a (C,) for each of the decoder's steps; none without it."""
    layers = [one for one in model.decoder.attention if isinstance(one, ChannelAttention)]
    if not layers:
        return []
    sums: list[list[Tensor]] = [[] for _ in layers]
    hooks = [
        layer.register_forward_pre_hook(lambda module, inputs, kept=kept: kept.append(module.weights(inputs[0]).cpu()))
        for layer, kept in zip(layers, sums, strict=True)
    ]
    try:
        images = np.concatenate([np.asarray(one.image).swapaxes(0, 1) for one in subjects])[:ATTENTION_SLICES]
        model.eval()
        for at in range(0, len(images), 8):
            model(torch.from_numpy(np.ascontiguousarray(images[at : at + 8], np.float32)).to(place.device))
    finally:
        for hook in hooks:
            hook.remove()
    return [torch.cat(kept).mean(0).numpy() for kept in sums]


# Saving -------------------------------------------------------------------------------------


def _save(job: Job, params: BrainTumorResunet, model: TumourNet, cohort: Cohort) -> None:
    """The network and the card from which apply() builds it again."""
    job.phase("saving the model")
    folder: Path = job.model_folder()
    save_file({name: one.detach().cpu().contiguous() for name, one in model.state_dict().items()},
              folder / "network.safetensors")  # fmt: skip
    x, _, z = cohort.train[0].meta.geometry.spacing_mm
    job.write_card(
        task="tumour segmentation", channels=list(cohort.channels), labels=cohort.labels_told(params.scheme),
        regions=[[name, list(labels)] for name, labels in REGIONS[params.scheme]],
        normalisation="z-score per channel over the body", spacing_mm=[x, x, z],
        shape={name: getattr(params, name) for name in SHAPE},
    )  # fmt: skip


SHAPE = (
    "encoder", "attention", "aspp", "scheme", "size", "dilations", "aspp_width", "decoder_width", "encoder_width",
)  # fmt: skip
"""The knobs by which a saved network is built again."""


def load_network(folder: Path, card: dict[str, Any]) -> tuple[TumourNet, BrainTumorResunet]:
    """A saved network in eval mode, and the knobs that shaped it."""
    params = BrainTumorResunet(**card["shape"])
    model = make_network(params, len(card["channels"]), len(card["regions"]))
    model.load_state_dict(load_file(folder / "network.safetensors"))
    return model.eval(), params
