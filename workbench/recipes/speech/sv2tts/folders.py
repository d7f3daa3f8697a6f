"""Real corpora: whose texts the synthesiser learns to say, and whose voices the encoders learn to tell apart."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.speech import corpora
from workbench.engine.speech.bank.espeak import Espeak
from workbench.engine.speech.bank.rendering import RATE_HZ
from workbench.engine.speech.corpora import Recording
from workbench.engine.speech.listening import levelled, read_wave
from workbench.engine.speech.speaker_encoder import SHORTEST_S, cut_silence
from workbench.engine.text.cache import digest, folder, keep

from .data import DEVELOPMENT, HOP_S, MOST_JUDGES, SENTENCES, Data, Floats, Line, Voice, bank, mel_frames, timed
from .recipe import ATTENTION, BANK, UPPER, Sv2tts

SEED = 1337
"""Divides speakers and draws sentences the same way in all runs."""
LINE_S = (0.6, 11.25)
"""Shorter says nothing; longer, of 900 frames, is left out as usual for this synthesiser."""
TEST_SHARE = 0.25
FEWEST = 2
"""Speakers of a part among whom one can be taken for another."""
TESTS = ("test", "tst", "tt")
"""What the names of published test parts begin with."""
SHOWN = 8


def own(job: Job, speech: str, speakers: str, params: Sv2tts) -> Data:
    """Data of which the texts, the speakers to tell apart, or both are from folders; nobody is in two parts."""
    said = bank(job, params, only="lines") if speech == BANK.address else _spoken(job, Path(speech), params)
    taken = {str(one) for names in said.parts.values() for one in names if isinstance(one, str)}
    heard = bank(job, params, only="voices") if speakers == BANK.address \
        else _told_apart(job, Path(speakers), params, without=taken)  # fmt: skip
    return Data(heard.encoder, heard.development, heard.judge, said.train, said.test, said.references, said.speakers,
                {**said.parts, **heard.parts}, said.known, said.timed, said.origin, heard.heard)  # fmt: skip


# What the synthesiser learns ------------------------------------------------------------------


def same(text: str) -> str:
    """What tells whether two texts are the same: their letters and digits."""
    return " ".join(re.findall(r"\w+", text.lower()))


def readable(root: Path) -> corpora.Corpus:
    """The recordings of a corpus with English texts and speakers; raises InputError where there are none."""
    corpus = corpora.read_corpus(root)
    found = [one for one in corpus.recordings if one.speaker and re.search("[a-zA-Z]", one.text)]
    if not found:
        lacking = "no English texts" if any(one.speaker for one in corpus.recordings) else "no speakers"
        raise InputError(
            "Nobody's sentences can be learned from this corpus.",
            expected="English texts and their speakers: LibriTTS, VCTK, LibriSpeech, CMU ARCTIC",
            received=f"{corpus.layout}, {len(corpus.recordings)} sounds with {lacking}",
            fix="Choose another corpus; one that only tells speakers belongs into the other slot.", field="speech",
            place=root.name,
        )  # fmt: skip
    return corpora.Corpus(corpus.layout, found, corpus.missing)


def _spoken(job: Job, root: Path, params: Sv2tts) -> Data:
    """Lines of a corpus: to learn from, to clone, to take voices from."""
    if params.aligner != ATTENTION:
        raise InputError(
            "This corpus does not tell when each phone is said.", expected=f"aligner: {ATTENTION}",
            received=params.aligner, fix="Let attention find the phones, or choose the sample.", field="aligner",
            place=root.name,
        )  # fmt: skip
    corpus = readable(root)
    if corpus.missing:
        job.log(corpus.gaps, "warning")
    job.log("Without phones' times frames cannot be compared one by one: cepstral distances are not measured, and "
            "statements about them are left out.")  # fmt: skip
    cloned, others = cloned_and_others(corpus.recordings, params)
    tests, references, spare = _test_sentences(cloned, params)
    tested = {same(one.text) for some in tests.values() for one in some}
    learned = {name: [one for one in some if same(one.text) not in tested] for name, some in others.items()}
    learned = {name: some for name, some in learned.items() if some}
    wanted = {"train": learned, "test": tests, "references": references,
              "known": spare if params.condition == UPPER else {}}  # fmt: skip
    most = {"train": params.sentences, "test": params.test_sentences, "references": params.references,
            "known": params.sentences}  # fmt: skip
    job.phase("reading speech")
    total, done = sum(min(most[part], len(one)) for part, some in wanted.items() for one in some.values()), 0
    lines: dict[str, list[Line]] = {}
    with Espeak() as espeak:
        for part, some in wanted.items():
            lines[part] = []
            for recordings in some.values():
                for at, line in enumerate(_lines(recordings, most[part], espeak, params)):
                    lines[part].append(line)
                    job.progress(min(done + at + 1, total), total)
                done += min(most[part], len(recordings))
    return _checked(lines, corpus.layout, root, table=params.condition == UPPER)


def _checked(lines: dict[str, list[Line]], layout: str, root: Path, *, table: bool) -> Data:
    """Speakers that are left with sentences of all kinds; raises InputError where they are too few."""
    references: dict[str, list[Line]] = {}
    for one in lines["references"]:
        references.setdefault(one.speaker, []).append(one)
    both = {one.speaker for one in lines["known"]} if table else set(references)
    tests = [one for one in lines["test"] if one.speaker in references and one.speaker in both]
    references = {name: some for name, some in references.items() if any(one.speaker == name for one in tests)}
    learned = {one.speaker for one in lines["train"]}
    if len(references) < FEWEST or len(learned) < FEWEST:
        raise InputError(
            "There are too few speakers to learn from and to clone.",
            expected=f"{FEWEST} of each at least, with several sentences of {LINE_S[0]:g} to {LINE_S[1]:g} s",
            received=f"{len(learned)} to learn from and {len(references)} to clone, in {layout}",
            fix="Choose a larger part of the corpus.", field="speech", place=root.name,
        )  # fmt: skip
    parts = {"test": sorted(references), "voices": sorted(learned)}
    known = [one for one in lines["known"] if one.speaker in references]
    return Data((), (), (), lines["train"], tests, references, {}, parts, known, timed=False, origin=layout)


def cloned_and_others(
    recordings: Sequence[Recording], params: Sv2tts
) -> tuple[dict[str, list[Recording]], dict[str, list[Recording]]]:  # fmt: skip
    """By speaker, in a drawn order: the sentences of those to be cloned, and of those to learn from.

    A published test part's speakers are cloned where there is one; else a quarter of all, at most as many as asked.
    """
    by_speaker = _by_speaker(recordings)
    several = [name for name, some in by_speaker.items() if len({same(one.text) for one in some}) >= FEWEST]
    tests = [name for name in several if by_speaker[name][0].split.lower().startswith(TESTS)]
    rest = [name for name in by_speaker if name not in tests]
    if len(tests) < FEWEST or len(rest) < FEWEST:
        tests = several[: max(FEWEST, int(TEST_SHARE * len(by_speaker)))]
    tests = tests[: params.test_speakers]
    published = [name for name in by_speaker if name not in tests
                 and not by_speaker[name][0].split.lower().startswith(TESTS)]  # fmt: skip
    learned = published or [name for name in by_speaker if name not in tests]
    return ({name: by_speaker[name] for name in tests},
            {name: by_speaker[name] for name in learned[: params.voices]})  # fmt: skip


def _by_speaker(recordings: Sequence[Recording]) -> dict[str, list[Recording]]:
    """Speakers in a drawn order, each with the recordings in a drawn order."""
    found: dict[str, list[Recording]] = {}
    for one in sorted(recordings, key=lambda one: (one.speaker, one.path, one.start_s)):
        found.setdefault(one.speaker, []).append(one)
    chance = random.Random(SEED)
    for some in found.values():
        chance.shuffle(some)
    names = sorted(found)
    chance.shuffle(names)
    return {name: found[name] for name in names}


def _test_sentences(
    cloned: dict[str, list[Recording]], params: Sv2tts
) -> tuple[dict[str, list[Recording]], dict[str, list[Recording]], dict[str, list[Recording]]]:  # fmt: skip
    """Of each speaker the sentences to be said, others to take the voice from, and what is left.

    All speakers' sentences come in one order, so that where all say the same ones, few are taken from the others.
    """
    texts = sorted({same(one.text) for some in cloned.values() for one in some})
    random.Random(SEED).shuffle(texts)
    place = {text: at for at, text in enumerate(texts)}
    tests: dict[str, list[Recording]] = {}
    for name, some in cloned.items():
        count = min(params.test_sentences, max(len(some) - params.references, 1))
        tests[name] = sorted(some, key=lambda one: place[same(one.text)])[:count]
    tested = {same(one.text) for some in tests.values() for one in some}
    rest = {name: [one for one in some if same(one.text) not in tested] for name, some in cloned.items()}
    references = {name: some[: params.references] for name, some in rest.items()}
    return tests, references, {name: some[params.references :] for name, some in rest.items()}


def _lines(recordings: Sequence[Recording], most: int, espeak: Espeak, params: Sv2tts) -> Iterator[Line]:
    """The first so many recordings that are neither too short nor too long nor silent."""
    found = 0
    for one in recordings:
        if found >= most:
            return
        wave = read_wave(Path(one.path), one.start_s, one.end_s)
        if not LINE_S[0] <= len(wave) / RATE_HZ <= LINE_S[1]:
            continue
        if len(cut_silence(wave, RATE_HZ)) < SHORTEST_S * RATE_HZ:
            continue
        found += 1
        yield line_of(one, levelled(wave), espeak, params)


def line_of(one: Recording, wave: Floats, espeak: Espeak, params: Sv2tts) -> Line:
    """A recording with the phones that espeak-ng reads in its text; how long each lasts is not known."""
    mels = mel_frames(wave, params.mel_bins)
    said = espeak.say(one.text)
    phones, _ = timed(said.phones, round(len(said.samples) / said.rate_hz / HOP_S) + 1)
    even = np.diff(np.linspace(0, len(mels), len(phones) + 1).round()).astype(int).tolist()
    return Line(one.text, one.speaker, phones, tuple(even), mels, wave)


# What the encoders learn ----------------------------------------------------------------------


def _told_apart(job: Job, root: Path, params: Sv2tts, *, without: set[str]) -> Data:
    """Speech of speakers for the encoder, for choosing its weights and for the judge; nobody of `without`."""
    corpus = speakers_of(root)
    if corpus.missing:
        job.log(corpus.gaps, "warning")
    by_speaker = {name: some for name, some in _by_speaker(corpus.recordings).items() if name not in without}
    if left := len({one.speaker for one in corpus.recordings}) - len(by_speaker):
        job.log(f"{left} speakers whose sentences are said or cloned are left out of those to tell apart.")
    counts = shares(len(by_speaker), params)
    if min(counts.values()) < FEWEST:
        raise InputError(
            "There are too few speakers to tell apart.",
            expected=f"{FEWEST * len(counts)} at least, for " + ", ".join(counts),
            received=f"{len(by_speaker)} speakers", fix="Choose a larger part of the corpus.", field="speakers",
            place=root.name,
        )  # fmt: skip
    each = {"encoder": params.paragraphs * SENTENCES // max(counts.get("encoder", 1), 1),
            "development": 2 * SENTENCES, "judge": params.judge_paragraphs * SENTENCES // counts["judge"]}  # fmt: skip
    job.phase("reading speakers")
    names, total, done = iter(by_speaker), sum(counts.values()), 0
    found: dict[str, list[Voice]] = {}
    for part, count in counts.items():
        found[part] = []
        while len(found[part]) < count and (name := next(names, None)) is not None:
            voice = voice_of(name, by_speaker[name], max(each[part], 1))
            if voice is not None:
                found[part].append(voice)
                done += 1
                job.progress(done, total)
        if len(found[part]) < FEWEST:
            raise InputError(
                "There is too little speech to tell speakers apart.", expected=f"{FEWEST} speakers for the {part}",
                received=f"{len(found[part])} whose sounds are not silent", fix="Choose a larger part of the corpus.",
                field="speakers", place=root.name,
            )  # fmt: skip
    parts = {part: [one.speaker for one in some] for part, some in found.items()}
    return Data(found.get("encoder", ()), found["development"], found["judge"], (), (), {}, {}, parts,
                heard=corpus.layout or "own recordings")  # fmt: skip


def shares(speakers: int, params: Sv2tts) -> dict[str, int]:
    """How many speakers each part gets: what knobs ask for, or the same shares of those that there are."""
    wanted = {"development": min(DEVELOPMENT, params.test_speakers), "judge": min(MOST_JUDGES, params.judge_speakers)}
    if params.encodes:
        wanted["encoder"] = params.speakers
    total = sum(wanted.values())
    if total <= speakers:
        return wanted
    found = {part: max(FEWEST, count * speakers // total) for part, count in wanted.items()}
    last = next(reversed(found))
    found[last] = speakers - sum(count for part, count in found.items() if part != last)
    return found


def speakers_of(root: Path) -> corpora.Corpus:
    """The recordings whose speaker is known; raises InputError where nobody's is."""
    corpus = corpora.sounds_below(root)
    found = [one for one in corpus.recordings if one.speaker]
    if not found:
        raise InputError(
            "These sounds do not tell who speaks.",
            expected="VoxCeleb or another corpus with speakers, or a folder of sounds for each",
            received=f"{corpus.layout or root.name}, {len(corpus.recordings)} sounds",
            fix="Put each speaker's sounds into a folder of their own.", field="speakers", place=root.name,
        )  # fmt: skip
    return corpora.Corpus(corpus.layout, found, corpus.missing)


