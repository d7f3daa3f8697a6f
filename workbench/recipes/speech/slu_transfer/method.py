"""The course of a run: recognition, commands at each rate, the test on new speakers and wordings, saving."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_model
from torch import Tensor

from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine import rng
from workbench.engine.devices import Place, place_of
from workbench.engine.stages import Stage, Stages
from workbench.engine.text import cache
from workbench.engine.training import fit

from . import decoding, fusion, saving, show
from .data import Data, Utterance, load, slot_words, vocabulary
from .networks import (
    SLOTS,
    Recogniser,
    Understander,
    check_shape,
    make_decoder,
    make_encoder,
)
from .objectives import Recognition, Understanding, fits_ctc
from .recipe import COMMANDS, LEARNED, SAVED, SENTENCES, SluTransfer

VERSION = 1
"""Raised when pretraining would give other weights from the same knobs."""
LADDER = (8, 4, 2)
RECOGNISER = "recogniser.safetensors"
PRETRAINING = (
    "pretraining", "pretrain_steps", "pretrain_rate", "pretrain_batch", "ctc_weight", "smoothing", "augment", "layers",
    "decoder_layers", "width", "heads", "hidden", "dropout", "mel_bins", "units", "language", "recognition",
    "recognition_speakers", "speakers", "development_speakers", "test_speakers", "weight_decay", "warmup", "clip",
    "evaluations", "patience",
)  # fmt: skip
"""Knobs that change the weights of pretraining; the numbers of speakers do, since all are drawn together."""


@dataclasses.dataclass(frozen=True)
class Course:
    """What every part of the run needs: the job, data, vocabularies, where weights lie for now."""

    job: Job
    data: Data
    words: tuple[str, ...]
    units: tuple[str, ...]
    params: SluTransfer
    place: Place
    folder: Path
    prefixes: tuple[Tensor, Tensor] | None = None

    def recogniser(self) -> Recogniser:
        """Encoder and recognition heads as every arm of a seed starts."""
        rng.seed(self.job.seed)
        encoder = make_encoder(self.params)
        return Recogniser(encoder, len(self.units), make_decoder(self.params, len(self.units) + 2))

    def understander(self) -> Understander:
        """The network that learns commands, its encoder from pretraining where there was any."""
        start = self.recogniser()
        kept = self.folder / RECOGNISER
        if kept.is_file():
            load_model(start, kept)
        elif self.params.pretraining == SAVED:
            start.encoder.load_state_dict(saving.encoder_of(Path(self.params.encoder), self.params))
        decoder = make_decoder(self.params, len(self.words) + 2)
        texts, rows = self.prefixes or (None, None)
        return Understander(start.encoder, decoder, recogniser=start if self.params.multi_task else None, texts=texts,
                            rows=rows)  # fmt: skip


def train(job: Job, params: SluTransfer) -> None:
    """Load, pretrain, learn commands, test, save: the whole course of a run."""
    place = place_of(job)
    check_shape(params)
    data = load(job, params)
    words = slot_words(data.train)
    job.log(
        f"{len(data.recognition)} utterances to recognise; {len(data.train)} commands to learn from, "
        f"{len(data.development)} to choose, {len(data.test)} to test; {len(words)} values of three slots."
    )
    folder = job.folder / "weights"
    folder.mkdir(exist_ok=True)
    prefixes = None
    if params.fusion:
        job.phase("reading prefixes")
        prefixes = fusion.read(params.backbone, words, place)
    course = Course(job, data, words, vocabulary(data.recognition or data.train), params, place, folder, prefixes)
    stages = Stages(job)
    _recognise(course, stages)
    count = len(data.train)
    sizes = [*sorted({max(count // one, 1) for one in LADDER} if params.ladder else ()), count]
    for size in sizes:
        _learn(course, stages, size)
    for name, value in stages.known.items():
        job.result(name, value)
    _test(course, sizes)
    with contextlib.suppress(OSError):
        for file in folder.glob("*.safetensors"):
            file.unlink()
        folder.rmdir()


def _kept(job: Job) -> bool:
    """Whether a person asked to end here and keep what there is."""
    return bool(getattr(job, "kept_early", False))


# Recognition --------------------------------------------------------------------------------


def _recognise(course: Course, stages: Stages) -> None:
    """Encoder and heads after pretraining, in the run's folder; arms of one seed share what was generated."""
    if course.params.pretraining not in LEARNED:
        return
    stage = stages.begin("recognition", curves={"learning_rate": "learning_rate"})
    if stage is None:
        return
    path, shared = course.folder / RECOGNISER, _shared(course)
    model = course.recogniser().to(course.place.device)
    if shared is not None and shared.is_file():
        load_model(model, shared)
        stage.log("The encoder of another run with the same knobs, data and seed is used.")
    else:
        _fit_recognition(course, stage, model)
    saving.put(path, model)
    if shared is not None and not _kept(course.job):
        cache.keep(shared, lambda scratch: saving.put(scratch, model))
    error = decoding.unit_error(model, course.data.checked, course.units, course.place)
    show.recognised(stage, course.data.checked, decoding.heard(model, course.data.checked[:8], course.units,
                                                               course.place))  # fmt: skip
    stages.end(stage, unit_accuracy=1.0 - error)


