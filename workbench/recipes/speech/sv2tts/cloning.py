"""The test: voices that nothing has heard are cloned, and compared with what they really said."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.speech.bank.rendering import RATE_HZ
from workbench.engine.speech.speaker_encoder import SpeakerEncoder
from workbench.engine.speech.vocoders import Vocoder

from . import encoding, measures, show
from .data import Data, Line, numbered
from .ge2e import equal_error_rate, trials, unit
from .recipe import ATTENTION, NEAREST, NONE, RANDOM, UPPER, VECTOR, Sv2tts
from .synthesiser import Synthesiser

Floats = NDArray[np.float32]


@dataclasses.dataclass
class Measured:
    """What was measured of one way to be told a voice; each list has one number for each utterance."""

    name: str
    distances: list[float]
    pitches: list[float]
    cosines: list[float]
    error_rate: float
    sounds: list[tuple[Line, Floats]]

    @property
    def numbers(self) -> dict[str, float]:
        """Results by the names that claims judge."""
        found = {"judge_cosine": float(np.mean(self.cosines)), "cloned_error_rate": self.error_rate}
        pitches = [one for one in self.pitches if math.isfinite(one)]
        if pitches:
            found["pitch_error_semitones"] = float(np.mean(pitches))
        if self.distances:
            distance = float(np.mean(self.distances))
            found |= {"cepstral_distance_db": distance, "log_distance": math.log(distance)}
        return found


def say(model: Synthesiser, line: Line, vector: Floats, names: dict[str, int]) -> tuple[Floats, Tensor]:
    """Log-mel frames of a line's phones by a voice, with the true lengths where lengths are used."""
    phones = torch.tensor(numbered(line.phones, names))
    lengths = None if model.size.aligner == ATTENTION else torch.tensor(line.lengths)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the prenet's dropout stays on
        where = next(model.parameters()).device
        frames, told = model.say(phones.to(where), torch.from_numpy(vector).to(where),
                                 lengths=None if lengths is None else lengths.to(where))  # fmt: skip
    made: Floats = frames.float().cpu().numpy()
    return made, told.cpu()


def voices_told(
    data: Data, encoder: SpeakerEncoder | None, model: Synthesiser, params: Sv2tts, condition: str, *, seed: int
) -> dict[str, Floats]:  # fmt: skip
    """The vector that stands for each test speaker under a condition; never from what is to be said."""
    names = list(data.references)
    if condition == NONE:
        return {name: np.zeros(params.width, np.float32) for name in names}
    if condition == UPPER and model.table is not None:
        rows = sorted({one.speaker for one in [*data.train, *data.known]})
        table: Floats = model.table.weight.detach().numpy()
        return {name: table[rows.index(name)] for name in names}
    if condition == RANDOM or encoder is None:
        drawn = np.random.default_rng([seed, 0xF1C7]).standard_normal((len(names), params.width)).astype(np.float32)
        return dict(zip(names, unit(drawn), strict=True))
    own = {name: encoding.voice_of(encoder, lines).astype(np.float32) for name, lines in data.references.items()}
    if condition != NEAREST:
        return own
    known: dict[str, list[Line]] = {}
    for one in data.train:
        known.setdefault(one.speaker, []).append(one)
    learned = np.stack([encoding.voice_of(encoder, lines[: params.references]) for lines in known.values()])
    return {name: learned[int((learned @ vector).argmax())].astype(np.float32) for name, vector in own.items()}


