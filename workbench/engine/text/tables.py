"""Rows and columns of any table file, one row at a time: CSV, TSV, JSON lines, JSON, Parquet, Arrow."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine.text import encoding as enc

SNIFF_ROWS = 200
SNIFF_CHARACTERS = 200_000
LARGEST_JSON_BYTES = 512 << 20
LARGEST_FIELD = 2_000_000
MOST_COLUMNS = 2_000


class Row(NamedTuple):
    """A row's number from 0, its values in the columns' order, and what is wrong with its shape."""

    number: int
    values: Sequence[Any]
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """A file that can be walked row by row, as often as wanted."""

    path: Path
    format: str
    detail: str
    columns: list[str]
    walk: Callable[[], Iterator[Row]]
    names: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    """Column → class names, where the file says what its integers stand for."""
    row_count: int = -1
    field: str = "data"

    def rows(self) -> Iterator[Row]:
        """Every row; raises InputError on the table's field when the file turns out damaged."""
        with enc.reading(self.path, self.field):
            yield from self.walk()

    def head(self, count: int) -> list[Row]:
        """The first rows."""
        return list(itertools.islice(self.rows(), count))


def open_table(path: Path, *, field: str = "data") -> Table:
    """Look at a file's bytes and open it as a table; the name only decides between like formats.

    Raises InputError when it is empty, binary, has no rows, or over two thousand columns.
    """
    table = _opened(path, field)
    if len(table.columns) > MOST_COLUMNS:
        raise InputError(
            "This table has too many columns to be one of texts.",
            expected=f"at most {spaced(MOST_COLUMNS)} columns",
            received=spaced(len(table.columns)),
            fix="Keep the columns with the text and the label.",
            field=field,
            place=str(path),
        )
    return table


def _opened(path: Path, field: str) -> Table:
    with enc.reading(path, field):
        with path.open("rb") as file:
            magic = file.read(8)
        if magic.startswith(b"PAR1"):
            return _parquet(path, field)
        if magic.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
            return arrow_files([path], field)
        encoding = enc.detect(path, field=field)
        first = _first_character(path, encoding)
        if first in "[{" and first and (path.suffix.lower() not in (".csv", ".tsv") or _is_json_line(path, encoding)):
            return _json(path, encoding, field, first)
        return _delimited(path, encoding, field)


def _first_character(path: Path, encoding: enc.Encoding) -> str:
    with enc.open_text(path, encoding) as file:
        return file.read(4096).lstrip()[:1]


def _is_json_line(path: Path, encoding: enc.Encoding) -> bool:
    with enc.open_text(path, encoding) as file:
        line = file.readline(enc.LONGEST_LINE)
    try:
        return isinstance(msgspec.json.decode(line.encode("utf-8", "replace")), dict | list) or line.strip() == "["
    except msgspec.DecodeError:
        return line.strip() in ("[", "{")


# Delimited text


class Dialect(NamedTuple):
    """How fields are set apart; `quoted` is False where quotation marks are plain letters."""

    delimiter: str
    quoted: bool

    @property
    def title(self) -> str:
        """As shown to a person."""
        named = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar", "\0": "one column"}[self.delimiter]
        return named + ("" if self.quoted else ", quotation marks kept")


def read_delimited(source: Iterator[str], dialect: Dialect) -> Iterator[list[str]]:
    """Records of delimited text; blank lines are left out."""
    if dialect.delimiter == "\0":
        yield from ([line.rstrip("\r\n")] for line in source if line.strip())
        return
    csv.field_size_limit(LARGEST_FIELD)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE
    for record in csv.reader(source, delimiter=dialect.delimiter, quoting=quoting):
        if record:
            yield record


