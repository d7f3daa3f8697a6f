"""The course of a run: where the recogniser starts, training, the test, what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine import rng
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.devices import Place, place_of
from workbench.engine.speech.bank.rendering import render
from workbench.engine.speech.features import cmvn, padded
from workbench.engine.speech.recogniser import CtcRecogniser, Shape
from workbench.engine.speech.transcripts import character_errors, greedy, word_errors
from workbench.engine.training import fit

from . import show
from .data import Data, Hearing, Utterance, heard_from, load, minutes, spoken_commands, told
from .objective import Transcribing
from .recipe import BANK, FOLDER, NOTHING, STARTER, Recognise

TOGETHER = 16
"""Utterances of an evaluation in memory at once."""


def train(job: Job, params: Recognise) -> None:
    """Load, train, test, save: the whole course of a run."""
    place = place_of(job)
    rng.seed(job.seed)
    model = started(params)
    freeze(model, params.frozen_layers)
    data = load(job, params, model)
    if told(data.left_out) != "none":
        job.log(f"Left out: {told(data.left_out)}.", "warning")
    if data.shared_speakers:
        job.log("The data tells too few speakers: the test hears speakers that training has heard.", "warning")
    job.log(f"{len(data.train)} utterances to learn from ({minutes(data.train, model.shape.hop_s):.1f} min), "
            f"{len(data.dev)} to choose, {len(data.test)} to test; "
            f"{spaced(sum(one.numel() for one in model.parameters()))} weights, "
            f"{spaced(sum(one.numel() for one in model.parameters() if one.requires_grad))} of them learn."
    )  # fmt: skip
    watcher = Watcher(job, model.to(place.device), data, place)
    before = tested(model, data.test, place)
    objective = Transcribing(model, data.train, params, seed=job.seed)
    result = fit(job, objective, params, place=place, evaluate=watcher.evaluate, better="low")
    job.log(f"The weights of step {result.best_step} are kept: they err least on development utterances.")
    _test(job, model, data, before, params=params, place=place)


def started(params: Recognise) -> CtcRecogniser:
    """The recogniser as the run begins; raises InputError where a folder holds none."""
    if params.start == NOTHING:
        if params.kernel % 2 == 0:
            raise InputError(
                "A convolution needs a middle.", expected="an odd number of frames", received=str(params.kernel),
                fix="Take one frame more or less.", field="kernel",
            )  # fmt: skip
        return CtcRecogniser(
            Shape(width=params.width, layers=params.layers, kernel=params.kernel, dropout=params.dropout)
        )
    if params.start == FOLDER and not params.model:
        raise InputError(
            "No model folder is named.", expected="the model folder of an earlier run", received="nothing",
            fix="Choose a folder, or start from the shipped recogniser.", field="model",
        )  # fmt: skip
    model = CtcRecogniser.load(Path(params.model).expanduser() if params.start == FOLDER else STARTERS / STARTER)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = params.dropout
    return model


def freeze(model: CtcRecogniser, depth: int) -> None:
    """Keep the first `depth` layers as they are, the one that the sound enters among them.

    Raises InputError on field 'frozen_layers' where there are not as many.
    """
    below = [model.enter, *model.layers]
    if depth > len(below):
        raise InputError(
            "There are not that many layers to freeze.", expected=f"0 to {len(below)} for this recogniser",
            received=str(depth), fix="Freeze fewer layers.", field="frozen_layers",
        )  # fmt: skip
    for layer in below[:depth]:
        layer.requires_grad_(False)


# Listening --------------------------------------------------------------------------------------


@torch.no_grad()
def emitted(model: CtcRecogniser, utterances: Sequence[Utterance], place: Place) -> list[NDArray[np.float32]]:
    """Log-probabilities (T, V) of each utterance, in their order."""
    model.eval()
    order = sorted(range(len(utterances)), key=lambda at: len(utterances[at].frames))
    found: dict[int, NDArray[np.float32]] = {}
    for begin in range(0, len(order), TOGETHER):
        some = order[begin : begin + TOGETHER]
        batch, lengths = padded([torch.from_numpy(utterances[at].frames.astype(np.float32)) for at in some])
        with place.autocast():
            scores, counts = model(cmvn(batch, lengths).to(place.device), lengths.to(place.device))
        for at, row, count in zip(some, scores.float().cpu().numpy(), counts.tolist(), strict=True):
            found[at] = row[:count]
    return [found[at] for at in range(len(utterances))]


class Tested:
    """What was heard of utterances, and how much of it is wrong: character and word error rates."""

    def __init__(self, utterances: Sequence[Utterance], emissions: Sequence[NDArray[np.float32]],
                 vocabulary: Sequence[str]) -> None:  # fmt: skip
        self.emissions = emissions
        self.heard = [greedy(one, vocabulary) for one in emissions]
        pairs = list(zip(self.heard, (one.text for one in utterances), strict=True))
        self.characters = np.array([character_errors(*one) for one in pairs], np.float32).reshape(-1, 2)
        self.words = np.array([word_errors(*one) for one in pairs], np.float32).reshape(-1, 2)

    @property
    def cer(self) -> float:
        """Edits between characters over characters said."""
        return float(self.characters[:, 0].sum() / max(self.characters[:, 1].sum(), 1))

    @property
    def wer(self) -> float:
        """Edits between words over words said."""
        return float(self.words[:, 0].sum() / max(self.words[:, 1].sum(), 1))


def tested(model: CtcRecogniser, utterances: Sequence[Utterance], place: Place) -> Tested:
    """Transcribe utterances by the best path."""
    return Tested(utterances, emitted(model, utterances, place), model.vocabulary)


class Watcher:
    """Transcribes development utterances while the recogniser learns."""

    def __init__(self, job: Job, model: CtcRecogniser, data: Data, place: Place) -> None:
        self.job, self.model, self.data, self.place = job, model, data, place

    def evaluate(self, step: int) -> float:
        """The character error rate, told with the word error rate, examples and the emissions of the first one."""
        found = tested(self.model, self.data.dev, self.place)
        self.job.metric("character_error_rate", found.cer, series="development", step=step)
        self.job.metric("word_error_rate", found.wer, series="development", step=step)
        with self.job.preview("transcripts") as granted:
            if granted:
                show.examples(self.job, self.data.dev, found.heard, title="Development utterances, as heard now")
                show.emissions(self.job, self.data.dev[0], found.emissions[0], self.model)
        return found.cer


# The test ---------------------------------------------------------------------------------------


def _test(
    job: Job, model: CtcRecogniser, data: Data, before: Tested, *, params: Recognise, place: Place
) -> None:  # fmt: skip
    """Transcribe the test, before and after; tell and show it; save."""
    job.phase("testing")
    after = tested(model, data.test, place)
    job.result("character_error_rate", after.cer)
    job.result("word_error_rate", after.wer)
    job.result("character_error_rate_before", before.cer)
    job.result("word_error_rate_before", before.wer)
    rows: list[tuple[str, int, Tested | None, Tested]] = [("the test", len(data.test), before, after)]
    if job.inputs["speech"] == BANK.address:
        orders = _commands(job, model, params)
        heard = tested(model, orders, place)
        job.result("command_word_error_rate", heard.wer)
        rows.append(("commands to a house", len(orders), None, heard))
    show.rates(job, rows)
    job.artifact("outcomes", show.OUTCOMES, after.characters, meta={"columns": ["wrong", "of"], "measure": "ratio"})
    job.artifact("outcomes_words", show.OUTCOMES, after.words, meta={"columns": ["wrong", "of"], "measure": "ratio"})
    show.transcripts(job, data.test, before.heard, after.heard)
    show.examples(job, data.test, after.heard, title="Test utterances, as heard at the end")
    show.emissions(job, data.test[0], after.emissions[0], model)
    show.listened(job, data.test[0], after.emissions[0], model)
    if params.keep_model:
        _save(job, model, params)


def _commands(job: Job, model: CtcRecogniser, params: Recognise) -> list[Utterance]:
    """Commands by the test's speakers: as many as the test has utterances at most."""
    hearing = Hearing(model)
    asked = list(spoken_commands(params, job.seed))[: params.test]
    return [one for spoken in render(asked) for one in heard_from(hearing, spoken, keep=False)]


def _save(job: Job, model: CtcRecogniser, params: Recognise) -> None:
    job.phase("saving the model")
    model.save(job.model_folder(), half=params.half)
    job.write_card(task="speech recogniser", language="en", vocabulary=list(model.vocabulary),
                   sample_rate_hz=model.sample_rate_hz, frame_s=model.frame_s)  # fmt: skip
