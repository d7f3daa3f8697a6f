"""`runs list`, and what people say about runs: tags, stars, notes; the trash and what is put back from it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from workbench.cli import output
from workbench.cli.output import duration, json_line, number, say, table, tell
from workbench.cli.parser import Namespace, stop_at
from workbench.core.job import Phase
from workbench.core.problem import InputError, did_you_mean
from workbench.store import trash
from workbench.store.columns import Column, better_end, columns_of, find_column, ordered, search, value_of
from workbench.store.home import Home, open_home
from workbench.store.index import Index, RunRow
from workbench.store.notes import change_notes, change_tags, read_notes
from workbench.store.runfolder import RunFolder, find_run

STATES = get_args(Phase)


def _home(asked: Namespace) -> Home:
    stop_at(asked.problems)
    return open_home(asked.home)


def list_(asked: Namespace) -> int:
    """`runs list`: newest first, or by any column; filtered by what was asked for."""
    home = _home(asked)
    index = Index(home.index, home.runs)
    rows = index.refresh()
    known = columns_of(rows)
    shown = [find_column(name.strip(), known) for name in asked.columns.split(",") if name.strip()]
    wanted = _sorted(_filtered(rows, asked), asked, known)[: asked.limit]
    if asked.json:
        for row in wanted:
            more = {"columns": {one.key: value_of(row, one.key) for one in shown}} if shown else {}
            json_line(_summary(row, home) | more)
    elif wanted:
        _table(wanted, shown)
    else:
        tell("No run is like that." if rows else "No runs yet. Try: workbench run berturk-nlu --preset smoke")
    for fault in index.faults:
        tell(f"Left out: {fault.id}: {fault.trouble}")
    return 0


def _filtered(rows: list[RunRow], asked: Namespace) -> list[RunRow]:
    if asked.state and asked.state not in STATES:
        raise InputError(
            "There is no such state.", expected=", ".join(STATES), received=asked.state,
            fix=did_you_mean(asked.state, STATES), field="--state",
        )  # fmt: skip
    tags = {one.casefold() for one in asked.tag}
    return [
        row
        for row in search(rows, asked.search)
        if (not asked.recipe or row.config.recipe == asked.recipe)
        and (not asked.state or row.phase == asked.state)
        and (not asked.starred or row.notes.star)
        and tags <= {one.casefold() for one in row.tags}
    ]


def _sorted(rows: list[RunRow], asked: Namespace, known: Mapping[str, Column]) -> list[RunRow]:
    if not asked.sort:
        return rows[::-1] if asked.reverse else rows
    column = find_column(asked.sort, known)
    return ordered(rows, column.key, descending=_best_is_high(column) != asked.reverse)


def _best_is_high(column: Column) -> bool:
    """Numbers begin with the best, moments with the newest, stars with the starred, words with a."""
    kind, _, name = column.key.partition(":")
    judged = kind in ("result", "best", "last") and better_end(name) != "low"
    return judged or column.key in ("started", "star", "steps", "time")


def _table(rows: list[RunRow], shown: list[Column]) -> None:
    if shown:
        lines = [[row.id, *(_text(value_of(row, one.key), one.key) for one in shown)] for row in rows]
        table(lines, ["run", *(one.title for one in shown)])
        return
    lines = [
        ["★" if row.notes.star else "", row.id, row.config.preset or row.config.arm or "own", row.state.phase,
         _spent(row), _numbers(row), ", ".join(row.tags), _short(row.title or row.notes.note)]
        for row in rows
    ]  # fmt: skip
    table(lines, ["", "run", "preset", "state", "time", "results", "tags", "note"])


def _text(value: Any, key: str) -> str:
    if value is None:
        return "–"
    if key == "started":
        return f"{dt.datetime.fromtimestamp(value):%Y-%m-%d %H:%M}"
    if key == "time":
        return duration(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else _short(str(value))


def _short(text: str, most: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _spent(row: RunRow) -> str:
    state = row.state
    return duration((state.ended_at or time.time()) - state.started_at) if state.started_at else "–"


def _numbers(row: RunRow) -> str:
    told: Mapping[str, float | None] = row.state.results or row.last
    return "  ".join(f"{name} {number(value, 3)}" for name, value in list(told.items())[:4])


def _summary(row: RunRow, home: Home) -> dict[str, Any]:
    return {
        "run": row.id,
        "recipe": row.config.recipe,
        "phase": row.state.phase,
        "created": row.config.created,
        "preset": row.config.preset,
        "seed": row.config.seed,
        "title": row.title,
        "tags": row.tags,
        "star": row.notes.star,
        "note": row.notes.note,
        "claim": row.config.claim,
        "arm": row.config.arm,
        "step": row.state.step,
        "results": row.state.results,
        "last": row.last,
        "highest": row.highest,
        "lowest": row.lowest,
        "folder": str(home.runs / row.id),
    }


def tag(asked: Namespace) -> int:
    """`runs tag RUN +a -b`: give and take tags; without any, say which it has."""
    folder = find_run(_home(asked).runs, asked.run)
    wrong = [word for word in asked.tags if word[:1] not in "+-" or len(word) < 2]
    if wrong:
        raise InputError(
            "A tag is given with + and taken with -.", expected="+TAG or -TAG", received=" ".join(wrong),
            fix=f"For example: workbench runs tag {asked.run} +{wrong[0]}", field="tag",
        )  # fmt: skip
    asked_for = folder.config().tags
    add, remove = ([word[1:] for word in asked.tags if word.startswith(sign)] for sign in "+-")
    notes = change_tags(folder.path, asked_for, add=add, remove=remove) if asked.tags else read_notes(folder.path)
    tags = asked_for if notes.tags is None else notes.tags
    return _told(asked, {"run": folder.id, "tags": tags}, f"{folder.id}: {', '.join(tags) or 'no tags'}")


def star(asked: Namespace) -> int:
    """`runs star RUN`: keep it at hand; --off takes the star away."""
    folder = find_run(_home(asked).runs, asked.run)
    change_notes(folder.path, star=not asked.off)
    return _told(
        asked, {"run": folder.id, "star": not asked.off}, f"{folder.id}: {'' if not asked.off else 'not '}starred"
    )


def note(asked: Namespace) -> int:
    """`runs note RUN TEXT`: replace its note; an empty text takes it away."""
    folder = find_run(_home(asked).runs, asked.run)
    notes = change_notes(folder.path, note=asked.text)
    return _told(asked, {"run": folder.id, "note": notes.note}, f"{folder.id}: {notes.note or 'no note'}")


def delete(asked: Namespace) -> int:
    """`runs delete RUN …`: into the home's trash."""
    home = _home(asked)
    gone = trash.discard(home, dict.fromkeys(_ours(home, name) for name in asked.runs))
    for one in gone:
        _told(
            asked, {"run": one.run, "trash": one.path}, f"Deleted {one.run}; 'workbench runs restore' brings it back."
        )
    return 0


