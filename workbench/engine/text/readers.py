"""The readers: any supported file, folder or sample as labelled texts, tagged sentences, questions or lines.

Each takes an address (`sample:NAME`, a file or a folder) and returns Loaded. Rows that cannot be
used are listed in its problems; a file that cannot be trusted raises one InputError on the field
at fault: the slot (`data`), or the knob that names the column.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine.text import columns, samples, textstore
from workbench.engine.text import encoding as enc
from workbench.engine.text.conll import tagged_file
from workbench.engine.text.examples import LabelledText, Loaded, QuestionAnswer, TaggedSentence, label_counts
from workbench.engine.text.folders import Folder, Part, look
from workbench.engine.text.rowlog import RowLog, refuse_fault
from workbench.engine.text.squad import questions_file
from workbench.engine.text.tables import SNIFF_ROWS, Row, Table, arrow_files, open_table

IN_MEMORY_BYTES = 64 << 20
"""Files beyond this size go through a store on disk."""

LONGEST_WORDS = 5_000
LONG_WORDS = 1_000
MOST_LABELS = 1_000
T = TypeVar("T", LabelledText, TaggedSentence, QuestionAnswer)


def load_labelled(
    address: str,
    *,
    text_column: str = "",
    label_column: str = "",
    seed: int = 0,
    limit: int = 0,
    field: str = "data",
) -> Loaded[LabelledText]:
    """Texts with one class each. A `limit` keeps a random share (seeded) of a larger file.

    Raises InputError: on `text_column` or `label_column` for a missing column, on `field` for a
    file that is empty, damaged, of mixed encodings, of one class only, or holds a document of
    over 5,000 words; where test has a label that train lacks, `split` says so.
    """
    if address.startswith(samples.PREFIX):
        return _of_kind(samples.load(address, seed=seed, limit=limit, field=field), LabelledText, field)
    folder = look(Path(address), field=field)
    facts = (*_stamps(folder), text_column, label_column)
    large = not limit and _size(folder) > IN_MEMORY_BYTES
    if large and (known := textstore.existing(*facts)):
        return Loaded(known[0], known[1].problems, known[1].detail, known[1].problem_count)
    log, details = RowLog(field=field, place=address), list[str]()
    found = labelled_rows(folder, {"text_column": text_column, "label_column": label_column}, log, details)
    examples = _gathered(found, limit, seed, facts if large else ())
    log.judge(len(examples))
    _check_labels(examples, label_column, field, address)
    detail = f"{spaced(len(examples))} texts, {len(label_counts(examples))} classes; {details[0]}"
    if isinstance(examples, textstore.StoredTexts):
        textstore.note(examples, textstore.Notes(log.problems, log.count, detail))
    return Loaded(examples, log.problems, detail, log.count)


def _size(folder: Folder) -> int:
    return sum(path.stat().st_size for part in folder.parts for path in part.paths)


def _stamps(folder: Folder) -> list[str]:
    """What tells these files from others, and from themselves after a change."""
    files = [path for part in folder.parts for path in part.paths]
    return [f"{path.resolve()} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]


def _gathered(found: Iterator[LabelledText], limit: int, seed: int, facts: tuple[object, ...]) -> Any:
    """A random sample of `limit`, a store on disk where `facts` name one, or else a list."""
    if limit > 0:
        return _reservoir(found, limit, seed)
    return textstore.stored(found, *facts) if facts else list(found)


def _reservoir(found: Iterator[T], limit: int, seed: int) -> list[T]:
    """`limit` items drawn with equal chance in one pass, in their order."""
    kept = list(itertools.islice(found, limit))
    order = list(range(len(kept)))
    rng = np.random.default_rng(seed)
    for at, one in enumerate(found, start=limit):
        slot = int(rng.integers(at + 1))
        if slot < limit:
            kept[slot], order[slot] = one, at
    return [kept[slot] for slot in np.argsort(order)]


def labelled_rows(folder: Folder, chosen: Mapping[str, str], log: RowLog, details: list[str]) -> Iterator[LabelledText]:
    for part in folder.parts:
        if part.label:
            details += [folder.detail]
            yield from _class_texts(part, log)
            continue
        for table in tables_of(part, folder, log.field):
            details += [f"{folder.detail}; {table.detail}" if folder.detail else table.detail]
            yield from _labelled_table(table, chosen, log, part)


def tables_of(part: Part, folder: Folder, field: str) -> Iterator[Table]:
    """The tables of a part: Arrow shards as one, other files one by one."""
    if part.paths[0].suffix == ".arrow":
        opened = [arrow_files(part.paths, field)]
    else:
        opened = [open_table(path, field=field) for path in part.paths]
    for table in opened:
        table.names.update({name: value for name, value in folder.names.items() if name not in table.names})
        yield table


def _class_texts(part: Part, log: RowLog) -> Iterator[LabelledText]:
    for at, path in enumerate(part.paths):
        with enc.reading(path, log.field):
            if path.stat().st_size == 0:
                log.leave_out(at, f"({path.name}) is empty")
                continue
            with enc.open_text(path, enc.detect(path, field=log.field)) as file:
                text = " ".join(file.read(enc.LONGEST_LINE).split())
        if usable_text(text, at, log):
            yield LabelledText(text, part.label, at, part.split)


def _labelled_table(table: Table, chosen: Mapping[str, str], log: RowLog, part: Part) -> Iterator[LabelledText]:
    guesses = columns.guess(table, table.head(SNIFF_ROWS))
    text_at = columns.place_of(table, "text_column", chosen["text_column"], guesses)
    label_at = columns.place_of(table, "label_column", chosen["label_column"], guesses)
    names = table.names.get(table.columns[label_at], [])
    for row in table.rows():
        if row.problem:
            refuse_row(row, log)
            continue
        text, label = columns.as_text(row.values[text_at]), columns.as_text(row.values[label_at])
        if not usable_text(text, row.number, log) or not _usable_label(label, row.number, log):
            continue
        yield LabelledText(text, named(label, names), row.number, part.split)


def refuse_row(row: Row, log: RowLog) -> None:
    """Log a row whose shape is wrong; faults of characters condemn the file."""
    fault = next((fault for value in row.values if (fault := enc.fault(str(value)))), "")
    if fault or "NUL" in row.problem or "encoding" in row.problem:
        refuse_fault(log, row.number, fault or row.problem)
    else:
        log.leave_out(row.number, row.problem)


def usable_text(text: str, row: int, log: RowLog) -> bool:
    """Whether a text can be learned from; says in the log why not."""
    if not text:
        log.leave_out(row, "has an empty text")
        return False
    fault = enc.fault(text)
    if fault:
        refuse_fault(log, row, fault)
        return False
    words = text.count(" ") + 1 if len(text) > LONG_WORDS else 0
    if words > LONGEST_WORDS:
        fix = "Split long documents into paragraphs; where it is not one text, check the file's quotation marks."
        what = f"holds a document of {spaced(words)} words"
        log.refuse(row, what, expected=f"texts of at most {spaced(LONGEST_WORDS)} words", fix=fix)
        return False
    if words > LONG_WORDS:
        log.cut(row, f"has {spaced(words)} words; a model reads only the first few hundred")
    return True


def _usable_label(label: str, row: int, log: RowLog) -> bool:
    if not label:
        log.leave_out(row, "has no label")
    elif fault := enc.fault(label):
        refuse_fault(log, row, fault)
    return bool(label) and not fault_in(label)


def fault_in(text: str) -> bool:
    """Whether a piece of text holds a NUL or bytes that its encoding does not know."""
    return bool(enc.fault(text))


def named(label: str, names: list[str]) -> str:
    """The class name that an integer stands for, where the file says so."""
    return names[int(label)] if names and label.isdigit() and int(label) < len(names) else label


def _check_labels(examples: Any, label_column: str, field: str, place: str) -> None:
    counts = label_counts(examples)
    if len(counts) >= 2 and len(counts) <= max(2, min(MOST_LABELS, len(examples) // 2)):
        return
    if len(counts) == 1:
        what, expected = "There is one class only.", "at least two different labels"
        received = f"every row has the label {next(iter(counts))!r}"
    else:
        what, expected = (
            "The labels do not repeat as classes do.",
            f"2 to {spaced(MOST_LABELS)} classes with several rows each",
        )
        received = f"{spaced(len(counts))} different labels in {spaced(len(examples))} rows"
    raise InputError(
        what,
        expected=expected,
        received=received,
        fix="Choose another label column, or data with several classes.",
        field="label_column" if label_column else field,
        place=place,
    )


def load_tagged(
    address: str,
    *,
    tokens_column: str = "",
    tags_column: str = "",
    seed: int = 0,
    limit: int = 0,
    field: str = "data",
) -> Loaded[TaggedSentence]:
    """Words with tags: CoNLL-2003/IOB2 files, word-and-tag lines, or tables with lists of both.

    For CoNLL files `tags_column` is a number of a column from 1 (default: the last). Raises
    InputError on the field or the column knob at fault.
    """
    if address.startswith(samples.PREFIX):
        return _of_kind(samples.load(address, seed=seed, limit=limit, field=field), TaggedSentence, field)
    folder = look(Path(address), field=field)
    log = RowLog(field=field, place=address)
    details: list[str] = []
    chosen = {"tokens_column": tokens_column, "tags_column": tags_column}
    found = (one for part in folder.parts for one in tagged_part(part, folder, chosen, log, details))
    examples = _reservoir(found, limit, seed) if limit > 0 else list(found)
    log.judge(len(examples), unit="line")
    if not any(tag != "O" for one in examples for tag in one.tags):
        raise _one_tag(examples, tags_column, field, address)
    words = sum(len(one.tokens) for one in examples)
    return Loaded(
        examples, log.problems, f"{spaced(len(examples))} sentences, {spaced(words)} words; {details[0]}", log.count
    )


def tagged_part(
    part: Part, folder: Folder, chosen: Mapping[str, str], log: RowLog, details: list[str]
) -> Iterator[TaggedSentence]:
    if not is_table(part.paths[0], log.field):
        for path in part.paths:
            details += [f"{folder.detail}; CoNLL" if folder.detail else "CoNLL"]
            yield from tagged_file(path, log, tags_column=chosen["tags_column"], split=part.split)
        return
    for table in tables_of(part, folder, log.field):
        details += [table.detail]
        guesses = columns.guess(table, table.head(SNIFF_ROWS))
        tokens_at = columns.place_of(table, "tokens_column", chosen["tokens_column"], guesses)
        tags_at = columns.place_of(table, "tags_column", chosen["tags_column"], guesses)
        names = table.names.get(table.columns[tags_at], [])
        for row in table.rows():
            tokens, tags = (row.values[at] if not row.problem else () for at in (tokens_at, tags_at))
            if row.problem:
                refuse_row(row, log)
            elif not isinstance(tokens, list) or not isinstance(tags, list) or len(tokens) != len(tags) or not tokens:
                log.leave_out(row.number, "has not one tag for each word")
            elif fault := enc.fault(" ".join(map(str, tokens))):
                refuse_fault(log, row.number, fault)
            else:
                words = tuple(str(one) for one in tokens)
                marks = tuple(named(str(one), names) for one in tags)
                yield TaggedSentence(words, marks, (), row.number, part.split)


def is_table(path: Path, field: str) -> bool:
    """Whether a file is JSON, Parquet or Arrow rather than lines of words and tags."""
    with enc.reading(path, field), path.open("rb") as file:
        head = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith((b"PAR1", b"ARROW1", b"\xff\xff\xff\xff", b"{", b'[{"', b"[\n"))


def _one_tag(examples: list[TaggedSentence], tags_column: str, field: str, place: str) -> InputError:
    return InputError(
        "No word has a tag other than O.",
        expected="entities tagged B-… and I-…, or a tag for each word",
        received=f"{spaced(len(examples))} sentences without one",
        fix="Check which column holds the tags, or choose other data.",
        field="tags_column" if tags_column else field,
        place=place,
    )


def load_questions(address: str, *, seed: int = 0, limit: int = 0, field: str = "data") -> Loaded[QuestionAnswer]:
    """Questions on contexts: SQuAD 1.1/2.0 JSON, or tables with question, context and answers.

    Raises InputError when there is no such structure, or when answers do not stand in their contexts.
    """
    if address.startswith(samples.PREFIX):
        return _of_kind(samples.load(address, seed=seed, limit=limit, field=field), QuestionAnswer, field)
    folder = look(Path(address), field=field)
    log = RowLog(field=field, place=address)
    found = (one for part in folder.parts for one in question_part(part, folder, log))
    examples = _reservoir(found, limit, seed) if limit > 0 else list(found)
    log.judge(len(examples), unit="question")
    contexts = len({one.context for one in examples})
    detail = f"{spaced(len(examples))} questions on {spaced(contexts)} contexts"
    return Loaded(examples, log.problems, f"{detail}; {folder.detail}" if folder.detail else detail, log.count)


def question_part(part: Part, folder: Folder, log: RowLog) -> Iterator[QuestionAnswer]:
    """The questions of one part, row by row."""
    return questions_file(part, folder, log, tables_of)


def load_plain(address: str, *, limit: int = 0, seed: int = 0, field: str = "data") -> Loaded[LabelledText]:
    """Lines of plain text, or the text column of a table, without labels."""
    if address.startswith(samples.PREFIX):
        found = samples.load(address, seed=seed, limit=limit, field=field)
        return Loaded([LabelledText(one.text, "", one.source, one.split) for one in found.examples], [], found.detail)
    folder = look(Path(address), field=field)
    log = RowLog(field=field, place=address)
    texts = (one for part in folder.parts for one in plain_part(part, folder, log))
    large = not limit and _size(folder) > IN_MEMORY_BYTES
    examples = _gathered(texts, limit, seed, (*_stamps(folder), "plain") if large else ())
    log.judge(len(examples), unit="line")
    return Loaded(examples, log.problems, f"{spaced(len(examples))} lines of text", log.count)


def plain_part(part: Part, folder: Folder, log: RowLog) -> Iterator[LabelledText]:
    if part.label or part.paths[0].suffix.lower() in (".txt", ""):
        yield from (one for path in part.paths for one in _plain_file(path, part, log))
        return
    for table in tables_of(part, folder, log.field):
        at = columns.place_of(table, "text_column", "", columns.guess(table, table.head(SNIFF_ROWS)))
        for row in table.rows():
            if row.problem:
                refuse_row(row, log)
            elif usable_text(text := columns.as_text(row.values[at]), row.number, log):
                yield LabelledText(text, "", row.number, part.split)


def _plain_file(path: Path, part: Part, log: RowLog) -> Iterator[LabelledText]:
    with enc.reading(path, log.field), enc.open_text(path, enc.detect(path, field=log.field)) as file:
        for at, line in enumerate(enc.lines(file, field=log.field, place=str(path))):
            if (text := line.strip()) and usable_text(text, at, log):
                yield LabelledText(text, "", at, part.split)


def _of_kind(found: Loaded[Any], kind: type[T], field: str) -> Loaded[T]:
    if isinstance(found.examples[0], kind):
        return found
    raise InputError(
        "This sample is of another kind.",
        expected={"LabelledText": "texts with labels", "TaggedSentence": "words with tags"}.get(
            kind.__name__, "questions on contexts"
        ),
        received=found.detail,
        fix="Choose another sample, or the task that fits this one.",
        field=field,
    )


def read(
    address: str,
    *,
    task: str = "classify",
    chosen: Mapping[str, str] | None = None,
    field: str = "data",
    limit: int = 0,
) -> Loaded[Any]:
    """Load by task: 'classify', 'tag', 'answer' or 'plain'; `chosen` maps column knobs to columns."""
    pick = {name: value for name, value in (chosen or {}).items() if value}.get
    if task == "tag":
        tokens, tags = pick("tokens_column", ""), pick("tags_column", "")
        return load_tagged(address, tokens_column=tokens, tags_column=tags, field=field, limit=limit)
    if task == "answer":
        return load_questions(address, field=field, limit=limit)
    if task == "plain":
        return load_plain(address, field=field, limit=limit)
    text, label = pick("text_column", ""), pick("label_column", "")
    return load_labelled(address, text_column=text, label_column=label, field=field, limit=limit)
