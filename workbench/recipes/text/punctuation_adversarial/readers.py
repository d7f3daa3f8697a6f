"""Punctuated and tagged text from files and samples, as sentences of lower-case words."""

from __future__ import annotations

import dataclasses
import itertools
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine.generators import grammar
from workbench.engine.text import samples
from workbench.engine.text.examples import TaggedSentence

MARKS = grammar.MARKS
SIGNS = {"O": "", "COMMA": ",", "PERIOD": ".", "QUESTION": "?"}
ENDS = ("PERIOD", "QUESTION")
LONGEST_SENTENCE = 400
"""Words after which a stream without end marks is cut all the same."""

_LABELS = {
    "O": "O", "0": "O", "_": "O", "SPACE": "O", "NONE": "O",
    "COMMA": "COMMA", ",": "COMMA", ",COMMA": "COMMA", "COLON": "COMMA", "DASH": "COMMA",
    "PERIOD": "PERIOD", ".": "PERIOD", ".PERIOD": "PERIOD", "EXCLAMATION": "PERIOD", "SEMICOLON": "PERIOD",
    "QUESTION": "QUESTION", "?": "QUESTION", "QUESTIONMARK": "QUESTION", "QUESTION_MARK": "QUESTION",
    "?QUESTIONMARK": "QUESTION",
}  # fmt: skip
_SIGN_MARKS = {
    ",": "COMMA", ":": "COMMA", "–": "COMMA", "—": "COMMA", "-": "COMMA",
    ".": "PERIOD", "!": "PERIOD", ";": "PERIOD", "…": "PERIOD", "?": "QUESTION",
}  # fmt: skip
_SPLIT_NAMES = {
    "train": ("train2012", "train"),
    "dev": ("dev2012", "dev", "valid", "validation"),
    "test": ("test2011", "test"),
    "test_asr": ("test2011asr", "test_asr", "testasr"),
}
_FILE_ENDS = ("", ".txt", ".tsv")


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Sentences whose tags are marks, by split; `test_asr` may be empty.

    Sentences that are `independent` follow each other by chance: any other order is as true.
    """

    train: Sequence[TaggedSentence]
    dev: Sequence[TaggedSentence]
    test: Sequence[TaggedSentence]
    test_asr: Sequence[TaggedSentence]
    detail: str
    independent: bool = False


@dataclasses.dataclass(frozen=True)
class TagCorpus:
    """Sentences whose tags are parts of speech; `held_out` sentences are never trained on."""

    train: Sequence[TaggedSentence]
    held_out: Sequence[TaggedSentence]
    tags: tuple[str, ...]
    detail: str


# Punctuation --------------------------------------------------------------------------------


def load_marks(address: str, *, seed: int, generated: int, limit: int = 0) -> Corpus:
    """Punctuated text from a sample, a file or a folder of splits; every sentence ends with a mark.

    `generated` is the number of training sentences of the generated sample, `limit` the most
    sentences of its other splits and of anything else (0: no limit). Raises InputError on field 'data'.
    """
    if address.removeprefix(samples.PREFIX) == "generated-punctuation" and address.startswith(samples.PREFIX):
        return _generated(seed, generated, limit)
    if address.startswith(samples.PREFIX):
        loaded = samples.load(address, seed=seed, limit=limit)
        parts = {"train": "train", "dev": "validation", "test": "test"}
        found = {
            name: list(sentences_of(_stream(one for one in loaded.examples if one.split == split)))
            for name, split in parts.items()
        }
        return Corpus(found["train"], found["dev"], found["test"], (), loaded.detail)
    path = Path(address)
    return _from_folder(path, limit) if path.is_dir() else _from_file(path, limit)


def _generated(seed: int, count: int, limit: int) -> Corpus:
    # Few sentences to learn from are no reason to judge by few.
    dev, test = (min(size, limit or size) for size in (150, 600))
    made = grammar.punctuation_corpus(seed, train=count, dev=dev, test=test)
    parts = {name: [TaggedSentence(one.words, one.marks) for one in part] for name, part in made.items()}
    detail = f"{spaced(count)} generated training sentences"
    return Corpus(parts["train"], parts["dev"], parts["test"], parts["test_asr"], detail, independent=True)


def rejoined(sentences: Sequence[TaggedSentence], orders: int, *, seed: int) -> list[TaggedSentence]:
    """The sentences `orders` times over: first as they come, then each time in another order.

    In one order a few hundred sentences fill so few windows that a network learns them by heart,
    where each sentence ends with what stands in the next; in many orders it has to look at the words.
    """
    chance = random.Random(f"orders {seed}")
    return [*sentences, *(one for _ in range(orders - 1) for one in chance.sample(sentences, len(sentences)))]


def _stream(sentences: Iterable[TaggedSentence]) -> Iterator[tuple[int, str, str]]:
    for one in sentences:
        for word, mark in zip(one.tokens, one.tags, strict=True):
            yield one.source, word.lower(), mark


def sentences_of(stream: Iterable[tuple[int, str, str]]) -> Iterator[TaggedSentence]:
    """A stream of (line, word, mark) cut behind every period and question mark."""
    words, marks, source = list[str](), list[str](), -1
    for line, word, mark in stream:
        source = line if not words else source
        words.append(word)
        marks.append(mark)
        if mark in ENDS or len(words) >= LONGEST_SENTENCE:
            yield TaggedSentence(tuple(words), tuple(marks), source=source)
            words, marks = [], []
    if words:
        yield TaggedSentence(tuple(words), tuple(marks), source=source)


def _from_folder(folder: Path, limit: int) -> Corpus:
    found: dict[str, list[TaggedSentence]] = {}
    for split, names in _SPLIT_NAMES.items():
        path = next((folder / (n + end) for n in names for end in _FILE_ENDS if (folder / (n + end)).is_file()), None)
        found[split] = list(itertools.islice(read_marks(path), limit or None)) if path else []
    if not found["train"]:
        raise InputError(
            "The folder has no training file.",
            expected="a file named train2012 or train (with dev2012 and test2011 beside it)",
            received=", ".join(sorted(one.name for one in folder.iterdir())[:8]) or "an empty folder",
            fix="Name the files train, dev and test, with or without .txt.",
            field="data",
            place=str(folder),
        )
    if not (found["dev"] and found["test"]):
        return _carved(found["train"] + found["dev"] + found["test"], f"{folder.name}: splits carved", folder)
    _check_marks(found["train"], folder)
    detail = f"{folder.name}: {spaced(len(found['train']))} training sentences"
    return Corpus(found["train"], found["dev"], found["test"], found["test_asr"], detail)


def _from_file(path: Path, limit: int) -> Corpus:
    sentences = list(itertools.islice(read_marks(path), limit or None))
    return _carved(sentences, path.name, path)


def _carved(sentences: list[TaggedSentence], name: str, path: Path) -> Corpus:
    """The first 70 % to train on, 15 % to validate, 15 % to test, without sentences seen before."""
    _check_marks(sentences, path)
    edges = [round(len(sentences) * share) for share in (0.70, 0.85)]
    train = sentences[: edges[0]]
    seen = {one.tokens for one in train}
    dev = [one for one in sentences[edges[0] : edges[1]] if one.tokens not in seen]
    seen |= {one.tokens for one in dev}
    test = [one for one in sentences[edges[1] :] if one.tokens not in seen]
    if min(len(train), len(dev), len(test)) < 2:
        raise _too_little(len({one.tokens for one in sentences}), path, "different sentences")
    repeats = len(sentences) - len(train) - len(dev) - len(test)
    return Corpus(
        train, dev, test, (), f"{name}: {spaced(len(train))} training sentences, {spaced(repeats)} repeats left out"
    )


def _check_marks(sentences: Sequence[TaggedSentence], path: Path) -> None:
    counts = Counter(mark for one in sentences for mark in one.tags)
    if not (counts["PERIOD"] + counts["QUESTION"] + counts["COMMA"] and counts["O"]):
        raise InputError(
            "The text has no punctuation to learn from." if counts["O"] else "Every word carries a mark.",
            expected="words with marks behind some of them",
            received=", ".join(f"{spaced(count)} {mark}" for mark, count in counts.items()) or "no words",
            fix="Give text as it was written, or a file with a word and its mark on each line.",
            field="data",
            place=str(path),
        )


def _too_little(count: int, path: Path, what: str, *, field: str = "data") -> InputError:
    return InputError(
        "There is too little text to train and test on.",
        expected=f"at least 20 {what}",
        received=f"{count} {what}",
        fix="Give a longer file.",
        field=field,
        place=str(path),
    )


def read_marks(path: Path) -> Iterator[TaggedSentence]:
    """Sentences of a file: a word and its mark on each line, or plain text; read as a stream."""
    head = list(itertools.islice(_lines(path, field="data"), 200))
    separator = "," if path.suffix.lower() == ".csv" else "\t"
    filled = [line for _, line in head if line.strip()]
    if not filled:
        raise _too_little(0, path, "sentences")
    two_columns = sum(line.count(separator) == 1 and len(line.split()) <= 2 for line in filled)
    if two_columns > 0.5 * len(filled):
        yield from sentences_of(_marked_lines(path, separator))
    else:
        yield from sentences_of(_plain_lines(path))


def _marked_lines(path: Path, separator: str) -> Iterator[tuple[int, str, str]]:
    for number, line in _lines(path, field="data"):
        if not line.strip():
            continue
        word, _, label = line.partition(separator)
        mark = _LABELS.get(label.strip().upper())
        if mark is None or not word.strip():
            raise InputError(
                "A line is not a word and its mark.",
                expected="a word, a tab, and one of " + ", ".join(MARKS),
                received=repr(line[:80]),
                fix="Correct or delete the line.",
                field="data",
                place=f"{path}, line {number}",
            )
        yield number, word.strip().lower(), mark


def _plain_lines(path: Path) -> Iterator[tuple[int, str, str]]:
    for number, line in _lines(path, field="data"):
        for word, mark in unpunctuate(line):
            yield number, word.lower(), mark


_WORD = re.compile(r"^[^\w$€£#@%]*(?P<word>.*?[\w%$€£+#]|[\w%$€£+#])?(?P<signs>[^\w%$€£+#]*)$")


def unpunctuate(text: str) -> list[tuple[str, str]]:
    """The words of a text, as written, with the mark that follows each.

    A comma stands for colon and dash as well, a period for exclamation mark and semicolon. Signs
    inside a word ("3.5", "don't") stay.
    """
    found: list[tuple[str, str]] = []
    for piece in text.split():
        hit = _WORD.match(piece)
        word, signs = (hit["word"] or "", hit["signs"]) if hit else (piece, "")
        mark = next((_SIGN_MARKS[sign] for sign in signs if sign in _SIGN_MARKS), "O")
        if not word:
            mark = next((_SIGN_MARKS[sign] for sign in piece if sign in _SIGN_MARKS), "O")
        if word:
            found.append((word, mark))
        elif found and found[-1][1] == "O" and mark != "O":  # a sign that stands alone
            found[-1] = (found[-1][0], mark)
    return found


# Parts of speech ----------------------------------------------------------------------------


def load_tags(address: str, *, seed: int, avoid: Iterable[TaggedSentence] = (), limit: int = 0) -> TagCorpus:
    """Sentences with parts of speech from the generated sample, a CoNLL-U or two-column file, or a folder.

    At most `limit` are read, or generated (1,500 without a limit); generated ones repeat
    no sentence of `avoid`. A tenth, at most 300 sentences, is held out.
    Raises InputError on field 'pos'.
    """
    if address == samples.PREFIX + "generated-pos":
        made = grammar.pos_corpus(seed, count=min(1500, limit or 1500), avoid=[one.tokens for one in avoid])
        sentences = [TaggedSentence(one.words, one.tags) for one in made]
        detail = f"{spaced(len(made))} generated sentences with parts of speech"
    elif address.startswith(samples.PREFIX):
        loaded = samples.load(address, seed=seed, limit=limit, field="pos")
        sentences, detail = list(loaded.examples), loaded.detail
    else:
        path = Path(address)
        files = _tag_files(path) if path.is_dir() else [path]
        stream = (one for file in files for one in read_tags(file))
        sentences = list(itertools.islice(stream, limit or None))
        detail = f"{path.name}: {spaced(len(sentences))} sentences"
    tags = tuple(sorted({tag for one in sentences for tag in one.tags}))
    if len(sentences) < 20 or len(tags) < 2:
        raise _too_little(len(sentences), Path(address), "sentences with two or more different tags", field="pos")
    held_out = min(300, len(sentences) // 10)
    return TagCorpus(sentences[held_out:], sentences[:held_out], tags, detail)


def _tag_files(folder: Path) -> list[Path]:
    files = sorted(one for one in folder.iterdir() if one.suffix.lower() in (".conllu", ".tsv", ".txt"))
    if not files:
        raise InputError(
            "The folder has no file with parts of speech.",
            expected="files ending in .conllu, .tsv or .txt",
            received=", ".join(sorted(one.name for one in folder.iterdir())[:8]) or "an empty folder",
            fix="Give a treebank's folder, or one file.",
            field="pos",
            place=str(folder),
        )
    return files


def read_tags(path: Path) -> Iterator[TaggedSentence]:
    """Sentences of a CoNLL-U file (columns FORM and UPOS) or of lines 'word<TAB>tag', blank lines between.

    Multi-word ranges and empty nodes are passed over, punctuation is taken out, words are lower-cased.
    """
    head = [line for _, line in itertools.islice(_lines(path, field="pos"), 200) if line.strip() and line[0] != "#"]
    if not head:
        raise _too_little(0, path, "sentences", field="pos")
    parse = _conllu if sum(line.count("\t") == 9 for line in head) > 0.5 * len(head) else _two_columns
    words, tags, start = list[str](), list[str](), 1
    for number, line in _lines(path, field="pos"):
        token = parse(line, number, path)
        if token is not None:
            start = number if not words else start
            words.append(token[0].lower())
            tags.append(token[1])
        if words and (not line.strip() or len(words) >= LONGEST_SENTENCE):
            yield TaggedSentence(tuple(words), tuple(tags), source=start)
            words, tags = [], []
    if words:
        yield TaggedSentence(tuple(words), tuple(tags), source=start)


_Token = tuple[str, str] | None


def _conllu(line: str, number: int, path: Path) -> _Token:
    if not line.strip() or line.startswith("#"):
        return None
    columns = line.split("\t")
    if len(columns) != 10:
        raise _bad_tag(line, number, path, "ten columns separated by tabs (CoNLL-U)")
    if "-" in columns[0] or "." in columns[0]:
        return None
    return _kept(columns[1], columns[3])


def _two_columns(line: str, number: int, path: Path) -> _Token:
    if not line.strip():
        return None
    columns = line.split("\t")
    if len(columns) != 2 or not all(one.strip() for one in columns):
        raise _bad_tag(line, number, path, "a word, a tab, and its part of speech")
    return _kept(columns[0].strip(), columns[1].strip())


def _kept(word: str, tag: str) -> _Token:
    return None if tag == "PUNCT" or not any(letter.isalnum() for letter in word) else (word, tag)


def _bad_tag(line: str, number: int, path: Path, expected: str) -> InputError:
    return InputError(
        "A line of the part-of-speech file cannot be read.",
        expected=expected,
        received=repr(line[:80]),
        fix="Correct or delete the line.",
        field="pos",
        place=f"{path}, line {number}",
    )


def check_strangers(marks: Corpus, tags: TagCorpus) -> None:
    """Both tasks on the same sentences would leave the adversary nothing to tell apart; raises InputError."""
    known = {one.tokens for one in marks.train}
    same = sum(one.tokens in known for one in tags.train)
    if same > 0.5 * len(tags.train):
        raise InputError(
            "Both tasks label the same sentences, so there is nothing for the adversary to detect.",
            expected="parts of speech from another corpus than the punctuation",
            received=f"{spaced(same)} of {spaced(len(tags.train))} tagged sentences also stand in the punctuated text",
            fix="Choose another corpus for the parts of speech.",
            field="pos",
        )


# Reading ------------------------------------------------------------------------------------


def _lines(path: Path, *, field: str) -> Iterator[tuple[int, str]]:
    """Numbered lines of a UTF-8 file, one at a time; raises InputError naming the line that is not."""
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                yield number, _decoded(raw, number, path, field)
    except OSError as error:
        raise InputError(
            "The file cannot be opened.",
            expected="a readable text file",
            received=error.strerror or str(error),
            fix="Check the path.",
            field=field,
            place=str(path),
        ) from None


def _decoded(raw: bytes, number: int, path: Path, field: str) -> str:
    fault: Callable[[str], InputError] = lambda received: InputError(  # noqa: E731
        "The file is not plain UTF-8 text.",
        expected="text in UTF-8, without NUL bytes",
        received=received,
        fix="Save it as UTF-8, for example from an editor's 'Save as'.",
        field=field,
        place=f"{path}, line {number}",
    )
    if b"\0" in raw:
        raise fault("a NUL byte")
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise fault(f"byte 0x{raw[error.start]:02x} at column {error.start + 1}") from None
