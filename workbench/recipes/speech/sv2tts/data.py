"""Who says what: speakers in five parts that share nobody, with what each of the parts is for; generated ones."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.core.audio import Segment
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.speech import features
from workbench.engine.speech.bank.rendering import RATE_HZ, Spoken, plain, render
from workbench.engine.speech.bank.rendering import Utterance as Asked
from workbench.engine.speech.bank.sentences import general
from workbench.engine.speech.bank.speakers import APART, Speaker, distance, draw_speakers
from workbench.engine.speech.speaker_encoder import cut_silence

from .recipe import BANK, Sv2tts

Floats = NDArray[np.float32]

WINDOW_S, HOP_S = 0.050, 0.0125
"""The synthesiser's frames, as Tacotron 2 has them; the encoder has its own."""
SILENCE = "sil"
SYNTHETIC = "synthetic speech (espeak-ng)"
SENTENCES = 4
"""Sentences of a paragraph: espeak-ng takes longer to start than to say one."""
DEVELOPMENT, MOST_JUDGES = 12, 64


@dataclasses.dataclass(frozen=True)
class Line:
    """An utterance to learn to say: phones with their lengths in frames, and log-mel frames (T, bins).

    `phones` have silence where nobody speaks; lengths add up to T, and are even where nobody knows them. `wave` is
    (samples,) float32.
    """

    text: str
    speaker: str
    phones: tuple[str, ...]
    lengths: tuple[int, ...]
    mels: Floats
    wave: Floats


@dataclasses.dataclass(frozen=True)
class Voice:
    """A speaker's speech for the encoders: (samples,) int16 without silence, and how many sentences it has."""

    speaker: str
    speech: NDArray[np.int16]
    sentences: int


@dataclasses.dataclass(frozen=True)
class Data:
    """Everything of a run; what must be apart is checked when it is made.

    `references` holds each test speaker's utterances that a voice is taken from; `speakers` what is known of
    generated ones.
    """

    encoder: Sequence[Voice]
    development: Sequence[Voice]
    judge: Sequence[Voice]
    train: Sequence[Line]
    test: Sequence[Line]
    references: dict[str, list[Line]]
    speakers: dict[str, Speaker]
    parts: Mapping[str, Sequence[Speaker | str]]
    known: Sequence[Line] = ()
    """Other sentences by the test speakers, which only the upper bound learns from."""
    timed: bool = True
    """Whether it is known how long each phone of a line lasts."""
    origin: str = SYNTHETIC
    """Whose speech the synthesiser learned from, and the encoder, for their cards."""
    heard: str = SYNTHETIC

    def __post_init__(self) -> None:
        check_apart(self.parts)
        said = {one.text for one in self.test}
        for name, lines in (("training", self.train), ("reference", itertools.chain(*self.references.values())),
                            ("upper bound's", self.known)):  # fmt: skip
            twice = said & {one.text for one in lines}
            if twice:
                raise InputError(
                    f"A sentence of the test is among the {name} sentences.", expected="other sentences",
                    received=sorted(twice)[0], fix="Ask for fewer sentences.", field="test_sentences",
                )  # fmt: skip


def check_apart(parts: Mapping[str, Sequence[Speaker | str]]) -> None:
    """Raise InputError where a speaker (by name), or nearly the same generated one, is in two parts."""
    for (one, some), (other, others) in itertools.combinations(parts.items(), 2):
        for a, b in itertools.product(some, others):
            if _alike(a, b):
                raise InputError(
                    "The same voice is in two parts of the data.", expected=f"voices {APART} apart or more",
                    received=f"{_named(a)} ({one}) and {_named(b)} ({other})", fix="Ask for fewer speakers.",
                    field="speakers",
                )  # fmt: skip


def _alike(one: Speaker | str, other: Speaker | str) -> bool:
    if isinstance(one, Speaker) and isinstance(other, Speaker):
        return distance(one, other) < APART
    return one == other


def _named(one: Speaker | str) -> str:
    return one.id if isinstance(one, Speaker) else one


