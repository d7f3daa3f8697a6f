"""Questions with answers in a context: SQuAD 1.1 and 2.0 JSON as it is found, and tables of the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from workbench.core.problem import InputError
from workbench.engine.text import columns
from workbench.engine.text import encoding as enc
from workbench.engine.text.examples import QuestionAnswer, SplitName
from workbench.engine.text.folders import Folder, Part
from workbench.engine.text.rowlog import RowLog, refuse_fault
from workbench.engine.text.tables import SNIFF_ROWS, Table, load_json

Tables = Callable[[Part, Folder, str], Iterator[Table]]


def questions_file(part: Part, folder: Folder, log: RowLog, tables: Tables) -> Iterator[QuestionAnswer]:
    """The questions of a part: nested SQuAD JSON, or any table with question, context and answers."""
    for path in part.paths:
        document = _nested(path, log.field)
        if document is None:
            yield from (
                one
                for table in tables(Part((path,), part.split), folder, log.field)
                for one in _table(table, log, part.split)
            )
        else:
            yield from _articles(document, path, log, part.split)


def _nested(path: Path, field: str) -> Any:
    """The document when it is SQuAD's nesting (data → paragraphs → qas), else None."""
    with enc.reading(path, field):
        with path.open("rb") as file:
            head = file.read(4096).lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0")
        if not head.startswith(b"{"):
            return None
        try:
            document = load_json(path, enc.detect(path, field=field), field)
        except ValueError:
            if path.suffix.lower() == ".json" and b'"paragraphs"' in head:
                raise
            return None
    articles = document.get("data") if isinstance(document, dict) else None
    nested = isinstance(articles, list) and articles and isinstance(articles[0], dict) and "paragraphs" in articles[0]
    return articles if nested else None


def _articles(articles: list[Any], path: Path, log: RowLog, split: SplitName) -> Iterator[QuestionAnswer]:
    number = 0
    for article in articles:
        for paragraph in _listed(article, "paragraphs"):
            context = paragraph.get("context") if isinstance(paragraph, dict) else None
            for asked in _listed(paragraph, "qas"):
                if isinstance(asked, dict) and isinstance(context, str):
                    impossible = asked.get("is_impossible") is True
                    answers = _answers(asked.get("answers"))
                    found = Asked(number, asked.get("question"), context, answers, impossible, asked.get("id"))
                    one = _checked(found, log, split)
                    if one is not None:
                        yield one
                else:
                    log.leave_out(number, "has no context")
                number += 1
    if number == 0:
        raise InputError(
            "This SQuAD file holds no questions.",
            expected='"data" → "paragraphs" → "qas"',
            received=f"{len(articles)} articles without questions",
            fix="Choose another file.",
            field=log.field,
            place=str(path),
        )


def _listed(holder: Any, key: str) -> list[Any]:
    found = holder.get(key) if isinstance(holder, dict) else None
    return found if isinstance(found, list) else []


def _answers(given: Any) -> list[tuple[Any, Any]]:
    """(start, text) pairs, from a list of objects, from lists side by side, or from a bare text."""
    if isinstance(given, dict):
        starts, texts = given.get("answer_start"), given.get("text")
        if isinstance(starts, list) and isinstance(texts, list):
            return list(zip(starts, texts, strict=False))
        return [(starts, texts)] if texts else []
    if isinstance(given, list):
        return [(one.get("answer_start"), one.get("text")) for one in given if isinstance(one, dict)]
    return [(None, given)] if isinstance(given, str) and given.strip() else []


def _table(table: Table, log: RowLog, split: SplitName) -> Iterator[QuestionAnswer]:
    guesses = columns.guess(table, table.head(SNIFF_ROWS))
    roles = ("question_column", "context_column", "answer_column")
    missing = [role.removesuffix("_column") for role in roles if role not in guesses]
    if missing:
        raise InputError(
            "This is not a file of questions and answers.",
            expected="SQuAD JSON, or columns question, context and answers",
            received="the columns " + ", ".join(map(repr, table.columns[:20])),
            fix="Name the columns question, context and answers, or choose another file.",
            field=log.field,
            place=str(table.path),
        )
    places = [table.columns.index(guesses[role]) for role in roles]
    id_at = table.columns.index("id") if "id" in table.columns else -1
    for row in table.rows():
        if row.problem:
            log.leave_out(row.number, row.problem)
            continue
        question, context, given = (row.values[at] for at in places)
        id_ = row.values[id_at] if id_at >= 0 else row.number
        asked = Asked(row.number, question, context, _answers(given), not _answers(given), id_)
        one = _checked(asked, log, split)
        if one is not None:
            yield one


class Asked(NamedTuple):
    """A question as the file has it, nothing checked yet."""

    number: int
    question: Any
    context: Any
    given: list[tuple[Any, Any]]
    impossible: bool
    id: Any


def _checked(asked: Asked, log: RowLog, split: SplitName) -> QuestionAnswer | None:
    """The example with its answers found in the context, or None with the reason in the log."""
    number, question, context, given, impossible, id_ = asked
    question = question.strip() if isinstance(question, str) else ""
    if not question or not isinstance(context, str) or not context.strip():
        log.leave_out(number, "has no question or no context")
        return None
    if fault := enc.fault(question + context):
        refuse_fault(log, number, fault)
        return None
    placed = [_placed(start, text, context) for start, text in given if isinstance(text, str) and text.strip()]
    answers = tuple(dict.fromkeys(one for one in placed if one is not None))
    if not answers and not impossible:
        log.leave_out(number, "has an answer that does not stand in its context" if placed else "has no answer")
        return None
    name = str(id_) if id_ is not None else str(number)
    return QuestionAnswer(question, context, answers if not impossible else (), impossible, name, number, split)


def _placed(start: Any, text: str, context: str) -> tuple[int, str] | None:
    """Where an answer stands: at the given character (a number, or a number as text), or nearest to it."""
    try:
        at = int(start)
    except (TypeError, ValueError):
        at = -1
    if at >= 0 and context[at : at + len(text)] == text:
        return at, text
    text = text.strip()
    found = list(_occurrences(text, context))
    if not found or (at < 0 and len(found) > 1):
        # Without a start, an answer that occurs twice would be a guess.
        return None
    return min(found, key=lambda hit: abs(hit - at)), text


def _occurrences(text: str, context: str) -> Iterator[int]:
    at = context.find(text)
    while at >= 0:
        yield at
        at = context.find(text, at + 1)
