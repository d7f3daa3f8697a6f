"""Vectors of people: training of encoders in stages, and what they make of speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.core.job import Job
from workbench.engine import rng
from workbench.engine.devices import Place
from workbench.engine.speech.bank.rendering import RATE_HZ
from workbench.engine.speech.speaker_encoder import WEIGHTS, Shape, SpeakerEncoder, levelled
from workbench.engine.stages import Stage, Stages
from workbench.engine.training import fit

from . import show
from .data import Line, Voice
from .ge2e import Ge2e, Verification, equal_error_rate, trials, unit
from .recipe import Sv2tts

Floats = NDArray[np.float32]

SCALED_BY = 64
"""Voices whose frames give the scale of the encoder's input."""
CROPS = 6
"""Crops of a development speaker: half of them enrol, half are asked about."""
JUDGE_SEED = 7_777
"""Added to a run's seed, so that the judge does not begin as the encoder that it judges."""


def shape_of(params: Sv2tts) -> Shape:
    """The encoder that knobs ask for."""
    return Shape(layers=params.layers, cells=params.cells, width=params.width)


def even_crops(encoder: SpeakerEncoder, speech: NDArray[np.int16], count: int) -> Floats:
    """So many crops (count, samples) spread evenly over (samples,) int16, at the encoder's level."""
    length = round(encoder.crop_s * RATE_HZ)
    wave = np.pad(speech, (0, max(length - len(speech), 0)), mode="wrap").astype(np.float32) / np.float32(32768)
    starts = np.linspace(0, len(wave) - length, count).astype(int)
    return np.stack([levelled(wave[at : at + length], encoder.level_db, wave[at : at + length]) for at in starts])


@torch.no_grad()
def vectors_of(encoder: SpeakerEncoder, voices: Sequence[Voice], place: Place, count: int = CROPS) -> Floats:
    """Vectors (speakers, count, D) of crops spread over each speaker's speech."""
    encoder.eval()
    found = [encoder(torch.from_numpy(even_crops(encoder, one.speech, count)).to(place.device)) for one in voices]
    vectors: Floats = torch.stack(found).float().cpu().numpy()
    return vectors


def voice_of(encoder: SpeakerEncoder, lines: Sequence[Line]) -> Floats:
    """One vector (D,) for several utterances of a speaker: the mean of theirs, at length 1."""
    return unit(np.mean([encoder.embed(one.wave, RATE_HZ) for one in lines], 0))


def error_rate(vectors: Floats) -> float:
    """The equal error rate of crops (speakers, count, D): the first half of each enrols, the second is asked about."""
    half = vectors.shape[1] // 2
    enrolled = unit(vectors[:, :half].mean(1))
    asked = vectors[:, half:].reshape(-1, vectors.shape[-1])
    whose = np.repeat(np.arange(len(vectors)), vectors.shape[1] - half).tolist()
    return equal_error_rate(*trials(enrolled, asked, whose))


def heard_error_rate(
    encoder: SpeakerEncoder, references: Mapping[str, Floats], lines: Sequence[Line]
) -> tuple[float, Floats]:  # fmt: skip
    """The equal error rate of whole utterances against enrolled speakers, and the utterances' vectors (n, D)."""
    names = list(references)
    asked = np.stack([encoder.embed(one.wave, RATE_HZ) for one in lines])
    enrolled = np.stack([references[name] for name in names])
    whose = [names.index(one.speaker) for one in lines]
    return equal_error_rate(*trials(enrolled, asked, whose)), asked


def learned(
    job: Job, stages: Stages, folder: Path, voices: Sequence[Voice], development: Sequence[Voice], *, params: Sv2tts,
    place: Place, judge: bool,
) -> SpeakerEncoder:  # fmt: skip
    """An encoder that learned from `voices`; the weights with the lowest error rate on `development` are kept."""
    name = "judge" if judge else "encoder"
    where = folder / name
    where.mkdir(exist_ok=True)
    stage = stages.begin(name, curves={"learning_rate": "learning_rate"})
    if stage is not None:
        rng.seed(stage.seed + (JUDGE_SEED if judge else 0))
        model = Ge2e(SpeakerEncoder(shape_of(params)))
        few = [torch.from_numpy(even_crops(model.encoder, one.speech, 4)) for one in voices[:SCALED_BY]]
        model.encoder.scale_by(torch.cat(few))
        model.to(place.device)
        objective = Verification(model, [one.speech for one in voices], params, seed=stage.seed)
        steps = params.judge_steps if judge else params.encoder_steps
        own = params.replace(max_steps=steps, learning_rate=params.encoder_rate, batch=objective.together)
        evaluate = _Watcher(stage, model, development, place, shown=not judge)
        fit(stage, objective, own, place=place, evaluate=evaluate, better="low")
        model.encoder.cpu().save(where)
        stages.end(stage)
    elif not (where / WEIGHTS).is_file():
        raise FileNotFoundError(where / WEIGHTS)
    return SpeakerEncoder.load(where)


class _Watcher:
    """Tells apart development speakers while an encoder learns, and shows how well it does."""

    def __init__(
        self, stage: Stage, model: Ge2e, voices: Sequence[Voice], place: Place, *, shown: bool
    ) -> None:  # fmt: skip
        self.stage, self.model, self.voices, self.place, self.shown = stage, model, voices, place, shown

    def __call__(self, step: int) -> float:
        """The equal error rate on development speakers."""
        vectors = vectors_of(self.model.encoder, self.voices, self.place)
        value = error_rate(vectors)
        self.stage.metric("equal_error_rate", value, series="development", step=step)
        if self.shown:
            with self.stage.preview("similarities") as granted:
                if granted:
                    show.similarity(self.stage, vectors, [one.speaker for one in self.voices])
        return value
