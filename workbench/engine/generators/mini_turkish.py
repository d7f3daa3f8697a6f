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
NAMES_PER_TYPE: dict[Literal["train", "test"], int] = {"train": 120, "test": 160}
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

_ONSETS = "bdgkmnprstvz"
_CODAS = ("", "", "n", "r", "l")
_STEMS = frozenset(stem.rstrip("*") for stem in words.STEMS)


@functools.cache
def names(part: Literal["train", "test"]) -> dict[str, tuple[str, ...]]:
    """Invented name words by type; no word is in both parts, in two types, or a stem's spelling."""
    draw = random.Random(1923)
    sizes = [(of, kind, count) for of, count in NAMES_PER_TYPE.items() for kind in NAME_TYPES]
    taken = dict[str, None]()
    while len(taken) < sum(count for *_, count in sizes):
        taken[_invented(draw)] = None
    waiting = iter(taken)
    pools = {(of, kind): tuple(itertools.islice(waiting, count)) for of, kind, count in sizes}
    return {kind: pools[part, kind] for kind in NAME_TYPES}


@functools.cache
def _reserved() -> frozenset[str]:
    return frozenset(word for part in ("train", "test") for pool in names(part).values() for word in pool)


def _invented(draw: random.Random) -> str:
    """A word of two or three syllables with one vowel harmony that is no stem."""
    while True:
        vowels = draw.choice(("aıou", "eiöü"))
        count = draw.choice((2, 2, 2, 3))
        word = "".join(draw.choice(_ONSETS) + draw.choice(vowels) + draw.choice(_CODAS) for _ in range(count))
        if word not in _STEMS:
            return capital(word)


def _name_word(draw: random.Random, part: Part, kind: str) -> str:
    """A word of the part's pool; the corpus invents ever new ones, but none of the pools'.

    A pool would end up in the tokenizer's vocabulary, and new names would then look like nothing it read.
    """
    if part != "corpus":
        return draw.choice(names(part)[kind])
    while (word := _invented(draw)) in _reserved():
        pass
    return word


def _name(draw: random.Random, part: Part, kind: str) -> str:
    count = 2 if draw.random() < 0.25 else 1
    return " ".join({_name_word(draw, part, kind): None for _ in range(count)})


# ---------------------------------------------------------------- clauses


def _tense(draw: random.Random) -> tuple[bool, str]:
    return draw.random() < 0.15, draw.choices(("past", "now", "future"), (6, 3, 1))[0]


def _inflected(draw: random.Random, stem: str, *, case: str) -> str:
    possessive = draw.choices(("", "1s", "2s", "3s", "1p"), (12, 2, 1, 2, 1))[0]
    return noun(stem, plural=draw.random() < 0.15, possessive=possessive, case=case)


def _everyday(draw: random.Random, pick: Callable[[], str]) -> str:
    """A clause about common nouns: [when] [subject] [place] object verb."""
    stem = draw.choice(words.DOING)
    negative, tense = _tense(draw)
    parts = [draw.choice(WHEN)] if draw.random() < 0.35 else []
    person = draw.choices(("1s", "2s", "3s", "1p", "3p"), (3, 1, 6, 1, 1))[0]
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


def _portrait(draw: random.Random) -> str:
    """A corpus text: one name with a verb or two that its kind goes with, and what it is.

    'Zogon'a taşındı. Zogon eski bir köydü.': the verb tells at the name what the last word will be.
    """
    kind = draw.choice(NAME_TYPES)
    name = _name(draw, "corpus", kind)
    governed = draw.sample([key for key in words.GOVERNED if key[1] == kind], draw.choice((1, 1, 2)))
    said = [_met(draw, name, case, draw.choice(words.GOVERNED[case, kind])) for case, _ in governed]
    said.append(f"{name} {draw.choice(words.PLAIN)} bir {words.attach(draw.choice(words.KINDS[kind]), 'DI')}")
    return " ".join(map(_sentence, draw.sample(said, len(said))))


