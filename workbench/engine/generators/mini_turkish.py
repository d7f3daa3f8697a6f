"""Mini-Turkish: a corpus and four tasks written by a small grammar, the same for the same seed.

Clauses end in the verb, nouns and verbs carry chains of suffixes (turkish_words), and proper names
are invented from syllables. Three parts keep apart what must not leak:

- 'corpus', 'train' and 'test' have names of their own, so a test name was never seen before;
- a sentiment word's inflected forms are either in train or in test, never in both;
- corpus texts come from a stream of their own, and no test text is among them.

Published as part of the desk-size experiment for arXiv 2401.17396; real data stays with the user.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from workbench.engine.generators import turkish_words as words
from workbench.engine.generators.turkish_words import capital, named, noun, verb

Part = Literal["corpus", "train", "test"]
NAME_TYPES = ("PER", "LOC", "ORG")
NAMES_PER_TYPE = {"corpus": 100, "train": 120, "test": 160}
SENTIMENTS = ("olumsuz", "olumlu")
COPULAS = ("", "DI", "(y)mIş", "DIr", "(y)sA")
WHEN = ("dün", "bugün", "yarın", "sonra", "şimdi", "bazen", "sonunda", "hemen", "yine", "önce", "sabah", "akşam")
HOW = (
    "iki kez",
    "geçen yıl",
    "büyük bir istekle",
    "uzun süre",
    "yavaşça",
    "gizlice",
    "birlikte",
    "o yaz",
    "tek başına",
)


@dataclasses.dataclass(frozen=True)
class Tagged:
    """Words with their BIO tags; a name keeps its case suffix in the same word."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Asked:
    """A question on a passage; the answer stands at `start` of the passage."""

    context: str
    question: str
    answer: str
    start: int


# ---------------------------------------------------------------- names

_ONSETS = "bcdghklmnprsştvyzç"
_CODAS = ("", "", "l", "n", "r", "s", "m", "k")


@functools.cache
def names(part: Part) -> dict[str, tuple[str, ...]]:
    """Invented name words by type; no word is in two parts, two types, or a stem's spelling."""
    pool = _invented(sum(NAMES_PER_TYPE.values()) * len(NAME_TYPES))
    start = 3 * sum(itertools.takewhile(lambda n: n != NAMES_PER_TYPE[part], NAMES_PER_TYPE.values()))
    size = NAMES_PER_TYPE[part]
    return {kind: tuple(pool[start + i * size : start + (i + 1) * size]) for i, kind in enumerate(NAME_TYPES)}


def _invented(count: int) -> list[str]:
    draw = random.Random(1923)
    found: dict[str, None] = {}
    stems = {stem.rstrip("*") for stem in words.STEMS}
    while len(found) < count:
        vowels = draw.choice(("aıou", "eiöü"))
        word = "".join(
            draw.choice("bcdghklmnprsştvyzç")
            + draw.choice(vowels)
            + draw.choice(("", "", "l", "n", "r", "s", "m", "k"))
            for _ in range(draw.choice((2, 2, 3)))
        )
        if word not in stems:
            found[capital(word)] = None
    pool = list(found)
    draw.shuffle(pool)
    return pool


def _name(draw: random.Random, part: Part, kind: str) -> str:
    pool = names(part)[kind]
    return " ".join(draw.sample(pool, 2 if draw.random() < 0.25 else 1))


# ---------------------------------------------------------------- clauses


def _tense(draw: random.Random) -> tuple[bool, str]:
    return draw.random() < 0.2, draw.choices(("past", "now", "future"), (5, 3, 2))[0]


def _inflected(draw: random.Random, stem: str, *, case: str) -> str:
    possessive = draw.choice(("", "", "", "1s", "2s", "3s", "1p"))
    return noun(stem, plural=draw.random() < 0.25, possessive=possessive, case=case)


