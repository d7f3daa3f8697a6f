"""What a run learns from and is tested on: speech and text without labels, and six tasks; parts kept apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.core.audio import Segment
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.speech import features
from workbench.engine.speech.bank import rooms
from workbench.engine.speech.bank.rendering import RATE_HZ, Spoken, render
from workbench.engine.speech.bank.rendering import Utterance as Asked
from workbench.engine.speech.bank.sentences import general
from workbench.engine.speech.bank.speakers import Speaker, draw_speakers
from workbench.engine.speech.listening import levelled

from . import vectors, words
from .recipe import ASR, BANK, PUBLISHED, SE, SID, ST, TASKS, TTS, VC, X_VECTORS, SpeechT5
from .vectors import Teller

Floats = NDArray[np.float32]

HOP_S, WINDOW_S, LOW_HZ = 0.020, 0.064, 80.0
"""Window and lowest frequency as transformers' SpeechT5 has them; the hop is 20 ms, not 16, for shorter sequences."""
LEVEL_DB = -25.0
SNR_DB = (0.0, 10.0)
NOISES: tuple[rooms.Noise, ...] = ("white", "pink", "hum")
VECTOR = 2
"""A voice's vector has so many numbers for each mel bin: the mean and the deviation over frames."""


@dataclasses.dataclass(frozen=True)
class Sound:
    """Log-mel frames (T, bins) float32, normalised with the data's Scale, and the vector (D,) of the voice."""

    mel: Floats
    vector: Floats
    units: NDArray[np.int64] | None = None
    """A label for each encoder frame, where the corpus brings some."""


@dataclasses.dataclass(frozen=True)
class Item:
    """One example of a task; what the task has no use for is empty.

    `heard` (T, bins) or `read` goes in, `said` (T, bins), `answer` or `speaker` comes out; `vector` (D,) is the voice
    to speak with. `voices` and `sentence` tell what must not stand in two parts.
    """

    name: str
    sentence: str
    voices: tuple[str, ...]
    heard: Floats | None = None
    read: str = ""
    said: Floats | None = None
    answer: str = ""
    speaker: int = -1
    vector: Floats | None = None
    sound: Floats | None = None
    """Samples (n,) at 16 kHz of what is heard; these and the next are there for published networks alone."""
    spoken: Floats | None = None


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a task is learned from, what chooses its rate, and what tests it."""

    train: Sequence[Item]
    development: Sequence[Item]
    test: Sequence[Item]


@dataclasses.dataclass(frozen=True)
class Scale:
    """Mean and deviation (bins,) of log-mel frames over labelled speech that is learned from."""

    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, mels: Sequence[Floats]) -> Scale:
        """The scale of raw frames."""
        frames = np.concatenate(mels)
        return cls(frames.mean(0), np.maximum(frames.std(0), 1e-3))

    def __call__(self, mel: Floats) -> Floats:
        """Raw frames, normalised."""
        found: Floats = ((mel - self.mean) / self.deviation).astype(np.float32)
        return found

    def undo(self, mel: Floats) -> Floats:
        """Normalised frames as natural logs of magnitudes."""
        found: Floats = (mel * self.deviation + self.mean).astype(np.float32)
        return found


@dataclasses.dataclass(frozen=True)
class Data:
    """All of a run's data; raises InputError where a test's sentence or voice stands in another part.

    `told_apart` are the speakers whom SID tells apart: those it has heard, saying what it has not. `shared_voices`:
    the corpus is divided by its authors so that voices of the test are heard before.
    """

    speech: Sequence[Sound]
    text: Sequence[str]
    tasks: dict[str, Parts]
    scale: Scale
    told_apart: tuple[str, ...] = ()
    speech_voices: frozenset[str] = frozenset()
    speech_sentences: frozenset[str] = frozenset()
    shared_voices: bool = False
    vector: int = 0
    """Numbers of a voice's vector; 0: those of statistics."""

    def __post_init__(self) -> None:
        known = set(self.speech_sentences) | set(self.text)
        for name, parts in self.tasks.items():
            learned = [*parts.train, *parts.development]
            _apart("sentence", known | {one.sentence for one in learned}, (one.sentence for one in parts.test), name)
            if self.shared_voices:
                continue
            # Speakers are told apart among those that were learned; in conversion the target's voice is one of them.
            heard = set() if name in (SID, VC) else {voice for one in learned for voice in one.voices}
            heard |= {one.voices[0] for one in learned} if name == VC else set()
            tests = [one.voices[:1] if name == VC else one.voices for one in parts.test]
            _apart("voice", heard, (voice for voices in tests for voice in voices), name)
            _apart("voice", set(self.speech_voices), (voice for one in parts.test for voice in one.voices), name)


