"""The course of a run: pretraining without labels, tiles from few labels, slides by attention, saving."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine import rng
from workbench.engine.devices import Place, place_of
from workbench.engine.medical.phantoms import histology
from workbench.engine.stages import Stage, Stages
from workbench.engine.training import fit

from . import bags, protocols, show
from .bags import Encoded
from .data import Bag, Data, Tiles, apart, load, made_bag, made_slide
from .encoders import Describe, Network
from .handmade import Handmade, colour_histograms
from .networks import make_encoder
from .pretrain import Distillation, make_student
from .protocols import Episodes, SimpleShot
from .recipe import HISTOLOGY, UniPathology

Floats = NDArray[np.float32]

LADDER = (1, 4, 16)
LINEAR_EPISODES = 5
"""A linear probe takes a hundred times as long as prototypes, so it is drawn less often."""
WATCHED = 10
"""Draws of labelled tiles behind a point of the validation curve."""
SHOWN_SLIDES = 3


def shots_of(params: UniPathology, labelled: Tiles) -> list[int]:
    """Numbers of labelled tiles a class to learn from, those that there are enough tiles for."""
    least = int(np.bincount(labelled.labels).min())
    return [one for one in sorted({*LADDER, params.shots}) if one <= least] or [least]


def check_shape(params: UniPathology) -> None:
    """Raise InputError where tiles, crops, patches and heads do not fit each other."""
    for name, whole, part in (("tile", params.tile, params.patch), ("small_crop", params.small_crop, params.patch),
                              ("width", params.width, params.heads)):  # fmt: skip
        if whole % part and params.encoder in ("self-supervised", "random"):
            raise InputError(
                "Sizes of the encoder do not fit each other.", expected=f"a multiple of {part}", received=str(whole),
                fix="Choose a multiple, or change the patch or the heads.", field=name,
            )  # fmt: skip


# The encoder --------------------------------------------------------------------------------


def encoder_of(job: Job, stages: Stages, data: Data, params: UniPathology, place: Place) -> Describe:
    """What describes tiles in this run: learned here, at random, by hand or published."""
    if params.encoder == "hand-crafted":
        job.phase("measuring tiles by hand")
        return Handmade.scaled_by(data.pretraining)
    if params.encoder == "weights":
        from .weights import load_published

        return _network(load_published(Path(params.weights)), place)
    path = job.folder / "weights" / "encoder.safetensors"
    path.parent.mkdir(exist_ok=True)
    model = make_encoder(size=params.tile, patch=params.patch, width=params.width, layers=params.layers,
                         heads=params.heads, scale=params.layer_scale)  # fmt: skip
    stage = stages.begin("pretraining")
    if stage is not None:
        state = _pretrained(stage, data, params, place)
        scratch = path.with_suffix(".tmp")
        save_file({name: one.detach().cpu().contiguous() for name, one in state.items()}, scratch)
        scratch.replace(path)
        stages.end(stage)
    model.load_state_dict(load_file(path))
    return _network(model, place)


def _network(model: nn.Module, place: Place) -> Network:
    return Network(model.to(place.device).eval(), place)


def _pretrained(stage: Stage, data: Data, params: UniPathology, place: Place) -> dict[str, Any]:
    """The encoder's weights after pretraining, or as they start."""
    rng.seed(stage.seed)
    pair = make_student(params)
    if params.encoder == "random":
        return dict(pair.student.encoder.state_dict())
    pair.to(place.device)
    objective = Distillation(pair, data.pretraining, params, seed=stage.seed)
    show.crops(stage, objective)
    watched = Network(pair.student.encoder, place)
    shots = shots_of(params, data.labelled)
    places = protocols.supports(
        data.labelled.labels, min(shots, key=lambda one: abs(one - 4)), WATCHED, seed=stage.seed
    )

    def evaluate(step: int) -> float:
        """Validation tiles by prototypes: told, not chosen by; the last weights are the ones that stay."""
        pool, query = watched(data.labelled.pictures), watched(data.validation.pictures)
        found = protocols.episodes("SimpleShot", (pool, data.labelled.labels), (query, data.validation.labels),
                                   places=places, classes=len(data.classes))  # fmt: skip
        stage.metric("tile_accuracy", float(found.balanced.mean()), series="validation", step=step)
        return float(step)

    fit(stage, objective, params, place=place, evaluate=evaluate)
    return dict(pair.student.encoder.state_dict())


