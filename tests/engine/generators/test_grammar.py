"""The phrase grammar keeps its promises: size, homographs, disjoint sentences, marks by rule."""

import itertools
from collections import defaultdict

import pytest

from workbench.engine.generators import grammar
from workbench.engine.text import samples


@pytest.fixture(scope="module")
def corpus():
    return grammar.punctuation_corpus(3)


def test_that_the_lexicon_holds_four_hundred_different_words():
    lexicon = grammar.lexicon()
    assert len(lexicon.words) == 400
    assert len(lexicon.homograph) == 60
    assert sum(len(getattr(lexicon, name)) for name in lexicon.__dataclass_fields__) == 400


def test_that_the_topics_share_about_sixty_percent_of_their_words():
    sea, school = grammar.lexicon("sea").words, grammar.lexicon("school").words
    assert len(sea) == len(school)
    assert 0.58 <= len(sea & school) / len(sea) <= 0.62
    assert sea | school == grammar.lexicon().words


def test_that_sixty_words_occur_both_as_noun_and_as_verb():
    tags = defaultdict(set)
    for sentence in grammar.sentences("sea", 4000, "x") + grammar.sentences("school", 4000, "y"):
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            tags[word].add(tag)
    both = {word for word, seen in tags.items() if {"NOUN", "VERB"} <= seen}
    forms = {form for word in grammar.lexicon().homograph for form in (word, grammar.s_form(word))}
    assert both == forms
    assert len(both) == 120


def test_that_no_word_string_stands_in_two_splits_or_corpora(corpus):
    named = {name: {one.words for one in corpus[name]} for name in ("train", "dev", "test")}
    named["pos"] = {one.words for one in grammar.pos_corpus(3, avoid=set().union(*named.values()))}
    assert {name: len(found) for name, found in named.items()} == {"train": 300, "dev": 150, "test": 600, "pos": 1500}
    for one, other in itertools.combinations(named.values(), 2):
        assert not one & other


def test_that_a_seed_gives_the_same_corpus_and_another_seed_another(corpus):
    assert grammar.punctuation_corpus(3) == corpus
    assert grammar.punctuation_corpus(4) != corpus
    assert grammar.pos_corpus(3, count=20) == grammar.pos_corpus(3, count=20)


def test_that_more_training_sentences_leave_the_test_as_it_is(corpus):
    assert grammar.punctuation_corpus(3, train=10)["test"] == corpus["test"]
    assert grammar.punctuation_corpus(3, train=10)["dev"] == corpus["dev"]


def test_that_every_sentence_ends_with_its_only_end_mark(corpus):
    for sentence in corpus["train"]:
        assert sentence.marks[-1] in ("PERIOD", "QUESTION")
        assert set(sentence.marks[:-1]) <= {"O", "COMMA"}
        assert len(sentence.words) == len(sentence.tags) == len(sentence.marks)


def test_that_every_mark_occurs_often_enough_to_be_measured(corpus):
    for name in ("train", "dev", "test"):
        marks = [mark for sentence in corpus[name] for mark in sentence.marks]
        assert all(marks.count(mark) >= 15 for mark in grammar.MARKS), name


def test_that_but_and_so_between_clauses_follow_a_comma(corpus):
    for sentence in corpus["test"]:
        for place, (word, tag) in enumerate(zip(sentence.words, sentence.tags, strict=True)):
            if word in ("but", "so") and tag == "CCONJ":
                assert sentence.marks[place - 1] == "COMMA"


def test_that_question_words_and_do_stand_in_statements_too():
    made = grammar.sentences("sea", 1500, "z")
    for word in ("who", "where", "do"):
        ends = {sentence.marks[-1] for sentence in made if word in sentence.words}
        assert ends == {"PERIOD", "QUESTION"}, word


def test_that_misheard_text_loses_words_but_no_end_marks(corpus):
    clean, heard = corpus["test"], corpus["test_asr"]
    assert len(clean) == len(heard)
    assert [one.marks[-1] for one in clean] == [one.marks[-1] for one in heard]
    before, after = (sum(len(one.words) for one in part) for part in (clean, heard))
    assert 0.93 <= after / before <= 0.97
    assert sum(one.words != other.words for one, other in zip(clean, heard, strict=True)) > 300


def test_that_a_lost_first_word_hands_its_mark_to_the_next():
    one = grammar.Sentence(("however", "she"), ("ADV", "PRON"), ("COMMA", "PERIOD"))
    left = {
        tuple(zip(heard.words, heard.marks, strict=True))
        for n in range(60)
        for heard in grammar.misheard([one], str(n), share=0.9)
    }
    assert all(marks[-1][1] == "PERIOD" for marks in left)
    assert all(len(marks) >= 1 for marks in left)


@pytest.mark.parametrize(
    ("word", "form"), [("watch", "watches"), ("study", "studies"), ("play", "plays"), ("bus", "buses")]
)
def test_that_words_inflect_regularly(word, form):
    assert grammar.s_form(word) == form


def test_that_the_samples_are_found_by_name():
    marks, tags = samples.load("sample:generated-punctuation", limit=70), samples.load("generated-pos", limit=30)
    assert {one.split for one in marks.examples} == {"train", "validation", "test"}
    assert len(tags.examples) == 30
    assert "generated" in marks.detail
