"""`workbench` and `python -m workbench`: the words decide between the window and the command line.

Qt is imported for the window and for pictures of it only, torch for neither.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from workbench.core.problem import InputError, KnownTrouble, Problem

OF_THE_WINDOW = ("--home", "--set", "--headless", "--no-demo")
"""Words that can stand first without naming a command."""


def main(words: Sequence[str] | None = None) -> int:
    """Open the window, take a picture of it, or run a command; returns the exit status."""
    words = list(sys.argv[1:] if words is None else words)
    if getattr(sys, "frozen", False) and words[:1] == ["-m"]:
        return _module(words[1], words[2:])
    if words and words[0] != "snapshot" and words[0].partition("=")[0] not in OF_THE_WINDOW:
        from workbench.cli.main import main as command

        return command(words)
    from workbench.cli.output import report

    try:
        return _snapshot(words[1:]) if words[:1] == ["snapshot"] else _window(words)
    except Problem as problem:
        return report(problem)
    except KeyboardInterrupt:
        return 1


def _module(name: str, words: Sequence[str]) -> int:
    """Do what `python -m` would: a packed program has no Python beside it to start its worker with."""
    import runpy

    sys.argv = [name, *words]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    return 0


def _window(words: Sequence[str]) -> int:
    from workbench.cli.parser import Parser, add_common, finish, parse, stop_at, use_settings

    parser = Parser(prog="workbench", description="Open the window.")
    parser.add_argument("--no-demo", action="store_true", help="run nothing by itself on the first start")
    parser.add_argument(
        "--headless", type=Path, metavar="FOLDER",
        help="do the first run by itself in a window nobody sees; numbers and pictures go to FOLDER",
    )  # fmt: skip
    add_common(parser)
    finish(parser, lambda _: 0)
    asked = parse(parser, words)
    use_settings(asked.settings, asked.problems)
    stop_at(asked.problems)
    if not _has_display():
        # Qt would abort the process with words that help nobody.
        raise KnownTrouble(
            "There is no display to open the window on.", expected="DISPLAY or WAYLAND_DISPLAY in the environment",
            received="neither", fix="packaging/run brings a virtual one; 'workbench --help' lists what needs none.",
        )  # fmt: skip
    if asked.headless is not None:
        from workbench.headless import demonstrate

        return demonstrate(asked.home, asked.headless)
    from workbench.app import open_window

    return open_window(asked.home, demo=not asked.no_demo, command_help=_command_help)


def _command_help() -> dict[str, str]:
    from workbench.cli.main import help_texts

    return help_texts()


def _snapshot(words: Sequence[str]) -> int:
    from workbench.cli.parser import Parser, add_common, finish, parse, stop_at, use_settings
    from workbench.store.home import open_home
    from workbench.store.runfolder import find_run

    parser = Parser(prog="workbench snapshot", description="Write a picture of a tab, with a run on it.")
    parser.add_argument("tab", metavar="TAB", help="text, home, runs, models, settings, or recipe:NAME")
    parser.add_argument("--run", default="", metavar="RUN", help="an id, a unique part of it, or 'last'")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png", help="where to write it")
    parser.add_argument(
        "--view", default=None, nargs="?", const="", metavar="SLOT",
        help="only what the run wrote to this slot last, without the window; no SLOT: what says most",
    )  # fmt: skip
    parser.add_argument("--theme", choices=("dark", "light"), default="dark", help="its colours")
    parser.add_argument("--size", default="1600x1000", metavar="WxH", help="its size in pixels")
    add_common(parser)
    finish(parser, lambda _: 0)
    asked = parse(parser, words)
    use_settings(asked.settings, asked.problems)
    size = _size(asked.size, asked.problems)
    stop_at(asked.problems)
    home = open_home(asked.home)
    run = find_run(home.runs, asked.run) if asked.run else None
    if not _has_display():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from workbench.gui.snapshot import take, take_view

    if asked.view is not None:
        if run is None:
            raise InputError("A view is drawn from a run.", expected="--run RUN", received="none", field="--run")
        taken = take_view(home, run, asked.view, asked.out, theme_name=asked.theme, size=size)
        _told(taken, as_json=asked.json)
        return 0
    taken = take(home, asked.tab, run, asked.out, theme_name=asked.theme, size=size)
    _told(taken, as_json=asked.json)
    return 0


def _has_display() -> bool:
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in named)


def _size(text: str, problems: list[Problem]) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if width.isdigit() and height.isdigit() and 320 <= int(width) <= 16384 and 240 <= int(height) <= 16384:
        return int(width), int(height)
    problems.append(
        InputError("This is not a size.", expected="WIDTHxHEIGHT from 320x240 to 16384x16384", received=text,
                   fix="For example --size 1920x1080", field="--size")
    )  # fmt: skip
    return 1600, 1000


def _told(path: Path, *, as_json: bool) -> None:
    from workbench.cli.output import json_line, say

    json_line({"file": str(path.resolve())}) if as_json else say(str(path))


if __name__ == "__main__":
    sys.exit(main())
