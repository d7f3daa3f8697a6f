"""A fault of the program as a text that can be sent: enough to mend it, nothing that belongs to a person.

Left out: contents of files, names of files and folders outside the program, texts between quotes
in messages and log lines (they may be data), and knobs that hold free text.
"""

from __future__ import annotations

import contextlib
import platform
import re
import time
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

from workbench.core import events as ev
from workbench.core.problem import Problem, ProblemRecord
from workbench.runner.prepare import versions
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder

LINES = 20
LOG_BYTES = 8000
_QUOTED = re.compile(r"""(?<!\w)'[^'\n]*'(?!\w)|"[^"\n]*"|[“«‘][^”»’\n]*[”»’]|`[^`\n]*`""")
_START = re.compile(r"(?<![A-Za-z])[A-Za-z]:[\\/]|\\\\|(?<![\w.~/<:])[~/](?=[/\w.~-])")
_FILE = re.compile(
    r"[^\s/\\'…]+\.(csv|tsv|jsonl?|txt|conll|parquet|xlsx?|npy|npz|wav|flac|mp3|ogg|mp4|avi|mov|nii|gz|dcm|nrrd|mha"
    r"|png|jpe?g|tiff?|ply|pcd|obj|pdf|zip)(?!\w)",
    re.IGNORECASE,
)
_FRAME = re.compile(r'(\s*(?:\|\s*)?File )"([^"]*)"(.*)')
_OWN = ("site-packages", "workbench")
"""Folders of code: what stands below them is the program's, above them somebody's."""


def compose(home: Home, record: ProblemRecord, run: str = "") -> str:
    """The report of a fault of the window, or of a run; reads logs, so it belongs off the GUI thread."""
    config, lines = _of_run(home, run) if run else (None, _tail(home.worker_log))
    found = versions()
    parts = [
        "Transfer Workbench: report of a fault",
        "",
        f"What happened: {masked(record.what)}",
        *([f"Received: {masked(record.received)}"] if record.received else []),
        f"When: {time.strftime('%Y-%m-%d %H:%M:%S %z')}",
        f"Platform: {platform.platform()}, {platform.machine()}",
        "Versions:",
        *(f"  {name} {version}" for name, version in found.items() if name != "system"),
        *(_recipe(config) if config is not None else ["Recipe: none, the fault is not of a run"]),
        "",
        f"Last lines of the {'run' if run else 'worker'}'s log:",
        *([f"  {masked(line)}" for line in lines] or ["  none"]),
        "",
        "Trace:",
        masked_trace(record.trace) or "none",
    ]
    return "\n".join(parts) + "\n"


def masked(text: str) -> str:
    """A line without paths of a person and without what stands between quotes."""
    lines = [_without_path(_QUOTED.sub("'…'", line)) for line in text.splitlines()]
    return "\n".join(_FILE.sub(r"….\1", line) for line in lines)


def _without_path(line: str) -> str:
    """A line whose absolute path, blanks in it included, is gone; of several the whole stretch is."""
    found = _START.search(line)
    if found is None:
        return line
    rest = line[found.start() :]
    last = max(rest.rfind("/"), rest.rfind("\\"))
    name = re.match(r".{0,80}?(\.\w{1,8}){1,2}(?!\w)|\S*", rest[last + 1 :])
    end = last + 1 + (name.end() if name else 0)
    return line[: found.start()] + _path(rest[:end].rstrip(":,.;)")) + rest[end:]


def masked_trace(trace: str) -> str:
    """A traceback whose code stays and whose messages are masked."""
    lines, code = [], False
    for line in trace.rstrip().splitlines():
        frame = _FRAME.match(line)
        if frame:
            lines.append(f'{frame[1]}"{_path(frame[2], code=True)}"{frame[3]}')
        else:
            lines.append(line if code or not line.strip(" ~^|+-") else masked(line))
        code = frame is not None
    return "\n".join(lines)


def _path(path: str, *, code: bool = False) -> str:
    """A place as the reader may see it: code from its package on, other files by their kind alone."""
    parts = PurePath(path.replace("\\", "/")).parts
    for name in _OWN:
        if name in parts and (code or path.endswith(".py")):
            at = len(parts) - 1 - parts[::-1].index(name)
            return "/".join(parts[at + (name == "site-packages") :])
    home = Path.home().as_posix()
    if code:
        shown = path.replace("\\", "/")
        return shown.replace(home, "~", 1) if shown.startswith(home) else shown
    start = "~/" if path.startswith((home + "/", "~/")) else "/" if path.startswith("/") else ""
    return f"{start}…{PurePath(path).suffix}"


def _recipe(config: RunConfig) -> list[str]:
    known = ", ".join(f"{name}={value}" for name, value in config.params.items() if _may_tell(value))
    places = ", ".join(f"{slot} {_kind(value)}" for slot, value in config.inputs.items())
    arm = f", arm {config.arm}" if config.arm else ""
    return [
        f"Recipe: {config.recipe} (version {config.recipe_version}), preset {config.preset or 'desk'}{arm}, "
        f"seed {config.seed}, device {config.device}",
        f"Knobs: {known or 'none'} (free texts are left out)",
        f"Inputs: {places or 'none'}",
    ]


def _may_tell(value: Any) -> bool:
    return isinstance(value, bool | int | float)


def _kind(value: str) -> str:
    if value.startswith("sample:"):
        return value
    return f"a {PurePath(value).suffix} file" if PurePath(value).suffix else "a folder or file without suffix"


def _of_run(home: Home, run: str) -> tuple[RunConfig | None, list[str]]:
    folder, config = RunFolder(home.runs / run), None
    with contextlib.suppress(Problem):
        config = folder.config()
    said = [f"{event.level}: {event.message}" for event in _logs(folder)]
    return config, said[-LINES:] or _tail(folder.log_path)


def _logs(folder: RunFolder) -> Iterable[ev.Log]:
    return (event for event in folder.events() if isinstance(event, ev.Log))


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - LOG_BYTES))
            return file.read().decode(errors="replace").splitlines()[-LINES:]
    except OSError:
        return []
