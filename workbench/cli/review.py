"""`medical worklist …` and `medical report`: cases to review, their log and its check, and a case's report."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from workbench.cli.medical import ask, full
from workbench.cli.output import json_line, say, table, tell
from workbench.cli.parser import Namespace, Parser, stop_at
from workbench.core.comparison import Comparison
from workbench.core.problem import InputError
from workbench.core.review import STATES, ReviewCase, case_id
from workbench.core.settings import load
from workbench.core.volumes import VolumeFile
from workbench.core.words import count, duration
from workbench.store.home import open_home
from workbench.store.worklist import Worklist, audit

Deeds = Callable[..., Any]


def list_cases(asked: Namespace) -> int:
    """`medical worklist list`: every case with its state and readers."""
    cases = [one for one in _worklist(asked).cases.values() if not asked.state or one.state == asked.state]
    if asked.json:
        for one in cases:
            json_line(one)
        return 0
    rows = [
        [
            one.id[:8], one.title, one.state, ", ".join(f"{who}: {read.state}" for who, read in one.readings.items()),
            duration(sum(one.seconds.values())), str(len(one.comments) or ""),
        ]
        for one in cases
    ]  # fmt: skip
    table(rows, ["id", "case", "state", "readers", "time", "comments"])
    return 0


def add(asked: Namespace) -> int:
    """`medical worklist add PATH…`: files, or every case below a folder."""
    paths: list[tuple[str, str]] = []
    for path in asked.paths:
        root = Path(full(path))
        if root.is_dir():
            found = msgspec.json.decode(ask(asked, "cases", path=str(root)), type=list[str])
            paths += [(one, Path(one).relative_to(root).as_posix() if one != str(root) else root.name) for one in found]
        elif root.exists():
            paths.append((str(root), root.name))
        else:
            raise InputError("There is nothing at this path.", expected="a file or folder", received=str(root),
                             fix="Check the spelling.", field="PATH")  # fmt: skip
    made = _worklist(asked).add_cases(_reader(asked), paths)
    if asked.json:
        for one in made:
            json_line(one)
        return 0
    say(f"{count(len(made), 'case')} added; {len(paths) - len(made)} were on the list already")
    return 0


def state(asked: Namespace) -> int:
    """`medical worklist state CASE STATE`: what a reader says of a case; signing labels needs the window."""
    worklist = _worklist(asked)
    case = _case(worklist, asked.case)
    made = worklist.write(_reader(asked), "state", case=case.id, state=asked.to, text=asked.comment)
    if asked.json:
        json_line(made)
    else:
        say(f"{case.title}: {asked.to}")
    return 0


def show_audit(asked: Namespace) -> int:
    """`medical worklist audit`: the log, oldest first."""
    worklist = _worklist(asked)
    id = _case(worklist, asked.case).id if asked.case else ""
    entries = [one for one in worklist.entries if not id or one.case == id]
    if asked.json:
        for one in entries:
            json_line(one)
        return 0
    rows = [[str(one.number), one.at, one.who, one.deed, one.case[:8],
             " ".join(filter(None, (one.state if one.deed == "state" else "", one.text, one.title)))]
            for one in entries]  # fmt: skip
    table(rows, ["", "when", "who", "deed", "case", ""])
    return 0


def verify(asked: Namespace) -> int:
    """`medical worklist verify`: whether the log and the signed labels are as they were written; 1 where not."""
    from workbench.store.readings import read_signed

    stop_at(asked.problems)
    folder = open_home(asked.home).review
    found = audit(folder, head=asked.head)
    faults = list(found.faults)
    worklist = Worklist(folder)
    worklist.refresh()
    for case in worklist.cases.values():
        for one in case.readings.values():
            if one.file:
                try:
                    read_signed(folder, one.file, one.after)
                except InputError as problem:
                    faults.append(f"{case.id[:8]}, signed by {one.who}: {problem.what}")
    if asked.json:
        json_line({"lines": found.lines, "head": found.head, "faults": faults})
    else:
        for fault in faults:
            say(fault)
        say(f"{count(found.lines, 'line')}, {count(len(faults), 'fault')}; head {found.head or '–'}")
    return 1 if faults else 0


def report(asked: Namespace) -> int:
    """`medical report CASE --labels L --out F`: planes, volumes, comparison and review as HTML or PDF."""
    import numpy as np

    from workbench.report.casereport import case_report, write_report

    stop_at(asked.problems)
    image = msgspec.json.decode(ask(asked, "volume", path=full(asked.path), key=asked.series), type=VolumeFile)
    like = msgspec.to_builtins(image)
    labels = msgspec.json.decode(ask(asked, "labels", path=full(asked.labels), like=like), type=VolumeFile)
    comparison = None
    if asked.against is not None:
        other = msgspec.json.decode(ask(asked, "labels", path=full(asked.against), like=like), type=VolumeFile)
        sides = [{"title": title, "path": one.path, "meta": msgspec.to_builtins(one.meta)}
                 for title, one in (("the labels before", other), ("these labels", labels))]  # fmt: skip
        comparison = msgspec.json.decode(ask(asked, "compare", sides=sides), type=Comparison)
    whole = Path(full(asked.path))
    listed = _worklist(asked).cases.get(case_id(whole))
    signed = listed.reading() if listed else None
    arrays = [np.load(one.path, mmap_mode="r", allow_pickle=False) for one in (image, labels)]
    made = case_report(
        case_id(whole), (arrays[0], image.meta), (arrays[1], labels.meta.labels), review=listed, comparison=comparison,
        model=signed.model if signed else "", notes=[*image.notes, *labels.notes],
        identity=str(whole) if asked.identified else "",
    )  # fmt: skip
    path = write_report(made, Path(full(asked.out)))
    if asked.json:
        json_line({"files": [str(path)], "notes": list(made.notes)})
        return 0
    for note in made.notes:
        tell(note)
    say(str(path))
    return 0


def _worklist(asked: Namespace) -> Worklist:
    stop_at(asked.problems)
    found = Worklist(open_home(asked.home).review)
    found.refresh()
    if found.damaged:
        tell(f"{count(found.damaged, 'line')} of the log cannot be read; see 'medical worklist verify'")
    return found


def _case(worklist: Worklist, named: str) -> ReviewCase:
    fits = [one for one in worklist.cases.values() if one.id.startswith(named) or named in (one.title, one.path)]
    if len(fits) != 1:
        raise InputError("No single case is meant.", expected="the start of an id, a title or a path",
                         received=f"{named!r}, which fits {count(len(fits), 'case')}",
                         fix="See 'medical worklist list'.", field="CASE")  # fmt: skip
    return fits[0]


def _reader(asked: Namespace) -> str:
    """Named by the flag, the settings, or the account."""
    name = asked.reader or load(open_home(asked.home).settings).settings.reader or getpass.getuser()
    return str(name)


def _by(deed: Parser) -> None:
    deed.add_argument("--reader", default="", metavar="NAME", help="who does it; the settings' reader without")


def list_arguments(deed: Parser) -> None:
    """The flags of `medical worklist list`."""
    deed.add_argument("--state", choices=STATES, default="", help="only cases in this state")


def add_arguments(deed: Parser) -> None:
    """The flags of `medical worklist add`."""
    deed.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder with cases below it")
    _by(deed)


def state_arguments(deed: Parser) -> None:
    """The flags of `medical worklist state`."""
    deed.add_argument("case", metavar="CASE", help="the start of its id, its title or its path")
    deed.add_argument("to", metavar="STATE", choices=STATES, help=", ".join(STATES))
    deed.add_argument("--comment", default="", metavar="TEXT", help="why")
    _by(deed)


def audit_arguments(deed: Parser) -> None:
    """The flags of `medical worklist audit`."""
    deed.add_argument("case", nargs="?", default="", metavar="CASE", help="only this one")


def verify_arguments(deed: Parser) -> None:
    """The flags of `medical worklist verify`."""
    deed.add_argument("--head", default="", metavar="DIGEST", help="one that was noted down earlier must be there")


def report_arguments(deed: Parser) -> None:
    """The flags of `medical report`."""
    deed.add_argument("path", type=Path, metavar="CASE", help="a DICOM folder, or an image file")
    deed.add_argument("--labels", type=Path, required=True, metavar="LABELS", help="a label file over it")
    deed.add_argument("--out", type=Path, required=True, metavar="FILE", help="ends in .html or .pdf")
    deed.add_argument("--against", type=Path, default=None, metavar="LABELS", help="labels to compare with")
    deed.add_argument("--series", default="", metavar="KEY", help="which one, as 'medical show' lists them")
    deed.add_argument("--identified", action="store_true", help="with the case's path, which may name the patient")