def _met(draw: random.Random, name: str, case: str, stem: str) -> str:
    """[when] Name'case [how] verb."""
    before = [draw.choice(WHEN)] if draw.random() < 0.3 else []
    between = [draw.choice((*WHEN, *HOW))] if draw.random() < 0.4 else []
    negative, tense = _tense(draw)
    return " ".join((*before, named(name, case), *between, verb(stem, negative=negative, tense=tense)))


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
    adjective = draw.random() < 0.5
    thing = _inflected(draw, target, case="nominative" if adjective else "accusative")
    said = _verdict(draw, part, good=good, adjective=adjective)
    return " ".join([*([draw.choice(WHEN)] if draw.random() < 0.3 else []), thing, said])


def _verdict(draw: random.Random, part: Part, *, good: bool, adjective: bool) -> str:
    """A sentiment word with its adverb: 'çok güzel', 'hiç kötülemedim'."""
    negative = draw.random() < (0.35 if part == "corpus" else 0.5)
    likes = good != negative
    stems = (words.GOOD if likes else words.BAD) if adjective else (words.PRAISE if likes else words.BLAME)
    stem = draw.choice(stems)
    extra = draw.choice(("hiç", "pek", "aslında") if negative else ("çok", "gerçekten", "aslında"))
    return f"{extra} {predicate(stem, draw.choice(sentiment_forms(part)[stem]), negative=negative)}"


def _review_target(draw: random.Random) -> str:
    return draw.choice((*words.TOPICS["kültür"], *words.TOPICS["teknoloji"], *words.THINGS))


def _review(draw: random.Random, part: Part, *, good: bool) -> str:
    if draw.random() < 0.4:
        return _sentence(f"{_everyday(draw, lambda: _review_target(draw))} {draw.choice(('ve', 'çünkü'))} "
                         f"{_opinion(draw, part, _review_target(draw), good=good)}")  # fmt: skip
    return _sentence(_opinion(draw, part, _review_target(draw), good=good))


def _rave(draw: random.Random) -> str:
    """A corpus text: two or three sentences on one thing whose opinions agree, and perhaps turn at an 'ama'."""
    good, target = draw.random() < 0.5, _review_target(draw)
    texts = [_sentence(_judged(draw, target, good=good)) for _ in range(draw.choice((2, 3)))]
    if draw.random() < 0.25:
        first, turned = (_opinion(draw, "corpus", _review_target(draw), good=way) for way in (good, not good))
        texts.append(_sentence(f"{first} ama {turned}"))
    return " ".join(texts)


def _judged(draw: random.Random, target: str, *, good: bool) -> str:
    """'Film hiç kötü değil, çok güzel': an opinion, and most often once more in other words of its kind."""
    adjective = draw.random() < 0.5
    thing = _inflected(draw, target, case="nominative" if adjective else "accusative")
    said = [_verdict(draw, "corpus", good=good, adjective=adjective) for _ in range(draw.choice((1, 2, 2)))]
    return f"{thing} {draw.choice((' ve ', ', ')).join(said)}"


# ---------------------------------------------------------------- topics


def _story(draw: random.Random, topic: str, *, noise: float, clauses: int) -> str:
    """Clauses whose nouns come from one topic, and a share of them from one other topic."""
    other = draw.choice([one for one in words.TOPICS if one != topic])
    pick = functools.partial(_noisy, draw, words.TOPICS[topic], words.TOPICS[other], noise)
    return " ".join(_sentence(_everyday(draw, pick)) for _ in range(clauses))


def _noisy(draw: random.Random, mine: Sequence[str], theirs: Sequence[str], noise: float) -> str:
    return draw.choice(theirs if draw.random() < noise else mine)


def _report(draw: random.Random, topic: str) -> str:
    """A corpus text: short clauses full of one topic's nouns, with few words that could be anything."""
    return " ".join(_sentence(_happening(draw, words.TOPICS[topic])) for _ in range(draw.choice((2, 3))))


