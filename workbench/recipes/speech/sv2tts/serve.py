"""A cloned voice at work: a text said by a sound's voice, by one between two, or by one that nobody has."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.core.cloning import CONSENT, SYNTHETIC, Cloned
from workbench.core.documents import Answer
from workbench.core.problem import InputError
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.speech.bank.espeak import Espeak
from workbench.engine.speech.bank.rendering import RATE_HZ, Utterance, render
from workbench.engine.speech.bank.sentences import general
from workbench.engine.speech.bank.speakers import draw_speakers
from workbench.engine.speech.opening import as_float, open_whole, samples_of
from workbench.engine.speech.speaker_encoder import CARD, SpeakerEncoder, XVectorEncoder, load_speaker_encoder
from workbench.engine.speech.vocoders import Vocoder, warm_vocoder
from workbench.engine.speech.writing import FORMATS
from workbench.engine.text.cache import digest, folder
from workbench.engine.warm import warm

from .data import numbered, timed
from .ge2e import unit
from .measures import how
from .recipe import ATTENTION, BANK
from .synthesiser import Synthesiser
from .voicefolder import load

Floats = NDArray[np.float32]

ASKED_SEED = 9_999
"""The generated speaker of the sample is of no run's parts."""
FICTITIOUS = "fictitious"
MOST_TEXT = 1_000
PAUSE_S = 0.25
REFERENCE_S = (1.0, 30.0)
STRETCHES, ITERATIONS = (0.5, 2.0), (16, 200)


@dataclasses.dataclass(frozen=True)
class Tool:
    """Encoder and synthesiser, with the voices that the synthesiser has learned."""

    encoder: SpeakerEncoder | XVectorEncoder
    synthesiser: Synthesiser
    phones: dict[str, int]
    voices: dict[str, Floats]


def answer(job: Any, model: Path, inputs: Mapping[str, Any]) -> Cloned:
    """Say inputs['text'] with inputs['voice']: a sound, a .npy vector, the sample, or 'fictitious:SEED'.

    `other` and `mix` (0 … 1) go some of the way to a second voice; `seconds` (5) of each sound are listened to, from
    `start_s` on. `stretch` makes it slower. `vocoder` is one of core.vocoding's choices or a folder, Griffin-Lim where
    nothing is said, whose `iterations` can be told. `out` and `vector` are files to write.
    Raises InputError for what makes no sense.
    """
    began = time.perf_counter()
    text = _text(inputs)
    stretch = _number(inputs, "stretch", 1.0, STRETCHES)
    phases = round(_number(inputs, "iterations", 60, ITERATIONS))
    mix = _number(inputs, "mix", 0.5, (0.0, 1.0))
    out = _out(inputs)
    tool = warm(job, "sv2tts", model, lambda card: _load(model))
    asked = str(inputs.get("vocoder") or "")
    vocoder = warm_vocoder(job, asked, **how(tool.synthesiser.size.bins, phases))
    voice = str(inputs.get("voice") or inputs.get("speech") or BANK.address)
    vector = _vector(voice, tool, inputs)
    title = _title(voice)
    if inputs.get("other"):
        vector = between(vector, _vector(str(inputs["other"]), tool, inputs), mix)
        title = f"{title} → {_title(str(inputs['other']))}, {mix:.0%}"
    neighbour, cosine = nearest(vector, tool.voices)
    wave = say(job, tool, text, vector, stretch=stretch, vocoder=vocoder)
    place = folder("cloned")
    name = digest(text, vector.tobytes().hex(), stretch, phases, asked, model)
    sound = out or place / f"{name}.wav"
    write_tagged(sound, wave)
    kept = Path(str(inputs["vector"])) if inputs.get("vector") else place / f"{name}.npy"
    _keep_vector(kept, vector)
    seconds = time.perf_counter() - began
    said = Answer("Cloned voice", f"{title}: {sound}", seconds=seconds,
                  scores=[(f"nearest learned voice: {neighbour}", round(cosine, 4))], note=CONSENT)  # fmt: skip
    return Cloned([said], str(sound), str(kept), RATE_HZ, len(wave) / RATE_HZ, neighbour, cosine)


def _load(model: Path) -> Tool:
    """The model's encoder is the starter where it brings none."""
    synthesiser, phones, voices = load(model)
    encoder = load_speaker_encoder(model if (model / CARD).is_file() else STARTERS / "speaker-encoder")
    if encoder.width != synthesiser.size.speaker:
        raise InputError(
            "Encoder and synthesiser do not fit.", expected=f"vectors of {synthesiser.size.speaker} numbers",
            received=str(encoder.width), fix="Take the model folder of a finished run.", field="model",
        )  # fmt: skip
    return Tool(encoder, synthesiser, phones, voices)


# Voices ---------------------------------------------------------------------------------------


def fictitious(seed: int, width: int) -> Floats:
    """A voice that nobody has: a vector drawn uniformly from the unit sphere (section 3.7 of the paper)."""
    drawn = np.random.default_rng([seed, 0xF1C7]).standard_normal(width).astype(np.float32)
    return unit(drawn)


def between(one: Floats, other: Floats, share: float) -> Floats:
    """The vector that lies on the great circle from one to the other, `share` of the way."""
    angle = float(np.arccos(np.clip(one @ other, -1, 1)))
    if angle < 1e-4:
        return one
    found = np.sin((1 - share) * angle) * one + np.sin(share * angle) * other
    return unit(found.astype(np.float32))


def nearest(vector: Floats, voices: Mapping[str, Floats]) -> tuple[str, float]:
    """The learned voice with the highest cosine, and that cosine."""
    names = list(voices)
    cosines = np.stack([voices[name] for name in names]) @ vector
    at = int(cosines.argmax())
    return names[at], float(cosines[at])


