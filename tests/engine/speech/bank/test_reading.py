"""What is read aloud: parts kept apart, no numbers, the same for a seed."""

from __future__ import annotations

import pytest

from workbench.engine.speech.bank import reading
from workbench.engine.speech.transcripts import plain

FEW = {"numpy": "numpy", "networkx": "networkx"}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(tmp_path_factory.mktemp("reading")))
        patch.setattr(reading, "DISTRIBUTIONS", FEW)
        reading.docstring_sentences.cache_clear()
        found = reading.docstring_sentences()
        reading.docstring_sentences.cache_clear()
        assert reading.docstring_sentences() == found, "what was kept is not what was read"
    return found


@pytest.fixture(autouse=True)
def _few(known: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "docstring_sentences", lambda: known)


def test_that_sentences_of_a_split_stand_in_no_other(known: dict[str, list[str]]) -> None:
    parts = [{plain(one) for one in known[split]} for split in reading.SPLITS]
    assert min(map(len, parts)) > 50
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_that_what_is_not_said_as_it_is_written_is_left_out() -> None:
    assert reading.written_to_be_read("Return the largest of two numbers.")
    for one in ("Return an RGB picture.", "Use x when in doubt.", "The 2 numbers.", "Call self.keys for it.",
                "The getItem call.", "An unbelievablelongwordhere."):  # fmt: skip
        assert not reading.written_to_be_read(one), one


def test_that_texts_are_different_plain_and_the_same_for_a_seed() -> None:
    found = reading.texts("train", 300, 4)
    said = [plain(one) for one in found]
    assert None not in said
    assert len(set(said)) == 300
    assert found == reading.texts("train", 300, 4)
    assert found[:100] != reading.texts("train", 300, 5)[:100]
    assert max(len(one.split()) for one in said if one) <= 15


def test_that_more_texts_begin_with_the_fewer() -> None:
    assert reading.texts("train", 9000, 4)[:8500] == reading.texts("train", 8500, 4)


def test_that_everyday_words_need_the_encoder_and_training_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(reading.everyday_words()) > 10_000
    monkeypatch.setattr(reading, "everyday_words", lambda: ())
    assert len(reading.texts("train", 100, 0)) == 100


def test_that_too_many_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="there are"):
        reading.texts("test", 100_000, 0)
