"""`runs export`: runs as reports, pictures, numbers, TensorBoard events or archives."""

from __future__ import annotations

from pathlib import Path

from workbench.cli.output import json_line, say
from workbench.cli.parser import Namespace, Parser, stop_at
from workbench.core.problem import InputError
from workbench.recipes import recipes
from workbench.report import writing
from workbench.report.formats import FORMATS, Format, default_name, format_named
from workbench.store.home import open_home
from workbench.store.runfolder import find_run


def arguments(deed: Parser) -> None:
    """The flags of `runs export`."""
    deed.add_argument("runs", metavar="RUN", nargs="+", help="ids, unique parts of them, folders, or 'last'")
    names = "; ".join(f"{one.name}: {one.help}" for one in FORMATS.values())
    deed.add_argument("--format", default="", metavar="|".join(FORMATS), help=f"by default what --out ends in. {names}")
    deed.add_argument("--out", type=Path, default=None, metavar="PATH", help="RUN.zip by default")
    deed.add_argument("--force", action="store_true", help="replace what is there")


def export(asked: Namespace) -> int:
    """`runs export RUN …`: write one run, or several held against each other."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    found = {run.id: run for run in (find_run(home.runs, name) for name in asked.runs)}
    runs = list(found.values())
    form = _form(asked)
    out: Path = asked.out or Path(default_name(runs, form))
    for one in writing.export(runs, form, out, recipes=recipes(), force=asked.force):
        _tell(asked, form, one)
    return 0


def _form(asked: Namespace) -> Format:
    if asked.format:
        return format_named(asked.format)
    out: Path | None = asked.out
    if out is None:
        return FORMATS["zip"]
    by_suffix = {one.suffix: one for one in FORMATS.values() if one.suffix}
    if out.suffix.lower() in by_suffix:
        return by_suffix[out.suffix.lower()]
    raise InputError(
        "The file's suffix says what to write.", expected=", ".join(by_suffix) + ", or --format", received=out.name,
        fix=f"For example --out {out.stem or 'run'}.html, or --format tensorboard", field="--out",
    )  # fmt: skip


def _tell(asked: Namespace, form: Format, one: writing.Written) -> None:
    if not asked.json:
        say(str(one.path))
        return
    about = {"run": one.runs[0]} if len(one.runs) == 1 else {"runs": one.runs}
    json_line({**about, "format": form.name, "file": str(one.path.resolve()), "bytes": one.size_bytes})