def _vector(voice: str, tool: Tool, inputs: Mapping[str, Any]) -> Floats:
    width = tool.synthesiser.size.speaker
    kind, _, seed = voice.partition(":")
    if kind == FICTITIOUS:
        if not (seed or "0").isdecimal():
            raise _wrong("voice", "fictitious:SEED with a whole number", voice)
        return fictitious(int(seed or 0), width)
    if voice == BANK.address:
        speaker = draw_speakers({"asked": 1}, ASKED_SEED)["asked"][0]
        (spoken,) = render([Utterance(general("test", 1, ASKED_SEED)[0], speaker)])
        return np.asarray(tool.encoder.embed(spoken.as_float(), RATE_HZ), np.float32)
    path = Path(voice)
    if path.suffix == ".npy" and path.is_file():
        return _read_vector(path, width)
    sound = open_whole(path, folder("sounds"))
    seconds = _number(inputs, "seconds", 5.0, REFERENCE_S)
    rate = sound.meta.sample_rate_hz
    start = round(_number(inputs, "start_s", 0.0, (0.0, sound.meta.duration_s)) * rate)
    part = samples_of(sound)[start : start + round(seconds * rate)]
    return np.asarray(tool.encoder.embed(as_float(np.asarray(part)), rate), np.float32)


def _read_vector(path: Path, width: int) -> Floats:
    try:
        found = np.asarray(np.load(path, allow_pickle=False), np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise _wrong("voice", "a speaker vector in .npy", str(error)) from None
    if found.shape != (width,) or not np.isfinite(found).all() or not found.any():
        raise _wrong("voice", f"({width},) finite numbers, not all 0", f"shape {found.shape}")
    return unit(found)


def _title(voice: str) -> str:
    if voice == BANK.address:
        return "a generated speaker"
    return voice if voice.startswith(FICTITIOUS) else Path(voice).stem


def _keep_vector(path: Path, vector: Floats) -> None:
    if path.suffix != ".npy" or not path.parent.is_dir():
        raise _wrong("vector", "a .npy in a folder that is there", str(path))
    np.save(path, vector, allow_pickle=False)


# Speech ---------------------------------------------------------------------------------------


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, each said on its own."""
    return [one.strip() for one in re.split(r"(?<=[.!?;:])\s+|\n+", text) if any(map(str.isalnum, one))]


def say(
    job: Any, tool: Tool, text: str, vector: Floats, *, stretch: float, vocoder: Vocoder
) -> Floats:  # fmt: skip
    """Samples (n,) at 16 kHz; espeak-ng, in its own process, tells the phones and nothing of how they sound."""
    parts: list[Floats] = []
    pause = np.zeros(round(PAUSE_S * RATE_HZ), np.float32)
    todo = sentences_of(text)
    with Espeak() as espeak, torch.random.fork_rng(devices=[]):
        for at, sentence in enumerate(todo):
            job.progress(at, len(todo), "speaking")
            said = espeak.say(sentence)
            frames = round(len(said.samples) / said.rate_hz / 0.0125) + 1
            names, _ = timed(said.phones, frames)
            phones = torch.tensor(numbered(names, tool.phones))
            torch.manual_seed(0)  # with attention the prenet's dropout stays on
            slow = 1.0 if tool.synthesiser.size.aligner == ATTENTION else stretch
            made, _ = tool.synthesiser.say(phones, torch.from_numpy(vector), stretch=slow)
            parts += [vocoder(made.numpy()), pause]
    job.progress(len(todo), len(todo), "speaking")
    wave = np.concatenate(parts)
    found: Floats = wave * np.float32(0.7 / max(float(np.abs(wave).max()), 1e-6))
    return found


def write_tagged(path: Path, wave: Floats) -> None:
    """Write (n,) samples at 16 kHz; the file's comment says that they are synthetic."""
    import soundfile

    kind, subtype = FORMATS[path.suffix.lower()]
    with soundfile.SoundFile(str(path), "w", RATE_HZ, 1, subtype, format=kind) as file:
        file.comment = SYNTHETIC
        file.software = "Transfer Workbench"
        file.write(wave)


# What was asked -------------------------------------------------------------------------------


def _text(inputs: Mapping[str, Any]) -> str:
    text = str(inputs.get("text") or "").strip()
    if not sentences_of(text) or len(text) > MOST_TEXT:
        raise _wrong("text", f"words, {MOST_TEXT} characters at most", f"{len(text)} characters: {text[:40]!r}")
    return text


def _out(inputs: Mapping[str, Any]) -> Path | None:
    if not inputs.get("out"):
        return None
    path = Path(str(inputs["out"]))
    if path.suffix.lower() not in FORMATS or not path.parent.is_dir():
        raise _wrong("out", f"a file in a folder that is there, ending in {', '.join(FORMATS)}", str(path))
    return path


def _number(inputs: Mapping[str, Any], name: str, otherwise: float, bounds: tuple[float, float]) -> float:
    given = inputs.get(name)
    try:
        value = otherwise if given in (None, "") else float(given)
    except (TypeError, ValueError):
        value = float("nan")
    if not bounds[0] <= value <= bounds[1]:
        raise _wrong(name, f"a number from {bounds[0]:g} to {bounds[1]:g}", str(given))
    return value


def _wrong(field: str, expected: str, received: str) -> InputError:
    return InputError("The voice cannot say this.", expected=expected, received=received[:200],
                      fix="Change it and ask again.", field=field)  # fmt: skip
