"""`video labels`: labelled spans of a file of annotations, as a table or in another format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from workbench.cli.follow import answer
from workbench.cli.output import json_line, say, table, tell
from workbench.cli.parser import Namespace, Parser, stop_at
from workbench.cli.running import runner_of
from workbench.core.framepipe import check_file
from workbench.core.problem import InputError, Problem, did_you_mean
from workbench.core.spans import LABEL_FORMATS, LabelFile, LabelsWritten, counted
from workbench.core.words import spaced
from workbench.store.home import open_home

WITHIN_S = 3600.0
MOST_ROWS = 500


def labels(asked: Namespace) -> int:
    """`video labels FILE [--to FORMAT --out X]`: what is labelled in videos, or that in another format."""
    problems: list[Problem] = list(asked.problems)
    for flag, form in (("--from", asked.form), ("--to", asked.to)):
        if form and form not in LABEL_FORMATS:
            problems.append(InputError(
                f"There is no format {form!r} of annotations.", expected=", ".join(LABEL_FORMATS), received=form,
                fix=did_you_mean(form, LABEL_FORMATS), field=flag,
            ))  # fmt: skip
    if asked.to and asked.out is None:
        problems.append(InputError("It is not said where to write.", expected="--out FILE", received="nothing",
                                   field="--out"))  # fmt: skip
    if asked.out is not None and asked.out.expanduser().exists() and not asked.force:
        problems.append(InputError(
            "There is a file of this name already.", expected="a name that is free", received=str(asked.out),
            fix="Choose another name, or replace it with --force.", field="--out",
        ))  # fmt: skip
    if not asked.path.expanduser().is_file():
        problems.append(InputError("There are no annotations at this path.", expected="a file",
                                   received=str(asked.path), field="FILE"))  # fmt: skip
    if asked.video is not None:
        try:
            check_file(asked.video.expanduser())
        except InputError as problem:
            problems.append(problem)
    stop_at(problems)
    question = {"path": _full(asked.path), "format": asked.form, "labels_from": asked.labels,
                "video": _full(asked.video) if asked.video else ""}  # fmt: skip
    with runner_of(open_home(asked.home)) as runner:
        if asked.out is not None:
            given = runner.inspect("spans-convert", asked=question, out=_full(asked.out), format=asked.to)
            return _told_written(asked, msgspec.json.decode(answer(given, WITHIN_S), type=LabelsWritten))
        given = runner.inspect("spans", **question)
        file = msgspec.json.decode(answer(given, WITHIN_S), type=LabelFile)
    if asked.json:
        json_line(file)
    else:
        _show(file)
    return 0


def _full(path: Path) -> str:
    # The worker has a working folder of its own.
    return str(path.expanduser().absolute())


def _told_written(asked: Namespace, done: LabelsWritten) -> int:
    if asked.json:
        json_line(done)
        return 0
    say(done.path)
    for note in done.notes:
        tell(note)
    return 0


def _show(file: LabelFile) -> None:
    rows = [
        [video.name, one.label, f"{one.start_s:.3f}", "end" if one.end_s is None else f"{one.end_s:.3f}",
         "" if one.score == 1 else f"{one.score:.3f}", one.note]
        for video in file.videos for one in video.spans
    ]  # fmt: skip
    table(rows[:MOST_ROWS], ["video", "label", "from (s)", "to (s)", "score", "note"])
    if len(rows) > MOST_ROWS:
        tell(f"… and {spaced(len(rows) - MOST_ROWS)} more; --json gives all")
    tell(f"{LABEL_FORMATS[file.format]}: {counted(len(rows), 'span')} in {counted(len(file.videos), 'video')}")
    for note in file.notes:
        tell(note)


def labels_arguments(deed: Parser) -> None:
    """The flags of `video labels`."""
    names = ", ".join(LABEL_FORMATS)
    deed.add_argument("path", type=Path, metavar="FILE", help=f"annotations: {names}")
    deed.add_argument("--to", default="", metavar="FORMAT", help=f"write them as one of {names}")
    deed.add_argument("--out", type=Path, default=None, metavar="FILE", help="where; its ending can stand for --to")
    deed.add_argument("--force", action="store_true", help="replace what is there")
    deed.add_argument("--from", dest="form", default="", metavar="FORMAT", help="read FILE as this; else as it looks")
    deed.add_argument(
        "--labels", choices=("tier", "value"), default="tier", help="ELAN: labels are its tiers, or annotations' texts"
    )
    deed.add_argument(
        "--video", type=Path, default=None, metavar="VIDEO",
        help="only the annotations of this video; those outside it are left out and told",
    )  # fmt: skip


def add(deeds: Any, command: Callable[..., object]) -> None:
    """The deed of this module below `video`."""
    command(deeds, "labels", labels, "labelled spans of a file, or in another format", labels_arguments)
