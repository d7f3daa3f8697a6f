"""Own data: corpora of the six tasks as their authors divide them, sounds at any depth, manifests with units."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.core.audio import SOUND_SUFFIXES
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.speech import corpora
from workbench.engine.speech.bank.rendering import RATE_HZ
from workbench.engine.speech.listening import levelled, read_wave

from . import vectors, words
from .data import Data, Floats, Item, Parts, Scale, Sound, bank, cut, framed
from .masking import STRIDE
from .recipe import ALL, ASR, BANK, PUBLISHED, RANDOM, SE, SID, ST, TASKS, TTS, VC, SpeechT5

PARTS = ("train", "development", "test")
BEGINNINGS = {"train": 0, "tr": 0, "dev": 1, "valid": 1, "cv": 1, "test": 2, "tst": 2, "tt": 2}
"""What the names of published parts begin with."""
LISTING = "iden_split.txt"
TARGET = "slt"
"""The voice that ARCTIC's others are converted to, as in the paper."""
UNIT_S = 0.020
"""Units of published .km files come every 20 ms."""
SEED = 1337
LONGEST_S = 15.0
SHOWN = 8


@dataclasses.dataclass(frozen=True)
class Known:
    """A recording that a task can use: what is heard, what is said, and in which voice."""

    heard: corpora.Recording
    part: int
    answer: str = ""
    target: corpora.Recording | None = None


def part_of(name: str) -> int:
    """0, 1 or 2 for a part's published name (train-clean-100, dev, tst-COMMON); −1 where it tells nothing."""
    low = name.lower()
    return next((at for start, at in BEGINNINGS.items() if low.startswith(start)), -1)


# What a folder can be used for --------------------------------------------------------------


def known_of(root: Path) -> tuple[corpora.Corpus, dict[str, list[Known]], bool]:
    """The corpus, the examples of every task that it serves, and whether its parts share voices.

    Raises InputError where it serves none.
    """
    corpus = corpora.read_corpus(root)
    recordings = corpus.recordings
    if corpus.layout == "wham":
        return corpus, {SE: _wham(root, recordings)}, False
    if corpus.layout == "cmu-arctic":
        said = [Known(one, part) for one, part in _arctic_parts(recordings)]
        return corpus, {ASR: said, TTS: said, VC: _conversions(said)}, True
    if corpus.layout == "voxceleb":
        return corpus, {SID: _listed(root, recordings)}, False
    with_text = [one for one in recordings if one.text]
    parts, shared = _divided(with_text)
    found: dict[str, list[Known]] = {}
    if with_text:
        found[ASR] = [Known(one, part, one.text) for one, part in parts]
        found[TTS] = list(found[ASR])
    if corpus.layout == "must-c":
        found = {ASR: found.get(ASR, []), ST: [
            Known(one, part, next(iter(one.labels.values()))) for one, part in parts if one.labels
        ]}  # fmt: skip
    if not any(found.values()):
        raise InputError(
            "None of the six tasks can be learned from these sounds.",
            expected="texts (ASR, TTS), MuST-C (ST), CMU ARCTIC (VC), WHAM! (SE) or VoxCeleb1 (SID)",
            received=f"{corpus.layout} without texts", fix="Choose a corpus of the task.", field="tasks",
            place=root.name,
        )  # fmt: skip
    return corpus, found, shared


