"""Labels under correction: what they are now, what they were, how they are kept and copied out.

Knows no widgets. Edits are differences by position; the data itself is never written to.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import hashlib
import io
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from workbench.core.documents import ExamplesPage, Item, Span, SpannedText
from workbench.core.problem import InputError

Kind = Literal["labels", "spans"]
SPLIT_FILES = {"train": "train", "validation": "dev", "test": "test"}


class Edit(msgspec.Struct, omit_defaults=True):
    """One example's new label or spans; `text` is a digest, so that an edit never lands on another text."""

    at: int
    text: str
    label: str = ""
    spans: list[Span] = []


class EditsDoc(msgspec.Struct):
    """Edits of one data set as they are autosaved."""

    source: str
    kind: Kind
    edits: list[Edit]
    recipe: str = ""
    slot: str = ""
    """Where the data was being labelled; told when the window is opened again."""


@dataclasses.dataclass
class Draft:
    """A data set's examples with their labels as they stand now; `kind` says which of the two counts."""

    kind: Kind
    source: str
    texts: list[str]
    labels: list[str]
    spans: list[list[Span]]
    predicted: list[str]
    splits: list[str]
    names: list[str]
    questions: list[str] = dataclasses.field(default_factory=list)
    words: list[list[tuple[int, int]]] = dataclasses.field(default_factory=list)
    prefixed: bool = True

    def __post_init__(self) -> None:
        self._first_labels, self._first_spans = list(self.labels), [list(spans) for spans in self.spans]

    @classmethod
    def of_pages(cls, pages: Sequence[ExamplesPage], source: str) -> Draft:
        """A draft of a whole data set, as the worker tells it page by page."""
        texts = [text for page in pages for text in page.texts]
        if pages[0].kind == "class":
            draft = cls.of_items([Item(text.text, text.title, source=text.source) for text in texts], source)
        else:
            draft = cls.of_texts(texts, source)
            draft.words = [words for page in pages for words in page.words]
            draft.prefixed = pages[0].prefixed
        if pages[0].kind == "answer":
            draft.questions = [text.title for text in texts]
        draft.splits = [text.note for text in texts] if any(text.note for text in texts) else []
        draft.names = list(dict.fromkeys([*pages[0].labels, *draft.names]))
        return draft

    @classmethod
    def of_items(cls, items: Sequence[Item], source: str) -> Draft:
        """A draft of texts with one class each."""
        names = sorted({item.label for item in items} | {item.predicted for item in items} - {""})
        labels, predicted = [item.label for item in items], [item.predicted for item in items]
        return cls("labels", source, [item.text for item in items], labels, [], predicted, [], names)

    @classmethod
    def of_texts(cls, texts: Sequence[SpannedText], source: str) -> Draft:
        """A draft of texts with spans: the true ones where known, the predicted ones otherwise."""
        spans = [list(text.gold or text.spans) for text in texts]
        names = sorted({one.label for some in spans for one in some if one.label})
        clean = [[Span(one.start, one.end, one.label) for one in some] for some in spans]
        return cls("spans", source, [text.text for text in texts], [], clean, [], [], names)

    def __len__(self) -> int:
        return len(self.texts)

    def changed(self, at: int) -> bool:
        """Whether an example differs from the data."""
        if self.kind == "labels":
            return self.labels[at] != self._first_labels[at]
        return self.spans[at] != self._first_spans[at]

    def edits(self) -> list[Edit]:
        """Everything that differs from the data."""
        found = []
        for at in range(len(self)):
            if self.changed(at):
                label = self.labels[at] if self.kind == "labels" else ""
                spans = self.spans[at] if self.kind == "spans" else []
                found.append(Edit(at, text_digest(self.texts[at]), label, spans))
        return found

    def fitting(self, edits: Iterable[Edit]) -> list[Edit]:
        """Those edits whose text still stands where it stood."""
        return [one for one in edits if 0 <= one.at < len(self) and text_digest(self.texts[one.at]) == one.text]

    def add_name(self, name: str) -> None:
        """Make a new label known."""
        if name and name not in self.names:
            self.names.append(name)

    def repeats(self, at: int) -> list[int]:
        """All examples with the same text, this one included."""
        wanted = _folded(self.texts[at])
        return [other for other, text in enumerate(self.texts) if _folded(text) == wanted]

    def occurrences(self, words: str) -> list[tuple[int, int, int]]:
        """Where words stand in the texts as whole words: (example, start, end), upper and lower case told apart."""
        pattern = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)")
        return [
            (at, match.start(), match.end()) for at, text in enumerate(self.texts) for match in pattern.finditer(text)
        ]


