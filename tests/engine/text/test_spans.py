"""Windows over long passages, decoding, and SQuAD's measures."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.mixins import MINILM
from workbench.core.problem import InputError
from workbench.engine import backbones
from workbench.engine.text import spans

PASSAGE = (
    "Ada was born in London in 1815 . " + "She wrote many letters to her friends . " * 12 + "She died in Marylebone ."
)


@pytest.fixture(scope="module")
def tokenizer():
    return backbones.load_tokenizer(MINILM)


def point(windows, start, end):
    """Logits that point at the target wherever a window holds it, else at [CLS]."""
    starts, ends = [], []
    for window in windows:
        left, right = spans.target(window, start, end)
        one, other = np.zeros(len(window.ids)), np.zeros(len(window.ids))
        one[left], other[right] = 9.0, 9.0
        starts.append(one)
        ends.append(other)
    return starts, ends


@pytest.mark.parametrize("answer", ["London", "Marylebone", "1815"])
def test_that_an_answer_is_found_wherever_it_stands_in_a_long_passage(tokenizer, answer):
    windows = spans.windows(tokenizer, ["Where?"], [PASSAGE], max_length=48, stride=16)
    assert len(windows) > 2
    start = PASSAGE.index(answer)
    found = spans.decode(windows, *point(windows, start, start + len(answer)), [PASSAGE])[0]
    assert (found.text, found.start, found.end) == (answer, start, start + len(answer))
    assert found.score > 0.9


def test_that_every_piece_of_the_passage_is_in_some_window(tokenizer):
    windows = spans.windows(tokenizer, ["Where?"], [PASSAGE], max_length=48, stride=16)
    seen = {offset for window in windows for offset in window.offsets if offset[0] >= 0}
    whole = tokenizer(PASSAGE, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    assert seen == {tuple(offset) for offset in whole}


def test_that_a_window_without_the_answer_points_at_the_first_piece(tokenizer):
    windows = spans.windows(tokenizer, ["Where?"], [PASSAGE], max_length=48, stride=16)
    start = PASSAGE.index("Marylebone")
    targets = [spans.target(window, start, start + 10) for window in windows]
    assert targets[0] == (0, 0)
    assert targets[-1] != (0, 0)


def test_that_a_span_never_ends_before_it_starts_nor_exceeds_the_longest_answer(tokenizer):
    context = "one two three four five six"
    windows = spans.windows(tokenizer, ["What?"], [context], max_length=32, stride=4)
    inside = [at for at, offset in enumerate(windows[0].offsets) if offset[0] >= 0]
    start, end = np.zeros(len(windows[0].ids)), np.zeros(len(windows[0].ids))
    start[inside[-1]], end[inside[0]] = 5.0, 5.0
    assert spans.decode(windows, [start], [end], [context])[0].text in ("one", "six")
    start, end = np.zeros(len(windows[0].ids)), np.zeros(len(windows[0].ids))
    start[inside[0]], end[inside[-1]] = 5.0, 5.0
    assert spans.decode(windows, [start], [end], [context], max_answer=6)[0].text == context
    assert spans.decode(windows, [start], [end], [context], max_answer=5)[0].text != context


def test_that_an_empty_answer_is_given_only_where_it_may_be(tokenizer):
    windows = spans.windows(tokenizer, ["What?"], ["one two"], max_length=32, stride=4)
    pointing = np.zeros(len(windows[0].ids))
    pointing[0] = 9.0
    assert spans.decode(windows, [pointing], [pointing], ["one two"], may_refuse=True)[0].text == ""
    assert spans.decode(windows, [pointing], [pointing], ["one two"])[0].text != ""


def test_that_an_overlap_longer_than_the_window_is_refused(tokenizer):
    with pytest.raises(InputError) as caught:
        spans.windows(tokenizer, ["What?"], [PASSAGE], max_length=32, stride=64)
    assert caught.value.field == "doc_stride"


def test_that_articles_are_ignored_in_english_only():
    assert spans.exact_match("the house", ["house"]) == 1.0
    assert spans.exact_match("the house", ["house"], language="other") == 0.0


def test_that_turkish_capitals_are_folded_before_comparing():
    assert spans.exact_match("Isparta", ["ısparta"], language="turkish") == 1.0
    assert spans.exact_match("Isparta", ["isparta"], language="turkish") == 0.0
    assert spans.exact_match("İzmir", ["izmir"], language="turkish") == 1.0


def test_that_f1_counts_shared_words_and_takes_the_best_truth():
    assert spans.overlap_f1("New York City", ["York", "in New York"]) == pytest.approx(2 / 3)
    assert spans.overlap_f1("", []) == 1.0
    assert spans.overlap_f1("something", []) == 0.0