def _ours(home: Home, name: str) -> str:
    """The id of a run of this home, also of a folder that has lost its run.json."""
    if name not in ("", ".", "..") and "/" not in name and (home.runs / name).is_dir():
        return name
    folder: RunFolder = find_run(home.runs, name)
    if folder.path.resolve().parent != home.runs:
        raise InputError(
            "This run is not in the history.", expected=f"a run in {home.runs}", received=str(folder.path),
            fix="Delete the folder yourself.", field="run",
        )  # fmt: skip
    return folder.id


def restore(asked: Namespace) -> int:
    """`runs restore RUN`: out of the trash; the one deleted last of those meant."""
    home = _home(asked)
    known = trash.discarded(home)
    meant = [one for one in known if one.run == asked.run] or [one for one in known if asked.run in one.run]
    if len({one.run for one in meant}) != 1:
        raise InputError(
            f"No single run in the trash is meant by {asked.run!r}.", expected="the id of a deleted run, or a part",
            received=_named(one.run for one in meant), fix="'workbench runs trash' shows them.", field="run",
        )  # fmt: skip
    folder = trash.restore(home, meant[-1])
    return _told(asked, {"run": folder.name, "folder": str(folder)}, f"{folder.name} is back.")


def _named(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    return f"{len(found)} matches" + (f": {', '.join(found[:5])}" if found else "")


def show_trash(asked: Namespace) -> int:
    """`runs trash`: what was deleted; --empty removes it for good."""
    home = _home(asked)
    if asked.empty:
        count = trash.empty(home)
        left = len(trash.discarded(home))
        _told(asked, {"removed": count, "left": left}, f"{count} removed for good.")
        return 1 if left else 0
    for one in trash.discarded(home):
        _told(asked, {"run": one.run, "trash": one.path}, one.run)
    if not asked.json and not trash.discarded(home):
        output.tell("The trash is empty.")
    return 0


def _told(asked: Namespace, document: dict[str, Any], words: str) -> int:
    json_line(document) if asked.json else say(words)
    return 0