def _everyday(draw: random.Random, pick: Callable[[], str]) -> str:
    """A clause about common nouns: [when] [subject] [place] object verb."""
    stem = draw.choice(words.DOING)
    negative, tense = _tense(draw)
    parts = [draw.choice(WHEN)] if draw.random() < 0.35 else []
    person = draw.choice(("1s", "2s", "3s", "1p", "3p"))
    if person == "3s":
        parts.append(_inflected(draw, pick(), case="nominative"))
    if draw.random() < 0.4:
        parts.append(_inflected(draw, pick(), case=draw.choice(("locative", "ablative", "dative"))))
    if draw.random() < 0.3:
        parts.append(draw.choice(words.PLAIN))
    parts.append(_inflected(draw, pick(), case="accusative"))
    return " ".join([*parts, verb(stem, negative=negative, tense=tense, person=person)])


def _still(draw: random.Random) -> str:
    """A clause without an object: subject [when] verb."""
    negative, tense = _tense(draw)
    subject = _inflected(draw, draw.choice(words.LIVING), case="nominative")
    return " ".join(
        (subject, draw.choice((*WHEN, *HOW)), verb(draw.choice(words.BEING), negative=negative, tense=tense))
    )


def _sentence(text: str, mark: str = ".") -> str:
    return capital(text) + mark


# ---------------------------------------------------------------- entities


def _governed(draw: random.Random, part: Part, *, person: str) -> Tagged:
    """[object] Name'case [how] verb: the verb with the case decides the name's type."""
    case, kind = draw.choice(tuple(words.GOVERNED))
    name = named(_name(draw, part, kind), case).split()
    negative, tense = _tense(draw)
    before = [_inflected(draw, draw.choice(words.LIVING), case="nominative")] if draw.random() < 0.25 else []
    between = " ".join(draw.sample((*WHEN, *HOW), draw.choice((0, 0, 1, 1, 2)))).split()
    last = verb(
        draw.choice(words.GOVERNED[case, kind]), negative=negative, tense=tense, person="3s" if before else person
    )
    tags = ["O"] * len(before) + _bio(kind, len(name)) + ["O"] * (len(between) + 1)
    return Tagged((*before, *name, *between, last), tuple(tags))


def _bio(kind: str, count: int) -> list[str]:
    return [f"B-{kind}"] + [f"I-{kind}"] * (count - 1)


def _newsline(draw: random.Random, part: Part) -> Tagged:
    """A sentence with one to three names, perhaps of two clauses, perhaps with a named subject."""
    tokens: list[str] = []
    tags: list[str] = []
    person = draw.choice(("1s", "3s", "3s", "1p", "3p"))
    if draw.random() < 0.4:
        tokens.append(draw.choice(WHEN))
        tags.append("O")
    if draw.random() < 0.4:
        subject, person = _name(draw, part, "PER").split(), "3s"
        tokens += [*subject, draw.choice(WHEN)]  # a word between, or two names would run together
        tags += [*_bio("PER", len(subject)), "O"]
    clauses = [_governed(draw, part, person=person)]
    if draw.random() < 0.35:
        clauses += [Tagged((draw.choice(("ve", "ama", "sonra")),), ("O",)), _governed(draw, part, person=person)]
    if draw.random() < 0.2:
        other = _everyday(draw, lambda: draw.choice(words.THINGS)).split()
        clauses += [Tagged((draw.choice(("ve", "ama")), *other), ("O",) * (len(other) + 1))]
    for clause in clauses:
        tokens += clause.tokens
        tags += clause.tags
    return Tagged((capital(tokens[0]), *tokens[1:], "."), (*tags, "O"))


def _governed_noun(draw: random.Random) -> str:
    """A corpus clause: the verbs that take names, with common nouns of the same kind, or noun and name.

    Text tells in this way what a verb goes with: 'köye taşındı', 'Tankara köyüne taşındı'.
    """
    case, kind = draw.choice(tuple(words.GOVERNED))
    negative, tense = _tense(draw)
    last = verb(draw.choice(words.GOVERNED[case, kind]), negative=negative, tense=tense)
    stem = draw.choice(words.KINDS[kind])
    thing = noun(stem, plural=draw.random() < 0.2, possessive=draw.choice(("", "", "1s", "3s", "1p")), case=case)
    if draw.random() < 0.4:
        name = _name(draw, "corpus", kind)
        thing = (
            f"{stem.rstrip('*')} {named(name, case)}"
            if kind == "PER"
            else f"{name} {noun(stem, possessive='3s', case=case)}"
        )
    when = [draw.choice(WHEN)] if draw.random() < 0.3 else []
    return " ".join([*when, thing, *([draw.choice(HOW)] if draw.random() < 0.2 else []), last])


