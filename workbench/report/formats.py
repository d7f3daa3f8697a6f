"""The ways in which runs can be written; light, since menus and help list them before anything is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from workbench.core.problem import InputError, did_you_mean
from workbench.store.runfolder import RunFolder


@dataclasses.dataclass(frozen=True)
class Format:
    """A way to write runs: `suffix` of its file; without one a folder is written that TensorBoard opens."""

    name: str
    title: str
    suffix: str
    help: str


FORMATS = {
    one.name: one
    for one in (
        Format("html", "HTML report", ".html", "one file for any browser: results, curves, pictures, settings, log"),
        Format("pdf", "PDF report", ".pdf", "the same on A4 pages"),
        Format("svg", "Curves as SVG", ".svg", "every metric as a drawing that can be edited"),
        Format("png", "Curves as PNG", ".png", "every metric as a picture"),
        Format("csv", "Numbers as CSV", ".csv", "every value of every metric, one a line"),
        Format("json", "Everything as JSON", ".json", "settings, state, numbers and the list of files"),
        Format("tensorboard", "TensorBoard events", "", "a folder with one event file a run"),
        Format("zip", "Whole run as zip", ".zip", "the run's folder, to be imported elsewhere"),
    )
}


def format_named(name: str) -> Format:
    """A format by its name; raises InputError with the nearest one."""
    if name not in FORMATS:
        raise InputError(
            f"There is no export format {name!r}.", expected=", ".join(FORMATS), received=name,
            fix=did_you_mean(name, FORMATS), field="--format",
        )  # fmt: skip
    return FORMATS[name]


def into_folder(form: Format, count: int) -> bool:
    """Whether `out` names a folder: TensorBoard's, or one zip for each of several runs."""
    return not form.suffix or (form.name == "zip" and count > 1)


def default_name(runs: Sequence[RunFolder], form: Format) -> str:
    """What the file or folder is called where nobody says."""
    stem = runs[0].id if len(runs) == 1 else f"{len(runs)}-runs"
    return stem + ("" if into_folder(form, len(runs)) and form.suffix else form.suffix or "-tensorboard")