def check_equal(voices: Sequence[Voice], wanted: int) -> None:
    """Raise InputError unless the encoder learns from exactly so many sentences, however many speakers say them."""
    count = sum(one.sentences for one in voices)
    if count != wanted:
        raise InputError(
            "The encoders would not learn from equally many sentences.",
            expected=f"speakers that divide {wanted // SENTENCES} paragraphs",
            received=f"{len(voices)} speakers, {count} sentences", fix="Choose 8, 32 or 256 speakers.",
            field="speakers",
        )  # fmt: skip


def load(job: Job, params: Sv2tts) -> Data:
    """The speech that the job's slots name; generated speech comes from the job's seed."""
    speech, speakers = (job.inputs.get(slot) or BANK.address for slot in ("speech", "speakers"))
    if speech == BANK.address and speakers == BANK.address:
        return bank(job, params)
    from .folders import own

    return own(job, speech, speakers, params)


def bank(job: Job, params: Sv2tts, *, only: str = "") -> Data:
    """Generated speech by the job's seed; what an arm does not need is not made.

    `only` 'lines' or 'voices' leaves the other empty: what the synthesiser needs, or what the encoders do.
    """
    seed = job.seed
    # The encoder's speakers are drawn last, so that all other parts are the same however many there are.
    parts = draw_speakers(
        {"test": params.test_speakers, "voices": params.voices, "development": min(DEVELOPMENT, params.test_speakers),
         "judge": min(MOST_JUDGES, params.judge_speakers), "encoder": params.speakers}, seed,
    )  # fmt: skip
    first = general("train", min(params.sentences * params.voices, 8000), seed, of=("train", "reference", "test"))
    reference = general("reference", params.test_speakers * params.references, seed, of=("train", "reference", "test"))
    test = general("test", params.test_sentences, seed, of=("train", "reference", "test"))
    upper = params.condition == "table of test speakers"
    asked = {
        "train": [Asked(first[at % len(first)], parts["voices"][at % params.voices])
                  for at in range(params.sentences * params.voices)],
        "test": [Asked(text, one) for one in parts["test"] for text in test],
        "references": [Asked(text, parts["test"][at % params.test_speakers]) for at, text in enumerate(reference)],
        "known": [Asked(first[at % len(first)], parts["test"][at % params.test_speakers])
                  for at in range(params.sentences * params.test_speakers)] if upper else [],
    }  # fmt: skip
    paragraphs = {
        "encoder": [] if not params.encodes else list(_paragraphs(parts["encoder"], params.paragraphs, seed)),
        "development": list(_paragraphs(parts["development"], 2 * len(parts["development"]), seed + 1)),
        "judge": list(_paragraphs(parts["judge"], params.judge_paragraphs, seed + 2)),
    }
    if only:
        asked, paragraphs = ({}, paragraphs) if only == "voices" else (asked, {})
        kept = ("encoder", "development", "judge") if only == "voices" else ("test", "voices")
        parts = {name: parts[name] for name in kept}
    job.phase("making speech")
    total = sum(map(len, asked.values())) + sum(map(len, paragraphs.values()))
    done = 0

    def told(spoken: Spoken) -> Spoken:
        nonlocal done
        done += 1
        job.progress(done, total)
        return spoken

    lines = {name: [line_of(told(one), params) for one in render(some)] for name, some in asked.items()}
    voices = {name: _voices([told(one) for one in render(some)]) for name, some in paragraphs.items()}
    if voices.get("encoder"):
        check_equal(voices["encoder"], params.paragraphs * SENTENCES)
    references: dict[str, list[Line]] = {}
    for one in lines.get("references", ()):
        references.setdefault(one.speaker, []).append(one)
    known = {one.id: one for some in parts.values() for one in some}
    return Data(
        voices.get("encoder", ()), voices.get("development", ()), voices.get("judge", ()), lines.get("train", ()),
        lines.get("test", ()), references, known, parts, lines.get("known", ()),
    )  # fmt: skip


