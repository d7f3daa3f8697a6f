"""The methods without a network: what they learn, and that a saved one answers as before."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.engine.generators import mini_turkish_sets as sets
from workbench.engine.text.baselines import AffixTagger, NgramClassifier, OverlapAnswerer, entity_f1
from workbench.engine.text.examples import LabelledText, split


def parts(loaded):
    return split(loaded.examples, 0)


@pytest.fixture(scope="module")
def tagged():
    return parts(sets.entities(seed=0, limit=300))


def test_that_ngrams_see_inside_inflected_words(tmp_path):
    train = [
        LabelledText(f"{stem}{end}", stem[:2]) for stem in ("kitap", "gemi") for end in ("", "lar", "da", "dan", "ler")
    ]
    held_out = [LabelledText("kitaplık", "ki"), LabelledText("gemici", "ge")]
    model = NgramClassifier().fit(train, held_out)
    assert model.predict(["kitapçı", "gemide"]) == ["ki", "ge"]
    model.save(tmp_path)
    again = NgramClassifier.load(tmp_path)
    for mine, theirs in zip(model.probabilities(["kitapta"]), again.probabilities(["kitapta"]), strict=True):
        assert np.allclose(mine, theirs) if isinstance(mine, np.ndarray) else mine == theirs


def test_that_the_strength_is_chosen_on_the_validation_data():
    draw = np.random.default_rng(0)
    letters = list("abcdefgh")
    train = [LabelledText("".join(draw.choice(letters, 12)), str(at % 2)) for at in range(60)]
    model = NgramClassifier().fit(train, [LabelledText("aaaa", "0"), LabelledText("hhhh", "1")])
    assert model.strength > 0
    assert 0 <= model.validation <= 1


def test_that_the_tagger_beats_marking_every_capital(tagged, tmp_path):
    model = AffixTagger().fit(tagged.train, tagged.validation)
    sentences = [one.tokens for one in tagged.test]
    truth = [list(one.tags) for one in tagged.test]
    capital = [["B-PER" if word[0].isupper() else "O" for word in words] for words in sentences]
    assert entity_f1(truth, model.predict(sentences)) > entity_f1(truth, capital)
    model.save(tmp_path)
    assert AffixTagger.load(tmp_path).predict(sentences[:20]) == model.predict(sentences[:20])


def test_that_entity_f1_counts_exact_spans_and_not_words():
    truth = [["B-PER", "I-PER", "O"]]
    assert entity_f1(truth, [["B-PER", "I-PER", "O"]]) == 1.0
    assert entity_f1(truth, [["B-PER", "O", "O"]]) == 0.0


@pytest.mark.parametrize(
    ("question", "expected"),
    [("Belmur nerede doğdu?", "Tankara"), ("Belmur ne zaman doğdu?", "1954"), ("Belmur neyi kurdu?", "Kartel")],
)
def test_that_rules_answer_plain_turkish_questions(question, expected):
    passage = "Belmur 1954 yılında Tankara'da doğdu. Kartel'i kurdu. Sorti'den ayrıldı."
    assert OverlapAnswerer(language="turkish").answer(question, passage) == expected


def test_that_rules_answer_plain_english_questions():
    passage = "Ada Lovelace was born in London in 1815. She died in Marylebone."
    rules = OverlapAnswerer()
    assert rules.answer("When was Ada Lovelace born?", passage) == "1815"
    assert rules.answer("Where was Ada Lovelace born?", passage) == "London"
    assert rules.answer("Anything?", "") == ""


def test_that_rules_are_clearly_better_than_chance_on_generated_lives():
    test = sets.questions(seed=0).examples[-100:]
    said = OverlapAnswerer(language="turkish").predict(test)
    right = sum(answer == one.answers[0][1] for answer, one in zip(said, test, strict=True))
    assert right > 30
