"""The course of a run: the encoder, the synthesiser, a judge, and voices that nothing has heard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from workbench.core.job import Job
from workbench.core.vocoding import asked
from workbench.engine import rng
from workbench.engine.devices import Place, place_of
from workbench.engine.speech import vocoders
from workbench.engine.speech.bank.rendering import RATE_HZ
from workbench.engine.speech.speaker_encoder import SpeakerEncoder
from workbench.engine.stages import Stages
from workbench.engine.training import fit

from . import cloning, encoding, show, voicefolder
from .data import Data, Line, known_phones, load
from .ge2e import unit
from .measures import cepstral_distance, how
from .recipe import ATTENTION, UPPER, VECTOR, Sv2tts
from .saying import Saying
from .synthesiser import Size, Synthesiser

Floats = NDArray[np.float32]

LOOKED_AT = 12
"""Test sentences that are drawn while the synthesiser learns are other ones: so many of the references."""


def train(job: Job, params: Sv2tts) -> None:
    """Make the speech, learn, clone, measure, save."""
    place = place_of(job)
    # Opened first: one that does not fit must not be noticed after the training.
    vocoder = vocoders.choose(asked(params.vocoder, params.vocoder_folder), **how(params.mel_bins, params.phases))
    data = load(job, params)
    voices = len({one.speaker for one in data.train})
    job.log(f"{len(data.encoder)} speakers for the encoder, {voices} for the synthesiser ({len(data.train)} "
            f"sentences), {len(data.judge)} for the judge; {len(data.references)} to be cloned.")  # fmt: skip
    folder = job.folder / "weights"
    folder.mkdir(exist_ok=True)
    stages = Stages(job)
    encoder = None
    if params.encodes:
        encoder = encoding.learned(job, stages, folder, data.encoder, data.development, params=params, place=place,
                                   judge=False)  # fmt: skip
    synthesiser, names = _synthesiser(job, stages, folder, data, encoder, params=params, place=place)
    judge = encoding.learned(job, stages, folder, data.judge, data.development, params=params, place=place, judge=True)
    cloning.test(job, data, encoder, synthesiser, judge, vocoder=vocoder, names=names, params=params)
    if params.keep_model and encoder is not None and params.condition == VECTOR:
        _save(job, data, encoder, synthesiser, names=names, params=params)
    for file in folder.rglob("*.safetensors"):
        file.unlink()


def told_vectors(encoder: SpeakerEncoder | None, lines: Sequence[Line], params: Sv2tts) -> Floats:
    """What the synthesiser is told of each line's voice while it learns: the vector of the line itself, or zeros."""
    if encoder is None:
        return np.zeros((len(lines), params.width), np.float32)
    return np.stack([encoder.embed(one.wave, RATE_HZ) for one in lines]).astype(np.float32)


def _synthesiser(
    job: Job, stages: Stages, folder: Path, data: Data, encoder: SpeakerEncoder | None, *, params: Sv2tts,
    place: Place,
) -> tuple[Synthesiser, dict[str, int]]:  # fmt: skip
    """The synthesiser after its training, and its phones' numbers."""
    lines = [*data.train, *data.known]
    names = {name: at for at, name in enumerate(known_phones(lines))}
    speakers = sorted({one.speaker for one in lines})
    table = len(speakers) if params.condition == UPPER else 0
    rng.seed(job.seed)
    model = Synthesiser(Size.of(params, len(names), params.width), table)
    stage = stages.begin("synthesiser", curves={"learning_rate": "learning_rate"})
    path = folder / voicefolder.SYNTHESISER
    if stage is not None:
        model.scale_by([torch.from_numpy(one.mels) for one in lines])
        rows = [speakers.index(one.speaker) for one in lines] if table else ()
        objective = Saying(model, lines, told_vectors(encoder, lines, params), names, rows=rows, timed=data.timed)
        watched = _watched(data, encoder, params)

        def evaluate(step: int) -> float:
            model.eval()
            off, shown = [], None
            for line, vector in watched:
                made, told = cloning.say(model, line, vector, names)
                shown = shown or (line, made, told)
                same = made[: len(line.mels)] if len(made) >= len(line.mels) else None
                if params.aligner != ATTENTION and same is not None:
                    off.append(cepstral_distance(same, line))
            if off:
                stage.metric("mel_error", float(np.mean(off)), series="unheard voices", step=step)
            with stage.preview("mel frames") as granted:
                if granted and shown is not None:
                    show.mels(stage, *shown, title=f"step {step}: {shown[0].text}")
            return math.nan  # the last weights are taken: nothing is chosen by voices that are tested

        fit(stage, objective, params, place=place, evaluate=evaluate)
        model.cpu()
        save_file({name: one.contiguous() for name, one in model.state_dict().items()}, path)
        stages.end(stage)
    model.load_state_dict(load_file(path))
    return model.eval(), names


def _watched(data: Data, encoder: SpeakerEncoder | None, params: Sv2tts) -> list[tuple[Line, Floats]]:
    """Sentences by voices that are not tested with: reference sentences, told the vector of another of the same."""
    found = []
    for own in list(data.references.values())[:LOOKED_AT]:
        other = own[-1:]
        vector = encoding.voice_of(encoder, other) if encoder is not None else np.zeros(params.width, np.float32)
        found.append((own[0], vector.astype(np.float32)))
    return found


def _save(
    job: Job, data: Data, encoder: SpeakerEncoder, synthesiser: Synthesiser, *, names: dict[str, int],
    params: Sv2tts,
) -> None:  # fmt: skip
    """Encoder, synthesiser, its phones, and the voices that it has learned, for neighbours to be told."""
    job.phase("saving the model")
    folder = job.model_folder()
    encoder.save(folder, {"speakers": len(data.encoder), "data": data.heard, "steps": params.encoder_steps})
    known: dict[str, list[Line]] = {}
    for one in data.train:
        known.setdefault(one.speaker, []).append(one)
    voices = {name: unit(np.mean(told_vectors(encoder, own[:4], params), 0)) for name, own in known.items()}
    voicefolder.save(folder, synthesiser, names, voices)
    job.write_card(task="voice cloning", sample_rate_hz=RATE_HZ, trained_on=data.origin)