# ---------------------------------------------------------------- sentiment


@functools.cache
def sentiment_forms(part: Part) -> dict[str, tuple[tuple[str, ...], ...]]:
    """For each sentiment stem the forms that the part may use: (copula,) or (tense, person).

    Train and test halves are disjoint stem by stem; the corpus has both.
    """
    draw = random.Random(1071)
    forms: dict[str, tuple[tuple[str, ...], ...]] = {}
    for stem in (*words.GOOD, *words.BAD, *words.PRAISE, *words.BLAME):
        adjective = stem in words.GOOD or stem in words.BAD
        every = [(copula,) for copula in COPULAS] if adjective else list(
            itertools.product(words.TENSES, ("1s", "2s", "3s", "1p", "2p", "3p"))
        )  # fmt: skip
        draw.shuffle(every)
        half = (len(every) + 1) // 2
        forms[stem] = tuple({"corpus": every, "train": every[:half], "test": every[half:]}[part])
    return forms


def predicate(stem: str, form: tuple[str, ...], *, negative: bool) -> str:
    """A sentiment word as a clause's end: 'güzel değildi', 'sevmedim'."""
    if len(form) == 2:
        return verb(stem, negative=negative, tense=form[0], person=form[1])
    ending = words.attach("değil", form[0]) if negative else ""
    return f"{stem} {ending}" if negative else words.attach(stem, form[0])


def _opinion(draw: random.Random, part: Part, target: str, *, good: bool) -> str:
    """A clause of the wanted polarity; negation with an opposite word in half of the cases."""
    negative = draw.random() < 0.5
    likes = good != negative
    adjective = draw.random() < 0.5
    stems = (words.GOOD if likes else words.BAD) if adjective else (words.PRAISE if likes else words.BLAME)
    stem = draw.choice(stems)
    last = predicate(stem, draw.choice(sentiment_forms(part)[stem]), negative=negative)
    extra = [draw.choice(("hiç", "pek", "aslında") if negative else ("çok", "gerçekten", "aslında"))]
    thing = _inflected(draw, target, case="nominative" if adjective else "accusative")
    return " ".join([*([draw.choice(WHEN)] if draw.random() < 0.3 else []), thing, *extra, last])


def _review_target(draw: random.Random) -> str:
    return draw.choice((*words.TOPICS["kültür"], *words.TOPICS["teknoloji"], *words.THINGS))


def _review(draw: random.Random, part: Part, *, good: bool) -> str:
    if draw.random() < 0.4:
        return _sentence(f"{_everyday(draw, lambda: _review_target(draw))} {draw.choice(('ve', 'çünkü'))} "
                         f"{_opinion(draw, part, _review_target(draw), good=good)}")  # fmt: skip
    return _sentence(_opinion(draw, part, _review_target(draw), good=good))


def _rave(draw: random.Random) -> str:
    """A corpus text: a review whose opinions agree, and perhaps turn at an 'ama' in the end."""
    good, target = draw.random() < 0.5, _review_target(draw)
    first, second, third = (_opinion(draw, "corpus", target, good=good) for _ in range(3))
    texts = [_sentence(f"{first} {draw.choice(('ve', 'çünkü'))} {second}"), _sentence(third)]
    if draw.random() < 0.4:
        fourth, turned = (_opinion(draw, "corpus", _review_target(draw), good=way) for way in (good, not good))
        texts.append(_sentence(f"{fourth} ama {turned}"))
    return " ".join(texts)


# ---------------------------------------------------------------- topics


def _story(draw: random.Random, topic: str, *, noise: float, clauses: int) -> str:
    """Clauses whose nouns come from one topic, and a share of them from one other topic."""
    other = draw.choice([one for one in words.TOPICS if one != topic])
    pick = functools.partial(_noisy, draw, words.TOPICS[topic], words.TOPICS[other], noise)
    return " ".join(_sentence(_everyday(draw, pick)) for _ in range(clauses))


