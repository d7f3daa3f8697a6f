"""The three kinds of text example, what a reader returns, and fair splits of it."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, Literal, TypeVar, overload

import numpy as np

from workbench.core.documents import RowProblem
from workbench.core.problem import InputError

SplitName = Literal["", "train", "validation", "test"]


@dataclasses.dataclass(frozen=True, slots=True)
class LabelledText:
    """A text with its class; `group` names what must not be torn apart by a split."""

    text: str
    label: str
    source: int = -1
    split: SplitName = ""
    group: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class TaggedSentence:
    """Words with one tag each; `spaces` says whether a blank follows a word."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    spaces: tuple[bool, ...] = ()
    source: int = -1
    split: SplitName = ""
    group: str = ""

    @property
    def text(self) -> str:
        """The words joined as they were written (by single blanks where that is not known)."""
        spaces = self.spaces or (True,) * len(self.tokens)
        return "".join(word + " " * blank for word, blank in zip(self.tokens, spaces, strict=True)).rstrip(" ")

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """The characters [start, end) of every word in `text`."""
        spaces, at, found = self.spaces or (True,) * len(self.tokens), 0, []
        for word, blank in zip(self.tokens, spaces, strict=True):
            found.append((at, at + len(word)))
            at += len(word) + blank
        return found


@dataclasses.dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """A question on a context; `answers` are (first character, text), none when `impossible`."""

    question: str
    context: str
    answers: tuple[tuple[int, str], ...] = ()
    impossible: bool = False
    id: str = ""
    source: int = -1
    split: SplitName = ""
    group: str = ""

    @property
    def text(self) -> str:
        """The question with its context: what makes two of these the same."""
        return f"{self.question}\n{self.context}"


Example = LabelledText | TaggedSentence | QuestionAnswer
E = TypeVar("E", LabelledText, TaggedSentence, QuestionAnswer)
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Loaded(Generic[E]):
    """What a reader made of a file: examples, rows that were left out or cut, and one line on the format."""

    examples: Sequence[E]
    problems: list[RowProblem]
    detail: str
    problem_count: int = 0

    @property
    def labels(self) -> list[str]:
        """The classes, or the tags, sorted: numbers by value, words by letter."""
        return sorted(label_counts(self.examples), key=label_order)


@dataclasses.dataclass(frozen=True)
class Splits(Generic[E]):
    """Three parts that share no example; `given` says that the data came divided."""

    train: Sequence[E]
    validation: Sequence[E]
    test: Sequence[E]
    given: bool = False


class Subset(Sequence[T]):
    """Some positions of another sequence, without a copy of its items."""

    def __init__(self, whole: Sequence[T], positions: Sequence[int] | np.ndarray) -> None:
        self.whole, self.positions = whole, np.asarray(positions, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.positions)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return Subset(self.whole, self.positions[index])
        return self.whole[int(self.positions[index])]


def label_order(label: str) -> tuple[int, float, str]:
    """A sort key that puts '2' before '10' and numbers before words."""
    try:
        number = float(label)
    except ValueError:
        return (1, 0.0, label)
    return (0, number, label) if math.isfinite(number) else (1, 0.0, label)


def label_counts(examples: Sequence[Any]) -> Counter[str]:
    """How often each class occurs; tags are counted by word."""
    stored = getattr(examples, "label_counts", None)
    if stored is not None:
        return Counter(stored())
    counts: Counter[str] = Counter()
    for example in examples:
        counts.update(example.tags if isinstance(example, TaggedSentence) else [getattr(example, "label", "")])
    return counts


def example_keys(examples: Sequence[Any], what: Literal["label", "text", "split", "group"]) -> list[Hashable]:
    """One column of the examples; a store on disk answers without reading its texts."""
    stored = getattr(examples, "column", None)
    if stored is not None:
        return list(stored(what))
    if what == "label":
        return [getattr(example, "label", "") for example in examples]
    return [getattr(example, what) for example in examples]


