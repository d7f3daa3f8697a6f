"""Own transcribed speech: transcripts.tsv, sounds with a .TextGrid or .txt beside each, and known corpora."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from workbench.core.audio import SOUND_SUFFIXES
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.core.words import count
from workbench.engine.speech.corpora import MOST_LISTED, Corpus, Recording, read_corpus
from workbench.engine.speech.listening import read_wave
from workbench.engine.speech.recogniser import CtcRecogniser
from workbench.engine.speech.tiers import read_tiers
from workbench.engine.speech.transcripts import plain

from .data import SHOWN, Data, Hearing, Utterance
from .recipe import Recognise

LISTING = "transcripts.tsv"
COLUMNS = ("path", "start_s", "end_s", "speaker", "text")
SEED = 1337
"""Divides utterances the same way in all runs."""
DEV_SHARE, TEST_SHARE = 0.1, 0.2
LEFT_SHARE = 0.5
"""A division by speakers that leaves less of the training is none."""
TESTS = ("test", "test-clean", "test-other", "test_clean")
DEVS = ("dev", "valid", "validation", "dev-clean", "dev-other")


def transcribed(root: Path) -> Corpus:
    """The utterances of a folder, `layout` being its form; raises InputError where none has a transcript."""
    if (root / LISTING).is_file():
        found = Corpus(LISTING, list(listed(root / LISTING)))
    else:
        try:
            found = read_corpus(root)
        except InputError:
            found = Corpus("sounds with transcripts beside them", list(paired(root)) if root.is_dir() else [])
            if not found.recordings:
                raise
    if not any(one.text.strip() for one in found.recordings):
        raise InputError(
            "No sound in this folder has a transcript.",
            expected=f"{LISTING}, or a .TextGrid or .txt beside each sound",
            received=f"{found.layout}, {len(found.recordings)} sounds without",
            fix="Choose a folder with transcripts.", field="speech", place=root.name,
        )  # fmt: skip
    return found


def listed(path: Path) -> Iterator[Recording]:
    """The rows of a transcripts.tsv: path (from its folder), start_s, end_s (both 0: all of it), speaker, text.

    A first line that begins with `path` is a heading. Raises InputError naming the line, or all missing sounds.
    """
    missing: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        cells = line.split("\t")
        if not line.strip() or (number == 1 and cells[0] == COLUMNS[0]):
            continue
        try:
            name, start, end, speaker, text = cells
            start_s, end_s = float(start or 0), float(end or 0)
            if not (0 <= start_s < end_s or start_s == end_s == 0):
                raise ValueError(f"{start} to {end} s")
        except ValueError as error:
            raise InputError(
                "A line of the transcripts cannot be read.", expected="\t".join(COLUMNS).replace("\t", ", tab, "),
                received=f"{line[:80]} ({error})", fix="Correct the line.", field="speech",
                place=f"{path.name}, line {number}",
            ) from None  # fmt: skip
        sound = Path(name) if Path(name).is_absolute() else path.parent / name
        if not sound.is_file():
            missing.append(f"{name} (line {number})")
        yield Recording(str(sound), text, speaker, start_s=start_s, end_s=end_s)
    if missing:
        more = f" and {count(len(missing) - MOST_LISTED, 'other')}" if len(missing) > MOST_LISTED else ""
        raise InputError(
            "A sound that the transcripts name is not there." if len(missing) == 1
            else f"{len(missing)} sounds that the transcripts name are not there.",
            expected="a sound file", received=", ".join(missing[:MOST_LISTED]) + more,
            fix="Put each where its line says, or correct the lines.", field="speech", place=path.name,
        )  # fmt: skip


def paired(root: Path) -> Iterator[Recording]:
    """Sounds at any depth with a .TextGrid (its first tier's segments) or a .txt (one transcript) of their name.

    A sound's folder tells its speaker, where there are folders.
    """
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in SOUND_SUFFIXES or not path.is_file():
            continue
        speaker = path.parent.name if path.parent != root else ""
        grids = (path.with_suffix(ending) for ending in (".TextGrid", ".textgrid"))
        grid = next((one for one in grids if one.is_file()), None)
        if grid is not None:
            tiers = read_tiers(grid).tiers
            for each in tiers[0].segments if tiers else ():
                if each.text.strip():
                    who = each.speaker or speaker
                    yield Recording(str(path), each.text, who, start_s=each.start_s, end_s=each.end_s)
        elif path.with_suffix(".txt").is_file():
            yield Recording(str(path), path.with_suffix(".txt").read_text(encoding="utf-8-sig").strip(), speaker)


def divided(found: Sequence[Recording], *, by_sentence: bool = False) -> tuple[dict[str, list[Recording]], bool]:
    """Train, dev and test, and whether their speakers are shared.

    A corpus's own test and development parts stay what they are. Otherwise a fifth of the speakers test and a tenth
    chooses; with fewer than three speakers the same shares of the sentences. A sentence of the test is taken out of
    the other parts, and one of dev out of training; where all speakers say the same, as in CMU ARCTIC, that would
    leave little, so sentences are divided.
    """
    chance = random.Random(SEED)
    kinds = {one.split for one in found}
    shared = False
    tests = [one for one in found if one.split in TESTS]
    if tests and kinds - set(TESTS) and not by_sentence:
        devs = [one for one in found if one.split in DEVS]
        rest = [one for one in found if one.split not in (*TESTS, *DEVS)]
        speakers = {one.speaker for one in tests} - {""}
        if not devs:
            devs, rest = _by(rest, [one.speaker or one.text for one in rest], chance, DEV_SHARE)
        shared = not speakers or bool(speakers & {one.speaker for one in [*devs, *rest]})
    else:
        speakers = {one.speaker for one in found} - {""}
        shared = by_sentence or len(speakers) < 3 or any(not one.speaker for one in found)
        keys = [(plain(one.text) or one.text) if shared else one.speaker for one in found]
        tests, rest = _by(found, keys, chance, TEST_SHARE)
        keys = [(plain(one.text) or one.text) if shared else one.speaker for one in rest]
        devs, rest = _by(rest, keys, chance, DEV_SHARE)
    taken = {plain(one.text) for one in tests}
    devs = [one for one in devs if plain(one.text) not in taken]
    taken |= {plain(one.text) for one in devs}
    train = [one for one in rest if plain(one.text) not in taken]
    if len(train) < LEFT_SHARE * len(rest) and not by_sentence:
        return divided(found, by_sentence=True)
    return {"train": train, "dev": devs, "test": tests}, shared


def _by(
    found: Sequence[Recording], keys: Sequence[str], chance: random.Random, share: float
) -> tuple[list[Recording], list[Recording]]:
    """The utterances of a drawn share of the keys, one key at least, and all others."""
    names = sorted(set(keys))
    chance.shuffle(names)
    drawn = set(names[: max(1, round(share * len(names)))])
    pairs = list(zip(found, keys, strict=True))
    return [one for one, key in pairs if key in drawn], [one for one, key in pairs if key not in drawn]


def read_parts(job: Job, address: str, params: Recognise, model: CtcRecogniser) -> Data:
    """The utterances of a folder in three parts; those that cannot be learned from are left out and counted."""
    found = transcribed(Path(address))
    if found.missing:
        job.log(found.gaps, "warning")
    parts, shared = divided(found.recordings)
    most = {"train": params.utterances, "dev": params.development, "test": params.test}
    chance = random.Random(SEED)
    for part, some in parts.items():
        chance.shuffle(some)
        del some[most[part] or len(some) :]
    job.phase("reading speech")
    hearing, total, done = Hearing(model), sum(map(len, parts.values())), 0
    made: dict[str, list[Utterance]] = {}
    for part, some in parts.items():
        made[part] = []
        for one in some:
            heard = hearing.hear(
                read_wave(Path(one.path), one.start_s, one.end_s),
                one.text,
                name=_name(one),
                speaker=one.speaker,
                keep=part != "train",
            )
            made[part] += [heard] if heard is not None else []
            done += 1
            job.progress(done, total)
    return Data(made["train"], made["dev"], made["test"], hearing.left_out, shared)


def _name(one: Recording) -> str:
    return f"{Path(one.path).stem} {one.start_s:.2f}" if one.end_s else Path(one.path).stem


def preview_folder(address: str) -> DataPreview:
    """What a folder holds: its first utterances, and how many of its transcripts cannot be used."""
    root = Path(address)
    corpus = transcribed(root)
    found = corpus.recordings
    rows = [[one.text[:80], one.speaker, Path(one.path).name] for one in found[:SHOWN]]
    unusable = sum(plain(one.text) is None for one in found)
    speakers = len({one.speaker for one in found} - {""})
    detail = f"{speakers or 'unknown'} speakers"
    detail += f"; {unusable} transcripts with digits or symbols are left out" if unusable else ""
    detail += f"; {corpus.gaps}" if corpus.missing else ""
    return DataPreview(corpus.layout, detail, ["sentence", "speaker", "file"], rows, len(found))