def _noisy(draw: random.Random, mine: Sequence[str], theirs: Sequence[str], noise: float) -> str:
    return draw.choice(theirs if draw.random() < noise else mine)


# ---------------------------------------------------------------- biographies


@dataclasses.dataclass(frozen=True)
class _Relation:
    """A kind of fact: how it is told, told again in other words, and asked in two ways.

    {x} stands where the name with its case goes; the question's case may differ from the telling's.
    """

    kind: str
    case: str
    stem: str
    again: tuple[str, str]
    questions: tuple[str, ...]


_RELATIONS = (
    _Relation("LOC", "locative", "doğ", ("locative", "{x} dünyaya geldi"),
              ("{p} nerede doğdu", "{p} hangi şehirde dünyaya geldi", "{p} isimli kişinin memleketi neresi")),
    _Relation("LOC", "dative", "taşın", ("dative", "{x} yerleşti"),
              ("{p} nereye taşındı", "{p} hangi şehre yerleşti", "{p} hangi yeri seçti")),
    _Relation("LOC", "accusative", "gez", ("locative", "{x} dolaştı"),
              ("{p} nereyi gezdi", "{p} nerede dolaştı", "{p} hangi şehri gördü")),
    _Relation("ORG", "locative", "çalış", ("locative", "{x} görevlendi"),
              ("{p} nerede çalıştı", "{p} hangi kurumda görevlendi", "{p} isimli kişinin işi neredeydi")),
    _Relation("ORG", "accusative", "kur", ("accusative", "{x} yönetti"),
              ("{p} neyi kurdu", "{p} hangi şirketi yönetti", "{p} hangi kurumun sahibi")),
    _Relation("ORG", "ablative", "ayrıl", ("ablative", "{x} çekildi"),
              ("{p} nereden ayrıldı", "{p} hangi kurumdan çekildi", "{p} hangi işi bıraktı")),
    _Relation("PER", "accusative", "tanı", ("accusative", "{x} kucakladı"),
              ("{p} kimi tanıdı", "{p} kimi kucakladı", "{p} isimli kişinin dostu kim")),
    _Relation("PER", "ablative", "boşan", ("ablative", "{x} çekindi"),
              ("{p} kimden boşandı", "{p} kimden çekindi", "{p} isimli kişinin eski eşi kim")),
)  # fmt: skip
_YEAR = ("{p} ne zaman doğdu", "{p} hangi yıl dünyaya geldi", "{p} isimli kişinin yaşı kaç")


@dataclasses.dataclass(frozen=True)
class _Fact:
    relation: _Relation
    value: str

    def told(self, draw: random.Random) -> str:
        how = [draw.choice(HOW)] if draw.random() < 0.3 else []
        return " ".join((named(self.value, self.relation.case), *how, verb(self.relation.stem)))

    def told_again(self) -> str:
        case, pattern = self.relation.again
        return pattern.format(x=named(self.value, case))


@dataclasses.dataclass(frozen=True)
class _Life:
    person: str
    year: str
    facts: tuple[_Fact, ...]

    def tell(self, draw: random.Random) -> list[str]:
        """Sentences of one or two facts; the person is named once, the year goes with the birth."""
        clauses = [fact.told(draw) for fact in self.facts]
        clauses[0] = f"{self.person} {self.year} yılında {clauses[0]}"
        sentences = []
        while clauses:
            count = min(draw.choice((1, 2, 2)), len(clauses))
            sentences.append(_sentence(" ve ".join(clauses[:count])))
            clauses = clauses[count:]
        return sentences


def _life(draw: random.Random, part: Part, count: int) -> _Life:
    birth, *rest = _RELATIONS
    relations = [birth, *draw.sample(rest, count - 1)]
    facts = tuple(_Fact(relation, _name(draw, part, relation.kind)) for relation in relations)
    return _Life(_name(draw, part, "PER"), str(draw.randint(1850, 2005)), facts)