def split(
    examples: Sequence[E],
    seed: int = 0,
    *,
    group: Callable[[E], Hashable] | None = None,
    validation: float = 0.15,
    test: float = 0.15,
    field: str = "data",
) -> Splits[E]:
    """Divide examples class by class; given splits are kept and only missing ones are carved from train.

    Examples of one group (by default: the same group, else the same text) stay on one side. A
    class keeps at least one example in train. Raises InputError (on `field`) when a given test or
    validation part holds a class that train lacks, or when there is too little to divide.
    """
    if len(examples) < 3:
        raise _too_few(len(examples), field)
    by_digest = getattr(examples, "divided", None)
    if by_digest is not None and group is None:
        return _from_store(examples, by_digest(seed, validation=validation, test=test), field)
    marks = np.asarray(example_keys(examples, "split"), dtype=object)
    labels = example_keys(examples, "label")
    groups = [group(one) for one in examples] if group else _groups(examples)
    parts = {name: np.flatnonzero(marks == name) for name in ("train", "validation", "test")}
    given = bool(len(parts["train"]) and (len(parts["test"]) or len(parts["validation"])))
    rest = parts["train"] if given else np.arange(len(examples))
    if given:
        _check_known(labels, parts, field)
    for name, share in (("test", test), ("validation", validation)):
        if not given or not len(parts[name]):
            rest, parts[name] = _carve(rest, labels, groups, share=share, seed=seed + len(name))
    if not (len(rest) and len(parts["validation"]) and len(parts["test"])):
        raise _too_few(len(examples), field)
    return Splits(Subset(examples, rest), Subset(examples, parts["validation"]), Subset(examples, parts["test"]), given)


def _from_store(examples: Any, positions: dict[str, np.ndarray], field: str) -> Splits[Any]:
    """The splits that a store on disk drew by itself (see textstore)."""
    _check_known(examples.labels, positions, field, names=examples.names)
    train, validation, test = (Subset(examples, positions[name]) for name in ("train", "validation", "test"))
    if not (len(train) and len(validation) and len(test)):
        raise _too_few(len(examples), field)
    return Splits(train, validation, test, examples.came_divided)


def _groups(examples: Sequence[Any]) -> list[Hashable]:
    """What must stay together: the given group, else the context, else the very same text."""
    if isinstance(examples[0], QuestionAnswer):
        return [one.group or one.context for one in examples]
    groups = example_keys(examples, "group")
    return groups if any(groups) else [text_key(str(text)) for text in example_keys(examples, "text")]


def _check_known(labels: Any, parts: dict[str, np.ndarray], field: str, *, names: Sequence[str] = ()) -> None:
    known = {labels[at] for at in parts["train"]}
    for name in ("test", "validation"):
        unknown = {labels[at] for at in parts[name]} - known
        if unknown:
            shown = [names[one] for one in unknown] if names else unknown
            listed = ", ".join(sorted(map(repr, shown))[:5])
            raise InputError(
                f"The {name} part holds a label that the training part never shows.",
                expected="every label of the test data somewhere in the training data",
                received=f"only in {name}: {listed}",
                fix="Add training rows with this label, correct it where it is a slip, or take its rows out.",
                field=field,
            )


def _carve(
    positions: np.ndarray, labels: Sequence[Hashable], groups: Sequence[Hashable], *, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Take whole groups out of `positions` until every class gave its share; returns (rest, taken)."""
    members: defaultdict[Hashable, list[int]] = defaultdict(list)
    for at in positions:
        members[groups[at]].append(int(at))
    left = Counter(labels[at] for at in positions)
    wanted = {label: count * share for label, count in left.items()}
    if share * len(positions) >= 1 and all(0 < want < 1 for want in wanted.values()):
        wanted = dict.fromkeys(wanted, 1.0)
    taken: list[int] = []
    order = list(members)
    for index in np.random.default_rng(seed).permutation(len(order)):
        rows = members[order[index]]
        cost = Counter(labels[at] for at in rows)
        if all(wanted[label] >= min(count, 1) * 0.5 and left[label] > count for label, count in cost.items()):
            taken += rows
            for label, count in cost.items():
                wanted[label] -= count
                left[label] -= count
    out = np.asarray(sorted(taken), dtype=np.int64)
    return np.setdiff1d(positions, out), out


def _too_few(count: int, field: str) -> InputError:
    return InputError(
        "There are too few examples to train and test on.",
        expected="at least two examples of every label, and some left to test on",
        received=f"{count} usable example{'' if count == 1 else 's'}",
        fix="Give a larger file, or one with its own test part.",
        field=field,
    )


def text_key(text: str) -> int:
    """A 63-bit digest of a text without regard to case and spacing: equal texts share it."""
    plain = " ".join(text.lower().split())
    return int.from_bytes(hashlib.blake2b(plain.encode("utf-8", "replace"), digest_size=8).digest(), "big") >> 1


def take_balanced(examples: Iterable[E], limit: int, seed: int) -> list[E]:
    """At most `limit` examples, the same share of every class and split, in their order."""
    listed = list(examples)
    if limit <= 0 or limit >= len(listed):
        return listed
    cells: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for at, one in enumerate(listed):
        cells[one.split, getattr(one, "label", "")].append(at)
    rng, kept = np.random.default_rng(seed), list[int]()
    for rows in cells.values():
        count = max(1, round(limit * len(rows) / len(listed)))
        kept += [rows[at] for at in rng.permutation(len(rows))[:count]]
    return [listed[at] for at in sorted(kept)]