# Tiles --------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Features:
    """Features of the labelled, the validation and the test tiles, (N, d) each."""

    labelled: Floats
    validation: Floats
    test: Floats


def tiles_told(job: Job, data: Data, found: Features, params: UniPathology) -> SimpleShot:
    """Every protocol at every number of shots on the test tiles; tables, map, mistakes. Returns the prototypes."""
    count, labels = len(data.classes), data.labelled.labels
    pool = found.labelled, labels
    scores: dict[tuple[str, int], Episodes] = {}
    whole: dict[str, dict[str, float]] = {}
    shots = shots_of(params, data.labelled)
    rounds = [(name, one) for name in protocols.PROTOCOLS for one in shots]
    job.phase("naming test tiles from few labels")
    for at, (name, number) in enumerate(rounds):
        job.progress(at, len(rounds))
        draws = min(LINEAR_EPISODES, params.episodes) if name == "linear probe" else params.episodes
        places = protocols.supports(labels, number, draws, seed=job.seed)
        scores[name, number] = protocols.episodes(name, pool, (found.test, data.test.labels), places=places,
                                                  classes=count)  # fmt: skip
        word = {"SimpleShot": "balanced", "kNN-20": "knn", "linear probe": "linear"}[name]
        job.result(f"{word}_{number}_shots", float(scores[name, number].balanced.mean()))
    for name, rule in protocols.PROTOCOLS.items():
        whole[name] = summed(rule(found.labelled, labels, found.test, count), data.test.labels, count)
    show.protocols(job, scores, whole)
    main = min(shots, key=lambda one: abs(one - params.shots))
    places = protocols.supports(labels, main, params.episodes, seed=job.seed)
    checked = protocols.episodes("SimpleShot", pool, (found.validation, data.validation.labels), places=places,
                                 classes=count)  # fmt: skip
    job.result(f"validation_{main}_shots", float(checked.balanced.mean()))
    job.result("colour_probe", colour_probe(data))
    show.outcomes(job, scores["SimpleShot", main])
    first = SimpleShot.learn(found.labelled[places[0]], labels[places[0]], count)
    guess = first.similarity(found.test).argmax(1)
    show.confusion(job, data, guess, shots=main)
    show.retrieval(job, data, found.labelled, found.test)
    job.phase("drawing the map of tiles")
    show.tile_map(job, data, found.test, guess)
    return SimpleShot.learn(found.labelled, labels, count)


def summed(scores: Floats, truth: NDArray[np.int64], count: int) -> dict[str, float]:
    """Balanced accuracy, weighted F1 and macro AUROC (one against one) of scores (N, classes)."""
    guess = scores.argmax(1)
    shares = np.exp(scores - scores.max(1, keepdims=True))
    shares = shares / shares.sum(1, keepdims=True)
    there = len(np.unique(truth)) == count
    area = roc_auc_score(truth, shares, multi_class="ovo", average="macro") if there and count > 2 else (
        roc_auc_score(truth, shares[:, 1]) if there else np.nan)  # fmt: skip
    return {
        "balanced": protocols.balanced_accuracy(guess, truth, count),
        "weighted_f1": float(f1_score(truth, guess, average="weighted")), "auroc": float(area),
    }  # fmt: skip


def colour_probe(data: Data) -> float:
    """What colour histograms alone tell of validation tiles, learned from all labelled ones: a leak, if much."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    probe.fit(colour_histograms(data.labelled.pictures), data.labelled.labels)
    guess = probe.predict(colour_histograms(data.validation.pictures))
    return protocols.balanced_accuracy(guess, data.validation.labels, len(data.classes))


# Slides -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Slides:
    """Slides to learn the pooling from, and to test it on; `shown` are drawn with their scores."""

    train: list[Encoded]
    test: list[Encoded]
    classes: tuple[str, ...]
    target: int | None
    """The tile class that a slide's last class is about, for MI-SimpleShot."""
    shown: dict[str, Bag]


