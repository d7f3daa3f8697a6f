"""Utterances as the networks hear them: normalised log-mel frames with phones, speakers and words; parts kept apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from workbench.core.audio import Segment
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.speech import features
from workbench.engine.speech.bank import rooms
from workbench.engine.speech.bank.rendering import RATE_HZ, Spoken, frame_labels, render
from workbench.engine.speech.bank.rendering import Utterance as Asked
from workbench.engine.speech.bank.sentences import KEYWORDS, general
from workbench.engine.speech.bank.speakers import Speaker, draw_speakers
from workbench.engine.speech.listening import levelled
from workbench.engine.speech.upstream import log_mels

from .recipe import BANK, TERA, Tera

Floats = NDArray[np.float32]

WINDOW_S = 0.025
SILENCE = "sil"
NOISE_DB = 10.0
GENERATED = {"unlabelled": 600, "labelled": 30, "test": 100}
"""How many utterances are generated where all of a folder were asked for."""


@dataclasses.dataclass(frozen=True)
class Utterance:
    """Frames (T, F) normalised by themselves, with what is needed to undo that: mean and deviation (F,).

    `phones` names each frame's phone, at the frame's centre; empty where nobody knows. `wave` is kept of those that
    may be shown.
    """

    name: str
    frames: Floats
    mean: Floats
    deviation: Floats
    speaker: str = ""
    text: str = ""
    phones: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    wave: Floats | None = None


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a probe learns from, what chooses its rate, and what tests it."""

    train: Sequence[Utterance]
    development: Sequence[Utterance]
    test: Sequence[Utterance]


@dataclasses.dataclass(frozen=True)
class Data:
    """All utterances of a run; raises InputError where a test would hear what was learned from.

    `noisy` are the test's utterances under noise. `keywords` and `noisy` are there for generated speech.
    `shared_speakers`: the data's authors have divided it so that test speakers are heard before.
    """

    unlabelled: Sequence[Utterance]
    phones: Parts
    speakers: Parts
    noisy: Sequence[Utterance] = ()
    keywords: Parts | None = None
    shared_speakers: bool = False

    def __post_init__(self) -> None:
        learned = [*self.unlabelled, *self.phones.train, *self.phones.development]
        _apart(
            "sentence", {one.text or one.name for one in learned}, self.phones.test, lambda one: one.text or one.name
        )
        heard = [*self.unlabelled, *self.speakers.train, *self.speakers.development]
        _apart(
            "sentence", {one.text or one.name for one in heard}, self.speakers.test, lambda one: one.text or one.name
        )
        tests = [*self.phones.test, *(self.keywords.test if self.keywords else ())]
        if not self.shared_speakers:
            keyword = [*self.keywords.train, *self.keywords.development] if self.keywords else []
            _apart(
                "speaker", {one.speaker for one in [*learned, *heard, *keyword]} - {""}, tests, lambda one: one.speaker
            )


def _apart(what: str, known: set[str], tests: Sequence[Utterance], of: Callable[[Utterance], str]) -> None:
    twice = sorted({of(one) for one in tests} & known)
    if twice:
        raise InputError(
            f"A {what} of the test stands in another part of the data as well.", expected=f"{what}s apart",
            received=", ".join(twice[:3]), fix="Take what is tested on out of the other folder.", field="phones",
        )  # fmt: skip


# From sound to frames -----------------------------------------------------------------------


def heard(
    wave: Floats, params: Tera, *, name: str, speaker: str = "", text: str = "", segments: Sequence[Segment] = (),
    keep: bool = False,
) -> Utterance:  # fmt: skip
    """An utterance from samples (n,) at 16 kHz; its own mean and variance normalise it, nothing else does."""
    wave = levelled(wave)
    hop_s = params.hop_ms / 1000
    mels = log_mels(wave, bins=params.mel_bins, window_s=WINDOW_S, hop_s=hop_s)[None]
    normal = features.cmvn(mels, torch.tensor([mels.shape[1]]))[0].numpy()
    mean = mels[0].mean(0).numpy()
    deviation = (mels[0] - mels[0].mean(0)).square().mean(0).sqrt().clamp(min=1e-5).numpy()
    return Utterance(
        name, normal, mean, deviation, speaker, text,
        tuple(phones_at(segments, len(normal), hop_s)) if segments else (), tuple(segments), wave if keep else None,
    )  # fmt: skip


def phones_at(segments: Sequence[Segment], frames: int, hop_s: float) -> list[str]:
    """The phone at the centre of each frame. Log-mel frame k lies at k · hop, half a hop before the bank's."""
    half = hop_s / 2
    moved = [msgspec.structs.replace(one, start_s=one.start_s + half, end_s=one.end_s + half) for one in segments]
    return frame_labels(moved, frames, hop_s, SILENCE)


# The bank -----------------------------------------------------------------------------------