def _happening(draw: random.Random, nouns: Sequence[str]) -> str:
    """subject [place] object verb: 'Antrenör stadyumda kupayı aldı'."""
    subject, place, thing = draw.sample(nouns, 3)
    parts = [_inflected(draw, subject, case="nominative"), _inflected(draw, thing, case="accusative")]
    if draw.random() < 0.6:
        parts.insert(1, _inflected(draw, place, case=draw.choice(("locative", "ablative", "dative"))))
    return " ".join([*parts, verb(draw.choice(words.DOING))])


# ---------------------------------------------------------------- biographies


@dataclasses.dataclass(frozen=True)
class _Relation:
    """A kind of fact: how it is told, told again in other words, and asked in three ways.

    {p} is the person; {x} stands where the name with its case goes in what is told again.
    """

    kind: str
    case: str
    stem: str
    again: tuple[tuple[str, str], ...]
    questions: tuple[str, ...]


_RELATIONS = (
    _Relation("LOC", "locative", "doğ",
              (("locative", "{p} {x} dünyaya geldi"), ("nominative", "{p} isimli kişinin memleketi {x}")),
              ("{p} nerede doğdu", "{p} hangi şehirde dünyaya geldi", "{p} isimli kişinin memleketi neresi")),
    _Relation("LOC", "dative", "taşın", (("dative", "{p} {x} yerleşti"), ("accusative", "{p} {x} seçti")),
              ("{p} nereye taşındı", "{p} hangi şehre yerleşti", "{p} hangi yeri seçti")),
    _Relation("LOC", "accusative", "gez", (("locative", "{p} {x} dolaştı"), ("accusative", "{p} {x} gördü")),
              ("{p} nereyi gezdi", "{p} nerede dolaştı", "{p} hangi şehri gördü")),
    _Relation("ORG", "locative", "çalış",
              (("locative", "{p} {x} görevlendi"), ("locative", "{p} isimli kişinin işi {x}")),
              ("{p} nerede çalıştı", "{p} hangi kurumda görevlendi", "{p} isimli kişinin işi neredeydi")),
    _Relation("ORG", "accusative", "kur", (("accusative", "{p} {x} yönetti"), ("genitive", "{p} {x} sahibi")),
              ("{p} neyi kurdu", "{p} hangi şirketi yönetti", "{p} hangi kurumun sahibi")),
    _Relation("ORG", "ablative", "ayrıl", (("ablative", "{p} {x} çekildi"), ("accusative", "{p} {x} bıraktı")),
              ("{p} nereden ayrıldı", "{p} hangi kurumdan çekildi", "{p} hangi işi bıraktı")),
    _Relation("PER", "accusative", "tanı",
              (("accusative", "{p} {x} kucakladı"), ("nominative", "{p} isimli kişinin dostu {x}")),
              ("{p} kimi tanıdı", "{p} kimi kucakladı", "{p} isimli kişinin dostu kim")),
    _Relation("PER", "ablative", "boşan",
              (("ablative", "{p} {x} çekindi"), ("nominative", "{p} isimli kişinin eski eşi {x}")),
              ("{p} kimden boşandı", "{p} kimden çekindi", "{p} isimli kişinin eski eşi kim")),
)  # fmt: skip
_YEAR = ("{p} ne zaman doğdu", "{p} hangi yıl dünyaya geldi", "{p} isimli kişinin doğum yılı kaç")
_YEAR_AGAIN = ("{p} {x} yılında dünyaya geldi", "{p} isimli kişinin doğum yılı {x}")


@dataclasses.dataclass(frozen=True)
class _Fact:
    relation: _Relation
    value: str

    @property
    def is_birth(self) -> bool:
        return self.relation.stem == "doğ"

    def told(self, draw: random.Random) -> str:
        how = [draw.choice(HOW)] if draw.random() < 0.3 else []
        return " ".join((named(self.value, self.relation.case), *how, verb(self.relation.stem)))

    def told_again(self, draw: random.Random, person: str) -> str:
        case, pattern = draw.choice(self.relation.again)
        return pattern.format(p=person, x=named(self.value, case))


