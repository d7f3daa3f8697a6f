"""Commands with intents and sentences to recognise, as the encoder hears them; parts kept apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.audio import Segment
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.speech.bank.rendering import Place, Spoken, plain, render
from workbench.engine.speech.bank.rendering import Utterance as Asked
from workbench.engine.speech.bank.sentences import INTENTS, Command, commands, general
from workbench.engine.speech.bank.speakers import Speaker, draw_speakers
from workbench.engine.speech.listening import normal_log_mel

from .recipe import COMMANDS, LEARNED, OTHER, SENTENCES, SHUFFLED, SluTransfer

Floats = NDArray[np.float32]
Intent = tuple[str, str, str]

HOP_S = 0.010
SNR_DB = (5.0, 20.0)
CHECKED = 100
"""Utterances of the recognition set that are kept aside to see how well it is recognised."""
GENERATED = 1500
NGRAM = 4
TWICE = 2
"""Development speakers who say each development wording."""
SAYINGS = 4
"""Test speakers who say each test wording."""


@dataclasses.dataclass(frozen=True)
class Utterance:
    """Frames (T, F), the units (phones or characters) that are said, and where it is a command its intent.

    `wave` (16 kHz) and `words` are kept of those that may be shown.
    """

    name: str
    frames: Floats
    units: tuple[str, ...] = ()
    intent: Intent | None = None
    speaker: str = ""
    text: str = ""
    wave: Floats | None = None
    words: tuple[Segment, ...] = ()


@dataclasses.dataclass(frozen=True)
class Data:
    """All utterances of a run; raises InputError where the test would hear what was learned from.

    `train` is in the order in which fewer labels are taken: its first n are n commands. `known` are commands by test
    speakers in wordings of the training. `published`: the data's authors divided it, wordings are shared.
    """

    recognition: Sequence[Utterance]
    checked: Sequence[Utterance]
    train: Sequence[Utterance]
    development: Sequence[Utterance]
    test: Sequence[Utterance]
    known: Sequence[Utterance] = ()
    published: bool = False

    def __post_init__(self) -> None:
        learned = [*self.recognition, *self.checked, *self.train, *self.development]
        _apart("speaker", {one.speaker for one in learned} - {""}, {one.speaker for one in (*self.test, *self.known)})
        if not self.published:
            _apart("wording", {one.text for one in learned}, {one.text for one in self.test})
            _apart("wording", {one.text for one in self.train}, {one.text for one in self.development})
        said = {one.text for part in (self.train, self.development, self.test, self.known) for one in part}
        heard = {gram for one in (*self.recognition, *self.checked) for gram in grams(one.text)}
        _apart("run of four words of the commands", heard, {gram for text in said for gram in grams(text)})


def grams(text: str, size: int = NGRAM) -> set[str]:
    """Every run of so many words."""
    words = text.lower().split()
    return {" ".join(words[at : at + size]) for at in range(len(words) - size + 1)}


def _apart(what: str, known: set[str], tested: set[str]) -> None:
    twice = sorted(known & tested)
    if twice:
        raise InputError(
            f"A {what} of one part of the data stands in another part as well.", expected=f"each {what} in one part",
            received=", ".join(twice[:3]), fix="Take it out of one of the folders.", field="recognition",
        )  # fmt: skip


def load(job: Job, params: SluTransfer) -> Data:
    """The utterances that the job's slots name; generated ones come from the job's seed."""
    said, sentences = (job.inputs.get(slot) or one.address for slot, one in
                       (("commands", COMMANDS), ("recognition", SENTENCES)))  # fmt: skip
    wanted = params.pretraining in LEARNED
    folders = [one for one, sample in ((said, COMMANDS), (sentences if wanted else "", SENTENCES))
               if one and one != sample.address]  # fmt: skip
    if folders and params.units != "characters":
        raise InputError(
            "A folder of speech tells no phones.", expected="units: characters", received=params.units,
            fix="Set the units to characters.", field="units",
        )  # fmt: skip
    made = _generated(job, params, with_commands=said == COMMANDS.address,
                      with_sentences=wanted and sentences == SENTENCES.address)  # fmt: skip
    from . import folders as own

    if said != COMMANDS.address:
        made |= own.commands_of(job, said, params)
    if wanted and sentences != SENTENCES.address:
        made |= own.sentences_of(job, sentences, params)
        said_already = {gram for part in ("train", "development", "test", "known") for one in made[part]
                        for gram in grams(one.text)}  # fmt: skip
        for part in ("recognition", "checked"):
            kept = [one for one in made[part] if not grams(one.text) & said_already]
            if len(kept) < len(made[part]):
                job.log(f"{len(made[part]) - len(kept)} transcribed utterances share four words in a row with a "
                        "command and are left out.")  # fmt: skip
            made[part] = kept
    if params.pretraining == SHUFFLED:
        made["recognition"] = shuffled(made["recognition"], job.seed)
    return Data(**made)


def shuffled(utterances: Sequence[Utterance], seed: int) -> list[Utterance]:
    """The same sounds, each with the transcript of another: moved on by one in a drawn order of similar lengths.

    A transcript goes to a sound of nearly the same length, so that CTC can align it and only its content is lost.
    """
    order = sorted(range(len(utterances)), key=lambda at: len(utterances[at].units))
    chance = np.random.default_rng([seed, 0x5AFF])
    found = list(utterances)
    for start in range(0, len(order), 16):
        block = [order[at] for at in range(start, min(start + 16, len(order)))]
        moved = chance.permutation(len(block))
        for at, place in enumerate(moved):
            giver = utterances[block[moved[(at + 1) % len(block)]]]
            taker = block[place]
            found[taker] = dataclasses.replace(utterances[taker], units=giver.units, text=giver.text)
    return found


# The bank -----------------------------------------------------------------------------------


def _generated(job: Job, params: SluTransfer, *, with_commands: bool, with_sentences: bool) -> dict[str, Any]:
    """Commands and sentences of the bank, by part."""
    seed = job.seed
    counts = {"train": params.speakers, "development": params.development_speakers, "test": params.test_speakers,
              "recognition": params.recognition_speakers}  # fmt: skip
    drawn = draw_speakers(counts, seed)
    asked: dict[str, list[tuple[Asked, Intent | None]]] = {
        "recognition": [], "checked": [], "train": [], "development": [], "test": [], "known": [],
    }  # fmt: skip
    if with_sentences:
        people = drawn["recognition"]
        if params.pretraining == OTHER:
            people = draw_speakers({"recognition": params.recognition_speakers}, seed, language=params.language)[
                "recognition"
            ]
        count = params.recognition or GENERATED
        held = min(CHECKED, max(count // 8, 2))
        texts = general("train", count + held, seed)
        spoken: list[tuple[Asked, Intent | None]] = [
            (_asked(text, people[at % len(people)], (seed, at, 1)), None) for at, text in enumerate(texts)
        ]
        asked["recognition"], asked["checked"] = spoken[:count], spoken[count:]
    if with_commands:
        asked |= _commands(params, drawn, seed)
    job.phase("making speech")
    total, done = sum(map(len, asked.values())), 0
    made: dict[str, Any] = {}
    for part, wanted in asked.items():
        made[part] = []
        for (_, intent), one in zip(wanted, render([each for each, _ in wanted]), strict=True):
            made[part].append(_of(one, intent, params, keep=part == "test"))
            done += 1
            job.progress(done, total)
    return made


def _commands(
    params: SluTransfer, drawn: dict[str, list[Speaker]], seed: int
) -> dict[str, list[tuple[Asked, Intent | None]]]:  # fmt: skip
    intents = chosen_intents(params.intents)
    chance = np.random.default_rng([seed, 0xC0DE])
    worded = {split: commands(split, seed, intents=intents) for split in ("train", "dev", "test")}
    pairs = _evenly(worded["train"], drawn["train"], intents, chance)
    if params.labelled > len(pairs):
        raise InputError(
            "So many commands cannot be said without repeating one.", expected=f"at most {len(pairs)}",
            received=str(params.labelled), fix="Ask for fewer, or for more speakers.", field="labelled",
        )  # fmt: skip
    development = _spread(worded["dev"], drawn["development"], TWICE)
    test = _spread(worded["test"], drawn["test"], SAYINGS)
    known = _spread(worded["train"], drawn["test"], 1)
    found: dict[str, list[tuple[Asked, Intent | None]]] = {}
    for at, (part, chosen) in enumerate(
        (("train", pairs[: params.labelled]), ("development", development), ("test", test), ("known", known))
    ):
        found[part] = [(_asked(one.text, who, (seed, number, 2 + at)), one.intent)
                       for number, (one, who) in enumerate(chosen)]  # fmt: skip
    return found


def chosen_intents(count: int) -> list[Intent]:
    """So many of the intents, spread over the actions."""
    order = sorted(range(len(INTENTS)), key=lambda at: (_nth_of_its_action(at), at))
    return [INTENTS[at] for at in sorted(order[:count])]


def _nth_of_its_action(at: int) -> int:
    return sum(one[0] == INTENTS[at][0] for one in INTENTS[:at])


def _evenly(
    said: Sequence[Command], people: Sequence[Speaker], intents: Sequence[Intent], chance: np.random.Generator
) -> list[tuple[Command, Speaker]]:  # fmt: skip
    """Every command by every speaker in an order of which each beginning has all intents as evenly as it can."""
    piles = {intent: [(one, who) for one in said if one.intent == intent for who in people] for intent in intents}
    for pile in piles.values():
        chance.shuffle(pile)
    found = []
    while any(piles.values()):
        for at in chance.permutation(len(intents)):
            pile = piles[intents[at]]
            if pile:
                found.append(pile.pop())
    return found


def _spread(said: Sequence[Command], people: Sequence[Speaker], times: int) -> list[tuple[Command, Speaker]]:
    """Each command by so many speakers, all speakers equally often as far as that goes."""
    times = min(times, len(people))
    return [(one, people[(at * times + turn) % len(people)]) for at, one in enumerate(said) for turn in range(times)]


def _asked(text: str, who: Speaker, seed: tuple[int, ...]) -> Asked:
    """A sentence in noise of 5 to 20 dB."""
    chance = np.random.default_rng([*seed, 0xD1B])
    place = Place(snr_db=round(float(chance.uniform(*SNR_DB)), 1))
    return Asked(text, who, place, seed=int(chance.integers(2**31)))


def _of(one: Spoken, intent: Intent | None, params: SluTransfer, *, keep: bool) -> Utterance:
    wave = one.as_float()
    who, text = one.utterance.speaker.id, one.utterance.text
    units = tuple(plain(each.text) for each in one.phones) if params.units == "phones" else spelled(text)
    return Utterance(
        f"{who}: {text}", normal_log_mel(wave, bins=params.mel_bins, hop_s=HOP_S), units, intent, who, text,
        wave if keep else None, tuple(one.words) if keep else (),
    )  # fmt: skip


def spelled(text: str) -> tuple[str, ...]:
    """The characters of a transcript in lower case; words are parted by one space."""
    return tuple(" ".join(text.lower().split()))


# Vocabularies -------------------------------------------------------------------------------


def vocabulary(utterances: Iterable[Utterance]) -> tuple[str, ...]:
    """Every unit that is said, in order."""
    return tuple(sorted({unit for one in utterances for unit in one.units}))


def slot_words(utterances: Iterable[Utterance]) -> tuple[str, ...]:
    """What the decoder can say: `action=…`, `object=…`, `location=…` of the training commands only."""
    found: set[str] = set()
    for one in utterances:
        if one.intent is not None:
            found |= {f"{slot}={value}" for slot, value in zip(("action", "object", "location"), one.intent,
                                                               strict=True)}  # fmt: skip
    return tuple(sorted(found))


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """A few utterances of a slot: what is said, by whom, and what it means."""
    if address not in (COMMANDS.address, SENTENCES.address):
        from .folders import preview_folder

        seen: DataPreview = preview_folder(slot, address)
        return seen
    people = draw_speakers({"some": 4}, 0)["some"]
    if slot == "commands":
        some = commands("train", 0, intents=chosen_intents(20))[::9][:8]
        said = [(one.text, one.intent) for one in some]
    else:
        said = [(text, ("", "", "")) for text in general("train", 6, 0)]
    found = render([_asked(text, people[at % 4], (0, at)) for at, (text, _) in enumerate(said)])
    rows = [[one.utterance.text, *(intent if slot == "commands" else ()), one.utterance.speaker.id,
             f"{len(one.samples) / 16_000:.1f} s"] for one, (_, intent) in zip(found, said, strict=True)]  # fmt: skip
    columns = ["sentence", *(("action", "object", "location") if slot == "commands" else ()), "speaker", "length"]
    detail = "generated voices in noise; new speakers and new wordings in the test"
    return DataPreview("Sample", detail, columns, rows)
