"""Text that is at hand without a file: sentences of installed libraries, and small generated sets."""

from __future__ import annotations

import gc
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.problem import InputError, KnownTrouble, did_you_mean
from workbench.core.words import spaced
from workbench.engine.text import cache, docstrings
from workbench.engine.text.examples import LabelledText, Loaded, TaggedSentence, take_balanced

PREFIX = "sample:"
EDITION = 6
"""Raised when the same packages would give other sentences, so that an old cache is not read."""

PER_LIBRARY = 1_000
LOADERS = {
    "docstrings-library": "workbench.engine.text.samples:library_sentences",
    "docstrings-punctuation": "workbench.engine.text.samples:punctuated_sentences",
    "generated-punctuation": "workbench.engine.generators.grammar:punctuation_sample",
    "generated-pos": "workbench.engine.generators.grammar:pos_sample",
    "generated-entities": "workbench.engine.text.generated:entities",
    "generated-questions": "workbench.engine.text.generated:questions",
    "mini-turkish-sentiment": "workbench.engine.generators.mini_turkish_sets:sentiment",
    "mini-turkish-topics": "workbench.engine.generators.mini_turkish_sets:topics",
    "mini-turkish-entities": "workbench.engine.generators.mini_turkish_sets:entities",
    "mini-turkish-questions": "workbench.engine.generators.mini_turkish_sets:questions",
    "mini-turkish": "workbench.engine.generators.mini_turkish_sets:bundle",
    "mini-turkish-corpus": "workbench.engine.generators.mini_turkish_sets:corpus",
}
"""Sample name → 'module:function', called with seed and limit and returning Loaded."""


def load(address: str, *, seed: int = 0, limit: int = 0, field: str = "data") -> Loaded[Any]:
    """The examples of a sample, by name or by `sample:` address; the same seed gives the same ones.

    `limit` bounds the number of examples, the same share of every class and split (0: all).
    Raises InputError, on `field`, for a name that does not exist.
    """
    name = address.removeprefix(PREFIX)
    if name not in LOADERS:
        raise InputError(
            f"There is no sample {name!r}.",
            expected="one of " + ", ".join(LOADERS),
            received=address,
            fix=did_you_mean(name, LOADERS),
            field=field,
        )
    module, _, function = LOADERS[name].partition(":")
    make: Callable[..., Loaded[Any]] = getattr(importlib.import_module(module), function)
    return make(seed=seed, limit=limit)


class Kept(msgspec.Struct, array_like=True):
    """A sentence as the cache file holds it."""

    text: str
    library: str
    file: str
    split: str


def library_sentences(*, seed: int = 0, limit: int = 0) -> Loaded[LabelledText]:
    """Which library does a sentence come from? Ten classes, names masked, files not torn apart.

    The seed only chooses which sentences a `limit` leaves; train and test never share a file.
    """
    kept = _kept_sentences()
    examples = [
        LabelledText(one.text, one.library, at, one.split, f"{one.library}/{one.file}")  # type: ignore[arg-type]
        for at, one in enumerate(kept)
    ]
    chosen = take_balanced(examples, limit, seed)
    libraries = sorted({one.label for one in chosen})
    detail = (
        f"{spaced(len(chosen))} sentences from the docstrings of {len(libraries)} installed libraries, names masked"
    )
    return Loaded(chosen, [], detail)


def _kept_sentences() -> list[Kept]:
    found = docstrings.versions(tuple(docstrings.DISTRIBUTIONS))
    if len(found) < 2:
        raise KnownTrouble(
            "The libraries whose docstrings make this sample are not installed.",
            expected="at least two of " + ", ".join(docstrings.DISTRIBUTIONS.values()),
            received=", ".join(found) or "none",
            fix="Run packaging/run --prepare, or choose a file of your own.",
        )
    name = f"library-{cache.digest(EDITION, PER_LIBRARY, *sorted(found.items()))}.json"
    path = cache.keep(cache.folder("samples") / name, lambda scratch: _collect(tuple(found), scratch))
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Kept])
    except (msgspec.DecodeError, UnicodeDecodeError):  # a damaged cache file is made anew
        path.unlink(missing_ok=True)
        cache.keep(path, lambda scratch: _collect(tuple(found), scratch))
        return msgspec.json.decode(path.read_bytes(), type=list[Kept])


def _collect(libraries: tuple[str, ...], path: Path) -> None:
    collecting = gc.isenabled()
    gc.disable()  # syntax trees are large and free of cycles: the collector only costs time
    try:
        _write_sentences(libraries, path)
    finally:
        if collecting:
            gc.enable()


def _write_sentences(libraries: tuple[str, ...], path: Path) -> None:
    found = [one for name in libraries for one in docstrings.sentences(name, most=PER_LIBRARY * 11 // 10)]
    divided = docstrings.divide(docstrings.without_near_duplicates(found), per_library=PER_LIBRARY)
    kept = [Kept(one.text, one.library, one.file, split) for one, split in divided.items()]
    kept.sort(key=lambda one: cache.digest(one.text))  # mixed, so that a preview shows several classes
    path.write_bytes(msgspec.json.encode(kept))


SENTENCES_TOGETHER = 3


def punctuated_sentences(*, seed: int = 0, limit: int = 0) -> Loaded[TaggedSentence]:
    """Lower-cased words with the mark that follows each: O, COMMA, PERIOD or QUESTION.

    Passages join up to three sentences of one file, so a sentence's end is not always the end.
    """
    by_file: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    for at, one in enumerate(_kept_sentences()):
        by_file.setdefault((one.library, one.file, one.split), []).append((at, one.text))
    passages = [
        _passage(rows[at : at + SENTENCES_TOGETHER], split, f"{library}/{file}")
        for (library, file, split), rows in by_file.items()
        for at in range(0, len(rows), SENTENCES_TOGETHER)
    ]
    chosen = take_balanced(passages, limit, seed)
    return Loaded(chosen, [], f"{spaced(len(chosen))} passages from docstrings of installed libraries, marks taken off")


def _passage(rows: list[tuple[int, str]], split: str, group: str) -> TaggedSentence:
    return marked(" ".join(text for _, text in rows), rows[0][0], split=split, group=group)


MARKS = {",": "COMMA", ":": "COMMA", "-": "COMMA", ".": "PERIOD", "!": "PERIOD", ";": "PERIOD", "?": "QUESTION"}
_TRAILING = re.compile(r"""^["'(\[]*(?P<word>.*?)["')\]]*(?P<mark>[,:;.!?]?)["')\]]*$""")


def marked(text: str, source: int = -1, *, split: str = "", group: str = "") -> TaggedSentence:
    """A passage as lower-case words and the mark behind each of them."""
    words: list[str] = []
    tags: list[str] = []
    for piece in text.split():
        hit = _TRAILING.match(piece)
        word, mark = (hit["word"].lower(), hit["mark"]) if hit else (piece.lower(), "")
        if word.strip("-–—"):
            words.append(word)
            tags.append(MARKS.get(mark, "O"))
        elif tags and tags[-1] == "O":  # a dash that stands alone
            tags[-1] = "COMMA"
    return TaggedSentence(tuple(words), tuple(tags), (), source, split, group)  # type: ignore[arg-type]