def _paragraphs(speakers: Sequence[Speaker], count: int, seed: int) -> Iterator[Asked]:
    sentences = general("train", min(count * SENTENCES, 8000), seed, of=("train", "reference", "test"))
    for at in range(count):
        own = [sentences[(at * SENTENCES + one) % len(sentences)] for one in range(SENTENCES)]
        yield Asked(". ".join(own) + ".", speakers[at % len(speakers)])


def _voices(spoken: Sequence[Spoken]) -> list[Voice]:
    found: dict[str, list[Spoken]] = {}
    for one in spoken:
        found.setdefault(one.utterance.speaker.id, []).append(one)
    made = []
    for own in found.values():
        speech = [cut_silence(one.as_float(), RATE_HZ) for one in own]
        wave = np.rint(np.concatenate(speech) * 32767).astype(np.int16)
        made.append(Voice(own[0].utterance.speaker.id, wave, SENTENCES * len(own)))
    return made


# From sound to what is learned ----------------------------------------------------------------


def mel_frames(wave: Floats, bins: int) -> Floats:
    """Log-mel frames (T, bins) of (samples,) at 16 kHz."""
    found = features.log_mel(torch.from_numpy(wave)[None], RATE_HZ, bins=bins, window_s=WINDOW_S, hop_s=HOP_S)
    frames: Floats = found[0].numpy()
    return frames


def line_of(spoken: Spoken, params: Sv2tts) -> Line:
    """An utterance of the bank with its phones' lengths in frames."""
    wave = spoken.as_float()
    mels = mel_frames(wave, params.mel_bins)
    phones, lengths = timed(spoken.phones, len(mels))
    return Line(spoken.utterance.text, spoken.utterance.speaker.id, phones, lengths, mels, wave)


def timed(segments: Sequence[Segment], frames: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Phones in order with silence around and between, and the frames of each; frame k lies at k hops.

    Stress marks stay: they carry the intonation. A phone that is too short for a frame has none.
    """
    names: list[str] = []
    ends: list[int] = []

    def until(end: int, name: str) -> None:
        end = min(max(end, ends[-1] if ends else 0), frames)
        if end > (ends[-1] if ends else 0) or name != SILENCE:
            names.append(name)
            ends.append(end)

    for one in segments:
        until(round(one.start_s / HOP_S), SILENCE)
        until(round(one.end_s / HOP_S), one.text)
    until(frames, SILENCE)
    ends[-1] = frames
    lengths = np.diff([0, *ends]).tolist()
    return tuple(names), tuple(lengths)


def known_phones(lines: Sequence[Line]) -> list[str]:
    """Every phone that a synthesiser learns, sorted, padding first."""
    return ["", *sorted({SILENCE, *(phone for one in lines for phone in one.phones)})]


def numbered(phones: Sequence[str], names: dict[str, int]) -> list[int]:
    """Phones as numbers; one that was never heard falls back to itself without stress, or to silence."""
    return [names.get(one, names.get(plain(one), names[SILENCE])) for one in phones]


def preview(slot: str, address: str) -> DataPreview:
    """A few utterances: who says what, and how often each phone comes."""
    if address != BANK.address:
        from .folders import preview_folder

        seen: DataPreview = preview_folder(slot, address)
        return seen
    drawn = draw_speakers({"voices": 3, "test": 2}, 0)
    people = [*drawn["voices"], *drawn["test"]]
    found = list(render([Asked(text, people[at]) for at, text in enumerate(general("train", 5, 0))]))
    rows = [[one.utterance.text, one.utterance.speaker.id, f"{len(one.samples) / RATE_HZ:.1f} s", str(len(one.phones))]
            for one in found]  # fmt: skip
    counts: dict[str, int] = {}
    for one in found:
        for phone in one.phones:
            counts[plain(phone.text)] = counts.get(plain(phone.text), 0) + 1
    return DataPreview("Sample", f"{BANK.title}: new speakers and new sentences in the test",
                       ["sentence", "speaker", "length", "phones"], rows, labels=counts)  # fmt: skip