def _divided(recordings: Sequence[corpora.Recording]) -> tuple[list[tuple[corpora.Recording, int]], bool]:
    """Each recording's part: the published one, or by speaker, or, where there are fewer than three, by sentence.

    What many speakers say, as VCTK's first sentences, is tested on or learned from, never both.
    """
    published = [part_of(one.split) for one in recordings]
    if set(published) >= {0, 2}:
        test = {one.speaker for one, part in zip(recordings, published, strict=True) if part == 2} - {""}
        shared = bool(test & {one.speaker for one, part in zip(recordings, published, strict=True) if part in (0, 1)})
        keep = [(one, 1 if part < 0 else part) for one, part in zip(recordings, published, strict=True)]
        return _without_tested(keep), shared or not test
    speakers = sorted({one.speaker for one in recordings} - {""})
    by_speaker = len(speakers) >= 3
    keys = [one.speaker if by_speaker else words.plain(one.text) for one in recordings]
    order = sorted(set(keys))
    random.Random(SEED).shuffle(order)
    tenth = max(1, len(order) // 10)
    where = {key: 2 if at < tenth else 1 if at < 2 * tenth else 0 for at, key in enumerate(order)}
    return _without_tested([(one, where[key]) for one, key in zip(recordings, keys, strict=True)]), not by_speaker


def _without_tested(parts: list[tuple[corpora.Recording, int]]) -> list[tuple[corpora.Recording, int]]:
    """The same without sentences of the test in the other parts."""
    tested = {words.plain(one.text) for one, part in parts if part == 2}
    return [(one, part) for one, part in parts if part == 2 or words.plain(one.text) not in tested]


def _arctic_parts(recordings: Sequence[corpora.Recording]) -> list[tuple[corpora.Recording, int]]:
    """The first 932 of 1,132 sentences to learn from, 100 to choose, 100 to test; as many of a hundred where fewer."""
    names = sorted({Path(one.path).stem for one in recordings})
    held = max(1, round(len(names) * 100 / 1132))
    where = {name: 2 if at >= len(names) - held else 1 if at >= len(names) - 2 * held else 0
             for at, name in enumerate(names)}  # fmt: skip
    return [(one, where[Path(one.path).stem]) for one in recordings]


def _conversions(said: Sequence[Known]) -> list[Known]:
    """Every other voice's sentences with the target's recording of the same."""
    speakers = sorted({one.heard.speaker for one in said})
    target = TARGET if TARGET in speakers else speakers[-1]
    own = {Path(one.heard.path).stem: one.heard for one in said if one.heard.speaker == target}
    return [
        dataclasses.replace(one, target=own[Path(one.heard.path).stem])
        for one in said
        if one.heard.speaker != target and Path(one.heard.path).stem in own
    ]


def _wham(root: Path, recordings: Sequence[corpora.Recording]) -> list[Known]:
    found = []
    for one in recordings:
        clean = Path(one.path).parents[1] / "s1" / Path(one.path).name
        if clean.is_file():
            # A mixture's name tells its sentences, not its voices; parts have their own of both.
            found.append(Known(one, part_of(one.split), target=corpora.Recording(str(clean))))
    if not found:
        raise InputError(
            "There is no noisy speech with its clean one.", expected="tr, cv and tt, each with mix_single and s1",
            received=root.name, fix="Choose the folder wav16k/min of WHAM!.", field="tasks", place=root.name,
        )  # fmt: skip
    return found


def _listed(root: Path, recordings: Sequence[corpora.Recording]) -> list[Known]:
    """VoxCeleb1 by its published division of utterances: 1 learns, 2 chooses, 3 tests."""
    listing = next(iter(sorted(root.rglob(LISTING))), None)
    if listing is None:
        raise InputError(
            "The published division is not there.", expected=LISTING, received="no such file at any depth",
            fix="Put VoxCeleb1's list beside the sounds; other divisions give numbers that nobody can compare.",
            field="tasks", place=root.name,
        )  # fmt: skip
    where = {}
    for line in listing.read_text(encoding="utf-8").split("\n"):
        number, _, path = line.strip().partition(" ")
        if number in ("1", "2", "3"):
            where[Path(path).with_suffix("").as_posix()] = int(number) - 1
    keyed = [(one, "/".join(Path(one.path).with_suffix("").parts[-3:])) for one in recordings]
    return [Known(one, where[key]) for one, key in keyed if key in where]


# Reading ------------------------------------------------------------------------------------


class _Reader:
    """Reads sounds once, as raw frames, and says how far it is."""

    def __init__(self, job: Job, bins: int, total: int) -> None:
        self.job, self.bins, self.total, self.done = job, bins, total, 0
        self.kept: dict[tuple[str, float], Floats] = {}
        job.phase("reading speech")

    def __call__(self, one: corpora.Recording) -> Floats:
        key = (one.path, one.start_s)
        if key not in self.kept:
            self.kept[key] = framed(levelled(_wave(one)), self.bins)
        self.done = min(self.done + 1, self.total)
        self.job.progress(self.done, self.total)
        return self.kept[key]


def own(job: Job, speech: str, tasks: str, params: SpeechT5) -> Data:
    """Data of which the tasks, the speech without labels, or both are the user's own."""
    generated = tasks == BANK.address
    found = bank(job, params.replace(unlabelled=2)) if generated else _tasks_of(job, Path(tasks), params)
    if speech == BANK.address:
        made = bank(job, params)
        statistics = None if made.vector else vectors.Statistics()
        sounds = [_rescaled(one, made.scale, found.scale, params.step_frames, statistics) for one in made.speech]
        return dataclasses.replace(found, speech=sounds, text=made.text, speech_voices=made.speech_voices,
                                   speech_sentences=made.speech_sentences)  # fmt: skip
    return _with_speech(job, Path(speech), found, params)


def _rescaled(one: Sound, old: Scale, new: Scale, multiple: int, statistics: vectors.Teller | None) -> Sound:
    """Frames on another scale; a vector that was not taken from them stays."""
    moved = cut(new(old.undo(one.mel)), multiple)
    return Sound(moved, statistics(moved, lambda: moved, {}) if statistics is not None else one.vector)


def _tasks_of(job: Job, root: Path, params: SpeechT5) -> Data:
    corpus, known, shared = known_of(root)
    if corpus.missing:
        job.log(corpus.gaps, "warning")
    wanted = [task for task in TASKS if known.get(task) and params.task in (ALL, task)]
    if not wanted:
        raise InputError(
            f"{params.task} cannot be learned from this corpus.",
            expected=", ".join(one for one in known if known[one]), received=f"{params.task} on {corpus.layout}",
            fix="Choose another task, or a corpus of this one.", field="task",
        )  # fmt: skip
    if shared:
        job.log("The corpus's parts share voices: the test's voices are heard in training.", "warning")
    most = (params.labelled, params.development, params.test)
    chosen = {task: [_few(known[task], at, most[at]) for at in range(3)] for task in wanted}
    for task, parts in chosen.items():
        for name, part in zip(PARTS, parts, strict=True):
            if not part:
                raise InputError(
                    f"{task} has nothing for its {name} part.", expected="train, development and test",
                    received=", ".join(f"{one} {len(two)}" for one, two in zip(PARTS, parts, strict=True)),
                    fix="Choose a corpus with all parts.", field="tasks", place=root.name,
                )  # fmt: skip
    reader = _Reader(job, params.mel_bins, sum(len(part) for parts in chosen.values() for part in parts))
    scale = Scale.of([reader(one.heard) for one in chosen[wanted[0]][0]])
    told_apart = tuple(sorted({one.heard.speaker for one in chosen[SID][0]})) if SID in chosen else ()
    tell = vectors.teller(params)
    made = {
        task: Parts(*(
            [_item(task, one, reader, scale, tell, told_apart=told_apart, params=params) for one in part]
            for part in parts
        ))
        for task, parts in chosen.items()
    }  # fmt: skip
    return Data((), (), made, scale, told_apart, shared_voices=shared, vector=tell.width)


def _few(known: Sequence[Known], part: int, most: int) -> list[Known]:
    """As many of a part as are asked for, in a fixed shuffle."""
    found = [one for one in known if one.part == part]
    random.Random(SEED).shuffle(found)
    return found[:most]


def _item(
    task: str, one: Known, reader: _Reader, scale: Scale, tell: vectors.Teller, *, told_apart: Sequence[str],
    params: SpeechT5,
) -> Item:  # fmt: skip
    name, multiple = Path(one.heard.path).stem, params.step_frames
    if params.start == PUBLISHED and task != SID:
        made = _item(task, one, reader, scale, tell, told_apart=told_apart, params=params.replace(start=RANDOM))
        sound = _wave(one.heard)
        return dataclasses.replace(made, sound=sound, spoken=sound if one.target is None else _wave(one.target))
    mel = cut(scale(reader(one.heard)), multiple)
    sentence = words.plain(one.heard.text)
    voice = one.heard.speaker
    if task == ASR:
        return Item(name, sentence, (voice,), heard=mel, answer=words.plain(one.heard.text))
    if task == ST:
        return Item(name, sentence, (voice,), heard=mel, answer=words.plain(one.answer))
    if task == SID:
        place = told_apart.index(voice) if voice in told_apart else -1
        if place < 0:
            raise InputError(
                "A speaker of the test is not among those that are learned.", expected="speakers with training sounds",
                received=voice, fix="Raise the number of labelled examples.", field="labelled", place=name,
            )  # fmt: skip
        return Item(name, "", (voice,), heard=mel, speaker=place)
    if task == TTS:
        return Item(name, sentence, (voice,), read=sentence, said=mel, vector=_voice(one.heard, mel, tell))
    if one.target is None:
        raise ValueError("conversion and cleaning need a target")
    goal = cut(scale(reader(one.target)), multiple)
    if task == SE:
        length = min(len(mel), len(goal))
        return Item(name, name, ("",), heard=mel[:length], said=goal[:length], vector=_voice(one.heard, mel, tell))
    return Item(name, sentence, (voice, one.target.speaker), heard=mel, said=goal,
                vector=_voice(one.target, goal, tell))  # fmt: skip


def _voice(one: corpora.Recording, mel: Floats, tell: vectors.Teller) -> Floats:
    return tell(mel, lambda: _wave(one), one.labels)


def _wave(one: corpora.Recording) -> Floats:
    return read_wave(Path(one.path), one.start_s, one.end_s)[: int(LONGEST_S * RATE_HZ)]


# Speech without labels ----------------------------------------------------------------------


def _with_speech(job: Job, root: Path, found: Data, params: SpeechT5) -> Data:
    """Data with the sounds of a folder to pretrain on, less what is tested on, and with the folder's texts."""
    tests = [one for parts in found.tasks.values() for one in parts.test]
    sentences = {one.sentence for one in tests} - {""}
    names = {one.name for one in tests}
    voices = {voice for one in tests for voice in one.voices} - {""}
    corpus = corpora.sounds_below(root)
    if corpus.missing:
        job.log(corpus.gaps, "warning")
    every = corpus.recordings
    kept = [one for one in every if Path(one.path).stem not in names and words.plain(one.text) not in sentences
            and one.speaker not in voices]  # fmt: skip
    if not kept:
        raise InputError(
            "No sound is left to learn from.", expected="sounds that are not tested on", received=root.name,
            fix="Choose another folder.", field="speech",
        )  # fmt: skip
    if len(kept) < len(every):
        job.log(f"{len(every) - len(kept)} sounds are left out, since their voice or sentence is tested on.")
    random.Random(SEED).shuffle(kept)
    kept = kept[: params.unlabelled]
    units = published_units(root)
    reader, tell = _Reader(job, params.mel_bins, len(kept)), vectors.teller(params)
    sounds = []
    for one in kept:
        mel = cut(found.scale(reader(one)), params.step_frames)
        sounds.append(Sound(mel, _voice(one, mel, tell), _fitted(units.get(one.path), len(mel))))
    if any(one.units is None for one in sounds):
        sounds = [dataclasses.replace(one, units=None) for one in sounds]
    highest = max((int(one.units.max()) for one in sounds if one.units is not None), default=0)
    if highest >= params.units:
        raise InputError(
            "The units of this manifest are more than the network names.", expected=f"numbers below {params.units}",
            received=str(highest), fix="Raise the number of hidden units.", field="units", place=root.name,
        )  # fmt: skip
    text = sorted({words.plain(one.text) for one in every} - sentences - {""}) or list(found.text)
    if not text:
        text = sorted({one.sentence for parts in found.tasks.values() for one in parts.train} - {""})
    if not text:
        raise InputError(
            "There is no text to learn from.", expected="a corpus with texts beside its sounds", received=root.name,
            fix="Choose one, or start from speech only.", field="speech",
        )  # fmt: skip
    return dataclasses.replace(
        found, speech=sounds, text=text[: params.sentences], speech_voices=frozenset(one.speaker for one in kept),
        speech_sentences=frozenset(words.plain(one.text) for one in kept),
    )  # fmt: skip


def published_units(root: Path) -> dict[str, NDArray[np.int64]]:
    """By sound, the hidden units of .km files beside manifests: a line of numbers for each line of the manifest.

    Raises InputError naming the line where the two do not fit.
    """
    found: dict[str, NDArray[np.int64]] = {}
    for listing in sorted(root.glob("*.tsv")):
        beside = listing.with_suffix(".km")
        if not beside.is_file():
            continue
        first, *rows = listing.read_text(encoding="utf-8-sig").splitlines()
        lines = beside.read_text(encoding="utf-8").splitlines()
        base = Path(first.split("\t")[0].strip())
        base = base if base.is_absolute() else root / base
        if len(lines) != len(rows):
            raise InputError(
                "The units do not fit the manifest.", expected=f"{len(rows)} lines", received=f"{len(lines)} lines",
                fix="Make both from the same list of sounds.", field="speech", place=beside.name,
            )  # fmt: skip
        for number, (row, line) in enumerate(zip(rows, lines, strict=True), 1):
            try:
                found[str(base / row.split("\t")[0])] = np.array([int(one) for one in line.split()], np.int64)
            except ValueError:
                raise InputError(
                    "A line of the units is malformed.", expected="whole numbers and spaces", received=line[:60],
                    fix="Make the file again.", field="speech", place=f"{beside.name}, line {number}",
                ) from None  # fmt: skip
    return found


def _fitted(units: NDArray[np.int64] | None, frames: int) -> NDArray[np.int64] | None:
    """Units of every 20 ms as the encoder counts, one for STRIDE frames; the last is repeated where they end early."""
    if units is None or not len(units):
        return None
    count = -(-frames // STRIDE)
    return units[np.minimum(np.arange(count) * STRIDE, len(units) - 1)]


def preview_folder(slot: str, address: str) -> DataPreview:
    """What a folder holds: its first recordings, and what can be learned from them."""
    root = Path(address)
    if slot == "tasks":
        corpus, known, _ = known_of(root)
        every = max(known.values(), key=len)
        rows = [[Path(one.heard.path).name, one.heard.speaker, one.heard.text[:60], PARTS[one.part]]
                for one in every[:SHOWN]]  # fmt: skip
        detail = "for " + ", ".join(task for task in TASKS if known.get(task))
        detail = "; ".join(filter(None, (detail, corpus.gaps)))
        return DataPreview(corpus.layout, detail, ["file", "speaker", "text", "part"], rows, len(every),
                           labels=_count(PARTS[one.part] for one in every))  # fmt: skip
    corpus = corpora.sounds_below(root)
    found = corpus.recordings
    if not found:
        raise InputError(
            "There is no sound in this folder.", expected=", ".join(SOUND_SUFFIXES[:6]), received="none at any depth",
            fix="Choose the folder that holds them.", field="speech", place=root.name,
        )  # fmt: skip
    rows = [[Path(one.path).name, one.speaker, one.text[:60]] for one in found[:SHOWN]]
    units = len(published_units(root))
    detail = "; ".join(filter(None, (f"{units} with units" if units else "", corpus.gaps)))
    return DataPreview(corpus.layout or "Sounds", detail, ["file", "speaker", "text"], rows, len(found))


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names))
