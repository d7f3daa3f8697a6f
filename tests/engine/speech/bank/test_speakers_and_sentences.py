"""Who speaks and what is said: deterministic by seed, and nothing of it in two splits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from workbench.core.problem import InputError
from workbench.engine.speech.bank import sentences
from workbench.engine.speech.bank.speakers import APART, VARIANTS, distance, draw_speakers

COUNTS = {"pretrain": 256, "train": 32, "dev": 12, "test": 24}


def test_that_speakers_are_the_same_for_a_seed_and_apart_from_each_other_across_splits():
    found = draw_speakers(COUNTS, 3)
    assert found == draw_speakers(COUNTS, 3) != draw_speakers(COUNTS, 4)
    everyone = [one for split in found.values() for one in split]
    assert {split: len(members) for split, members in found.items()} == COUNTS
    assert len({one.id for one in everyone}) == len(everyone) == 324
    assert min(distance(a, b) for a, b in itertools.combinations(everyone, 2)) >= APART
    assert len({one.variant for one in everyone}) == len(VARIANTS)


def test_that_more_speakers_than_can_be_told_apart_are_refused():
    with pytest.raises(InputError, match="told apart"):
        draw_speakers({"train": 100_000}, 0)


def test_that_commands_have_31_intents_and_no_wording_is_in_two_splits():
    parts = {split: sentences.commands(split, 1) for split in sentences.SPLITS}
    assert len(sentences.INTENTS) == len(set(sentences.INTENTS)) == 31
    for part in parts.values():
        assert {one.intent for one in part} == set(sentences.INTENTS)
    wordings = {split: {(one.action, one.wording) for one in part} for split, part in parts.items()}
    texts = {split: {one.text for one in part} for split, part in parts.items()}
    for one, other in itertools.combinations(sentences.SPLITS, 2):
        assert not wordings[one] & wordings[other] and not texts[one] & texts[other]
    assert [len(parts[split]) for split in sentences.SPLITS] == [31 * 4, 31 * 3, 31 * 3]
    assert len(set().union(*texts.values())) == 310
    assert parts["train"] == sentences.commands("train", 1) != sentences.commands("train", 2)


def four_grams(texts):
    return {tuple(words[at : at + 4]) for words in (one.split() for one in texts) for at in range(len(words) - 3)}


def test_that_general_sentences_are_disjoint_and_share_no_four_words_with_commands():
    parts = {split: sentences.general(split, 400, 0) for split in sentences.SPLITS}
    for split, part in parts.items():
        assert len(set(part)) == 400 and part == sentences.general(split, 400, 0)
    other_seed = {split: set(sentences.general(split, 400, 9)) for split in sentences.SPLITS}
    for one, other in itertools.permutations(sentences.SPLITS, 2):
        assert not set(parts[one]) & set(parts[other]) and not set(parts[one]) & other_seed[other]
    said = four_grams(itertools.chain(*parts.values()))
    assert not said & four_grams(one.text for split in sentences.SPLITS for one in sentences.commands(split, 0))
    with pytest.raises(ValueError, match="not 1000000"):
        sentences.general("dev", 1_000_000, 0)


def test_that_digits_are_words():
    said = sentences.digits(np.random.default_rng(0), 6).split()
    assert len(said) == 6 and set(said) <= set(sentences.DIGITS)
