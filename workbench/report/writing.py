"""Runs written to files: every format in one place, never over something that is there without being asked."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import errno
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from workbench.core.problem import InputError, KnownTrouble, Problem
from workbench.core.recipe import Recipe
from workbench.report.formats import Format
from workbench.store.archive import export_metrics, export_run
from workbench.store.runfolder import RunFolder

if TYPE_CHECKING:
    from workbench.report.gather import Gathered

Recipes = Mapping[str, Recipe]


@dataclasses.dataclass(frozen=True)
class Written:
    """A file or folder that an export made, and the runs in it."""

    path: Path
    runs: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """What it takes on the disk."""
        files = [self.path] if self.path.is_file() else self.path.iterdir()
        return sum(file.stat().st_size for file in files)


def export(
    runs: Sequence[RunFolder], form: Format, out: Path, *, recipes: Recipes | None = None, force: bool = False
) -> list[Written]:
    """Write runs to `out` and return what was written.

    Raises InputError when something is there already and `force` does not allow to replace it,
    KnownTrouble when the place cannot be written. Nothing half-written is left behind.
    """
    _check_place(out)
    with _told(out):
        if form.name == "tensorboard":
            return _event_folders(runs, out, force=force)
        if form.name == "zip":
            return _archives(runs, out, force=force)
        _refuse(out, force=force)
        write = _WRITERS[form.name]
        with _scratch(out) as scratch:
            write(runs, recipes or {}, scratch)
            scratch.replace(out)
    return [Written(out, tuple(run.id for run in runs))]


def _check_place(out: Path) -> None:
    if not out.absolute().parent.is_dir():
        raise InputError(
            "There is no such folder.", expected="a folder that exists", received=str(out.parent),
            fix="Make it first, or choose another.", field="--out",
        )  # fmt: skip


def _refuse(out: Path, *, force: bool) -> None:
    if out.is_dir():
        raise InputError(
            "A folder has this name.", expected="the name of a file", received=str(out),
            fix="Choose another name.", field="--out",
        )  # fmt: skip
    if out.exists() and not force:
        raise InputError(
            "There is a file of this name already.", expected="a name that is free", received=str(out),
            fix="Choose another name, or replace it with --force.", field="--out",
        )  # fmt: skip


@contextlib.contextmanager
def _told(out: Path) -> Iterator[None]:
    """What the system says about a place, in words."""
    try:
        yield
    except Problem:
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        denied = isinstance(error, PermissionError)
        what = "The disk is full." if full else "This place may not be written." if denied else "The export failed."
        fix = "Free some space" if full else "Choose a folder of yours" if denied else "Choose another place"
        raise KnownTrouble(
            what, expected=f"room for {out.name}", received=str(error), fix=f"{fix}; nothing was left behind.",
            place=str(out),
        ) from None  # fmt: skip


@contextlib.contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    scratch = out.with_name(f".{out.name}.part")
    try:
        yield scratch
    finally:
        scratch.unlink(missing_ok=True)


def _archives(runs: Sequence[RunFolder], out: Path, *, force: bool) -> list[Written]:
    if len(runs) == 1:
        _refuse(out, force=force)
        return [Written(export_run(runs[0], out), (runs[0].id,))]
    _make_folder(out)
    targets = [out / f"{run.id}.zip" for run in runs]
    for target in targets:
        _refuse(target, force=force)
    return [Written(export_run(run, target), (run.id,)) for run, target in zip(runs, targets, strict=True)]


def _event_folders(runs: Sequence[RunFolder], out: Path, *, force: bool) -> list[Written]:
    from workbench.report.tensorboard import write_events

    _make_folder(out)
    targets = [out / run.id for run in runs]
    for target in targets:
        _refuse_folder(target, force=force)
    for run, target in zip(runs, targets, strict=True):
        with tempfile.TemporaryDirectory(dir=out, prefix=".part-") as scratch:
            fresh = Path(scratch) / run.id
            write_events(_gathered([run])[0], fresh)
            if target.exists():
                shutil.rmtree(target)
            fresh.replace(target)
    return [Written(target, (run.id,)) for run, target in zip(runs, targets, strict=True)]


def _gathered(runs: Sequence[RunFolder]) -> list[Gathered]:
    from workbench.report.gather import gather  # numpy waits until there is something to read

    return [gather(run) for run in runs]


def _make_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(
            "A file has this name.", expected="a folder, or a free name for one", received=str(out),
            fix="Choose another name.", field="--out",
        )  # fmt: skip
    out.mkdir(exist_ok=True)


def _refuse_folder(target: Path, *, force: bool) -> None:
    """Only a folder of event files is ever replaced."""
    if not target.exists():
        return
    ours = target.is_dir() and all(one.name.startswith("events.out.tfevents") for one in target.iterdir())
    if not force or not ours:
        raise InputError(
            "This run has a folder there already." if ours else "Something else has this name.",
            expected="a name that is free", received=str(target),
            fix="Choose another folder, or replace it with --force." if ours else "Choose another folder.",
            field="--out",
        )  # fmt: skip


def _html(runs: Sequence[RunFolder], recipes: Recipes, out: Path) -> None:
    from workbench.report.page import page

    out.write_text(page(_gathered(runs), recipes), encoding="utf-8", errors="replace")


def _pdf(runs: Sequence[RunFolder], recipes: Recipes, out: Path) -> None:
    from workbench.report.page import page
    from workbench.report.pdf import pdf

    title = runs[0].id if len(runs) == 1 else f"{len(runs)} runs compared"
    out.write_bytes(pdf(page(_gathered(runs), recipes, paper=True), title))


def _svg(runs: Sequence[RunFolder], _: Recipes, out: Path) -> None:
    from workbench.report.drawing import curves

    out.write_bytes(curves(_gathered(runs), "svg"))


def _png(runs: Sequence[RunFolder], _: Recipes, out: Path) -> None:
    from workbench.report.drawing import curves

    out.write_bytes(curves(_gathered(runs), "png"))


def _csv(runs: Sequence[RunFolder], _: Recipes, out: Path) -> None:
    """One run as ever; several in one table with the run's id in front."""
    if len(runs) == 1:
        export_metrics(runs[0], out)
        return
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["run", "seconds", "step", "name", "series", "value"])
        for run in runs:
            with tempfile.TemporaryDirectory() as folder:
                rows = export_metrics(run, Path(folder) / "one.csv").read_text(encoding="utf-8")
            writer.writerows([run.id, *row] for row in list(csv.reader(io.StringIO(rows)))[1:])


def _json(runs: Sequence[RunFolder], _: Recipes, out: Path) -> None:
    whole = {"format": 1, "runs": [_document(run) for run in _gathered(runs)]}
    out.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=1))


def _document(run: Gathered) -> dict[str, object]:
    began = run.state.started_at
    metrics = [
        {
            "name": name,
            "series": series,
            "steps": [int(step) for step in track.steps],
            "seconds": [round(float(moment) - began, 3) for moment in track.times],
            "values": [float(value) for value in track.values],
        }
        for name, lines in run.metrics.items()
        for series, track in lines.items()
    ]
    artifacts = [one for known in run.artifacts.values() for one in known]
    return {
        "run": run.folder.id, "config": run.config, "state": run.state, "metrics": metrics, "artifacts": artifacts,
        "log": run.log, "unreadable_lines": run.damaged,
    }  # fmt: skip


_WRITERS: dict[str, Callable[[Sequence[RunFolder], Recipes, Path], None]] = {
    "html": _html, "pdf": _pdf, "svg": _svg, "png": _png, "csv": _csv, "json": _json,
}  # fmt: skip
