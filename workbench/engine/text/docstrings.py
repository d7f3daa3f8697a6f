"""Real English sentences from the docstrings of installed libraries, read with ast and never imported.

A sentence is kept when it is prose: no code, no doctest, no parameter table. Names of the
libraries are masked, so that a classifier has to read what a sentence is about.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import importlib.util
import os
import re
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import numpy as np

DISTRIBUTIONS = {
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "torch": "torch",
    "pandas": "pandas",
    "networkx": "networkx",
    "sympy": "sympy",
    "skimage": "scikit-image",
    "monai": "monai",
    "matplotlib": "matplotlib",
}
"""Import name → distribution name."""

MASK = "LIB"
SKIPPED_FOLDERS = frozenset({"tests", "testing", "test", "_vendor", "externals", "vendored", "_examples", "examples"})
LARGEST_FILE_BYTES = 400_000
LEAST_QUOTED = 0.25
"""A file with a smaller share of docstrings is not worth the time to parse it."""
MOST_PER_FILE = 60
WORDS = (7, 45)


@dataclasses.dataclass(frozen=True, slots=True)
class Sentence:
    """A masked sentence, its library and the source file (relative) that it stands in."""

    text: str
    library: str
    file: str


def versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Library → installed version, for those that are installed; it keys the cache."""
    found = {}
    for name in libraries:
        try:
            found[name] = metadata.version(DISTRIBUTIONS[name])
        except metadata.PackageNotFoundError:
            continue
    return found


def sentences(library: str, *, most: int) -> list[Sentence]:
    """At most `most` clean sentences of one installed library, the same ones every time.

    Files are visited in an order fixed by a digest of their names, so that the part that is
    read is spread over the whole library; none of them is executed.
    """
    found: list[Sentence] = []
    for file, path in _files(library):
        kept: dict[str, None] = {}
        for docstring in _docstrings(path):
            kept.update(dict.fromkeys(mask(one) for one in prose(docstring)))
        found += [Sentence(text, library, file) for text in list(kept)[:MOST_PER_FILE] if MASK * 2 not in text]
        if len(found) >= most:
            break
    return found[:most]


def _files(library: str) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        return
    root = Path(next(iter(spec.submodule_search_locations)))
    named = []
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if name not in SKIPPED_FOLDERS]
        inside = Path(folder).relative_to(root).as_posix()
        named += [f"{inside}/{file}".removeprefix("./") for file in files if file.endswith(".py")]
    for name in sorted(named, key=lambda one: hashlib.sha256(one.encode()).digest()):
        yield name, root / name


def _docstrings(path: Path) -> Iterator[str]:
    try:
        source = path.read_bytes()
        quoted = sum(map(len, source.split(b'"""')[1::2]))
        if len(source) > LARGEST_FILE_BYTES or quoted < LEAST_QUOTED * len(source):
            return
        waiting: list[ast.AST] = [ast.parse(source)]
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield docstring
            waiting += [] if isinstance(node, ast.FunctionDef) else node.body


_SECTION = re.compile(r"^(?P<title>[A-Z][\w /-]{2,30}):?\n[-=~^]{3,}[ ]*$", re.MULTILINE)
_PROSE_SECTIONS = frozenset({"notes", "extended summary", "description", "explanation", "background", "algorithm"})
_NOT_PROSE = re.compile(r"^(>>>|\.\.|:|[-*+#|] |\d+[.)] |\[\d+\]|[=\-~^]{3,})|::\s*$|^\w+ ?: ")


def prose(docstring: str) -> Iterator[str]:
    """The sentences of a docstring's running text; headings, lists, tables and code are left out."""
    for paragraph in re.split(r"\n[ \t]*\n", _running_text(docstring)):
        lines = paragraph.strip("\n").split("\n")
        if any(line[:1].isspace() for line in lines) or any(_NOT_PROSE.search(line) for line in lines):
            continue
        whole = [one for one in split_sentences(" ".join(lines)) if one.count(" ") >= WORDS[0] - 1 and one[0].isupper()]
        yield from filter(is_prose, map(clean, whole))


def _running_text(docstring: str) -> str:
    """The part before the first section, and sections that hold explanations."""
    heads = list(_SECTION.finditer(docstring))
    parts = [docstring[: heads[0].start()] if heads else docstring]
    for at, head in enumerate(heads):
        if head["title"].strip().lower() in _PROSE_SECTIONS:
            end = heads[at + 1].start() if at + 1 < len(heads) else len(docstring)
            parts.append(docstring[head.end() : end])
    return "\n\n".join(parts)


_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|etc|al|fig|figs|eq|eqs|ref|refs|sec|no|vol|pp|approx|resp|dr|st|dept|[A-Za-z]))\.$",
    re.IGNORECASE,
)
_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=[\"'(\[]?[A-Z])")


def split_sentences(text: str) -> Iterator[str]:
    """Sentences of a passage; 'e.g.', 'Fig.' and initials do not end one."""
    begin = 0
    for end in _END.finditer(text):
        if not _ABBREVIATION.search(text[begin : end.start()]):
            yield text[begin : end.end()].strip()
            begin = end.end()
    if text[begin:].strip():
        yield text[begin:].strip()


_ROLE = re.compile(r":[\w:+-]+:`~?([^`<]*?)(?:\s*<[^`]*>)?`")
_LINK = re.compile(r"`([^`<]+?)\s*<[^`]*>`_{0,2}")
_QUOTED = re.compile(r"``([^`]*)``|`([^`]*)`_{0,2}|\*\*([^*]+)\*\*|(?<!\w)\*([^*\s][^*]*)\*(?!\w)")
_CITATION = re.compile(r"\s*\[[\w\d, ]{1,12}\]_?")