def _shared(course: Course) -> Path | None:
    """Where the weights of generated sentences are kept; None where a person's own folder is recognised."""
    inputs = [course.job.inputs.get(slot) or sample.address
              for slot, sample in (("recognition", SENTENCES), ("commands", COMMANDS))]  # fmt: skip
    if inputs[0] != SENTENCES.address:
        return None
    facts = [(name, getattr(course.params, name)) for name in PRETRAINING]
    named = cache.digest(VERSION, course.job.seed, inputs, facts, course.place.device.type, course.place.dtype_name)
    return cache.folder("slu-encoders") / f"{named}.safetensors"


def _fit_recognition(course: Course, stage: Stage, model: Recogniser) -> None:
    params, usable = course.params, [one for one in course.data.recognition if fits_ctc(one)]
    if len(usable) < len(course.data.recognition):
        stage.log(f"{len(course.data.recognition) - len(usable)} transcripts are longer than CTC allows for their "
                  "sounds and are left out.", "warning")  # fmt: skip
    if not usable:
        raise InputError(
            "No transcript is short enough for its sound.", expected="at least four frames a unit", received="none",
            fix="Check that transcripts and sounds belong together.", field="recognition",
        )  # fmt: skip
    objective = Recognition(model, usable, course.units, params, seed=stage.seed)
    steps = params.replace(max_steps=params.pretrain_steps, learning_rate=params.pretrain_rate,
                           batch=params.pretrain_batch)  # fmt: skip

    def evaluate(step: int) -> float:
        """Unit errors of utterances kept aside; they pick the weights."""
        error = decoding.unit_error(model, course.data.checked, course.units, course.place)
        stage.metric("unit_error", error, series="kept aside", step=step)
        return error

    fit(stage, objective, steps, place=course.place, evaluate=evaluate, better="low")


# Commands -----------------------------------------------------------------------------------


def _weights(course: Course, size: int) -> Path:
    return course.folder / f"understander-{size}.safetensors"


def _learn(course: Course, stages: Stages, size: int) -> None:
    """Learn from the first `size` commands at each rate; validation keeps the better one."""
    params, data = course.params, course.data
    rates = [params.learning_rate, params.learning_rate / 3] if params.two_rates else [params.learning_rate]
    last = size == len(data.train)
    suffix = "" if last else f"_{size}"
    for rate in rates:
        name = f"rate {rate:.2g}" if last else f"{size} commands, rate {rate:.2g}"
        stage = stages.begin(name, curves={"learning_rate": "learning_rate"})
        if stage is None or (_kept(course.job) and _weights(course, size).is_file()):
            continue
        model = course.understander()
        value = _fit_commands(course, stage, model, data.train[:size], rate)
        if value > stages.known.get(f"validation{suffix}", -1.0):
            saving.put(_weights(course, size), model)
            stages.end(stage, **{f"validation{suffix}": value, f"rate{suffix}": rate})
        else:
            stages.end(stage)


def _fit_commands(
    course: Course, stage: Stage, model: Understander, commands: Sequence[Utterance], rate: float
) -> float:  # fmt: skip
    params = course.params
    objective = Understanding(model, commands, course.words, course.units, params, seed=stage.seed)

    def evaluate(step: int) -> float:
        """The share of validation commands that are understood; it picks the weights."""
        model.encoder.still = 0
        found = decoding.greedy(model, course.data.development, course.words, course.place)
        value = accuracy(course.data.development, found)
        stage.metric("accuracy", value, series="validation", step=step)
        return value

    steps = params.replace(learning_rate=rate)
    result = fit(stage, objective, steps, place=course.place, evaluate=evaluate)
    model.encoder.still = 0
    return result.best_value or 0.0


def accuracy(utterances: Sequence[Utterance], found: Sequence[decoding.Guess]) -> float:
    """The share of commands of which all three slots are right."""
    return sum(one.intent == each.intent for one, each in zip(utterances, found, strict=True)) / max(len(utterances), 1)


# The test -----------------------------------------------------------------------------------


def _test(course: Course, sizes: Sequence[int]) -> None:
    """Commands by new speakers in new wordings; what was heard, mistaken and looked at."""
    job, data, place = course.job, course.data, course.place
    job.phase("testing")
    model = course.understander().to(place.device)
    for size in sizes:
        load_model(model, _weights(course, size))
        found = decoding.greedy(model, data.test, course.words, place)
        if len(sizes) > 1:
            job.metric("labels", accuracy(data.test, found), series="new wordings, new speakers", step=size)
    job.result("accuracy", accuracy(data.test, found))
    for at, slot in enumerate(SLOTS):
        right = [one.intent is not None and one.intent[at] == each.intent[at]
                 for one, each in zip(data.test, found, strict=True)]  # fmt: skip
        job.result(f"{slot}_accuracy", sum(right) / len(right))
    known = decoding.greedy(model, data.known, course.words, place) if data.known else []
    if known:
        job.result("accuracy_known_wordings", accuracy(data.known, known))
    show.slots(job, [("new speakers, new wordings", data.test, found), ("new speakers, known wordings", data.known,
                                                                        known)], data.train)  # fmt: skip
    show.outcomes(job, data.test, found)
    show.confusion(job, data.test, found)
    show.predictions(job, data.test, found)
    chosen = show.to_be_shown(data.test, found)
    if chosen is not None:
        one, guess = chosen
        show.attended(job, one, guess, decoding.looks(model, one, guess.intent, course.words, place))
    if course.params.keep_model:
        job.phase("saving the model")
        saving.save(course, model)