def test(
    job: Job, data: Data, encoder: SpeakerEncoder | None, model: Synthesiser, judge: SpeakerEncoder, *,
    vocoder: Vocoder, names: dict[str, int], params: Sv2tts,
) -> None:  # fmt: skip
    """Measure the condition of this run and, where there is an encoder, its controls with the same synthesiser."""
    job.phase("cloning voices")
    references = {name: encoding.voice_of(judge, lines) for name, lines in data.references.items()}
    conditions: list[str] = [params.condition]
    if params.condition == VECTOR and params.keep_model:
        conditions += [NEAREST, RANDOM]
    found = []
    for at, condition in enumerate(conditions):
        told = voices_told(data, encoder, model, params, condition, seed=job.seed)
        found.append(_measured(condition, data, model, judge, references, vocoder=vocoder, told=told, names=names,
                               params=params))  # fmt: skip
        job.progress(at + 1, len(conditions) + 1)
    main = found[0]
    for name, value in main.numbers.items():
        job.result(name, value)
    true_rate, _ = encoding.heard_error_rate(judge, references, _sounding_lines(data, params))
    job.result("judge_error_rate", true_rate)
    seer = encoder or judge
    own = {name: encoding.voice_of(seer, lines) for name, lines in data.references.items()}
    rate, asked = encoding.heard_error_rate(seer, own, data.test)
    if encoder is not None:
        job.result("equal_error_rate", rate)
    show.voices_map(
        job, own, asked, data, [(line.speaker, heard(seer, wave), line, wave) for line, wave in main.sounds]
    )
    show.conditions(job, found, true_rate)
    show.speakers(job, main, data, params)
    show.cloned(job, pairs(main.sounds))
    rows = np.array([[one, 1.0] for one in main.distances or main.cosines], np.float32)
    show.outcomes(job, rows)
    job.progress(1, 1)


def _sounding_lines(data: Data, params: Sv2tts) -> list[Line]:
    """The first sentences of each test speaker, which are made to sound."""
    counts: dict[str, int] = {}
    chosen = []
    for one in data.test:
        counts[one.speaker] = counts.get(one.speaker, 0) + 1
        if counts[one.speaker] <= params.heard:
            chosen.append(one)
    return chosen


def _measured(
    condition: str, data: Data, model: Synthesiser, judge: SpeakerEncoder, references: Mapping[str, Floats],
    *, vocoder: Vocoder, told: Mapping[str, Floats], names: dict[str, int], params: Sv2tts,
) -> Measured:  # fmt: skip
    distances, pitches, cosines = [], [], []
    sounds: list[tuple[Line, Floats]] = []
    aloud = {id(one) for one in _sounding_lines(data, params)}
    for line in data.test:
        if params.aligner == ATTENTION and id(line) not in aloud:
            continue  # without true lengths frames cannot be compared one by one
        made, _ = say(model, line, told[line.speaker], names)
        if params.aligner != ATTENTION:
            distances.append(measures.cepstral_distance(made, line))
        if id(line) in aloud:
            wave = vocoder(made)
            sounds.append((line, wave))
            pitches.append(measures.semitones(measures.median_pitch_hz(wave), measures.median_pitch_hz(line.wave)))
    vectors = [heard(judge, wave) for _, wave in sounds]
    for (line, _), vector in zip(sounds, vectors, strict=True):
        cosines.append(float(vector @ references[line.speaker]))
    speakers = list(references)
    whose = [speakers.index(line.speaker) for line, _ in sounds]
    enrolled = np.stack([references[name] for name in speakers])
    rate = equal_error_rate(*trials(enrolled, np.stack(vectors), whose))
    return Measured(condition, distances, pitches, cosines, rate, sounds)


def heard(encoder: SpeakerEncoder, wave: Floats) -> Floats:
    """The vector of what was made; where that is hardly speech, of all of it."""
    try:
        return encoder.embed(wave, RATE_HZ)
    except InputError:
        vectors, _ = encoder.embed_windows(wave, encoder.crop_s, encoder.crop_s)
        return unit(vectors.mean(0))


def pairs(sounds: Sequence[tuple[Line, Floats]]) -> list[tuple[Line, Floats]]:
    """One cloned sentence of each of the first speakers, beside which the true one is heard."""
    seen: set[str] = set()
    found = []
    for line, wave in sounds:
        if line.speaker not in seen:
            seen.add(line.speaker)
            found.append((line, wave))
    return found
