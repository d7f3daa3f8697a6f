"""Sentences from docstrings: what counts as prose, what is masked, what is dropped."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter, defaultdict

import pytest

from workbench.engine.text import docstrings, samples
from workbench.engine.text.docstrings import Sentence, clean, divide, is_prose, mask, prose, split_sentences

DOCSTRING = """Compute the standard deviation along the specified axis, e.g. for rows.

    Returns the `~numpy.std` of an array [1]_, a measure of the spread of a distribution.
Parameters
----------
a : array_like
    Calculate the standard deviation of these values in the array here.

Notes
-----
The standard deviation is the **square root** of the average of the squared deviations.
It is computed by :func:`numpy.mean` when the flag is given by the person who calls it.

>>> a = np.array([[1, 2], [3, 4]])

.. math:: x = y

- A list item that is not a sentence of the running text at all.
"""


def test_that_only_running_text_is_kept():
    assert list(prose(DOCSTRING)) == [
        "Compute the standard deviation along the specified axis, e.g. for rows.",
        "The standard deviation is the square root of the average of the squared deviations.",
        "It is computed by mean when the flag is given by the person who calls it.",
    ]


def test_that_abbreviations_do_not_end_a_sentence():
    text = "See Fig. 3 for details, i.e. The whole. A second one (cf. Smith et al. 2001) follows here! Is it so? Yes."
    assert [one[:10] for one in split_sentences(text)] == ["See Fig. 3", "A second o", "Is it so?", "Yes."]


@pytest.mark.parametrize(
    "sentence",
    [
        "Too short to be one.",
        "lower case at the beginning of this sentence is refused here.",
        "This sentence has no end mark and so it is refused here",
        "Call the function with x=3 to get the value that you want here.",
        "Use foo(bar) in order to get the value that you want from it.",
        "The value numpy.linalg.norm is the value that you want from it here.",
        "See https://example.org for more about the value that you want here.",
    ],
)
def test_that_code_and_scraps_are_not_prose(sentence):
    assert not is_prose(sentence)


def test_that_markup_becomes_plain_words():
    assert (
        clean("The :class:`~a.b.Thing` of ``x`` is `here <u>`_ [3]_ , *really*.") == "The Thing of x is here, really."
    )


@pytest.mark.parametrize("name", ["NumPy", "scikit-learn", "np", "sklearn", "PyTorch", "plt", "MONAI", "scikit-image"])
def test_that_names_of_libraries_are_masked(name):
    assert mask(f"This is how {name} does it, simply.") == "This is how LIB does it, simply."


def test_that_words_which_merely_contain_an_alias_are_left_alone():
    assert (
        mask("A simple example of sampling an input is implemented.")
        == "A simple example of sampling an input is implemented."
    )


def sentence(text: str, library: str, file: str = "a.py") -> Sentence:
    return Sentence(text, library, file)


def test_that_near_duplicates_go_and_those_of_two_libraries_go_altogether():
    mine = "Return the number of nodes in the given graph as a whole number."
    like = "Return the number of nodes in the given graph as one whole number."
    both = "Estimate the parameters of the model from the data that were given."
    other = "An entirely different sentence about something else in the world."
    found = docstrings.without_near_duplicates(
        [
            sentence(mine, "networkx"),
            sentence(like, "networkx"),
            sentence(both, "scipy"),
            sentence(both, "sklearn"),
            sentence(other, "torch"),
        ]
    )
    assert [one.text for one in found] == [mine, other]


def test_that_division_is_balanced_and_tears_no_file_apart():
    found = [
        sentence(f"{library} {file} {at}", library, f"{file}.py")
        for library in "abc"
        for file in range(30)
        for at in range(12)
    ]
    parts = divide(found, per_library=200)
    assert Counter((one.library, split) for one, split in parts.items()) == Counter(
        {
            (library, split): size
            for library in "abc"
            for split, size in (("train", 130), ("validation", 30), ("test", 40))
        }
    )
    where = defaultdict(set)
    for one, split in parts.items():
        where[one.library, one.file].add(split)
    assert all(len(splits) == 1 for splits in where.values())


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The real sample, from two installed libraries only, so that the test is quick."""
    patch = pytest.MonkeyPatch()
    patch.setenv("WORKBENCH_HOME", str(tmp_path_factory.mktemp("home")))
    patch.setattr(docstrings, "DISTRIBUTIONS", {"networkx": "networkx", "skimage": "scikit-image"})
    patch.setattr(samples, "PER_LIBRARY", 200)
    yield samples.load("sample:docstrings-library")
    patch.undo()