def slides_of(job: Job, describe: Describe, params: UniPathology) -> Slides | None:
    """The slides that the job names, as features; None where tiles are the user's own and slides are not given."""
    address = job.inputs.get("slides") or HISTOLOGY.address
    if address != HISTOLOGY.address:
        from .folders import own_slides

        train, test, classes = own_slides(job, address, describe, params)
        return Slides(train, test, classes, None, {})
    if (job.inputs.get("tiles") or HISTOLOGY.address) != HISTOLOGY.address:
        job.log("No slides were given: attention pooling is left out.")
        return None
    parts: dict[str, list[Encoded]] = {"bags": [], "unseen bags": []}
    shown: dict[str, Bag] = {}
    for part, found in parts.items():
        job.phase("reading slides of centre A" if part == "bags" else "reading slides of centre B")
        for number in range(params.bags):
            job.progress(number, params.bags)
            bag = made_bag(made_slide(job.seed, part, number, params), params.tile)
            found.append(Encoded(bag.name, bag.label, describe(bag.tiles), bag.places, bag.tumour))
            if part != "bags" and bag.label and len(shown) < SHOWN_SLIDES:
                shown[bag.name] = bag
    return Slides(parts["bags"], parts["unseen bags"], ("no tumour", "tumour"), histology.TUMOUR, shown)


def slides_told(job: Job, slides: Slides, shot: SimpleShot | None, params: UniPathology) -> Any:
    """Train the pooling, judge the test slides, draw attention; returns the pooling."""
    apart([one.name for one in slides.train], [one.name for one in slides.test])
    job.phase("learning which tiles matter")
    model = bags.learn(job, slides.train, params, classes=len(slides.classes), seed=job.seed)
    rows, truth, said, without, areas = [], [], [], [], []
    for one in slides.test:
        shares, attention = bags.judged(model, one.features)
        like = bags.likeness(shot, one.features, slides.target) if shot and slides.target is not None else None
        area = None if one.tumour is None else bags.attention_auroc(one.tumour, attention)
        truth.append(one.label)
        said.append(shares)
        without.append(0.0 if like is None else bags.top_mean(like))
        areas += [] if area is None else [area]
        rows.append([
            one.name, slides.classes[one.label], slides.classes[int(shares.argmax())], round(float(shares[-1]), 4),
            None if like is None else round(without[-1], 4), len(one.features),
            None if one.tumour is None else int((one.tumour > 0.5).sum()), None if area is None else round(area, 4),
        ])  # fmt: skip
        if one.name in slides.shown:
            drawn = {"attention": bags.ranks(attention)}
            if like is not None:
                drawn["like tumour"] = np.asarray(1 / (1 + np.exp(-8 * like)), np.float32)
            if one.tumour is not None:
                drawn["tumour (truth)"] = one.tumour
            show.slide(job, slides.shown[one.name], params.tile, drawn,
                       title=f"{one.name}: {rows[-1][2]} ({shares[-1]:.2f})")  # fmt: skip
    show.slide_table(job, rows, slides.classes)
    _slide_results(job, slides, truth, np.stack(said))
    if shot and slides.target is not None:
        job.result("mi_simpleshot_auc", bags.auc(truth, without))
    if areas:
        job.result("attention_auroc", float(np.mean(areas)))
    return model


def _slide_results(job: Job, slides: Slides, truth: Sequence[int], said: Floats) -> None:
    count = len(slides.classes)
    balanced = protocols.balanced_accuracy(said.argmax(1), np.asarray(truth), count)
    job.result("slide_balanced_accuracy", balanced)
    if count == 2:
        job.result("slide_auc", bags.auc(truth, said[:, 1]))


# The run ------------------------------------------------------------------------------------


def train(job: Job, params: UniPathology) -> None:
    """Load, pretrain, test on tiles and on slides, save: the whole course of a run."""
    place = place_of(job)
    check_shape(params)
    job.phase("making tiles ready")
    data = load(job, params)
    job.log(f"{len(data.pretraining)} tiles without labels, {len(data.labelled)} labelled, {len(data.validation)} "
            f"validation and {len(data.test)} test tiles of {len(data.classes)} classes.")  # fmt: skip
    stages = Stages(job)
    describe = encoder_of(job, stages, data, params, place)
    job.phase("describing tiles")
    found = Features(*(describe(one.pictures) for one in (data.labelled, data.validation, data.test)))
    shot = tiles_told(job, data, found, params)
    slides = slides_of(job, describe, params)
    pooling = slides_told(job, slides, shot, params) if slides is not None else None
    if params.keep_model:
        from .saving import save

        job.phase("saving the model")
        named = slides.classes if slides else ()
        save(job, describe, data, labelled=found.labelled, pooling=pooling, slide_classes=named, params=params)
    _clear(job.folder / "weights")


def _clear(folder: Path) -> None:
    for file in folder.glob("*.safetensors"):
        file.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()