def _apart(what: str, known: set[str], tests: Iterable[str], task: str) -> None:
    twice = sorted((set(tests) & known) - {""})
    if twice:
        raise InputError(
            f"A {what} of the test of {task} stands in another part of the data as well.", expected=f"{what}s apart",
            received=", ".join(twice[:3]), fix="Take what is tested on out of the other folder.", field="speech",
        )  # fmt: skip


# From sound to frames -----------------------------------------------------------------------


def mel_of(wave: Floats, bins: int, gain_of: Floats | None = None) -> Floats:
    """Raw log-mel frames (T, bins) of samples (n,) at 16 kHz, at −25 dB; `gain_of` is levelled in its place."""
    level = levelled(gain_of if gain_of is not None else wave)
    gain = float(np.abs(level).max()) / max(float(np.abs(gain_of if gain_of is not None else wave).max()), 1e-9)
    return framed(wave * np.float32(gain), bins)


def framed(wave: Floats, bins: int) -> Floats:
    """Raw log-mel frames (T, bins) of samples (n,) at 16 kHz as they are."""
    found = features.log_mel(
        torch.from_numpy(np.ascontiguousarray(wave))[None], RATE_HZ, bins=bins, window_s=WINDOW_S, hop_s=HOP_S,
        low_hz=LOW_HZ,
    )  # fmt: skip
    frames: Floats = found[0].numpy()
    return frames


def vector_of(mel: Floats) -> Floats:
    """What a voice is like: means and deviations of normalised frames (T, bins), (2 bins,), of length 1."""
    return mean_vector([np.concatenate([mel.mean(0), mel.std(0) - 1])])


