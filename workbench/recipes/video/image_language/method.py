"""The course of a run: pretraining on pairs, watched on validation pictures; then the test, once."""

from __future__ import annotations

import numpy as np

from workbench.core.job import Job
from workbench.core.words import spaced
from workbench.engine import rng
from workbench.engine.devices import Place, place_of
from workbench.engine.training import fit
from workbench.engine.video import imagelanguage
from workbench.engine.video.imagelanguage import ImageLanguage as Network
from workbench.engine.video.sprites import COLOURS

from . import measures, show
from .data import Data, Pairs, load
from .measures import Floats
from .objective import Contrastive
from .recipe import NOTHING, ImageLanguage

READ_AHEAD, TOGETHER = 20_000, 256


def train(job: Job, params: ImageLanguage) -> None:
    """Load, pretrain, test, show, save: the whole course of a run."""
    place = place_of(job)
    network = built(job, params).to(place.device)
    job.phase("reading pictures")
    data = load(job, params)
    job.log(f"{len(data.train)} pictures with captions to learn from, {len(data.validation)} to choose by, "
            f"{len(data.test)} to test.")  # fmt: skip
    if params.learn_from != NOTHING:
        learned = sum(one.numel() for one in network.parameters())
        job.log(f"{spaced(learned)} parameters learn; the sentence encoder does not.")
        objective = Contrastive(network, data.train, params, seed=job.seed, shortens=bool(data.classes))
        _read_ahead(job, network, objective.texts())
        watcher = _Watcher(job, network, data, place)
        fit(job, objective, params, place=place, evaluate=watcher.evaluate)
    _test(job, network, data, params, place)
    if params.keep_model:
        job.phase("saving the model")
        imagelanguage.save(network, job.model_folder())
        job.write_card(task="image-language", classes=list(data.classes), image_px=params.image_px)


def built(job: Job, params: ImageLanguage) -> Network:
    """The network as every arm of a seed starts; raises InputError where its measures do not fit each other."""
    from .folders import check_measures

    check_measures(params)
    rng.seed(job.seed)
    shape = imagelanguage.Shape(
        dim=params.dim, text_encoder=params.text_encoder, text_width=imagelanguage.text_width(params.text_encoder)
    )
    return imagelanguage.build(
        image_px=params.image_px, patch=params.patch, width=params.width, layers=params.layers, heads=params.heads,
        seed=job.seed, shape=shape,
    )  # fmt: skip


def _read_ahead(job: Job, network: Network, texts: list[str]) -> None:
    """Let the frozen encoder read every text once, so that steps need not wait for it."""
    job.phase("reading captions", len(texts))
    for at in range(0, min(len(texts), READ_AHEAD), TOGETHER):
        network.texts.described(texts[at : at + TOGETHER])  # type: ignore[operator]
        job.progress(at, len(texts))


class _Watcher:
    """Names validation pictures and finds their captions while pretraining goes on."""

    def __init__(self, job: Job, network: Network, data: Data, place: Place) -> None:
        self.job, self.network, self.data, self.place = job, network, data, place
        self.texts, self.belongs = measures.belonging(data.validation)

    def evaluate(self, step: int) -> float:
        """The mean R@1 of both directions on validation pictures; curves of it and of naming."""
        pictures, _ = measures.seen(self.network, self.data.validation.images, self.place)
        texts = measures.read(self.network, self.texts)
        to_text, to_picture = measures.recall_at(pictures, texts, self.belongs, 1)
        self.job.metric("retrieval", to_text, series="picture → caption, validation", step=step)
        self.job.metric("retrieval", to_picture, series="caption → picture, validation", step=step)
        if self.data.classes:
            named = _named(self.network, pictures, self.data.classes)
            for name, value in _shares(named, self.data.validation).items():
                self.job.metric("zero_shot", value, series=f"{name}, validation", step=step)
        with self.job.preview("similarity") as granted:
            if granted:
                show.similarity(self.job, self.data.validation, pictures, self.network)
        return (to_text + to_picture) / 2


def _named(network: Network, pictures: Floats, classes: tuple[str, ...]) -> measures.Ints:
    found: measures.Ints = (pictures @ measures.read(network, classes).T).argmax(1)
    return found


def _shares(named: measures.Ints, pairs: Pairs) -> dict[str, float]:
    """How many are named right: both together, the shape, the colour."""
    right, colours = pairs.classes, len(COLOURS)
    if right is None:
        return {}
    return {
        "shape × colour": float((named == right).mean()),
        "shape": float((named // colours == right // colours).mean()),
        "colour": float((named % colours == right % colours).mean()),
    }


def _test(job: Job, network: Network, data: Data, params: ImageLanguage, place: Place) -> None:
    """Everything that is asked of the test pictures, told as results, tables and pictures."""
    job.phase("testing")
    test = data.test
    pictures, features = measures.seen(network, test.images, place)
    captions, belongs = measures.belonging(test)
    texts = measures.read(network, captions)
    numbers: dict[str, float] = {}
    for most in (1, 5):
        found = measures.recall_at(pictures, texts, belongs, min(most, len(captions), len(test)))
        for name, value in zip(("picture_to_caption", "caption_to_picture"), found, strict=True):
            numbers[f"{name}_r{most}"] = value
    for series, name in (("picture → caption", "picture_to_caption"), ("caption → picture", "caption_to_picture")):
        job.metric("retrieval", numbers[f"{name}_r1"], series=f"{series}, test")
    named = None
    if test.classes is not None and data.probe is not None and data.frames is not None:
        named = _named(network, pictures, data.classes)
        shares = _shares(named, test)
        numbers |= dict(zip(("zero_shot", "zero_shot_shape", "zero_shot_colour"), shares.values(), strict=True))
        for name, value in shares.items():
            job.metric("zero_shot", value, series=f"{name}, test")
        frames, _ = measures.seen(network, data.frames.images, place)
        numbers["zero_shot_frames"] = _shares(_named(network, frames, data.classes), data.frames)["shape × colour"]
        _, labelled = measures.seen(network, data.probe.images, place)
        guessed = measures.probed(labelled, np.asarray(data.probe.classes), features)
        numbers["probe_accuracy"] = float((guessed == test.classes).mean())
        show.outcomes(job, "outcomes", named == test.classes)
        show.outcomes(job, "probe_outcomes", guessed == test.classes)
        show.confusion(job, test, named, data.classes)
    for name, value in numbers.items():
        job.result(name, value)
    show.scores(job, numbers, data, len(captions))
    show.similarity(job, test, pictures, network)
    show.found(job, test, pictures, texts, captions=captions, belongs=belongs)
    show.joint_map(job, test, pictures, texts, captions=captions, classes=data.classes, named=named)
