"""What people say about a run: notes.json in its folder, so that it travels with the run.

run.json is what was asked for and events.jsonl what happened; neither is touched. The file is
replaced in one step, a field at a time under a lock, so that two windows on one home keep each
other's words; fields that a newer program wrote are kept as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.problem import InputError, KnownTrouble

NAME = "notes.json"
LOCK = ".notes.lock"
MOST_BYTES = 1 << 20
LONGEST_TAG = 60
LOCK_WITHIN_S = 5.0
_KINDS: dict[str, Any] = {"title": str | None, "tags": tuple[str, ...] | None, "star": bool, "note": str}


class Notes(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person's words on a run; a title or tags of None were never said, so that run.json's hold."""

    title: str | None = None
    tags: tuple[str, ...] | None = None
    star: bool = False
    note: str = ""
    trouble: str = ""
    """What of the file could not be read; never written."""


def read_notes(folder: Path) -> Notes:
    """The notes of a run folder; what cannot be read is said in `trouble` and left alone on disk."""
    fields, trouble = _read(folder / NAME)
    return msgspec.structs.replace(_understood(fields)[0], trouble=trouble)


def change_notes(folder: Path, **changes: Any) -> Notes:
    """Set some fields (title, tags, star, note) and leave the others, in one step.

    A file that could not be read is set aside first. Raises KnownTrouble when nothing can be written.
    """
    return _change(folder, lambda _: changes)


def change_tags(folder: Path, current: Iterable[str], *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Notes:
    """Add and take away tags; `current` are those that hold while notes.json says none."""
    new, gone = [checked_tag(one) for one in add], {one.strip() for one in remove}

    def changed(notes: Notes) -> dict[str, Any]:
        held = dict.fromkeys([*(current if notes.tags is None else notes.tags), *new])
        return {"tags": [one for one in held if one not in gone]}

    return _change(folder, changed)


def _change(folder: Path, changed: Callable[[Notes], dict[str, Any]]) -> Notes:
    from filelock import FileLock, Timeout

    try:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is gone")
        with FileLock(folder / LOCK, timeout=LOCK_WITHIN_S):
            fields, trouble = _read(folder / NAME)
            if trouble:
                (folder / NAME).replace(folder / f"notes.garbled-{time.time_ns()}.json")
            notes, wrong = _understood(fields)
            kept = {name: value for name, value in fields.items() if name not in wrong}
            _write(folder / NAME, kept | changed(notes))
    except (OSError, Timeout) as error:
        raise KnownTrouble(
            "The note could not be saved.", expected=f"to write {NAME} in the run's folder", received=str(error),
            fix="Check that the run still exists, and free some space.", place=folder.name,
        ) from None  # fmt: skip
    return read_notes(folder)


def checked_tag(text: str) -> str:
    """A tag without blanks around it; raises InputError for what cannot be one."""
    tag = text.strip()
    if not tag or len(tag) > LONGEST_TAG or "," in tag or not tag.isprintable():
        raise InputError(
            "This cannot be a tag.", expected=f"1 to {LONGEST_TAG} characters without a comma or line break",
            received=repr(text[:80]), fix="Choose a shorter, plainer word.", field="tag",
        )  # fmt: skip
    return tag


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """The file's fields, and what is wrong with it; a file that is not there has none of either."""
    try:
        with path.open("rb") as file:
            block = file.read(MOST_BYTES + 1)
        if len(block) > MOST_BYTES:
            return {}, f"{NAME} is longer than {MOST_BYTES >> 20} MiB"
        fields = msgspec.json.decode(block, type=dict[str, Any])
    except FileNotFoundError:
        return {}, ""
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        return {}, f"{NAME} cannot be read: {error}"
    wrong = _understood(fields)[1]
    return fields, f"{NAME} has an unusable {' and '.join(wrong)}" if wrong else ""


def _understood(fields: dict[str, Any]) -> tuple[Notes, list[str]]:
    """The fields that can be used, and the names of those that cannot."""
    good: dict[str, Any] = {}
    wrong = []
    for name, kind in _KINDS.items():
        if name in fields:
            try:
                good[name] = msgspec.convert(fields[name], kind)
            except msgspec.ValidationError:
                wrong.append(name)
    return Notes(**good), wrong


def _write(path: Path, fields: dict[str, Any]) -> None:
    scratch = path.with_name(f"{NAME}.tmp")
    scratch.write_bytes(msgspec.json.format(msgspec.json.encode(fields)))
    scratch.replace(path)
