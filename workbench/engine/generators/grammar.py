"""A phrase grammar that writes sentences with known parts of speech and known punctuation.

The mark depends on syntax, not on words: sixty words are noun and verb alike, "who" and "do" also
stand in statements, and clauses, lists and adverbials end where the phrase ends. Tags are UPOS.
Two topics (the sea; school and kitchen) share about 60 % of their words, so that a second corpus
can teach the grammar without repeating the vocabulary.
"""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from workbench.core.words import spaced
from workbench.engine.text.examples import Loaded, SplitName, TaggedSentence

MARKS = ("O", "COMMA", "PERIOD", "QUESTION")
Topic = Literal["sea", "school"]

# Each category: words of both topics | of the sea | of school and kitchen.
_WORDS = {
    "homograph": """
        plan watch walk work change talk stop start end turn look call visit answer guess dream rest help move show
        report count mark play smile wait
        | anchor sail drift dock row fish net ship dive patrol signal cruise float trade haul surf guard
        | test drill study cook bake paint sketch drum dance note question grade research experiment measure sample
        lecture""",
    "noun": """
        neighbour doctor driver farmer sister brother mother father uncle friend stranger leader worker singer writer
        king queen town street garden village city window door table chair letter story song candle basket bottle cup
        coat hat shoe tree river hill field road bridge market car bus bird dog cat horse cow apple kitten
        | harbour boat captain sailor island lighthouse beach wave storm rope mast deck cabin pirate whale dolphin
        shark crab gull shell pearl reef coast cliff ferry canoe raft paddle lantern compass voyage cargo tourist fisher
        | teacher pupil school lesson pencil book library exam scientist laboratory microscope theory formula kitchen
        recipe oven spoon kettle cake soup museum painter violin piano orchestra composer poet novel chapter classroom
        professor student essay desk""",
    "transitive": """
        see find like follow carry bring take buy sell keep lose meet hear know want need open remember
        | steer board cross reach explore catch load chase tow hoist navigate capture
        | teach learn solve explain prove invent boil chop stir publish compose correct""",
    "intransitive": """
        sleep arrive sit stand laugh sing disappear stay listen live agree wander
        | sink swim shiver flee vanish yell snore roam
        | think graduate succeed fail hesitate giggle yawn faint""",
    "adjective": """
        old young small big tall short happy sad tired quiet loud strong weak rich poor brave lazy kind angry hungry
        strange famous clever proud gentle nervous
        | salty wet windy foggy sunny deep rusty wooden distant tropical stormy sandy shallow seasick nautical northern
        coastal
        | difficult simple careful curious modern classical spicy sweet sour delicious academic logical musical artistic
        precise abstract elegant""",
    "adverb": """
        slowly quickly quietly loudly happily sadly often always never rarely usually gently suddenly carefully calmly
        eagerly proudly barely
        | bravely steadily wildly safely silently boldly roughly swiftly smoothly eastward ashore
        | correctly neatly precisely patiently politely cleverly wisely properly fluently exactly brilliantly""",
    "name": """
        anna peter maria john sarah david emma james laura thomas julia robert helen paul alice martin nina oscar clara
        victor ruth simon
        | finn magnus ingrid olaf sven freya bjorn astrid leif torsten sigrid gunnar erik greta
        | albert isaac marie ada niels rosa galen leonard amadeus clement edith felix hugo iris""",
}

OPENERS = ("meanwhile", "however", "today", "sometimes", "tonight", "indeed", "finally")
# No word opens both kinds of clause or phrase: "they sail when it starts they stop" could not be told.
FRONTING = ("although", "if", "unless", "while", "after")
TRAILING = ("because", "until", "before", "since")
FRONTING_PREPOSITIONS = ("during", "despite", "after", "beyond")
TRAILING_PREPOSITIONS = ("in", "near", "behind", "with", "under", "without")
MODALS = ("will", "can", "must", "should")
EMBEDDING = ("know", "see", "hear", "remember")


@dataclasses.dataclass(frozen=True)
class Lexicon:
    """Open-class words by category; every word is a lemma that inflects regularly."""

    homograph: tuple[str, ...]
    noun: tuple[str, ...]
    transitive: tuple[str, ...]
    intransitive: tuple[str, ...]
    adjective: tuple[str, ...]
    adverb: tuple[str, ...]
    name: tuple[str, ...]

    @property
    def words(self) -> frozenset[str]:
        """All lemmas of this lexicon."""
        return frozenset(word for field in dataclasses.fields(self) for word in getattr(self, field.name))