def sniff_dialect(text: str, suffix: str) -> Dialect:
    """The delimiter and quoting under which the rows agree best on their number of fields."""
    best, best_score = Dialect("\0", quoted=False), 0.0
    for delimiter, favour in (("\t", 1.2 if suffix == ".tsv" else 1.05), (",", 1.0), (";", 1.0), ("|", 0.9)):
        for quoted in (True, False):
            score = _agreement(text, Dialect(delimiter, quoted)) * favour * (1.0 if quoted else 0.97)
            if score > best_score:
                best, best_score = Dialect(delimiter, quoted), score
    return best if best_score >= 0.5 else Dialect("\0", quoted=False)


def _agreement(text: str, dialect: Dialect) -> float:
    """The share of lines that records of the commonest width (over one) account for."""
    try:
        records = list(itertools.islice(read_delimited(iter(io.StringIO(text, newline="")), dialect), SNIFF_ROWS))
    except csv.Error:
        return 0.0
    widths = Counter(len(record) for record in records)
    if not widths:
        return 0.0
    width, count = max(widths.items(), key=lambda pair: (pair[1] * (pair[0] > 1), pair[0]))
    if width < 2:
        return 0.0
    # A quotation mark that opens by accident swallows lines: text with line ends in it costs a little.
    swallowed = sum(field.count("\n") for record in records for field in record)
    return (
        count
        / len(records)
        / (1 + 0.02 * swallowed / len(records))
        * (0.6 if len(records) == 1 < text.count("\n") else 1)
    )


def _delimited(path: Path, encoding: enc.Encoding, field: str) -> Table:
    with enc.open_text(path, encoding) as file:
        look = file.read(SNIFF_CHARACTERS)
    whole = len(look) < SNIFF_CHARACTERS
    look = look if whole else look[: look.rfind("\n") + 1] or look
    dialect = sniff_dialect(look, path.suffix.lower())
    records = list(itertools.islice(read_delimited(iter(io.StringIO(look, newline="")), dialect), SNIFF_ROWS))
    if not records:
        raise _no_rows(path, field)
    header = has_header(records)
    width = Counter(map(len, records)).most_common(1)[0][0]
    columns = _named(records[0], width) if header else [f"column {at + 1}" for at in range(width)]

    def walk() -> Iterator[Row]:
        with enc.open_text(path, encoding) as file:
            found = read_delimited(enc.lines(file, field=field, place=str(path)), dialect)
            for number, values in enumerate(itertools.islice(found, int(header), None)):
                wrong = f"has {len(values)} fields instead of {len(columns)}" if len(values) != len(columns) else ""
                yield Row(number, values, wrong)

    kind = "TSV" if dialect.delimiter == "\t" else "CSV" if dialect.delimiter != "\0" else "One text a line"
    detail = f"{kind}, {dialect.title}, {encoding.title}, {'with' if header else 'without'} a header"
    count = len(records) - header if whole and len(records) < SNIFF_ROWS else -1
    return Table(path, kind, detail, columns, walk, row_count=count, field=field)


def _named(names: list[str], width: int) -> list[str]:
    """A header's names, made unique, with names for columns that it forgot."""
    names = [name.strip() for name in names] + [""] * (width - len(names))
    seen: Counter[str] = Counter()
    unique = []
    for at, given in enumerate(names):
        name = given or f"column {at + 1}"
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unique


