"""What was said, as characters: transcripts in one spelling, the plainest way to read a recogniser, its errors."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "ʼ": "'"})
_APART = re.compile(r"[-–—/_\s]+")
_MARKS = re.compile(r"[.,;:!?\"“”()\[\]…«»]|(?<![a-z])'|'(?![a-z])")


def plain(text: str) -> str | None:
    """A transcript in lower-case letters, apostrophes and single spaces; None where digits or symbols are in it.

    How a number was read is not known from its digits, so such a transcript cannot be learned from.
    """
    lower = _MARKS.sub("", _APART.sub(" ", text.translate(_APOSTROPHES).lower()))
    found = " ".join(lower.split())
    return found if re.fullmatch(r"[a-z' ]+", found) else None


def greedy(emissions: NDArray[np.float32], vocabulary: Sequence[str]) -> str:
    """The best path of (T, V) log-probabilities: repeats and blanks (entry 0) taken out, spaces single.

    Graves et al. (2006), equation 4: best path decoding.
    """
    best = emissions.argmax(1)
    kept = best[np.flatnonzero(np.diff(best, prepend=-1))]
    return " ".join("".join(vocabulary[at] for at in kept.tolist() if at).split())


def edits(heard: Sequence[str], said: Sequence[str]) -> int:
    """The fewest insertions, deletions and substitutions that turn one into the other (Levenshtein distance)."""
    names = {one: at for at, one in enumerate(dict.fromkeys([*heard, *said]))}
    left = np.array([names[one] for one in heard], np.int64)
    steps = np.arange(len(left) + 1)
    row = steps.copy()
    for one in said:
        # A deletion or a substitution comes from the row above; insertions run along the row, all at once:
        # min over k of (row[k] + at − k).
        best = row + 1
        best[1:] = np.minimum(best[1:], row[:-1] + (left != names[one]))
        row = np.minimum.accumulate(best - steps) + steps
    return int(row[-1])


def character_errors(heard: str, said: str) -> tuple[int, int]:
    """Edits between characters (spaces count), and the characters that were said."""
    return edits(heard, said), len(said)


def word_errors(heard: str, said: str) -> tuple[int, int]:
    """Edits between words, and the words that were said."""
    return edits(heard.split(), said.split()), len(said.split())