def _strangers(draw: random.Random, part: Part, counts: Sequence[int]) -> list[_Life]:
    """Lives of so many facts each that share no name, in any order."""
    while True:
        lives = [_life(draw, part, count) for count in counts]
        said = " ".join(f"{life.person} {life.year} {' '.join(fact.value for fact in life.facts)}" for life in lives)
        if len(set(said.split())) == len(said.split()):
            return draw.sample(lives, len(lives))


def _ask(draw: random.Random, part: Part) -> Asked:
    """Two short lives told one after the other, and a question about one of them."""
    lives = _strangers(draw, part, (draw.choice((3, 4)), 2))
    context = " ".join(sentence for life in lives for sentence in life.tell(draw))
    life = draw.choice(lives)
    fact: _Fact | None = draw.choice((*life.facts, None))
    answer = life.year if fact is None else fact.value
    question = draw.choice(_YEAR if fact is None else fact.relation.questions).format(p=life.person)
    start = context.index(answer, context.index(life.person))
    return Asked(context, _sentence(question, "?"), answer, start)


def _biography(draw: random.Random) -> str:
    """A corpus text: one life or two, then some of it told again in other words."""
    lives = _strangers(draw, "corpus", draw.choice(((2,), (3,), (2, 2), (3, 2))))
    told = [sentence for life in lives for sentence in life.tell(draw)]
    again = [f"{life.person} {fact.told_again()}" for life in lives for fact in draw.sample(life.facts, 1)]
    again += [f"{life.person} {life.year} yılında dünyaya geldi" for life in lives if draw.random() < 0.3]
    return " ".join((*told, *map(_sentence, draw.sample(again, len(again)))))


def _wondering(draw: random.Random) -> str:
    """A corpus text: questions that nobody answers, so that question words are known words."""
    person = _name(draw, "corpus", "PER")
    every = [*_YEAR, *(question for relation in _RELATIONS for question in relation.questions)]
    return " ".join(_sentence(question.format(p=person), "?") for question in draw.sample(every, 2))


# ---------------------------------------------------------------- what is offered


def corpus(seed: int, sentences: int = 40_000) -> list[str]:
    """Texts of one to six sentences, `sentences` in all, for masked-word pretraining."""
    return list(_texts(random.Random(f"corpus {seed}"), sentences))


def _texts(draw: random.Random, sentences: int) -> Iterator[str]:
    makers: tuple[Callable[[], str], ...] = (
        lambda: _biography(draw),
        lambda: _wondering(draw),
        lambda: " ".join(_plain(_newsline(draw, "corpus")) for _ in range(2)),
        lambda: " ".join(_sentence(_governed_noun(draw)) for _ in range(2)),
        lambda: _rave(draw),
        lambda: _story(draw, draw.choice(tuple(words.TOPICS)), noise=0.1, clauses=3),
        lambda: _sentence(_still(draw)),
    )
    written = 0
    while written < sentences:
        text = draw.choices(makers, (5, 1, 4, 6, 5, 5, 1))[0]()
        written += text.count(".") + text.count("?")
        yield text


def _plain(sentence: Tagged) -> str:
    return " ".join(sentence.tokens).replace(" .", ".")


def sentiment(seed: int, part: Part, count: int) -> list[tuple[str, str]]:
    """(review, 'olumlu' or 'olumsuz'), half of each."""
    draw = random.Random(f"sentiment {part} {seed}")
    return [(_review(draw, part, good=bool(i % 2)), SENTIMENTS[i % 2]) for i in range(count)]


def entities(seed: int, part: Part, count: int) -> list[Tagged]:
    """Sentences with PER, LOC and ORG names."""
    draw = random.Random(f"entities {part} {seed}")
    return [_newsline(draw, part) for _ in range(count)]


def questions(seed: int, part: Part, count: int) -> list[Asked]:
    """Questions on biographies, one to a passage."""
    draw = random.Random(f"questions {part} {seed}")
    return [_ask(draw, part) for _ in range(count)]


def topics(seed: int, part: Part, count: int) -> list[tuple[str, str]]:
    """(text, one of seven topics); three in ten nouns are another topic's."""
    draw = random.Random(f"topics {part} {seed}")
    every = tuple(words.TOPICS)
    return [(_story(draw, every[i % len(every)], noise=0.3, clauses=3), every[i % len(every)]) for i in range(count)]