def has_header(records: Sequence[Sequence[str]]) -> bool:
    """Whether the first record names the columns.

    It does when it uses a name that data sets use; it does not when it holds a number, a long
    text, or a value that the same column has again in the rows below.
    """
    from workbench.engine.text.columns import KNOWN_NAMES

    first = [value.strip() for value in records[0]]
    if any(value.lower() in KNOWN_NAMES for value in first) and all(len(value) <= 60 for value in first):
        return True
    if len(records) < 2 or len(set(first)) < len(first) or not all(0 < len(value) <= 40 for value in first):
        return False
    if len(first) == 1 or any(_is_number(value) for value in first):
        return False
    rest = [record for record in records[1:] if len(record) == len(first)]
    for at, value in enumerate(first):
        below = [record[at].strip() for record in rest]
        if value in below or (below and len(set(below)) <= max(2, len(below) // 2) and len(value) > 25):
            return False
    return any(_is_number(record[at]) for record in rest[:20] for at in range(len(first))) or _texts_are_longer(
        first, rest
    )


def _texts_are_longer(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    lengths = [sum(len(record[at]) for record in rest) / max(len(rest), 1) for at in range(len(first))]
    longest = max(range(len(first)), key=lengths.__getitem__)
    return " " not in first[longest] and lengths[longest] > 2 * len(first[longest])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# JSON


def _json(path: Path, encoding: enc.Encoding, field: str, first: str) -> Table:
    if _looks_like_lines(path, encoding, first):
        return _json_lines(path, encoding, field)
    document = load_json(path, encoding, field)
    if isinstance(document, dict):
        lists = {name: value for name, value in document.items() if isinstance(value, list) and value}
        records = next((value for value in lists.values() if isinstance(value[0], dict)), None)
        if records is None and lists and len({len(value) for value in lists.values()}) == 1:
            records = [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
        document = records
    if not isinstance(document, list) or not document:
        raise InputError(
            "This JSON holds no rows.",
            expected='a list of objects such as [{"text": "…", "label": "…"}]',
            received="something else",
            fix="Write a list of objects, or one object a line (JSON lines).",
            field=field,
            place=str(path),
        )
    rows: list[Any] = document
    columns = _keys(rows[:SNIFF_ROWS])
    return Table(
        path, "JSON", f"JSON, {encoding.title}", columns,
        lambda: (_object_row(at, row, columns) for at, row in enumerate(rows)), row_count=len(rows), field=field,
    )  # fmt: skip


def _looks_like_lines(path: Path, encoding: enc.Encoding, first: str) -> bool:
    if first != "{":
        return False
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return True
    with enc.open_text(path, encoding) as file:
        opening = list(
            itertools.islice((line for line in iter(lambda: file.readline(enc.LONGEST_LINE), "") if line.strip()), 2)
        )
    try:
        return len(opening) == 2 and all(isinstance(_decode(line), dict) for line in opening)
    except (msgspec.DecodeError, ValueError):
        return False


def load_json(path: Path, encoding: enc.Encoding, field: str) -> Any:
    """A whole JSON document; raises InputError over half a gigabyte, which only JSON lines can stream."""
    if path.stat().st_size > LARGEST_JSON_BYTES:
        raise InputError(
            "This JSON file is too large to be read in one piece.",
            expected=f"at most {LARGEST_JSON_BYTES >> 20} MB, or JSON lines of any size",
            received=f"{path.stat().st_size >> 20} MB",
            fix="Save it as JSON lines (one object a line), CSV or Parquet.",
            field=field,
            place=str(path),
        )
    if encoding.name.startswith("utf-8"):
        return msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    return msgspec.json.decode(path.read_text(encoding=encoding.name))


def _decode(line: str) -> Any:
    try:
        return msgspec.json.decode(line.encode("utf-8"))
    except msgspec.DecodeError:
        return json.loads(line)  # accepts NaN, as Python and pandas write it


def _json_lines(path: Path, encoding: enc.Encoding, field: str) -> Table:
    def records() -> Iterator[tuple[int, Any, str]]:
        with enc.open_text(path, encoding) as file:
            filled = (line for line in enc.lines(file, field=field, place=str(path)) if line.strip())
            for number, line in enumerate(filled):
                try:
                    yield number, _decode(line), ""
                except UnicodeEncodeError:
                    yield number, None, "is not valid in the file's encoding"
                except (msgspec.DecodeError, ValueError, RecursionError):
                    yield number, None, "holds a NUL byte" if "\0" in line else "is not a JSON object"

    opening = list(itertools.islice(records(), SNIFF_ROWS))
    columns = _keys([record for _, record, _ in opening])
    if not columns:
        raise _no_objects(path, field, opening) if opening else _no_rows(path, field)

    def walk() -> Iterator[Row]:
        for number, record, wrong in records():
            yield Row(number, (), wrong) if wrong else _object_row(number, record, columns)

    return Table(path, "JSON lines", f"JSON lines, {encoding.title}", columns, walk, field=field)


def _no_objects(path: Path, field: str, opening: Sequence[tuple[int, Any, str]]) -> InputError:
    number, _, wrong = opening[0]
    return InputError(
        "The file holds no JSON objects.",
        expected='one object a line, such as {"text": "…", "label": "…"}',
        received=f"line {number + 1} {wrong or 'is not a JSON object'}, nor is any of the first {spaced(len(opening))}"
        if len(opening) > 1
        else f"one line, which {wrong or 'is not a JSON object'}",
        fix="Check that the file is complete, and write one whole object on each line.",
        field=field,
        place=str(path),
    )


def _keys(records: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(str(key) for record in records if isinstance(record, dict) for key in record))


def _object_row(number: int, record: Any, columns: Sequence[str]) -> Row:
    if not isinstance(record, dict):
        return Row(number, (), "is not a JSON object")
    return Row(number, [record.get(name) for name in columns])


# Parquet and Arrow


def _parquet(path: Path, field: str) -> Table:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema, count = file.schema_arrow, file.metadata.num_rows
    columns = list(schema.names)

    def walk() -> Iterator[Row]:
        with pq.ParquetFile(path) as file:
            yield from _batches(file.iter_batches(batch_size=512), columns)

    detail = f"Parquet, {spaced(count)} rows"
    return Table(path, "Parquet", detail, columns, walk, class_names(schema), row_count=count, field=field)


def arrow_files(paths: Sequence[Path], field: str = "data") -> Table:
    """Arrow files or streams (the shards of a data set on disk) as one table, memory-mapped."""
    import pyarrow as pa

    def reader(path: Path) -> tuple[Any, Iterator[Any]]:
        source = pa.memory_map(str(path), "r")
        if source.read(6) == b"ARROW1":
            file = pa.ipc.open_file(source)
            return file.schema, (file.get_batch(at) for at in range(file.num_record_batches))
        source.seek(0)
        stream = pa.ipc.open_stream(source)
        return stream.schema, iter(stream)

    with enc.reading(paths[0], field):
        schema = reader(paths[0])[0]
        columns, classes = list(schema.names), class_names(schema)  # a damaged name cannot be decoded

    def walk() -> Iterator[Row]:
        pieces = (piece for path in paths for batch in reader(path)[1] for piece in _small(batch))
        return _batches(pieces, columns)

    return Table(paths[0], "Arrow", f"Arrow, {len(paths)} file(s)", columns, walk, classes, field=field)


def _small(batch: Any) -> Iterator[Any]:
    for at in range(0, batch.num_rows, 512):
        yield batch.slice(at, 512)


def _batches(batches: Iterator[Any], columns: Sequence[str]) -> Iterator[Row]:
    number = 0
    for batch in batches:
        batch.validate(full=True)
        for values in zip(*(batch.column(at).to_pylist() for at in range(len(columns))), strict=True):
            yield Row(number, values)
            number += 1


def class_names(schema: Any) -> dict[str, list[str]]:
    """Column → class names, from the features that the datasets library writes into a schema."""
    try:
        stored = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = stored.get("info", {}).get("features", {})
        return class_names_of(features)
    except (ValueError, AttributeError):
        return {}


def class_names_of(features: Any) -> dict[str, list[str]]:
    """Column → class names of a `features` description, lists of classes included."""
    found = {}
    for name, described in features.items() if isinstance(features, dict) else ():
        feature = described[0] if isinstance(described, list) and described else described
        inner = feature.get("feature", feature) if isinstance(feature, dict) else {}
        if isinstance(inner, dict) and isinstance(inner.get("names"), list):
            found[name] = [str(one) for one in inner["names"]]
    return found


def _no_rows(path: Path, field: str) -> InputError:
    return InputError(
        "The file holds no rows.",
        expected="one example a row",
        received="nothing but blank lines",
        fix="Choose another file, or export this one again.",
        field=field,
        place=str(path),
    )
