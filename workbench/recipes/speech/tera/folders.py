"""Own speech: sounds at any depth, LibriSpeech with its published phone labels, TIMIT."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from workbench.core.audio import SOUND_SUFFIXES, Segment
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.speech import corpora
from workbench.engine.speech.listening import read_wave

from .data import Data, Parts, Utterance, heard
from .recipe import Tera

ALIGNED = "converted_aligned_phones.txt"
ALIGNED_HOP_S = 0.010
LISTS = ("train_split.txt", "test_split.txt")
SEED = 1337
"""Divides labelled utterances the same way in all runs, as the published code does."""
DEV_SHARE, TEST_SHARE = 0.1, 0.2
TIMIT_SILENCE = ("h#", "pau", "epi")
SAME_FOR_ALL = ("SA1", "SA2")
"""TIMIT's sentences that everybody says, in training and test alike: left out, as usual."""
SHOWN = 8


@dataclasses.dataclass(frozen=True)
class Known:
    """A sound with its phones."""

    name: str
    path: Path
    speaker: str
    text: str
    split: str
    segments: tuple[Segment, ...]


# Labels --------------------------------------------------------------------------------------


def known_of(root: Path) -> tuple[corpora.Corpus, list[Known]]:
    """The corpus, and every utterance that has phones; raises InputError where none has."""
    corpus = corpora.read_corpus(root)
    found: list[Known] = []
    if corpus.layout == "timit":
        found = [_timit(one) for one in corpus.recordings if Path(one.path).stem.upper() not in SAME_FOR_ALL]
    elif corpus.layout == "librispeech":
        listing = next(iter(sorted(root.rglob(ALIGNED))), None)
        labels = aligned(listing) if listing is not None else {}
        found = [
            Known(Path(one.path).stem, Path(one.path), one.speaker, one.text, "", labels[Path(one.path).stem])
            for one in corpus.recordings if Path(one.path).stem in labels
        ]  # fmt: skip
    if not found:
        raise InputError(
            "These utterances have no phones.", expected=f"LibriSpeech with {ALIGNED} in its folder, or TIMIT",
            received=f"{corpus.layout}, {len(corpus.recordings)} utterances",
            fix=f"Put {ALIGNED} into the corpus's folder, or choose the sample.", field="phones", place=root.name,
        )  # fmt: skip
    return corpus, found


def _timit(one: corpora.Recording) -> Known:
    segments = []
    for each in corpora.phones_of(Path(one.labels["phones"])):
        name = "sil" if each.text in TIMIT_SILENCE else each.text
        segments.append(Segment(each.start_s, each.end_s, name))
    return Known(f"{one.speaker}-{Path(one.path).stem}", Path(one.path), one.speaker, one.text, one.split,
                 tuple(segments))  # fmt: skip


def aligned(path: Path) -> dict[str, tuple[Segment, ...]]:
    """Phones by utterance from lines of `utterance id id …`, one id per 10 ms; raises InputError naming the line."""
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        name, *ids = line.split()
        if not name or not ids or not all(one.isdigit() for one in ids):
            raise InputError(
                "A line of the aligned phones is malformed.", expected="an utterance and a number for every 10 ms",
                received=line[:80], fix="Copy the file again.", field="phones", place=f"{path.name}, line {number}",
            )  # fmt: skip
        found[name] = tuple(_runs(ids))
    return found


def _runs(ids: Sequence[str]) -> Iterator[Segment]:
    start = 0
    for at in range(1, len(ids) + 1):
        if at == len(ids) or ids[at] != ids[start]:
            yield Segment(start * ALIGNED_HOP_S, at * ALIGNED_HOP_S, ids[start])
            start = at


# Parts ----------------------------------------------------------------------------------------


def divided(root: Path, layout: str, known: Sequence[Known], split: str) -> tuple[list[list[Known]], bool]:
    """Train, development and test utterances, and whether test speakers are heard in training.

    TIMIT is divided as published, its development speakers out of training. LibriSpeech by speakers, or by the
    published lists (a tenth of training chosen for development, seed 1337), whose speakers are the same.
    """
    chance = random.Random(SEED)
    if layout != "timit" and split == "published":
        train, test = (_listed(root, name) for name in LISTS)
        names = sorted(train)
        chance.shuffle(names)
        held = set(names[len(names) - max(1, round(DEV_SHARE * len(names))) :])
        parts = [[one for one in known if one.name in train - held], [one for one in known if one.name in held],
                 [one for one in known if one.name in test]]  # fmt: skip
        shared = bool({one.speaker for one in parts[2]} & {one.speaker for one in [*parts[0], *parts[1]]})
    else:
        tests = {one.speaker for one in known if one.split == "test"}
        rest = sorted({one.speaker for one in known} - tests)
        chance.shuffle(rest)
        if not tests:
            cut = max(1, round(TEST_SHARE * len(rest)))
            tests, rest = set(rest[:cut]), rest[cut:]
        held = set(rest[: max(1, round(DEV_SHARE * len(rest)))])
        learned = {one.speaker for one in known} - tests - held
        parts = [[one for one in known if one.speaker in group] for group in (learned, held, tests)]
        said = {one.text for one in parts[2]} - {""}
        parts[:2] = [[one for one in part if one.text not in said] for part in parts[:2]]
        shared = False
    if not all(parts):
        raise InputError(
            "There are too few utterances to learn from and to test on.", expected="at least three speakers",
            received=" + ".join(str(len(part)) for part in parts) + " to learn from, to choose and to test",
            fix="Choose a larger part of the corpus.", field="phones",
        )  # fmt: skip
    return parts, shared