@dataclasses.dataclass(frozen=True)
class _Life:
    person: str
    year: str
    facts: tuple[_Fact, ...]

    def tell(self, draw: random.Random) -> list[str]:
        """Sentences of one or two facts; the person is named once, the year goes with the birth."""
        clauses = [
            f"{self.year} yılında {fact.told(draw)}" if fact.is_birth else fact.told(draw) for fact in self.facts
        ]
        clauses[0] = f"{self.person} {draw.choice(WHEN)} {clauses[0]}"  # a word between two names
        sentences = []
        while clauses:
            count = min(draw.choice((1, 2, 2)), len(clauses))
            sentences.append(_sentence(" ve ".join(clauses[:count])))
            clauses = clauses[count:]
        return sentences

    def tell_again(self, draw: random.Random) -> list[str]:
        """One or two of the facts in other words, the person named each time."""
        some = draw.sample(self.facts, min(len(self.facts), draw.choice((1, 2))))
        again = [fact.told_again(draw, self.person) for fact in some]
        if any(fact.is_birth for fact in self.facts) and draw.random() < 0.4:
            again.append(draw.choice(_YEAR_AGAIN).format(p=self.person, x=self.year))
        return [*map(_sentence, again)]


def _lives(draw: random.Random, part: Part, counts: Sequence[int]) -> list[_Life]:
    """Lives of so many facts each that share no name, and now and then a kind of fact."""
    while True:
        order = draw.sample(_RELATIONS, sum(counts))
        if draw.random() < 0.3:
            order[-1] = order[0]
        lives = []
        for count in counts:
            facts = tuple(_Fact(relation, _name(draw, part, relation.kind)) for relation in order[:count])
            lives.append(_Life(_name(draw, part, "PER"), str(draw.randint(1850, 2005)), facts))
            order = order[count:]
        said = " ".join(f"{life.person} {life.year} {' '.join(fact.value for fact in life.facts)}" for life in lives)
        if len(set(said.split())) == len(said.split()):
            return draw.sample(lives, len(lives))


def _ask(draw: random.Random, part: Part) -> Asked:
    """Two short lives told one after the other, and a question about one of them."""
    lives = _lives(draw, part, (3, 2))
    context = " ".join(sentence for life in lives for sentence in life.tell(draw))
    life = draw.choice(lives)
    fact = draw.choice(life.facts)
    asks_year = fact.is_birth and draw.random() < 0.5
    answer = life.year if asks_year else fact.value
    question = draw.choice(_YEAR if asks_year else fact.relation.questions).format(p=life.person)
    start = context.index(answer, context.index(life.person))
    return Asked(context, _sentence(question, "?"), answer, start)


def _biography(draw: random.Random) -> str:
    """A corpus text: one life or two, and before it or after it some of it in other words."""
    lives = _lives(draw, "corpus", draw.choice(((1,), (1,), (2,), (2,), (3,), (2, 2))))
    told = [sentence for life in lives for sentence in life.tell(draw)]
    again = [sentence for life in lives for sentence in life.tell_again(draw)]
    again = draw.sample(again, len(again))
    return " ".join((*again, *told) if draw.random() < 0.5 else (*told, *again))


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
        lambda: _portrait(draw),
        lambda: _plain(_newsline(draw, "corpus")),
        lambda: " ".join(_sentence(_governed_noun(draw)) for _ in range(2)),
        lambda: _rave(draw),
        lambda: _report(draw, draw.choice(tuple(words.TOPICS))),
        lambda: _sentence(_still(draw)),
    )
    written = 0
    while written < sentences:
        text = draw.choices(makers, (7, 0.7, 5, 1.5, 3, 5, 5, 0.3))[0]()
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