@functools.cache
def lexicon(topic: Topic | None = None) -> Lexicon:
    """The words of one topic, or of both (400 lemmas, 60 of them nouns and verbs alike)."""
    return Lexicon(**{category: _of_topic(text, topic) for category, text in _WORDS.items()})


def _of_topic(text: str, topic: Topic | None) -> tuple[str, ...]:
    shared, sea, school = (tuple(part.split()) for part in text.split("|"))
    return shared + {"sea": sea, "school": school, None: sea + school}[topic]


def s_form(word: str) -> str:
    """A noun's plural, or a verb's third person: walks, watches, studies."""
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou" else word + "s"


@dataclasses.dataclass(frozen=True)
class Sentence:
    """Words in lower case with their part of speech and the mark that follows each."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    marks: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Word:
    text: str
    tag: str
    mark: str = "O"


_Phrase = list[_Word]
_Subject = tuple[_Phrase, bool]
"""A noun phrase and whether it takes the plural verb."""


def _words(text: str, tag: str) -> _Phrase:
    return [_Word(text, tag)]


def _marked(phrase: _Phrase, mark: str) -> _Phrase:
    return [*phrase[:-1], dataclasses.replace(phrase[-1], mark=mark)]


class Grammar:
    """Draws sentences about one topic; the same random generator gives the same sentences."""

    def __init__(self, topic: Topic, rng: random.Random) -> None:
        self.lexicon, self.rng = lexicon(topic), rng

    def sentence(self) -> Sentence:
        """One sentence with its marks; the last word carries PERIOD or QUESTION."""
        asks = self._chance(0.33)
        body = self._question() if asks else self._statement()
        body = _marked(body, "QUESTION" if asks else "PERIOD")
        return Sentence(
            tuple(word.text for word in body), tuple(word.tag for word in body), tuple(word.mark for word in body)
        )

    def _chance(self, share: float) -> bool:
        return self.rng.random() < share

    def _pick(self, *options: tuple[float, Callable[[], _Phrase]]) -> _Phrase:
        weights = [weight for weight, _ in options]
        return self.rng.choices([make for _, make in options], weights)[0]()

    # Sentences ------------------------------------------------------------------------------

    def _statement(self) -> _Phrase:
        return self._pick(
            (24, self._fronted_clause), (16, self._fronted_adverbial), (16, self._contrast),
            (14, self._trailing_clause), (30, self._clause),
        )  # fmt: skip

    def _fronted_clause(self) -> _Phrase:
        opener = _words(self.rng.choice(FRONTING), "SCONJ")
        return opener + _marked(self._clause(), "COMMA") + self._clause()

    def _fronted_adverbial(self) -> _Phrase:
        opener = _words(self.rng.choice(OPENERS), "ADV")
        if self._chance(0.5):
            opener = _words(self.rng.choice(FRONTING_PREPOSITIONS), "ADP") + self._noun_group(self._chance(0.4))
        return _marked(opener, "COMMA") + self._clause()

    def _contrast(self) -> _Phrase:
        return _marked(self._clause(), "COMMA") + _words(self.rng.choice(("but", "so")), "CCONJ") + self._clause()

    def _trailing_clause(self) -> _Phrase:
        return self._clause() + _words(self.rng.choice(TRAILING), "SCONJ") + self._clause()

    def _question(self) -> _Phrase:
        opener: _Phrase = []
        if self._chance(0.12):
            opener = _words("if", "SCONJ") + _marked(self._clause(), "COMMA")
        return opener + self._pick(
            (40, self._inversion), (20, self._copula_question), (20, self._who), (30, self._adverb_question)
        )

    def _inversion(self) -> _Phrase:
        subject, plural = self._subject()
        auxiliary = self.rng.choice((*MODALS, "do", "do", "do"))
        if auxiliary == "do":
            auxiliary = "do" if plural else "does"
        return _words(auxiliary, "AUX") + subject + self._predicate(plural=True)

    def _copula_question(self) -> _Phrase:
        subject, plural = self._subject()
        return _words("are" if plural else "is", "AUX") + subject + self._quality()

    def _who(self) -> _Phrase:
        return _words(self.rng.choice(("who", "what")), "PRON") + self._predicate(plural=False)

    def _adverb_question(self) -> _Phrase:
        return _words(self.rng.choice(("where", "why", "how", "when")), "ADV") + self._inversion()

    # Clauses --------------------------------------------------------------------------------

    def _clause(self) -> _Phrase:
        subject, plural = self._subject()
        return subject + self._verb_phrase(plural)

    def _verb_phrase(self, plural: bool) -> _Phrase:
        return self._pick(
            (62, lambda: self._predicate(plural)),
            (12, lambda: _words(self.rng.choice(MODALS), "AUX") + self._predicate(plural=True)),
            (8, lambda: self._denial(plural)),
            (12, lambda: _words("are" if plural else "is", "AUX") + self._quality()),
            (6, lambda: self._embedding(plural)),
        )

    def _denial(self, plural: bool) -> _Phrase:
        return _words("do" if plural else "does", "AUX") + _words("not", "PART") + self._predicate(plural=True)

    def _quality(self) -> _Phrase:
        intensifier = _words(self.rng.choice(("so", "very", "too")), "ADV") if self._chance(0.4) else []
        return intensifier + self._adjective()

    def _embedding(self, plural: bool) -> _Phrase:
        """'knows who sails the boat': a question word in a statement."""
        verb = self._inflected(self.rng.choice(EMBEDDING), plural)
        if self._chance(0.4):
            return verb + _words(self.rng.choice(("who", "what")), "PRON") + self._predicate(plural=False)
        subject, many = self._subject(plain=True)
        return verb + _words(self.rng.choice(("where", "why", "how", "when")), "ADV") + subject + self._predicate(many)

    def _predicate(self, plural: bool) -> _Phrase:
        early = self._adverb() if self._chance(0.05) else []
        phrase = early + self._pick(
            (30, lambda: self._inflected(self.rng.choice(self.lexicon.intransitive), plural)),
            (30, lambda: self._acting(self.lexicon.transitive, plural)),
            # Homographs take an object or none, so where the clause ends is not told by the word.
            (24, lambda: self._acting(self.lexicon.homograph, plural)),
            (16, lambda: self._inflected(self.rng.choice(self.lexicon.homograph), plural)),
        )
        if self._chance(0.05):
            phrase = phrase + _words("and", "CCONJ") + self._acting(self.lexicon.transitive, plural)
        return phrase + self._tail()

    def _acting(self, verbs: Sequence[str], plural: bool) -> _Phrase:
        return self._inflected(self.rng.choice(verbs), plural) + self._object()

    def _inflected(self, verb: str, plural: bool) -> _Phrase:
        return _words(verb if plural else s_form(verb), "VERB")

    def _tail(self) -> _Phrase:
        return self._pick(
            (70, list),
            (14, self._adverb),
            (16, lambda: _words(self.rng.choice(TRAILING_PREPOSITIONS), "ADP") + self._noun_group(self._chance(0.4))),
        )

    # Noun phrases ---------------------------------------------------------------------------

    def _subject(self, *, plain: bool = False) -> _Subject:
        roll = 1.0 if plain else self.rng.random()
        if roll < 0.08:
            return self._apposition(), False
        if roll < 0.15:
            return self._list(), True
        if self._chance(0.35):
            pronoun, plural = self.rng.choice((("she", False), ("he", False), ("they", True), ("we", True)))
            return _words(pronoun, "PRON"), plural
        if self._chance(0.25):
            return self._name(), False
        plural = self._chance(0.5)
        return self._noun_group(plural), plural

    def _object(self) -> _Phrase:
        return self._pick(
            (62, lambda: self._noun_group(self._chance(0.5))),
            (10, self._name),
            (10, lambda: _words(self.rng.choice(("them", "him", "her", "it")), "PRON")),
            (10, self._list),
            (3, self._apposition),
        )

    def _apposition(self) -> _Phrase:
        """'anna, the old captain,': commas on both sides unless the clause ends there."""
        return _marked(self._name(), "COMMA") + _marked(self._noun_group(False), "COMMA")

    def _list(self) -> _Phrase:
        """'the nets, the ropes and the sails': a comma after all but the last two items."""
        many = self.rng.choice((2, 3, 3))
        make = self._name if self._chance(0.3) else lambda: self._noun_group(self._chance(0.6))
        items = [make() for _ in range(many)]
        before = [word for item in items[:-2] for word in _marked(item, "COMMA")]
        return before + items[-2] + _words("and", "CCONJ") + items[-1]

    def _noun_group(self, plural: bool) -> _Phrase:
        determiners = ("the", "the", "some", "these") if plural else ("the", "the", "this", "a")
        adjective = self._adjective() if self._chance(0.3) else []
        compound = _words(self._noun(), "NOUN") if self._chance(0.08) else []
        head = self._noun()
        group = adjective + compound + _words(s_form(head) if plural else head, "NOUN")
        determiner = self.rng.choice(determiners)
        if determiner == "a" and group[0].text[0] in "aeiou":
            determiner = "an"
        return _words(determiner, "DET") + group

    def _noun(self) -> str:
        return self.rng.choice(self.lexicon.homograph if self._chance(0.45) else self.lexicon.noun)

    def _name(self) -> _Phrase:
        return _words(self.rng.choice(self.lexicon.name), "PROPN")

    def _adjective(self) -> _Phrase:
        return _words(self.rng.choice(self.lexicon.adjective), "ADJ")

    def _adverb(self) -> _Phrase:
        return _words(self.rng.choice(self.lexicon.adverb), "ADV")


def sentences(topic: Topic, count: int, seed: str, *, avoid: Iterable[tuple[str, ...]] = ()) -> list[Sentence]:
    """`count` sentences whose word strings all differ, from each other and from `avoid`."""
    grammar, seen = Grammar(topic, random.Random(seed)), set(avoid)
    made: list[Sentence] = []
    while len(made) < count:
        sentence = grammar.sentence()
        if sentence.words not in seen:
            seen.add(sentence.words)
            made.append(sentence)
    return made


def punctuation_corpus(seed: int, *, train: int = 300, dev: int = 150, test: int = 600) -> dict[str, list[Sentence]]:
    """Sentences about the sea in splits train, dev, test and test_asr; no word string occurs twice.

    test_asr is the test text as a recogniser might hear it: every tenth word replaced or lost.
    """
    made = sentences("sea", test + dev + train, f"punctuation {seed}")
    # Test first: asking for more training sentences must not change what they are judged on.
    splits = {"test": made[:test], "dev": made[test : test + dev], "train": made[test + dev :]}
    return splits | {"test_asr": misheard(splits["test"], f"asr {seed}")}


def pos_corpus(seed: int, *, count: int = 1500, avoid: Iterable[tuple[str, ...]] = ()) -> list[Sentence]:
    """Sentences of the same grammar about school and kitchen, none of them in `avoid`."""
    return sentences("school", count, f"pos {seed}", avoid=avoid)


def punctuation_sample(*, seed: int = 0, limit: int = 0) -> Loaded[TaggedSentence]:
    """The clean splits of `punctuation_corpus` as examples tagged with marks, for readers and previews."""
    scale = (limit or 1050) / 1050
    corpus = punctuation_corpus(seed, train=_part(300 * scale), dev=_part(150 * scale), test=_part(600 * scale))
    parts: dict[str, SplitName] = {"train": "train", "dev": "validation", "test": "test"}
    examples = [
        TaggedSentence(one.words, one.marks, split=split) for name, split in parts.items() for one in corpus[name]
    ]
    return _loaded(examples, "sentences of a phrase grammar, about the sea, with their marks")


def pos_sample(*, seed: int = 0, limit: int = 0) -> Loaded[TaggedSentence]:
    """The sentences of `pos_corpus` as examples tagged with parts of speech."""
    examples = [TaggedSentence(one.words, one.tags) for one in pos_corpus(seed, count=limit or 1500)]
    return _loaded(examples, "sentences of a phrase grammar, about school and kitchen, with their parts of speech")


def _part(count: float) -> int:
    return max(2, round(count))


def _loaded(examples: list[TaggedSentence], what: str) -> Loaded[TaggedSentence]:
    numbered = [dataclasses.replace(one, source=row) for row, one in enumerate(examples)]
    return Loaded(numbered, [], f"{spaced(len(numbered))} {what} (generated)")


_WEIGHT = {mark: weight for weight, mark in enumerate(MARKS)}


def misheard(clean: Sequence[Sentence], seed: str, *, share: float = 0.1) -> list[Sentence]:
    """Replace or drop a share of the words; a lost word's mark moves to the nearest word left."""
    rng = random.Random(seed)
    pool = sorted(lexicon("sea").words)
    return [_mishear(sentence, pool, rng, share) for sentence in clean]


def _mishear(sentence: Sentence, pool: Sequence[str], rng: random.Random, share: float) -> Sentence:
    kept: _Phrase = []
    homeless = "O"
    for position, (text, tag, mark) in enumerate(zip(sentence.words, sentence.tags, sentence.marks, strict=True)):
        roll = rng.random()
        alone = not kept and position == len(sentence.words) - 1
        if roll < share / 2 and not alone:
            if kept:
                kept[-1] = dataclasses.replace(kept[-1], mark=max(kept[-1].mark, mark, key=_WEIGHT.__getitem__))
            else:
                homeless = max(homeless, mark, key=_WEIGHT.__getitem__)
            continue
        heard = rng.choice(pool) if roll < share else text
        kept.append(_Word(heard, tag, max(mark, homeless, key=_WEIGHT.__getitem__)))
        homeless = "O"
    return Sentence(tuple(w.text for w in kept), tuple(w.tag for w in kept), tuple(w.mark for w in kept))