def voice_of(name: str, recordings: Sequence[Recording], most: int) -> Voice | None:
    """A speaker's first so many sounds without silence, kept on disk; None where there is hardly any speech."""
    chosen = recordings[:most]
    stamps = [(one.path, one.start_s, one.end_s, Path(one.path).stat().st_mtime_ns) for one in chosen]
    path = folder("speakers") / f"{digest(name, *stamps)}.npy"

    def write(scratch: Path) -> None:
        waves = (read_wave(Path(one.path), one.start_s, one.end_s) for one in chosen)
        speech = [levelled(part) for wave in waves if len(part := cut_silence(wave, RATE_HZ))]
        wave = np.concatenate(speech) if speech else np.zeros(1, np.float32)
        with scratch.open("wb") as file:
            np.save(file, np.rint(wave.clip(-1, 1) * 32767).astype(np.int16), allow_pickle=False)

    speech = np.load(keep(path, write), mmap_mode="r", allow_pickle=False)
    return Voice(name, speech, len(chosen)) if len(speech) >= SHORTEST_S * RATE_HZ else None


# What a folder holds --------------------------------------------------------------------------


def preview_folder(slot: str, address: str) -> DataPreview:
    """What a folder holds: its first recordings, and how many of how many speakers there are."""
    root = Path(address)
    corpus = readable(root) if slot == "speech" else speakers_of(root)
    rows = [[one.text[:80], one.speaker, Path(one.path).name] for one in corpus.recordings[:SHOWN]]
    speakers = len({one.speaker for one in corpus.recordings})
    phones = "phones are met by attention" if slot == "speech" else ""
    detail = "; ".join(filter(None, (f"{speakers} speakers", phones, corpus.gaps)))
    return DataPreview(corpus.layout or "folders of sounds", detail, ["sentence", "speaker", "file"], rows,
                       len(corpus.recordings))  # fmt: skip
