"""Recordings to learn from, to watch and to test on; speakers of the test are heard nowhere else."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.core.audio import SOUND_SUFFIXES
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.speech import corpora
from workbench.engine.speech.bank.rendering import RATE_HZ, render
from workbench.engine.speech.bank.rendering import Utterance as Asked
from workbench.engine.speech.bank.sentences import general
from workbench.engine.speech.bank.speakers import draw_speakers
from workbench.engine.speech.listening import levelled, read_wave

from .recipe import BANK, HifiGanParams

Floats = NDArray[np.float32]

SEED = 0
LONGEST_S, SHORTEST_S = 15.0, 0.3
DEVELOPMENT = 6
HELD_OUT = 0.1
SHOWN = 20


@dataclasses.dataclass(frozen=True)
class Line:
    """A recording: what it is called, by whom, and its samples (n,) float32 at 16 kHz."""

    name: str
    speaker: str
    wave: Floats


@dataclasses.dataclass(frozen=True)
class Data:
    """A run's recordings; raises InputError where a part is empty, or a speaker of the test is heard before.

    `shared`: the folder tells too few speakers to keep them apart, so that only recordings are.
    """

    train: Sequence[Line]
    development: Sequence[Line]
    test: Sequence[Line]
    shared: bool = False

    def __post_init__(self) -> None:
        for name in ("train", "development", "test"):
            if not getattr(self, name):
                raise _unfit(f"none for {name}")
        learned = {one.speaker for one in [*self.train, *self.development]}
        twice = sorted(learned & {one.speaker for one in self.test})
        if twice and not self.shared:
            raise InputError(
                "A speaker of the test is heard in training.", expected="speakers apart", received=twice[0],
                fix="Choose a folder in which speakers have folders of their own.", field="speech",
            )  # fmt: skip


def _unfit(received: str) -> InputError:
    return InputError(
        "There are too few recordings.", expected=f"three or more, of {SHORTEST_S:g} s or longer", received=received,
        fix="Choose a folder with more sounds.", field="speech",
    )  # fmt: skip


def load(job: Job, params: HifiGanParams) -> Data:
    """The recordings of the job's slot; generated ones come from the job's seed."""
    address = job.inputs.get("speech") or BANK.address
    job.phase("making speech" if address == BANK.address else "reading speech")
    return _bank(job, params) if address == BANK.address else _folder(job, Path(address), params)


def _bank(job: Job, params: HifiGanParams) -> Data:
    seed = job.seed
    # Drawn last, so that the test is the same however many speakers are learned from.
    drawn = draw_speakers({"test": params.test_speakers, "dev": DEVELOPMENT, "train": params.speakers}, seed)
    counts = {"train": params.speakers * params.sentences, "dev": DEVELOPMENT,
              "test": params.test_speakers * params.test_sentences}  # fmt: skip
    asked = {part: [Asked(text, drawn[part][at % len(drawn[part])])
                    for at, text in enumerate(_texts(part, counts[part], seed))] for part in counts}  # fmt: skip
    total, done = sum(counts.values()), 0
    made: dict[str, list[Line]] = {}
    for part, some in asked.items():
        made[part] = []
        for spoken in render(some):
            who = spoken.utterance.speaker.id
            made[part].append(Line(spoken.utterance.text, who, spoken.as_float()))
            done += 1
            job.progress(done, total)
    return Data(made["train"], made["dev"], made["test"])


def _texts(part: str, count: int, seed: int) -> list[str]:
    found = general(part, min(count, 4000), seed)
    return [found[at % len(found)] for at in range(count)]


# Folders --------------------------------------------------------------------------------------


def _folder(job: Job, root: Path, params: HifiGanParams) -> Data:
    parts, shared = divided(recordings(root))
    if shared:
        job.log("The folder tells too few speakers: the test hears voices that training has heard.", "warning")
    if params.utterances:
        parts["train"] = parts["train"][: params.utterances]
    parts["development"] = parts["development"][:DEVELOPMENT]
    parts["test"] = parts["test"][: params.test_speakers * params.test_sentences]
    total, done = sum(map(len, parts.values())), 0
    made: dict[str, list[Line]] = {}
    for part, some in parts.items():
        made[part] = []
        for one in some:
            wave = read_wave(Path(one.path), one.start_s, one.end_s)[: int(LONGEST_S * RATE_HZ)]
            if len(wave) >= SHORTEST_S * RATE_HZ and wave.any():
                # At the level that synthesisers learn from; clipping would be learned as part of the voice.
                quiet = levelled(wave)
                loudest = max(float(np.abs(quiet).max()), 1.0)
                made[part].append(Line(Path(one.path).stem, one.speaker, quiet / np.float32(loudest)))
            done += 1
            job.progress(done, total)
    return Data(made["train"], made["development"], made["test"], shared)


def recordings(root: Path) -> list[corpora.Recording]:
    """What a known corpus lists, or every sound below a folder, whose parent then is the speaker."""
    try:
        return corpora.read_corpus(root).recordings
    except InputError:
        if not root.is_dir():
            raise
    found = [one for one in sorted(root.rglob("*")) if one.suffix.lower() in SOUND_SUFFIXES and one.is_file()]
    if not found:
        raise InputError(
            "There is no sound in this folder.", expected=", ".join(SOUND_SUFFIXES[:6]), received="none at any depth",
            fix="Choose the folder that holds them.", field="speech", place=root.name,
        )  # fmt: skip
    return [corpora.Recording(str(one), speaker="" if one.parent == root else one.parent.name) for one in found]


def divided(found: Sequence[corpora.Recording]) -> tuple[dict[str, list[corpora.Recording]], bool]:
    """A tenth of the speakers for the test and one to watch, the rest to learn from; True where they are too few."""
    chance = random.Random(SEED)
    rows = list(found)
    chance.shuffle(rows)
    names = sorted({one.speaker for one in rows} - {""})
    shared = len(names) < 3
    keys = [one.path + str(one.start_s) if shared else one.speaker for one in rows]
    drawn = sorted(set(keys))
    chance.shuffle(drawn)
    if len(drawn) < 3:
        raise _unfit(str(len(drawn)))
    held = max(1, round(HELD_OUT * len(drawn)))
    where = dict.fromkeys(drawn, "train") | dict.fromkeys(drawn[:held], "test") | {drawn[held]: "development"}
    parts: dict[str, list[corpora.Recording]] = {"train": [], "development": [], "test": []}
    for one, key in zip(rows, keys, strict=True):
        parts[where[key]].append(one)
    return parts, shared


def preview(address: str) -> DataPreview:
    """A folder's first recordings, or a few generated ones."""
    if address == BANK.address:
        people = draw_speakers({"train": 3}, SEED)["train"]
        rows = [[text, people[at % 3].id, people[at % 3].voice] for at, text in enumerate(general("train", 5, SEED))]
        return DataPreview("Sample", f"{BANK.title}: new speakers in the test", ["sentence", "speaker", "voice"], rows)
    root = Path(address)
    found = recordings(root)
    rows = [[Path(one.path).name, one.speaker, one.text[:60]] for one in found[:SHOWN]]
    speakers = len({one.speaker for one in found} - {""})
    return DataPreview("Sounds", f"{speakers or 'unknown'} speakers", ["file", "speaker", "text"], rows, len(found))
