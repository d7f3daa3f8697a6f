"""Small English sets made by rule: names in sentences, and questions on short lives.

Names are put together from syllables; those of the test part occur in no other part, so that a
model has to read the context. Every text says that it is generated through its sample's title.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from workbench.core.words import spaced
from workbench.engine.text.examples import Loaded, QuestionAnswer, SplitName, TaggedSentence, take_balanced

SIZES: Mapping[SplitName, int] = {"train": 700, "validation": 150, "test": 250}
LIVES: Mapping[SplitName, int] = {"train": 160, "validation": 30, "test": 60}
_STARTS = (
    "Ba",
    "Bel",
    "Bren",
    "Cal",
    "Cor",
    "Da",
    "Del",
    "Dor",
    "El",
    "Fen",
    "Fal",
    "Gar",
    "Gil",
    "Hal",
    "Har",
    "Is",
    "Jor",
    "Ka",
    "Kel",
    "Lan",
    "Lor",
    "Mar",
    "Mel",
    "Mor",
    "Nal",
    "Nor",
    "Or",
    "Per",
    "Quil",
    "Ral",
    "Ros",
    "Sal",
    "Ser",
    "Tal",
    "Tor",
    "Ul",
    "Val",
    "Ver",
    "Wen",
    "Yar",
    "Zel",
)
_MIDDLES = ("a", "e", "i", "o", "an", "en", "ir", "or", "al", "em", "id", "un")
_ENDS: Mapping[str, tuple[str, ...]] = {
    "first": ("na", "ric", "la", "nis", "ra", "mond", "sa", "bert", "ta", "vin"),
    "last": ("sson", "wick", "mann", "der", "low", "stein", "ley", "ford", "berg", "ker"),
    "place": ("ton", "burg", "holm", "port", "vale", "field", "mouth", "stad", "ville", "haven"),
    "firm": ("tek", "corp", "dyne", "media", "soft", "works", "lab", "gen", "nova", "net"),
}

Name = Callable[[str], str]


class Namer:
    """Names for one split: syllable combinations are dealt out so that no two splits share one."""

    def __init__(self, rng: np.random.Generator, split: SplitName) -> None:
        self._rng, self._share = rng, ("train", "validation", "test").index(split)

    def __call__(self, kind: str) -> str:
        """A new or repeated name of this split: 'first', 'last', 'place' or 'firm'."""
        while True:
            start, middle, end = (int(self._rng.integers(len(some))) for some in (_STARTS, _MIDDLES, _ENDS[kind]))
            if (start * 7 + middle * 5 + end) % 3 == self._share:
                return _STARTS[start] + _MIDDLES[middle] + _ENDS[kind][end]


_SENTENCES = (
    "{PER} said on {DAY} that {ORG} would move to {LOC} .",
    "Shares of {ORG} fell by {N} percent after {PER} left the board .",
    "{PER} , the head of {ORG} , was born in {LOC} .",
    "The road from {LOC} to {LOC} was closed for {N} hours .",
    "{ORG} hired {N} engineers in {LOC} last {DAY} .",
    "In {LOC} , {PER} met {PER} to talk about the {THING} .",
    "It rained in {LOC} for {N} days , and the {THING} was late .",
    "According to {ORG} , the {THING} will open in {LOC} .",
    "{PER} sold the {THING} to {ORG} for {N} million .",
    "The {THING} was made by {ORG} and painted by {PER} .",
    "Nobody in {LOC} had heard of {PER} before {DAY} .",
    "{LOC} is a small town with {N} houses and a {THING} .",
    "{ORG} denied on {DAY} that the {THING} was broken .",
    "The old {THING} stood near the river for {N} years .",
    "On {DAY} the {THING} was full , so we waited outside .",
    "{PER} plays for {ORG} , but lives in {LOC} .",
)
_THINGS = ("bridge", "factory", "museum", "contract", "engine", "library", "harbour", "painting", "market", "railway")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def entities(*, seed: int = 0, limit: int = 0) -> Loaded[TaggedSentence]:
    """Sentences with people (PER), places (LOC) and organisations (ORG) in BIO tags."""
    rng = np.random.default_rng([seed, 11])
    found: list[TaggedSentence] = []
    for split, size in SIZES.items():
        name = Namer(rng, split)
        found += [_sentence(rng, name, split, len(found) + at) for at in range(size)]
    chosen = take_balanced(found, limit, seed)
    return Loaded(chosen, [], f"{spaced(len(chosen))} generated sentences with names; test names occur nowhere else")


def _sentence(rng: np.random.Generator, name: Name, split: SplitName, source: int) -> TaggedSentence:
    tokens: list[str] = []
    tags: list[str] = []
    for piece in _SENTENCES[int(rng.integers(len(_SENTENCES)))].split():
        words, tag = _filled(piece, rng, name)
        tokens += words
        tags += [tag if tag == "O" else f"{'I' if at else 'B'}-{tag}" for at in range(len(words))]
    spaces = (*(after not in (",", ".") for after in tokens[1:]), False)
    return TaggedSentence(tuple(tokens), tuple(tags), spaces, source, split)


def _filled(piece: str, rng: np.random.Generator, name: Name) -> tuple[list[str], str]:
    match piece:
        case "{PER}":
            return [name("first"), name("last")] if rng.random() < 0.7 else [name("last")], "PER"
        case "{LOC}":
            return [name("place")], "LOC"
        case "{ORG}":
            # A third of the organisations are called like a person or a place: only the context tells.
            kind = str(rng.choice(["firm", "firm", "last", "place"]))
            return [name(kind), "Group"] if rng.random() < 0.2 else [name(kind)], "ORG"
        case "{DAY}":
            return [str(rng.choice(_DAYS))], "O"
        case "{N}":
            return [str(rng.integers(2, 90))], "O"
        case "{THING}":
            return [str(rng.choice(_THINGS))], "O"
        case _:
            return [piece], "O"


_JOBS = ("painter", "engineer", "doctor", "composer", "teacher", "pilot", "chemist", "writer", "architect", "judge")
_WORKS = ("bridge", "opera", "vaccine", "novel", "tower", "map", "symphony", "engine", "school", "theory")
_QUESTIONS = {
    "born_in": ("Where was {who} born?", "In which town was {who} born?"),
    "born_on": ("When was {who} born?", "In which year was {who} born?"),
    "job": ("What did {who} work as?", "What was the profession of {who}?"),
    "moved": ("Where did {who} move to?", "Which town did {who} move to?"),
    "partner": ("Who did {who} marry?", "Who was married to {who}?"),
    "firm": ("Which company did {who} work for?", "Who employed {who}?"),
    "died": ("When did {who} die?", "In which year did {who} die?"),
}


def questions(*, seed: int = 0, limit: int = 0) -> Loaded[QuestionAnswer]:
    """Short lives of invented people; every seventh question has no answer in its passage."""
    rng = np.random.default_rng([seed, 12])
    found: list[QuestionAnswer] = []
    for split, size in LIVES.items():
        name = Namer(rng, split)
        for life in range(size):
            found += _life(rng, name, split, f"{split}-{life}", len(found))
    chosen = take_balanced(found, limit, seed)
    return Loaded(
        chosen, [], f"{spaced(len(chosen))} generated questions on short lives; test names occur nowhere else"
    )


def _life(rng: np.random.Generator, name: Name, split: SplitName, group: str, source: int) -> list[QuestionAnswer]:
    first, last = name("first"), name("last")
    year = int(rng.integers(1820, 1950))
    facts = {
        "born_in": name("place"),
        "born_on": str(year),
        "job": str(rng.choice(_JOBS)),
        "moved": name("place"),
        "partner": f"{name('first')} {name('last')}",
        "firm": name("firm"),
        "died": str(year + int(rng.integers(45, 90))),
    }
    other = name("place")
    told = {
        "born_in": f"{first} {last} was born in {facts['born_in']} in {facts['born_on']}.",
        "job": f"After school in {other}, {last} became a {facts['job']}.",
        "moved": f"In {year + 24} {last} moved to {facts['moved']} to build a {rng.choice(_WORKS)}.",
        "partner": f"Two years later {first} married {facts['partner']}, who was born in {year + 3}.",
        "firm": f"For a long time {last} worked for {facts['firm']}.",
        "died": f"{first} {last} died in {facts['died']}.",
    }
    left_out = str(rng.choice(["moved", "partner", "firm", "died"]))
    middle = [told[key] for key in ("job", "moved", "partner", "firm") if key != left_out]
    rng.shuffle(middle)
    context = " ".join([told["born_in"], *middle, *([told["died"]] if left_out != "died" else [])])
    asked: list[QuestionAnswer] = []
    for key, wordings in _QUESTIONS.items():
        question = wordings[int(rng.integers(len(wordings)))].format(who=f"{first} {last}")
        answers = () if key == left_out else ((_find(context, told, key, facts[key]), facts[key]),)
        id_ = f"{group}-{key}"
        asked.append(QuestionAnswer(question, context, answers, not answers, id_, source + len(asked), split, group))
    return asked


def _find(context: str, told: Mapping[str, str], key: str, answer: str) -> int:
    """Where the answer stands in the sentence that tells it (a year may occur in another one, too)."""
    sentence = told["born_in" if key == "born_on" else key]
    inside = sentence.rindex(answer) if key in ("born_in", "born_on", "died") else sentence.index(answer)
    return context.index(sentence) + inside
