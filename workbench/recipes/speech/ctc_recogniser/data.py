"""Transcribed utterances as log-mel frames and characters; train, development and test apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.speech.bank.reading import texts
from workbench.engine.speech.bank.rendering import RATE_HZ, Place, Spoken, render
from workbench.engine.speech.bank.rendering import Utterance as Asked
from workbench.engine.speech.bank.sentences import commands
from workbench.engine.speech.bank.speakers import Speaker, draw_speakers
from workbench.engine.speech.recogniser import CtcRecogniser, frames_needed, levelled, spelled
from workbench.engine.speech.transcripts import plain

from .recipe import ACCENTS, BANK, Recognise

Floats = NDArray[np.float32]
PARTS = ("train", "dev", "test")
SHORTEST_S, LONGEST_S = 0.1, 20.0
"""Utterances outside of this are left out and counted."""
SHOWN = 8


@dataclasses.dataclass(frozen=True)
class Utterance:
    """Log-mel frames (T, mel bins) in half precision, not normalised; the transcript and its places.

    `wave` is kept of those that may be shown.
    """

    name: str
    frames: NDArray[np.float16]
    text: str
    targets: tuple[int, ...]
    speaker: str = ""
    wave: Floats | None = None


@dataclasses.dataclass
class Data:
    """All utterances of a run, and how many were left out for which reason.

    `shared_speakers`: the data does not tell enough speakers to keep those of the test apart.
    """

    train: list[Utterance]
    dev: list[Utterance]
    test: list[Utterance]
    left_out: dict[str, int] = dataclasses.field(default_factory=dict)
    shared_speakers: bool = False

    def check(self) -> None:
        """Raise InputError where a part is empty, or a test's sentence or speaker stands in another part."""
        for part in PARTS:
            if not getattr(self, part):
                raise InputError(
                    f"There is nothing to {'learn from' if part == 'train' else 'test on'}.",
                    expected="transcribed utterances in three parts",
                    received=f"none in {part!r}; left out: {told(self.left_out)}",
                    fix="Choose more speech; three sentences by three speakers at least.", field="speech",
                )  # fmt: skip
        known = [*self.train, *self.dev]
        _apart("sentence", {one.text for one in known}, {one.text for one in self.test})
        _apart("sentence", {one.text for one in self.train}, {one.text for one in self.dev})
        if not self.shared_speakers:
            _apart("speaker", {one.speaker for one in known}, {one.speaker for one in self.test})


def _apart(what: str, known: set[str], tested: set[str]) -> None:
    twice = sorted(known & tested)
    if twice:
        raise InputError(
            f"A {what} of the test stands in another part of the data as well.", expected=f"{what}s apart",
            received=", ".join(twice[:3]), fix="Take it out of one of them.", field="speech",
        )  # fmt: skip


def told(left_out: dict[str, int]) -> str:
    """What was left out, in words."""
    return ", ".join(f"{count} {why}" for why, count in left_out.items() if count) or "none"


