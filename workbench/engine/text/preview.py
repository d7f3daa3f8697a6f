"""What was understood of a data file, from its first rows: for the column picker and the preview pane."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from workbench.core.documents import DataPreview, RowProblem, Span, SpannedText
from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine.text import columns, readers, samples
from workbench.engine.text.examples import Example, LabelledText, QuestionAnswer, TaggedSentence
from workbench.engine.text.folders import Folder, look
from workbench.engine.text.rowlog import RowLog
from workbench.engine.text.tables import SNIFF_ROWS, Table

Task = Literal["classify", "tag", "answer", "plain"]

SCANNED = 5_000
"""Rows that are looked at for labels and problems."""

SHOWN_ROWS = 40
SHOWN_TEXTS = 6
LONGEST_CELL = 300
LONGEST_SEEN = 4_000
MOST_LABELS = 60


class Seer(NamedTuple):
    """How a model gets its text: a tokenizer (None: nothing is shown) and the most tokens it reads."""

    tokenizer: Any = None
    max_length: int = 128


FORMATS = {"classify": "Labelled texts", "tag": "Tagged sentences", "answer": "Questions", "plain": "Plain text"}


def preview(
    address: str,
    *,
    task: Task = "classify",
    chosen: Mapping[str, str] | None = None,
    field: str = "data",
    seer: Seer | None = None,
) -> DataPreview:
    """Look at the first 5,000 rows of an address: columns, roles, labels, problems by row.

    Columns in `chosen` that do not exist are ignored here, so that the picker can offer the ones
    that do. With a seer's tokenizer `seen` shows the first examples as
    the model gets them. Raises InputError for what cannot be read at all.
    """
    seer = seer or Seer()
    if address.startswith(samples.PREFIX):
        found = samples.load(address, field=field)
        return _of_examples(found.examples, "Sample", found.detail, seer)
    folder = look(Path(address), field=field)
    log = RowLog(field=field, place=address)
    if task == "answer" or (task == "tag" and not readers.is_table(folder.parts[0].paths[0], field)):
        return _of_reader(address, task, log, folder, seer)
    if task == "plain" and folder.parts[0].paths[0].suffix.lower() in ("", ".txt"):
        return _of_reader(address, task, log, folder, seer)
    if any(part.label for part in folder.parts):
        return _of_reader(address, "classify", log, folder, seer)
    return _of_table(folder, task, dict(chosen or {}), log, seer)


def _of_table(folder: Folder, task: Task, chosen: dict[str, str], log: RowLog, seer: Seer) -> DataPreview:
    table = next(readers.tables_of(folder.parts[0], folder, log.field))
    head = table.head(SNIFF_ROWS)
    roles = columns.guess(table, head) | {role: name for role, name in chosen.items() if name in table.columns}
    examples, trouble = _tried(folder, task, roles, log)
    rows = [[_cell(value) for value in row.values] for row in head[:SHOWN_ROWS]]
    verdict = [RowProblem(-1, trouble)] if trouble else _verdict(examples, task)
    count = table.row_count if len(folder.parts) == 1 else -1
    return DataPreview(
        table.format, f"{folder.detail}; {table.detail}" if folder.detail else table.detail, table.columns, rows, count,
        _fitting(roles, table, task), _labels(examples), _seen(examples, seer),
        verdict + log.problems, log.count + len(verdict),
    )  # fmt: skip


def _tried(folder: Folder, task: Task, roles: Mapping[str, str], log: RowLog) -> tuple[list[Example], str]:
    """The examples of the scanned rows, and the sentence that says why there are none."""
    found: Iterator[Any]
    if task == "tag":
        wanted = {name: roles.get(name, "") for name in ("tokens_column", "tags_column")}
        found = (one for part in folder.parts for one in readers.tagged_part(part, folder, wanted, log, []))
    elif task == "plain":
        found = (one for part in folder.parts for one in readers.plain_part(part, folder, log))
    else:
        wanted = {name: roles.get(name, "") for name in ("text_column", "label_column")}
        found = readers.labelled_rows(folder, wanted, log, [])
    return _taken(found)


def _taken(found: Iterator[Any]) -> tuple[list[Example], str]:
    examples: list[Example] = []
    try:
        examples.extend(itertools.islice(found, SCANNED))
    except InputError as error:
        return examples, f"{error.what} Expected {error.expected}."
    return examples, ""


def _of_reader(address: str, task: Task, log: RowLog, folder: Folder, seer: Seer) -> DataPreview:
    """A preview of what has no columns to pick: SQuAD, CoNLL, plain lines, folders of texts."""
    if task == "answer":
        found: Iterator[Any] = (one for part in folder.parts for one in readers.question_part(part, folder, log))
    elif task == "tag":
        chosen = {"tokens_column": "", "tags_column": ""}
        found = (one for part in folder.parts for one in readers.tagged_part(part, folder, chosen, log, []))
    elif task == "plain":
        found = (one for part in folder.parts for one in readers.plain_part(part, folder, log))
    else:
        found = readers.labelled_rows(folder, {"text_column": "", "label_column": ""}, log, [])
    examples = list(itertools.islice(found, SCANNED))
    shape = _of_examples(examples, FORMATS[task], folder.detail or Path(address).name, seer)
    verdict = _verdict(examples, task)
    shape.problems, shape.problem_count = verdict + log.problems, log.count + len(verdict)
    return shape


def _of_examples(examples: Sequence[Example], kind: str, detail: str, seer: Seer) -> DataPreview:
    names, rows = _as_rows(examples[:SHOWN_ROWS])
    few = list(examples if kind == "Sample" else examples[:SCANNED])
    count = len(examples) if len(examples) < SCANNED or kind == "Sample" else -1
    return DataPreview(kind, detail, names, rows, count, {}, _labels(few), _seen(few, seer))


def _as_rows(examples: Sequence[Any]) -> tuple[list[str], list[list[str]]]:
    if not examples:
        return [], []
    if isinstance(examples[0], TaggedSentence):
        return ["words", "tags"], [[_cell(" ".join(one.tokens)), _cell(" ".join(one.tags))] for one in examples]
    if isinstance(examples[0], QuestionAnswer):
        names = ["question", "answer", "context"]
        return names, [
            [_cell(one.question), _cell(one.answers[0][1]) if one.answers else "(none)", _cell(one.context)]
            for one in examples
        ]
    labelled = any(one.label for one in examples)
    return (["text", "label"] if labelled else ["text"]), [
        [_cell(one.text), one.label] if labelled else [_cell(one.text)] for one in examples
    ]


def _cell(value: Any) -> str:
    text = "" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = "".join(one if one.isprintable() or one in "\t\n" else "\ufffd" for one in text[: LONGEST_CELL + 1])
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def _fitting(roles: Mapping[str, str], table: Table, task: Task) -> dict[str, str]:
    """Only the roles that the task asks for."""
    wanted = {
        "classify": ("text_column", "label_column"),
        "tag": ("tokens_column", "tags_column"),
        "plain": ("text_column",),
        "answer": (),
    }[task]
    return {role: name for role, name in roles.items() if role in wanted and name in table.columns}


def _labels(examples: Sequence[Any]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for one in examples:
        if isinstance(one, LabelledText) and one.label:
            counts[one.label] += 1
        elif isinstance(one, TaggedSentence):
            counts.update(one.tags)
        elif isinstance(one, QuestionAnswer):
            counts["no answer" if one.impossible else "answered"] += 1
    return dict(counts.most_common(MOST_LABELS))


def _verdict(examples: Sequence[Any], task: Task) -> list[RowProblem]:
    """What is wrong with the data as a whole; row -1 stands for that."""
    if not examples:
        return [RowProblem(-1, "No row can be used as it is.")]
    if task == "classify":
        labels = {one.label for one in examples}
        if len(labels) == 1:
            return [RowProblem(-1, f"There is one class only: every row has the label {examples[0].label!r}.")]
        known = {one.label for one in examples if one.split in ("", "train")}
        unknown = sorted(labels - known) if known and len(examples) < SCANNED else []
        if unknown:
            return [RowProblem(-1, f"Only in the test or validation part: {', '.join(unknown[:5])}.")]
        if len(labels) > max(2, min(readers.MOST_LABELS, len(examples) // 2)):
            return [
                RowProblem(
                    -1, f"{spaced(len(labels))} different labels in {spaced(len(examples))} rows: is this the label?"
                )
            ]
    return []


def _seen(examples: Sequence[Any], seer: Seer) -> list[SpannedText]:
    return [as_seen(one, *seer) for one in examples[:SHOWN_TEXTS]] if seer.tokenizer is not None else []


def as_seen(example: Any, tokenizer: Any, max_length: int) -> SpannedText:
    """An example as pieces: every span is a token, labelled with what the model reads.

    What lies beyond `max_length` tokens is one span labelled 'cut off' with score 0.
    """
    text = example.context if isinstance(example, QuestionAnswer) else example.text
    whole, text = len(text), text[:LONGEST_SEEN]
    found = pieces(tokenizer, text)
    room = max(max_length - 2, 1)  # a mark at the beginning and one at the end
    if isinstance(example, QuestionAnswer):
        room = max(room - 1 - len(pieces(tokenizer, example.question)), 1)
    spans = [Span(begin, end, piece) for piece, begin, end in found[:room] if end > begin]
    at_least = "at least " if whole > len(text) else ""
    note = f"{len(found)} tokens"
    if len(found) > room:
        spans.append(Span(found[room][1], len(text), "cut off", 0.0))
        note = f"{room} of {at_least}{len(found)} tokens; the rest is cut off"
        if isinstance(example, QuestionAnswer):
            note = f"{at_least}{len(found)} tokens, read in windows of {room}"
    title = example.question if isinstance(example, QuestionAnswer) else getattr(example, "label", "")
    return SpannedText(text, spans, [], title, note, example.source)


def pieces(tokenizer: Any, text: str) -> list[tuple[str, int, int]]:
    """(piece, first character, end) of every token, by a `tokenizers` or a transformers tokenizer."""
    if hasattr(tokenizer, "encode_batch"):
        encoded = tokenizer.encode(text, add_special_tokens=False)
        return [(piece, begin, end) for piece, (begin, end) in zip(encoded.tokens, encoded.offsets, strict=True)]
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False)
    names = tokenizer.convert_ids_to_tokens(found["input_ids"])
    return [(str(piece), int(at[0]), int(at[1])) for piece, at in zip(names, found["offset_mapping"], strict=True)]