def clean(sentence: str) -> str:
    """A sentence without markup: roles, links, emphasis and citations become plain words."""
    sentence = _LINK.sub(r"\1", _ROLE.sub(lambda hit: hit[1].rsplit(".", 1)[-1], sentence))
    sentence = _QUOTED.sub(
        lambda hit: next(one for one in hit.groups("") if one) if any(hit.groups()) else "", sentence
    )
    sentence = re.sub(r"\b(\w+)_\b(?!\w)", r"\1", _CITATION.sub("", sentence))
    return re.sub(r"\s+([.,;:!?])", r"\1", " ".join(sentence.split()))


_CODE = re.compile(r"[=\\{}|@<>$~^`#_*]|https?:|www\.|\w\(|\w{2}\.\w+\.\w|--|\[|\]|\.\.\.|::")
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*[.,;:!?)\"']*$")


def is_prose(sentence: str) -> bool:
    """Whether a cleaned sentence reads as English: a capital, an end mark, mostly plain words."""
    words = sentence.split()
    if not WORDS[0] <= len(words) <= WORDS[1] or not sentence[0].isupper() or sentence[-1] not in ".!?":
        return False
    if _CODE.search(sentence) or sentence.count("(") != sentence.count(")"):
        return False
    plain = sum(_WORD.match(word.lstrip("(\"'")) is not None for word in words)
    lower = sum(word.islower() for word in words)
    return plain >= 0.85 * len(words) and lower >= 0.6 * len(words)


_NAMES = (
    "scikit-learn|scikit-image|scikits?|sklearn|skimage|numpy|scipy|pytorch|torch|pandas|networkx|sympy|monai|"
    "matplotlib|pyplot|pylab|tensorflow"
)
_LIBRARY = re.compile(rf"{_NAMES}|\b(?:np|nx|mpl|plt|pd|sk|jax)\b", re.IGNORECASE)


def mask(sentence: str) -> str:
    """The sentence with every library's name and usual alias replaced by one neutral word."""
    return _LIBRARY.sub(MASK, sentence)


def without_near_duplicates(found: list[Sentence], *, likeness: float = 0.6) -> list[Sentence]:
    """One of several sentences that say the same; none at all when two libraries share it.

    Likeness is the Jaccard index of word pairs; candidates come from minhash bands, so the cost
    grows with the number of sentences and not with its square.
    """
    shingles = [_shingles(one.text) for one in found]
    dropped: set[int] = set()
    for left, right in sorted(_candidates(shingles)):
        if left in dropped and right in dropped:
            continue
        if len(shingles[left] & shingles[right]) < likeness * len(shingles[left] | shingles[right]):
            continue
        if found[left].library != found[right].library:
            dropped.add(left)
        dropped.add(right)
    return [one for at, one in enumerate(found) if at not in dropped]


def _shingles(text: str) -> frozenset[int]:
    words = re.findall(r"[a-z]+", text.lower())
    pairs = {f"{left} {right}" for left, right in pairwise(words)} or set(words)
    return frozenset(int.from_bytes(hashlib.blake2b(one.encode(), digest_size=4).digest(), "big") for one in pairs)


def _candidates(shingles: list[frozenset[int]], *, bands: int = 20, rows: int = 3) -> set[tuple[int, int]]:
    if not shingles:
        return set()
    rng = np.random.default_rng(7)
    factors = rng.integers(1, 2**31, bands * rows, dtype=np.uint64) | np.uint64(1)
    shifts = rng.integers(0, 2**31, bands * rows, dtype=np.uint64)
    flat = np.fromiter((one for some in shingles for one in some), dtype=np.uint64)
    starts = np.cumsum([0] + [len(some) for some in shingles[:-1]])
    low = np.uint64(2**61 - 1)
    hashed = [(flat * factor + shift) % low for factor, shift in zip(factors, shifts, strict=True)]
    least = np.stack([np.minimum.reduceat(one, starts) for one in hashed])  # (bands * rows, sentences)
    pairs: set[tuple[int, int]] = set()
    for band in least.reshape(bands, rows, -1):
        first: dict[bytes, int] = {}
        for at, key in enumerate(np.ascontiguousarray(band.T)):
            seen = first.setdefault(key.tobytes(), at)
            if seen != at:
                pairs.add((seen, at))
    return pairs


def divide(found: list[Sentence], *, per_library: int) -> dict[Sentence, str]:
    """Sentence → split, balanced over libraries; the sentences of one file stay in one split.

    Every library gives the same number: 65 % train, 15 % validation, 20 % test of `per_library`,
    or of what the scarcest library can give.
    """
    count = min(per_library, min(Counter(one.library for one in found).values(), default=0))
    while count > 0:
        divided = _divide(found, {"test": count // 5, "validation": count * 3 // 20, "train": count * 13 // 20})
        if divided:
            return divided
        count = int(count * 0.95)
    return {}


def _divide(found: list[Sentence], sizes: dict[str, int]) -> dict[Sentence, str]:
    """Fill each split with whole files; empty when some library runs out."""
    files: dict[str, dict[str, list[Sentence]]] = {}
    for one in found:
        files.setdefault(one.library, {}).setdefault(one.file, []).append(one)
    divided: dict[Sentence, str] = {}
    for by_file in files.values():
        waiting = list(by_file.values())
        for name, size in sizes.items():
            taken = 0
            while taken < size:
                if not waiting:
                    return {}
                rows = waiting.pop()[: size - taken]
                divided |= dict.fromkeys(rows, name)
                taken += len(rows)
    return divided