def text_digest(text: str) -> str:
    """A short digest of a text."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def replaced(spans: Sequence[Span], new: Span | None, start: int, end: int) -> list[Span]:
    """Spans after marking [start, end) anew: what it touches goes, the new one (if any) comes."""
    kept = [one for one in spans if one.end <= start or one.start >= end]
    return sorted([*kept, *([new] if new else [])], key=lambda one: (one.start, one.end))


def snapped(text: str, start: int, end: int) -> tuple[int, int]:
    """A selection without outer blanks, grown to whole words; empty stays empty."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start == end:
        return start, end
    while start > 0 and _word(text[start - 1]) and _word(text[start]):
        start -= 1
    while end < len(text) and _word(text[end]) and _word(text[end - 1]):
        end += 1
    return start, end


def _word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


# Keeping


def draft_path(edits: Path, source: str, kind: Kind) -> Path:
    """Where a data set's unsaved edits are kept."""
    return edits / f"unsaved-{text_digest(f'{kind}:{source}')}.json"


def keep(path: Path, document: EditsDoc) -> None:
    """Write edits in one step; with none left the file goes. Raises OSError."""
    if document.edits:
        write_whole(path, msgspec.json.encode(document))
    else:
        path.unlink(missing_ok=True)


def left_over(edits: Path) -> list[tuple[EditsDoc, float]]:
    """Autosaved edits that are in no copy and when they were written, the newest first."""
    found = []
    for path in edits.glob("unsaved-*.json"):
        with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):  # said when its data is opened
            found.append((msgspec.json.decode(path.read_bytes(), type=EditsDoc), path.stat().st_mtime))
    return sorted(found, key=lambda one: -one[1])


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step that survives a kill and a power cut; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def kept(path: Path) -> list[Edit]:
    """Edits from last time; none where there is no file. A garbled file is set aside and said.

    Raises InputError naming the file it was set aside as.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=EditsDoc).edits
    except FileNotFoundError:
        return []
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        aside = path.with_name(path.stem + ".garbled.json")
        path.replace(aside)
        raise InputError(
            "Unsaved edits from last time cannot be read.",
            expected="edits in JSON",
            received=str(error),
            fix=f"They were set aside as {aside.name}; the data itself is untouched.",
            place=str(path),
        ) from None


# Copying out


def suffix_of(draft: Draft) -> str:
    """The kind of file that holds a draft: questions as SQuAD, spans as CoNLL, classes as CSV."""
    if draft.kind == "labels":
        return ".csv"
    return ".json" if draft.questions else ".conll"


def copy_name(edits: Path, draft: Draft) -> Path:
    """A path in the edits folder that does not exist yet, named after the data; a folder for divided data."""
    stem = re.sub(r"[^\w.-]+", "-", Path(draft.source.removeprefix("sample:")).stem).strip("-") or "data"
    suffix = "" if any(draft.splits) else suffix_of(draft)
    number = 1
    while True:
        path = edits / f"{stem}-relabelled{'' if number == 1 else f'-{number}'}{suffix}"
        if not path.exists():
            return path
        number += 1


def write_copy(draft: Draft, path: Path) -> Path:
    """Write all examples with their present labels; divided data becomes a folder of parts.

    `.csv` or `.jsonl` for classes, CoNLL for spans, SQuAD JSON for answers. Raises InputError for the
    source's own path, or a folder that it stands in.
    """
    _refuse_source(draft.source, path)
    if not any(draft.splits):
        _write_part(draft, path, range(len(draft)))
        return path
    suffix = path.suffix or suffix_of(draft)
    folder = path.with_suffix("")
    _refuse_source(draft.source, folder)
    folder.mkdir(parents=True, exist_ok=True)
    for split, name in SPLIT_FILES.items():
        rows = [at for at in range(len(draft)) if (draft.splits[at] or "train") == split]
        if rows:
            _write_part(draft, folder / (name + suffix), rows)
    return folder


def _refuse_source(source: str, path: Path) -> None:
    if not source or source.startswith("sample:"):
        return
    origin, target = Path(source).resolve(), path.resolve()
    if target == origin or origin in target.parents or (target.is_dir() and target in origin.parents):
        raise InputError(
            "The copy would overwrite the data it comes from.",
            expected="another file name",
            received=str(path),
            fix="Choose another name: the original stays as it is.",
            place=str(path),
        )


def _write_part(draft: Draft, path: Path, rows: Iterable[int]) -> None:
    content = _content(draft, path.suffix.lower(), rows)
    scratch = path.with_name(path.name + ".tmp")
    scratch.write_text(content, encoding="utf-8", newline="")
    scratch.replace(path)


def _content(draft: Draft, suffix: str, rows: Iterable[int]) -> str:
    if draft.questions:
        return squad(draft, rows)
    if draft.kind == "spans":
        return "".join(conll(draft, at) for at in rows)
    if suffix == ".jsonl":
        lines = [{"text": draft.texts[at], "label": draft.labels[at]} for at in rows]
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(("text", "label"))
    writer.writerows((draft.texts[at], draft.labels[at]) for at in rows)
    return file.getvalue()


def conll(draft: Draft, at: int) -> str:
    """One sentence as lines of word, tab, tag, ended by an empty line.

    Words are the data's own, or what stands between blanks, cut where a span begins or ends inside one.
    """
    text, spans = draft.texts[at], draft.spans[at]
    words = draft.words[at] if at < len(draft.words) else [match.span() for match in re.finditer(r"\S+", text)]
    cuts = {one.start for one in spans} | {one.end for one in spans}
    lines = []
    for begin, finish in words:
        inner = sorted(cut for cut in cuts if begin < cut < finish)
        for start, end in itertools.pairwise([begin, *inner, finish]):
            lines.append(f"{text[start:end]}\t{_tag(spans, start, prefixed=draft.prefixed)}\n")
    return "".join(lines) + "\n" if lines else ""


def _tag(spans: Sequence[Span], start: int, *, prefixed: bool) -> str:
    inside = next((one for one in spans if one.start <= start < one.end), None)
    if inside is None:
        return "O"
    return f"{'B' if start == inside.start else 'I'}-{inside.label}" if prefixed else inside.label


def squad(draft: Draft, rows: Iterable[int]) -> str:
    """Questions with their contexts and answers as SQuAD 2.0 JSON; without an answer a question is impossible."""
    contexts: dict[str, list[dict[str, object]]] = {}
    for at in rows:
        text = draft.texts[at]
        answers = [{"text": text[one.start : one.end], "answer_start": one.start} for one in draft.spans[at]]
        asked = {"id": str(at), "question": draft.questions[at], "answers": answers, "is_impossible": not answers}
        contexts.setdefault(text, []).append(asked)
    paragraphs = [{"context": text, "qas": asked} for text, asked in contexts.items()]
    document = {"version": "v2.0", "data": [{"title": "relabelled", "paragraphs": paragraphs}]}
    return json.dumps(document, ensure_ascii=False, indent=1)


def by_label(changes: Mapping[int, str]) -> str:
    """Changes in words: 'label 12 texts as scipy'."""
    names = sorted(set(changes.values()))
    what = f"{len(changes)} texts" if len(changes) != 1 else "a text"
    return f"label {what} as {names[0]}" if len(names) == 1 else f"label {what}"