class Hearing:
    """Turns samples with a transcript into an utterance, and counts those that cannot be learned from."""

    def __init__(self, model: CtcRecogniser) -> None:
        self.model = model
        self.left_out = dict.fromkeys(("without a transcript", "with digits or symbols", "too long", "too short",
                                       "with more characters than frames"), 0)  # fmt: skip

    def hear(self, wave: Floats, text: str, *, name: str, speaker: str, keep: bool = False) -> Utterance | None:
        """(n,) samples at 16 kHz with what was said, or None; the transcript must be one that CTC can write."""
        said = plain(text)
        if not said:
            return self._without("without a transcript" if not text.strip() else "with digits or symbols")
        seconds = len(wave) / RATE_HZ
        if not SHORTEST_S <= seconds <= LONGEST_S:
            return self._without("too long" if seconds > LONGEST_S else "too short")
        targets = tuple(spelled(said, self.model.vocabulary))
        frames = self.model.frames(torch.from_numpy(levelled(wave))[None])[0].numpy().astype(np.float16)
        if -(-len(frames) // self.model.shape.stride) < frames_needed(targets):
            return self._without("with more characters than frames")
        return Utterance(name, frames, said, targets, speaker, wave if keep else None)

    def _without(self, why: str) -> None:
        self.left_out[why] += 1


def load(job: Job, params: Recognise, model: CtcRecogniser) -> Data:
    """The utterances of the speech slot, in three parts; raises InputError where they overlap or are none."""
    address = job.inputs["speech"]
    if address == BANK.address:
        found = generated(job, params, model)
    else:
        from .folders import read_parts

        found = read_parts(job, address, params, model)
    found.check()
    return found


# The bank -------------------------------------------------------------------------------------


def people(params: Recognise, seed: int) -> dict[str, list[Speaker]]:
    """Speakers by part; each accent has the same share, and none is in two parts."""
    found: dict[str, list[Speaker]] = {part: [] for part in PARTS}
    accents = ACCENTS[params.accent]
    wanted = {"train": params.speakers, "dev": max(2, params.test_speakers // 2), "test": params.test_speakers}
    for number, accent in enumerate(accents):
        counts = {
            part: count // len(accents) + (number < count % len(accents)) for part, count in wanted.items()
        }  # fmt: skip
        for part, some in draw_speakers(counts, seed * 10 + number, language=accent).items():
            # Every accent counts its speakers from zero.
            found[part] += [msgspec.structs.replace(one, id=f"{part}-{accent}-{one.id[-4:]}") for one in some]
    return found


def asked(params: Recognise, seed: int) -> dict[str, list[Asked]]:
    """What is to be said, by whom and where, part by part; sentences of dev and test stand in no other part."""
    who = people(params, seed)
    counts = {"test": params.test, "dev": params.development, "train": params.utterances}
    taken: set[str] = set()
    found: dict[str, list[Asked]] = {}
    for part, count in counts.items():
        chance = np.random.default_rng([seed, len(found), 0x9001])
        said = [one for one in texts(part, count + len(taken), seed) if plain(one) not in taken][:count]
        if part != "train":
            taken |= {plain(one) or "" for one in said}
        found[part] = [
            Asked(text, who[part][at % len(who[part])], _place(params, chance), seed * 1_000_003 + at)
            for at, text in enumerate(said)
        ]
    return {part: found[part] for part in PARTS}


def _place(params: Recognise, chance: np.random.Generator) -> Place:
    """Every third utterance is heard in a room; in noisy rooms all are, with noise of all kinds."""
    room = Place(round(float(chance.uniform(0.1, 0.6)), 2), round(float(chance.uniform(0, 10)), 1))
    kind, snr_db = ("white", "pink", "hum")[int(chance.integers(3))], round(float(chance.uniform(5, 15)), 1)
    if params.surroundings == "noisy rooms":
        return Place(room.decay_s, room.direct_db, kind, snr_db)  # type: ignore[arg-type]
    return room if chance.random() < 1 / 3 else Place()


def generated(job: Job, params: Recognise, model: CtcRecogniser) -> Data:
    """The bank's speakers read pieces of docstrings, everyday words, the bank's sentences and digits."""
    job.phase("speaking")
    wanted = asked(params, job.seed)
    hearing = Hearing(model)
    total, done = sum(map(len, wanted.values())), 0
    parts: dict[str, list[Utterance]] = {}
    for part, some in wanted.items():
        parts[part] = []
        for spoken in render(some):
            parts[part] += heard_from(hearing, spoken, keep=part != "train")
            done += 1
            job.progress(done, total)
    return Data(parts["train"], parts["dev"], parts["test"], hearing.left_out)


def heard_from(hearing: Hearing, spoken: Spoken, *, keep: bool) -> list[Utterance]:
    """An utterance of the bank; none where it is left out."""
    one = spoken.utterance
    name = f"{one.speaker.id}: {one.text}"
    found = hearing.hear(spoken.as_float(), one.text, name=name, speaker=one.speaker.id, keep=keep)
    return [found] if found is not None else []


def spoken_commands(params: Recognise, seed: int) -> Iterator[Asked]:
    """Commands to a house by the test's speakers: sentences of a kind that training has none of."""
    who = people(params, seed)["test"]
    said = dict.fromkeys(one.text for one in commands("test", seed))
    for at, text in enumerate(said):
        yield Asked(text, who[at % len(who)], Place(), seed * 1_000_003 + at)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """A few utterances: who says what, and for how long."""
    if address != BANK.address:
        from .folders import preview_folder

        seen: DataPreview = preview_folder(address)
        return seen
    params = Recognise(speakers=4, test_speakers=2, utterances=5, development=1, test=3)
    params = params.replace(**{name: values[name] for name in ("accent", "surroundings") if name in values})
    found = [one for some in asked(params, 0).values() for one in render(some)]
    rows = [[one.utterance.text, one.utterance.speaker.id, f"{len(one.samples) / RATE_HZ:.1f} s"] for one in found]
    detail = "generated voices; new speakers and new sentences in the test"
    return DataPreview("Sample", detail, ["sentence", "speaker", "length"], rows[:SHOWN])


def minutes(utterances: Sequence[Utterance], hop_s: float) -> float:
    """How long utterances are together."""
    return sum(len(one.frames) for one in utterances) * hop_s / 60
