"""The course of a run: recordings, the generator and its judges, and the test beside Griffin-Lim."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from workbench.core.job import Job
from workbench.core.words import spaced
from workbench.engine import rng
from workbench.engine.devices import Place, place_of
from workbench.engine.speech import vocoders
from workbench.engine.speech.vocoders import GriffinLim, HifiGan, MelAnalysis, Vocoder
from workbench.engine.training import fit

from . import measures, networks, show
from .data import Data, Line, load
from .networks import Pair
from .objective import Floats, Sounding
from .recipe import CLONING, HIFI_GAN, PUBLISHED, SEARCHED, SPEECHT5, HifiGanParams

ANALYSES = {CLONING: vocoders.CLONING, SPEECHT5: vocoders.SPEECHT5, PUBLISHED: vocoders.PUBLISHED}


def train(job: Job, params: HifiGanParams) -> None:
    """Load, train, test, save."""
    place = place_of(job)
    mel = ANALYSES[params.frames]
    data = load(job, params)
    searched = GriffinLim(mel, params.iterations)
    made: Vocoder = searched
    if params.method != SEARCHED:
        made = _learned(job, data, mel, params=params, place=place)
    _test(job, data.test, made, searched, name=params.method)
    if params.keep_model and isinstance(made, HifiGan):
        job.phase("saving the model")
        vocoders.save(job.model_folder(), made.model, mel)
        job.write_card(task="vocoder", sample_rate_hz=mel.sample_rate_hz, trained_on=_origin(job))


def _origin(job: Job) -> str:
    from .recipe import BANK

    generated = (job.inputs.get("speech") or BANK.address) == BANK.address
    return "synthetic speech (espeak-ng)" if generated else "recordings of a folder"


def frames_of(line: Line, mel: MelAnalysis) -> Floats:
    """The frames (T, bins) of a recording."""
    found: Floats = mel.log_mel(torch.from_numpy(line.wave)[None])[0].numpy()
    return found


def _learned(job: Job, data: Data, mel: MelAnalysis, *, params: HifiGanParams, place: Place) -> HifiGan:
    """The generator after its training, at inference and on the processor."""
    rng.seed(job.seed)
    made = networks.generator(mel, params.channels)
    pair = Pair(made, params.judge_channels)
    objective = Sounding(pair, [one.wave for one in data.train], mel, params)
    networks.scale_by(made, torch.cat(objective.frames))
    seconds = sum(len(one.wave) for one in data.train) / mel.sample_rate_hz
    judges = sum(one.numel() for one in pair.judges.parameters()) if params.method == HIFI_GAN else 0
    job.log(f"{len(data.train)} recordings to learn from ({seconds / 60:.1f} min), {len(data.test)} to test; "
            f"generator {spaced(sum(one.numel() for one in made.parameters()))} weights, "
            f"discriminators {spaced(judges)}.")  # fmt: skip
    watched = [(one, frames_of(one, mel)) for one in data.development]

    def evaluate(step: int) -> float:
        """Nothing is chosen by this: what discriminators teach is not what is measured."""
        made.eval()
        vocoder = HifiGan(made, mel)
        off, mels = [], []
        for line, frames in watched:
            wave = vocoder(frames)[: len(line.wave)]
            one, other = (torch.from_numpy(sound)[None] for sound in (wave, line.wave[: len(wave)]))
            off.append(measures.spectral_distance(one, other, mel.sample_rate_hz)[0])
            mels.append(float((mel.log_mel(one) - mel.log_mel(other)).abs().mean()))
        job.metric("spectral_distance", sum(off) / len(off), series="held-out speech", step=step)
        job.metric("mel_error", sum(mels) / len(mels), series="held-out speech", step=step)
        with job.preview("spectra") as granted:
            if granted:
                line, frames = watched[0]
                show.spectra(job, line.wave, {f"step {step}": vocoder(frames)}, mel.sample_rate_hz,
                             title=f"Step {step}: {line.name}")  # fmt: skip
        return math.nan

    fit(job, objective, params, place=place, evaluate=evaluate)
    return HifiGan(made.cpu().eval(), mel)


def _test(job: Job, lines: Sequence[Line], made: Vocoder, searched: GriffinLim, *, name: str) -> None:
    """Frames of recordings that nothing has heard, made to sound by what was learned and by Griffin-Lim."""
    job.phase("testing")
    vocoder_of: dict[str, Vocoder] = {name: made} if name == SEARCHED else {name: made, SEARCHED: searched}
    mel, total, done = searched.mel, len(lines) * len(vocoder_of), 0
    sounds: dict[str, list[Floats]] = {}
    off: dict[str, list[measures.Off]] = {}
    for each, vocoder in vocoder_of.items():
        sounds[each], off[each] = [], []
        for line in lines:
            wave = vocoder(frames_of(line, mel))
            sounds[each].append(wave)
            off[each].append(measures.off(wave, line.wave, mel.sample_rate_hz))
            done += 1
            job.progress(done, total)
    for key, value in measures.mean(off[name]).items():
        job.result(key, value)
    show.distances(job, {each: measures.mean(rows) for each, rows in off.items()}, len(lines))
    show.utterances(job, lines, off)
    first = lines[0]
    show.spectra(job, first.wave, {each: some[0] for each, some in sounds.items()}, mel.sample_rate_hz,
                 title=f"{first.name}, {first.speaker}")  # fmt: skip
    show.sounds(job, lines, sounds, mel.sample_rate_hz)
    show.outcomes(job, [one.spectral_db for one in off[name]])