def _listed(root: Path, name: str) -> set[str]:
    path = next(iter(sorted(root.rglob(name))), None)
    if path is None:
        raise InputError(
            "The published division is not there.", expected=", ".join(LISTS), received=f"no {name}",
            fix="Put the lists beside the phones, or divide by speakers.", field="split", place=root.name,
        )  # fmt: skip
    return set(path.read_text(encoding="utf-8").split())


def labelled_parts(job: Job, address: str, params: Tera) -> Data:
    """Utterances with phones from a folder; speakers are told apart among those with five utterances or more."""
    root = Path(address)
    corpus, known = known_of(root)
    if corpus.missing:
        job.log(corpus.gaps, "warning")
    parts, shared = divided(root, corpus.layout, known, params.split)
    if shared:
        job.log("The published lists test on speakers that are heard in training.", "warning")
    chance = random.Random(SEED)
    for part, most in zip(parts, (params.labelled, params.development, params.test), strict=True):
        chance.shuffle(part)
        del part[most or len(part) :]
    total, done = sum(map(len, parts)), 0
    job.phase("reading speech")
    made: list[list[Utterance]] = []
    for at, part in enumerate(parts):
        made.append([])
        for one in part:
            wave = read_wave(one.path)
            made[-1].append(heard(wave, params, name=one.name, speaker=one.speaker, text=one.text,
                                  segments=one.segments, keep=at > 0))  # fmt: skip
            done += 1
            job.progress(done, total)
    return Data((), Parts(*made), _by_speaker(made[0]), shared_speakers=shared)


def _by_speaker(utterances: Sequence[Utterance]) -> Parts:
    """Of each speaker's utterances the last fifth tests and the fifth before chooses; none with fewer than five."""
    parts: tuple[list[Utterance], ...] = ([], [], [])
    texts: set[str] = set()
    for speaker in sorted({one.speaker for one in utterances}):
        own = [one for one in utterances if one.speaker == speaker and (one.text or one.name) not in texts]
        texts |= {one.text or one.name for one in own}
        fifth = len(own) // 5
        if fifth:
            parts[0].extend(own[: -2 * fifth])
            parts[1].extend(own[-2 * fifth : -fifth])
            parts[2].extend(own[-fifth:])
    return Parts(*parts)


def unlabelled_sounds(job: Job, address: str, params: Tera, *, without: Data) -> list[Utterance]:
    """Sounds at any depth, in the order of a fixed shuffle; without what is tested on.

    Where the corpus tells speakers, test speakers are left out too. Raises InputError where nothing is left.
    """
    tests = [*without.phones.test, *without.speakers.test]
    names = {one.name for one in tests} | {one.text for one in tests if one.text}
    speakers = set() if without.shared_speakers else {one.speaker for one in without.phones.test}
    corpus = corpora.sounds_below(Path(address))
    if corpus.missing:
        job.log(corpus.gaps, "warning")
    found = [one for one in _whole(corpus) if not ({Path(one.path).stem, one.text} & names)
             and f"{one.speaker}-{Path(one.path).stem}" not in names
             and (not one.speaker or one.speaker not in speakers)]  # fmt: skip
    if not found:
        raise InputError(
            "No sound is left to learn from.", expected="sounds that are not tested on", received=address,
            fix="Choose another folder.", field="sounds",
        )  # fmt: skip
    random.Random(SEED).shuffle(found)
    found = found[: params.unlabelled or len(found)]
    job.phase("reading speech")
    made = []
    for at, one in enumerate(found):
        made.append(heard(read_wave(Path(one.path)), params, name=Path(one.path).stem, speaker=one.speaker,
                          text=one.text))  # fmt: skip
        job.progress(at + 1, len(found))
    return made


def _whole(corpus: corpora.Corpus) -> list[corpora.Recording]:
    """Recordings that are a file each, without parts of longer ones."""
    return [one for one in corpus.recordings if not one.end_s]


def preview_folder(slot: str, address: str) -> DataPreview:
    """What a folder holds: its first utterances, and how often each phone comes in them."""
    root = Path(address)
    if slot == "phones":
        corpus, known = known_of(root)
        seconds: dict[str, int] = {}
        for one in known[:SHOWN]:
            for each in one.segments:
                seconds[each.text] = seconds.get(each.text, 0) + 1
        speakers = len({one.speaker for one in known})
        rows = [[one.name, one.speaker, one.text[:60], str(len(one.segments))] for one in known[:SHOWN]]
        detail = "; ".join(filter(None, (f"{speakers} speakers", corpus.gaps)))
        return DataPreview(corpus.layout, detail, ["utterance", "speaker", "text", "phones"], rows, len(known),
                           labels=seconds)  # fmt: skip
    corpus = corpora.sounds_below(root)
    found = _whole(corpus)
    if not found:
        raise InputError(
            "There is no sound in this folder.", expected=", ".join(SOUND_SUFFIXES[:6]), received="none at any depth",
            fix="Choose the folder that holds them.", field="sounds", place=root.name,
        )  # fmt: skip
    rows = [[str(Path(one.path).relative_to(root)), one.speaker, one.text[:60]] for one in found[:SHOWN]]
    return DataPreview(corpus.layout or "Sounds", corpus.gaps, ["file", "speaker", "text"], rows, len(found))