def load(job: Job, params: Tera) -> Data:
    """The utterances that the job's slots name; generated ones come from the job's seed."""
    sounds, labelled = (job.inputs.get(slot) or BANK.address for slot in ("sounds", "phones"))
    if labelled == BANK.address and sounds == BANK.address:
        return bank(job, params)
    from .folders import labelled_parts, unlabelled_sounds

    if labelled == BANK.address:
        found = bank(job, params.replace(unlabelled=1))
    else:
        found = labelled_parts(job, labelled, params)
    if params.representation != TERA:
        unlabelled: Sequence[Utterance] = ()
    elif sounds == BANK.address:
        unlabelled = bank(job, params).unlabelled
    else:
        unlabelled = unlabelled_sounds(job, sounds, params, without=found)
    return dataclasses.replace(found, unlabelled=unlabelled)


def bank(job: Job, params: Tera) -> Data:
    """Generated speech: everybody's sentences and words, and the test's again under noise."""
    seed = job.seed
    drawn = draw_speakers({"known": params.speakers, "new": params.test_speakers}, seed)
    known, new = drawn["known"], drawn["new"]
    probed, others = known[: len(known) // 2], known[len(known) // 2 :]
    count, labelled, test = (getattr(params, name) or most for name, most in GENERATED.items())
    development = params.development
    # More sentences than one arm needs, so that all arms have the same.
    first = general("train", count + labelled, seed)
    second, third = general("dev", 2 * development, seed), general("test", test + max(test // 2, 2), seed)
    wanted = params.representation == TERA
    asked = {
        "unlabelled": _said(first[labelled:], known) if wanted else [],
        "train": _said(first[:labelled], probed),
        "development": _said(second[:development], others),
        "development, speakers": _said(second[development:], probed),
        "test": _said(third[:test], new),
        "test, speakers": _said(third[test:], probed),
        "words": _words(probed, params),
        "words, development": _words(others[: max(1, len(others) // 2)], params),
        "words, test": _words(new, params),
    }
    job.phase("making speech")
    total, done = sum(map(len, asked.values())), 0
    made: dict[str, list[Utterance]] = {}
    noisy: list[Utterance] = []
    for part, one in asked.items():
        made[part] = []
        for spoken in render(one):
            made[part].append(_of(spoken, part, params, keep=part in ("development", "test")))
            if part == "test":
                noisy.append(_in_noise(spoken, params, seed=seed, number=len(noisy)))
            done += 1
            job.progress(done, total)
    return Data(
        made["unlabelled"], Parts(made["train"], made["development"], made["test"]),
        Parts(made["train"], made["development, speakers"], made["test, speakers"]), noisy,
        Parts(made["words"], made["words, development"], made["words, test"]),
    )  # fmt: skip


def _said(sentences: Sequence[str], speakers: Sequence[Speaker]) -> list[Asked]:
    return [Asked(text, speakers[at % len(speakers)]) for at, text in enumerate(sentences)]


def _words(speakers: Sequence[Speaker], params: Tera) -> list[Asked]:
    return [Asked(word, one) for one in speakers for word in KEYWORDS[: params.words]]


def _of(spoken: Spoken, part: str, params: Tera, *, keep: bool) -> Utterance:
    asked = spoken.utterance
    return heard(
        spoken.as_float(), params, name=f"{asked.speaker.id}: {asked.text}", speaker=asked.speaker.id, text=asked.text,
        segments=() if part == "unlabelled" else spoken.phones, keep=keep,
    )  # fmt: skip


def _in_noise(spoken: Spoken, params: Tera, *, seed: int, number: int) -> Utterance:
    chance = np.random.default_rng([seed, number, 0xA015E])
    wave = spoken.as_float()
    wave = rooms.with_noise(wave, rooms.noise(chance, "white", len(wave), RATE_HZ), NOISE_DB)
    asked = spoken.utterance
    return heard(wave, params, name=f"{asked.speaker.id}: {asked.text} (noisy)", speaker=asked.speaker.id,
                 text=asked.text, segments=spoken.phones)  # fmt: skip


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """A few utterances of a slot: who says what, how long, and how often each phone comes."""
    if address != BANK.address:
        from .folders import preview_folder

        seen: DataPreview = preview_folder(slot, address)
        return seen
    people = draw_speakers({"known": 4, "new": 2}, 0)
    said = _said(general("train", 3, 0), people["known"])
    said += _said(general("test", 2, 0), people["new"]) if slot == "phones" else []
    found = list(render(said))
    rows = [[one.utterance.text, one.utterance.speaker.id, f"{len(one.samples) / RATE_HZ:.1f} s", str(len(one.phones))]
            for one in found]  # fmt: skip
    counts: dict[str, int] = {}
    for one in found:
        for phone in one.phones:
            counts[phone.text.lstrip("ˈˌ")] = counts.get(phone.text.lstrip("ˈˌ"), 0) + 1
    detail = "generated voices; new speakers and new sentences in the test"
    return DataPreview("Sample", detail, ["sentence", "speaker", "length", "phones"], rows,
                       labels=counts if slot == "phones" else {})  # fmt: skip