def test_that_the_sample_is_real_balanced_masked_and_split_by_file(library):
    counts = Counter((one.label, one.split) for one in library.examples)
    assert len(set(counts.values())) == 3 and library.labels == ["networkx", "skimage"]
    assert not any(re.search("networkx|skimage|scikit", one.text, re.IGNORECASE) for one in library.examples)
    files = defaultdict(set)
    for one in library.examples:
        files[one.group].add(one.split)
    assert all(len(splits) == 1 for splits in files.values())


def test_that_a_limit_keeps_the_balance_and_the_seed_decides(library):
    few = samples.take_balanced(library.examples, 60, seed=1)
    assert set(Counter(one.label for one in few).values()) == {len(few) // 2}
    assert (
        few
        == samples.take_balanced(library.examples, 60, seed=1)
        != samples.take_balanced(library.examples, 60, seed=2)
    )


def test_that_reading_docstrings_imports_no_library(tmp_path):
    code = (
        "import sys\n"
        "from workbench.engine.text import docstrings\n"
        "found = [len(docstrings.sentences(name, most=20)) for name in ('networkx', 'monai', 'sympy')]\n"
        "print(found, [name for name in ('networkx', 'monai', 'sympy', 'torch') if name in sys.modules])\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[20, 20, 20] []"


def test_that_marks_are_taken_off_words():
    one = samples.marked("However, this works: (see below). Does it? A well-known – case!")
    assert list(zip(one.tokens, one.tags, strict=True)) == [
        ("however", "COMMA"), ("this", "O"), ("works", "COMMA"), ("see", "O"), ("below", "PERIOD"),
        ("does", "O"), ("it", "QUESTION"), ("a", "O"), ("well-known", "COMMA"), ("case", "PERIOD"),
    ]  # fmt: skip


def test_that_generated_entities_share_no_name_between_train_and_test():
    found = samples.load("generated-entities", seed=3)
    names = {
        split: {
            word
            for one in found.examples
            if one.split == split
            for word, tag in zip(one.tokens, one.tags, strict=True)
            if tag != "O"
        }
        for split in ("train", "test")
    }
    assert names["train"] & names["test"] <= {"Group"}
    one = found.examples[0]
    assert [one.text[begin:end] for begin, end in one.offsets] == list(one.tokens)


def test_that_generated_answers_stand_in_their_passages():
    found = samples.load("generated-questions", seed=3)
    assert all(one.context[at : at + len(text)] == text for one in found.examples for at, text in one.answers)
    share = sum(one.impossible for one in found.examples) / len(found.examples)
    assert 0.1 < share < 0.2
    assert found.examples == samples.load("generated-questions", seed=3).examples


def test_that_a_damaged_cache_is_made_anew(library, tmp_path, monkeypatch):
    monkeypatch.setattr(docstrings, "DISTRIBUTIONS", {"networkx": "networkx", "skimage": "scikit-image"})
    monkeypatch.setattr(samples, "PER_LIBRARY", 40)
    first = samples.load("docstrings-library").examples
    (held,) = (tmp_path / "home" / "cache" / "samples").glob("*.json")
    held.write_bytes(held.read_bytes()[:100])
    assert samples.load("docstrings-library").examples == first