def cut(mel: Floats, multiple: int) -> Floats:
    """Frames (T, bins) without the last few, so that they divide by what the decoder says at once."""
    return mel[: max(multiple, len(mel) // multiple * multiple)]


def aligned(mel: Floats, own: Sequence[Segment], other: Sequence[Segment], frames: int) -> Floats:
    """Frames (T, bins) in the time of another voice that says the same: phone by phone, (frames, bins).

    Where the phones do not match one by one, the whole is stretched evenly.
    """
    at = np.arange(frames) * HOP_S
    ends = (len(mel) - 1) * HOP_S, (frames - 1) * HOP_S
    here, there = [0.0], [0.0]
    if [one.text for one in own] == [one.text for one in other]:
        for one, two in zip(own, other, strict=True):
            if one.start_s > here[-1] and two.start_s > there[-1]:
                here.append(one.start_s)
                there.append(two.start_s)
        if own and own[-1].end_s > here[-1] and other[-1].end_s > there[-1]:
            here.append(own[-1].end_s)
            there.append(other[-1].end_s)
    if ends[0] > here[-1] and ends[1] > there[-1]:
        here.append(ends[0])
        there.append(ends[1])
    where = np.interp(at, there, here) / HOP_S
    low = np.clip(np.floor(where).astype(int), 0, len(mel) - 1)
    high = np.minimum(low + 1, len(mel) - 1)
    share = (where - low)[:, None].astype(np.float32)
    found: Floats = (mel[low] * (1 - share) + mel[high] * share).astype(np.float32)
    return found


# The bank -----------------------------------------------------------------------------------


def load(job: Job, params: SpeechT5) -> Data:
    """The data that the job's slots name; generated speech comes from the job's seed."""
    speech, tasks = (job.inputs.get(slot) or BANK.address for slot in ("speech", "tasks"))
    if params.voices == X_VECTORS and (params.start != PUBLISHED or tasks == BANK.address):
        raise InputError(
            "There are no x-vectors for this.", expected="a published network, and manifests that name x-vectors",
            received=f"{params.start}; {tasks[:80]}", fix="Let the speaker encoder tell the voices.", field="voices",
        )  # fmt: skip
    if speech == BANK.address and tasks == BANK.address:
        return bank(job, params)
    from .folders import own

    return own(job, speech, tasks, params)


@dataclasses.dataclass(frozen=True)
class _Heard:
    """An utterance of the bank with its raw frames, and its raw frames under noise."""

    spoken: Spoken
    mel: Floats
    noisy: Floats | None = None
    sound: Floats | None = None
    noise: Floats | None = None
    """Its samples (n,), and those under noise, where they are wanted."""

    @property
    def text(self) -> str:
        return self.spoken.utterance.text

    @property
    def voice(self) -> str:
        return self.spoken.utterance.speaker.id


def bank(job: Job, params: SpeechT5) -> Data:
    """Generated speech of five groups of voices: without labels, labelled, choosing, new, and one that is spoken to."""
    seed = job.seed
    voices = draw_speakers(
        {"unlabelled": params.speakers, "labelled": params.told_apart, "choosing": max(2, params.new_speakers // 2),
         "new": params.new_speakers, "target": 1}, seed,
    )  # fmt: skip
    first = _sentences("train", params.labelled + params.unlabelled + params.sentences, seed, "unlabelled")
    second = _sentences("dev", 2 * params.development, seed, "development")
    third = _sentences("test", params.test + params.test_told_apart, seed, "test")
    spoken, text = first[params.labelled :][: params.unlabelled], first[params.labelled + params.unlabelled :]
    asked = {
        "speech": _said(spoken, voices["unlabelled"]),
        "train": _said(first[: params.labelled], voices["labelled"]),
        "development": _said(second[: params.development], voices["choosing"]),
        "test": _said(third[: params.test], voices["new"]),
        "told apart, development": _said(second[params.development :], voices["labelled"]),
        "told apart": _said(third[params.test :], voices["labelled"]),
    }
    for part in ("train", "development", "test"):
        asked[f"{part}, target"] = _said([one.text for one in asked[part]], voices["target"])
    # With x-vectors nothing of the bank is looked at: they are for published networks, and those are not pretrained.
    tell = vectors.Statistics() if params.voices == X_VECTORS else vectors.teller(params)
    made = _rendered(job, asked, params.mel_bins, seed=seed, keep=params.start == PUBLISHED or bool(tell.width))
    scale = Scale.of([one.mel for one in made["train"]])
    speech = [_sound(one, scale, params.step_frames, tell) for one in made["speech"]]
    names = tuple(one.id for one in voices["labelled"])
    return Data(
        speech, text, _tasks(made, scale, names, params.step_frames, tell), scale, names,
        frozenset(one.id for one in voices["unlabelled"]), frozenset(spoken), vector=tell.width,
    )  # fmt: skip


def _sentences(split: str, count: int, seed: int, field: str) -> list[str]:
    """Sentences of a split; raises InputError where the grammar has fewer."""
    try:
        return general(split, count, seed)
    except ValueError as error:
        raise InputError(
            "The speaker bank has fewer sentences than that.", expected=str(error), received=f"{count} for {split}",
            fix="Ask for less, or choose folders of own speech.", field=field,
        ) from None  # fmt: skip


def _said(sentences: Sequence[str], speakers: Sequence[Speaker]) -> list[Asked]:
    return [Asked(text, speakers[at % len(speakers)]) for at, text in enumerate(sentences)]


def _rendered(
    job: Job, asked: dict[str, list[Asked]], bins: int, *, seed: int, keep: bool
) -> dict[str, list[_Heard]]:  # fmt: skip
    job.phase("making speech")
    total, done = sum(map(len, asked.values())), 0
    made: dict[str, list[_Heard]] = {}
    for number, (part, utterances) in enumerate(asked.items()):
        made[part] = []
        for at, spoken in enumerate(render(utterances)):
            wave = spoken.as_float()
            noisy, noise = None, None
            if part in ("train", "development", "test"):
                noise = in_noise(wave, np.random.default_rng([seed, number, at]))
                noisy = mel_of(noise, bins, gain_of=wave)
            sounds = (wave, noise) if keep and part != "speech" else (None, None)
            made[part].append(_Heard(spoken, mel_of(wave, bins), noisy, *sounds))
            done += 1
            job.progress(done, total)
    return made


def in_noise(wave: Floats, chance: np.random.Generator) -> Floats:
    """Samples (n,) under one of three kinds of noise, 0 to 10 dB below them."""
    kind = NOISES[int(chance.integers(len(NOISES)))]
    return rooms.with_noise(wave, rooms.noise(chance, kind, len(wave), RATE_HZ), float(chance.uniform(*SNR_DB)))


def _sound(one: _Heard, scale: Scale, multiple: int, tell: Teller) -> Sound:
    mel = cut(scale(one.mel), multiple)
    return Sound(mel, tell(mel, one.spoken.as_float, {}))


def _tasks(
    made: dict[str, list[_Heard]], scale: Scale, names: tuple[str, ...], multiple: int, tell: Teller
) -> dict[str, Parts]:  # fmt: skip
    """All six tasks from the same utterances."""
    told: dict[int, Floats] = {}

    def voice(utterances: Sequence[_Heard], at: int) -> Floats:
        """The vector of a voice from its other utterances, so that what is to be said does not lie in it."""
        same = [one for place, one in enumerate(utterances) if one.voice == utterances[at].voice and place != at]
        for one in same or [utterances[at]]:
            if id(one) not in told:
                told[id(one)] = tell(scale(one.mel), one.spoken.as_float, {})
        return mean_vector([told[id(one)] for one in same or [utterances[at]]])

    def part(task: str, which: str) -> list[Item]:
        if task == SID:
            where = {"train": "train", "development": "told apart, development", "test": "told apart"}[which]
            return [_item(one, heard=scale(one.mel), speaker=names.index(one.voice)) for one in made[where]]
        own, target = made[which], made[f"{which}, target"]
        return [_made(task, own, target, at, scale=scale, multiple=multiple, tell=tell, voice=voice)
                for at in range(len(own))]  # fmt: skip

    which = ("train", "development", "test")
    return {task: Parts(*(part(task, one) for one in which)) for task in TASKS}


def _made(
    task: str, own: Sequence[_Heard], target: Sequence[_Heard], at: int, *, scale: Scale, multiple: int, tell: Teller,
    voice: Callable[[Sequence[_Heard], int], Floats],
) -> Item:  # fmt: skip
    one = own[at]
    mel = cut(scale(one.mel), multiple)
    if task == ASR:
        return _item(one, heard=mel, answer=one.text, sound=one.sound)
    if task == ST:
        return _item(one, heard=mel, answer=words.spanish(one.text), sound=one.sound)
    if task == TTS:
        return _item(one, read=one.text, said=mel, vector=voice(own, at), spoken=one.sound)
    if task == SE:
        noisy = one.noisy if one.noisy is not None else one.mel
        heard = one.noise if one.noise is not None else one.spoken.as_float()
        return _item(one, heard=cut(scale(noisy), multiple), said=mel, vector=tell(scale(noisy), lambda: heard, {}),
                     sound=one.noise, spoken=one.sound)  # fmt: skip
    goal = target[at]
    moved = aligned(scale(goal.mel), goal.spoken.phones, one.spoken.phones, len(mel))
    item = _item(one, heard=mel, said=cut(moved, multiple), vector=voice(target, at),
                 sound=one.sound, spoken=goal.sound)  # fmt: skip
    return dataclasses.replace(item, voices=(one.voice, goal.voice))


def _item(one: _Heard, **facts: Any) -> Item:
    return Item(f"{one.voice}: {one.text}", one.text, (one.voice,), **facts)


def mean_vector(vectors: Sequence[Floats]) -> Floats:
    """The mean of vectors (D,), of length 1."""
    mean = np.mean(vectors, 0)
    found: Floats = (mean / max(float(np.linalg.norm(mean)), 1e-6)).astype(np.float32)
    return found


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """A few examples of a slot: who says what, and what is to come out."""
    if address != BANK.address:
        from .folders import preview_folder

        seen: DataPreview = preview_folder(slot, address)
        return seen
    people = draw_speakers({"unlabelled": 2, "new": 2}, 0)
    said = _said(general("train", 2, 0), people["unlabelled"])
    said += _said(general("test", 3, 0), people["new"]) if slot == "tasks" else []
    rows = [[one.utterance.text, words.spanish(one.utterance.text), one.utterance.speaker.id,
             f"{len(one.samples) / RATE_HZ:.1f} s"] for one in render(said)]  # fmt: skip
    detail = "generated voices; in the test new voices say new sentences"
    return DataPreview("Sample", detail, ["sentence", "in Spanish", "voice", "length"], rows)
