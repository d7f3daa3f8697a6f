"""The generated language: its suffix rules, and what its parts must not share."""

from __future__ import annotations

import hashlib
import itertools
import json
import re

import pytest

from workbench.engine.backbone_folders import STARTERS
from workbench.engine.generators import mini_turkish as turkish
from workbench.engine.generators import mini_turkish_sets as sets
from workbench.engine.generators import turkish_words as words

SEEDS = (0, 1)


@pytest.mark.parametrize(
    ("stem", "options", "expected"),
    [
        ("kitap*", {"possessive": "3s", "case": "locative"}, "kitabında"),
        ("araba", {"possessive": "1s", "case": "ablative"}, "arabamdan"),
        ("köpek*", {"plural": True, "case": "dative"}, "köpeklere"),
        ("ağaç*", {"case": "accusative"}, "ağacı"),
        ("park", {"case": "accusative"}, "parkı"),
        ("işçi", {"case": "accusative"}, "işçiyi"),
        ("göç", {"case": "ablative"}, "göçten"),
    ],
)
def test_that_nouns_follow_harmony_softening_and_voice(stem, options, expected):
    assert words.noun(stem, **options) == expected


@pytest.mark.parametrize(
    ("stem", "options", "expected"),
    [
        ("bekle", {"negative": True, "tense": "now", "person": "1s"}, "beklemiyorum"),
        ("gel", {"tense": "future", "person": "1p"}, "geleceğiz"),
        ("oku", {"tense": "future", "person": "1s"}, "okuyacağım"),
        ("kaç", {"person": "1p"}, "kaçtık"),
        ("sev", {"negative": True, "person": "2s"}, "sevmedin"),
    ],
)
def test_that_verbs_chain_negation_tense_and_person(stem, options, expected):
    assert words.verb(stem, **options) == expected


def test_that_turkish_i_is_folded_before_lower_casing():
    assert words.fold("IŞIK İzmir") == "ışık izmir"
    assert words.capital("ince") == "İnce"
    assert words.named("İzbel", "dative") == "İzbel'e"


def test_that_there_are_320_different_stems():
    assert len(words.STEMS) == len(set(words.STEMS)) == 320


def test_that_no_name_word_is_shared_between_train_and_test_or_between_types():
    pools = [pool for part in ("train", "test") for pool in turkish.names(part).values()]
    every = list(itertools.chain(*pools))
    assert len(every) == len(set(every)) == 3 * sum(turkish.NAMES_PER_TYPE.values())
    assert not {words.fold(name) for name in every} & {stem.rstrip("*") for stem in words.STEMS}


@pytest.mark.parametrize("seed", SEEDS)
def test_that_names_in_test_sentences_never_occur_in_training(seed):
    train, test = (
        {
            token.split("'")[0]
            for one in turkish.entities(seed, part, 300)
            for token, tag in zip(one.tokens, one.tags, strict=True)
            if tag != "O"
        }
        for part in ("train", "test")
    )
    assert train and test and not train & test


def test_that_test_names_never_occur_in_the_pretraining_corpus():
    text = " ".join(one.text for one in sets.corpus().examples)
    said = set(re.findall(r"\w+", text))
    for part in ("train", "test"):
        assert not said & set(itertools.chain(*turkish.names(part).values()))


def test_that_the_corpus_invents_ever_new_names():
    # A small pool would enter the tokenizer's vocabulary whole, and a new name would look like nothing it read.
    text = " ".join(one.text for one in sets.corpus().examples)
    names = re.findall(r"([A-ZÇŞĞİÖÜ]\w+)(?=')", text)
    assert len(set(names)) > 0.3 * len(names) > 3000


def test_that_no_question_of_the_corpus_is_answered():
    texts = [one.text for one in sets.corpus().examples]
    asking = [text for text in texts if "?" in text]
    assert asking
    assert all(sentence.endswith("?") for text in asking for sentence in re.findall(r"[^.?]+[.?]", text))


@pytest.mark.parametrize("seed", SEEDS)
def test_that_most_questions_use_other_words_than_the_passage(seed):
    asked = turkish.questions(seed, "test", 200)
    verbs = [one.question.rstrip("?").split()[-1] for one in asked]
    repeated = [verb in one.context.replace(".", " ").split() for verb, one in zip(verbs, asked, strict=True)]
    assert sum(repeated) < 0.5 * len(asked)


def test_that_sentiment_inflections_of_test_are_unseen_in_training():
    for stem, forms in turkish.sentiment_forms("train").items():
        others = turkish.sentiment_forms("test")[stem]
        assert forms and others and not set(forms) & set(others)
        for negative in (False, True):
            mine = {turkish.predicate(stem, form, negative=negative) for form in forms}
            theirs = {turkish.predicate(stem, form, negative=negative) for form in others}
            assert not mine & theirs


def test_that_negation_turns_a_sentiment_around():
    assert turkish.predicate("güzel", ("DI",), negative=True) == "güzel değildi"
    assert turkish.predicate("sev", ("past", "1s"), negative=True) == "sevmedim"


@pytest.mark.parametrize("make", [turkish.sentiment, turkish.topics, turkish.entities, turkish.questions])
def test_that_texts_are_the_same_for_a_seed_and_differ_between_seeds(make):
    assert make(3, "test", 20) == make(3, "test", 20)
    assert make(3, "test", 20) != make(4, "test", 20)


def test_that_no_test_text_stands_in_the_corpus():
    corpus = " ".join(one.text for one in sets.corpus().examples)
    for make in (sets.sentiment, sets.topics):
        tests = [one.text for one in make(seed=0).examples if one.split == "test"]
        assert not [text for text in tests if text in corpus and len(text.split()) > 4]


@pytest.mark.parametrize("seed", SEEDS)
def test_that_answers_stand_where_they_are_said_to(seed):
    for one in turkish.questions(seed, "test", 100):
        assert one.context[one.start : one.start + len(one.answer)] == one.answer
        assert one.answer not in one.question


def test_that_the_same_case_goes_with_every_type_so_that_the_verb_decides():
    for case in ("dative", "ablative", "accusative"):
        assert {kind for governed, kind in words.GOVERNED if governed == case} == {"PER", "LOC", "ORG"}
    verbs = [verb for group in words.GOVERNED.values() for verb in group]
    assert len(verbs) == len(set(verbs))


def test_that_tags_are_well_formed():
    for one in turkish.entities(5, "train", 200):
        assert len(one.tokens) == len(one.tags)
        for before, tag in itertools.pairwise(("O", *one.tags)):
            assert not tag.startswith("I-") or before[2:] == tag[2:]


@pytest.mark.parametrize("name", ["sentiment", "entities", "questions", "topics"])
def test_that_sets_have_the_paper_files_sizes(name):
    splits = [one.split for one in getattr(sets, name)(seed=0).examples]
    assert tuple(splits.count(part) for part in ("train", "validation", "test")) == sets.SIZES[name]


def test_that_the_corpus_has_forty_thousand_sentences_whatever_the_seed():
    texts = [one.text for one in sets.corpus(seed=3).examples]
    assert texts == [one.text for one in sets.corpus(seed=4).examples]
    assert 40_000 <= sum(text.count(".") + text.count("?") for text in texts) < 40_010


def test_that_the_shipped_starter_was_pretrained_on_this_very_corpus():
    # Another corpus, or other name pools, could hold test names that the starter has seen.
    card = json.loads((STARTERS / "mini-turkish" / "workbench.json").read_text(encoding="utf-8"))
    text = "\n".join(one.text for one in sets.corpus().examples)
    assert hashlib.sha256(text.encode()).hexdigest() == card["corpus_sha256"]
