"""`speech transcribe` and `speech models`: sounds as words, a file, a folder, or whatever comes into one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from workbench.cli.follow import first_interrupt
from workbench.cli.output import json_line, say, table, tell
from workbench.cli.parser import Namespace, Parser, stop_at
from workbench.cli.running import runner_of
from workbench.core.problem import InputError, Problem
from workbench.core.transcripts import FORMATS, Format, TranscribingWish, Transcript
from workbench.runner.answering import Stopped
from workbench.runner.base import Runner
from workbench.runner.transcribing import (
    ENDED,
    Batch,
    BatchWish,
    Item,
    checked_formats,
    items_of,
    transcript_of,
)
from workbench.store.home import Home, open_home
from workbench.store.recognisers import find_recogniser, recognisers


def transcribe(asked: Namespace) -> int:
    """`speech transcribe FILE|FOLDER …`: the text of one file, or files of many; see the flags."""
    problems: list[Problem] = list(asked.problems)
    home = open_home(asked.home)
    formats: tuple[Format, ...] = ()
    model = Path()
    try:
        formats = checked_formats(asked.format)
    except InputError as problem:
        problems.append(problem)
    try:
        model = find_recogniser(home, asked.model)
    except InputError as problem:
        problems.append(problem)
    paths = [one.expanduser().absolute() for one in asked.paths]
    problems += [_missing(path) for path in paths if not path.exists()]
    if asked.watch and (len(paths) != 1 or not paths[0].is_dir()):
        problems.append(InputError("Only one folder can be watched.", expected="--watch with one folder",
                                   received=", ".join(map(str, asked.paths)), field="--watch"))  # fmt: skip
    if not 1 <= asked.beam <= 256:
        problems.append(InputError("This beam cannot be.", expected="1 to 256", received=str(asked.beam),
                                   field="--beam"))  # fmt: skip
    problems += _stretch_problems(asked, paths)
    stop_at(problems)
    with runner_of(home) as runner:
        if len(paths) == 1 and paths[0].is_file() and not formats and asked.out is None:
            wish = TranscribingWish(str(paths[0]), str(model), asked.start, asked.end, beam=asked.beam,
                                    device=asked.device)  # fmt: skip
            return _one(runner, wish, as_json=asked.json)
        out = asked.out.expanduser().absolute() if asked.out is not None else None
        wish_ = BatchWish(str(model), formats or ("txt",), out, asked.again, asked.beam, asked.device, asked.start,
                          asked.end)  # fmt: skip
        return _many(runner, wish_, paths, watch=asked.watch, as_json=asked.json)


def _missing(path: Path) -> InputError:
    return InputError("There is nothing at this path.", expected="a sound, a video, or a folder of them",
                      received=str(path), fix="Check the path.", field="FILE|FOLDER")  # fmt: skip


def _stretch_problems(asked: Namespace, paths: list[Path]) -> list[Problem]:
    """What is wrong about --from and --to."""
    found: list[Problem] = []
    if (asked.start or asked.end) and (len(paths) != 1 or paths[0].is_dir()):
        found.append(InputError("A stretch is one of a single sound.", expected="--from and --to with one file",
                                received=", ".join(map(str, asked.paths)), fix="Name one file.",
                                field="--from"))  # fmt: skip
    for flag, value in (("--from", asked.start), ("--to", asked.end)):
        if not 0 <= value < float("inf"):
            found.append(InputError("This is no time in a sound.", expected="seconds from 0 on", received=f"{value:g}",
                                    fix="Count from the beginning of the sound.", field=flag))  # fmt: skip
    if not found and asked.end and asked.end <= asked.start:
        found.append(InputError("This stretch is empty.", expected=f"an end after {asked.start:g} s",
                                received=f"{asked.end:g} s", fix="Swap --from and --to.", field="--to"))  # fmt: skip
    return found


def _one(runner: Runner, wish: TranscribingWish, *, as_json: bool) -> int:
    stop, shown = threading.Event(), 0

    def told(partial: Transcript, fraction: float, words: str) -> None:
        nonlocal shown
        for one in () if as_json else partial.segments[shown:]:  # what was told once stays as it is
            say(one.text)
            shown += 1
        if fraction < 0:
            tell(words)

    with first_interrupt(stop, "Stopping. Ctrl+C again leaves at once."):
        try:
            found = transcript_of(runner, wish, stop, told)
        except Stopped:
            return 1
    for note in found.notes:
        tell(f"Note: {note}")
    if not found.words:
        tell("No speech was heard.")
    if as_json:
        json_line(found)
    else:
        for one in found.segments[shown:]:
            say(one.text)
    return 0


def _many(runner: Runner, wish: BatchWish, paths: list[Path], *, watch: bool, as_json: bool) -> int:
    said: set[int] = set()

    def changed(item: Item) -> None:
        if item.state in ENDED and id(item) not in said:
            said.add(id(item))
            _report(item, as_json=as_json)
        elif item.state != "failed":
            said.discard(id(item))

    batch = Batch(runner, wish, changed)
    with first_interrupt(batch.stop, "Stopping. Ctrl+C again leaves at once."):
        if watch:
            tell(f"Watching {paths[0]}; Ctrl+C ends it.")
            batch.watch(paths[0])
        else:
            items = items_of(paths)
            if not items:
                raise InputError("There is no sound in this folder.", expected="files such as .wav, .flac, .mp3, .mp4",
                                 received=", ".join(map(str, paths)), fix="Choose another folder.")  # fmt: skip
            batch.run(items)
    counts: dict[str, int] = {}
    for item in batch.items:
        counts[item.state] = counts.get(item.state, 0) + 1
    if as_json:
        json_line({"type": "summary", **counts})
    else:
        tell(", ".join(f"{count} {state}" for state, count in counts.items()) or "Nothing came.")
    failed = counts.get("failed", 0)
    if failed and failed == len(batch.items) and all(one.problem and one.problem.severity == "input"
                                                     for one in batch.items):  # fmt: skip
        return 2
    return 1 if failed or (counts.get("cancelled", 0) and not watch) else 0


def _report(item: Item, *, as_json: bool) -> None:
    if as_json:
        line: dict[str, Any] = {"type": "file", "path": str(item.path), "state": item.state, "files": list(item.files)}
        line |= {"words": item.heard, "said": item.words}
        line |= {"problem": msgspec.to_builtins(item.problem)} if item.problem is not None else {}
        json_line(line)
        return
    if item.problem is not None:
        tell(f"{item.path}: failed\n{item.problem.text()}")
        return
    say(f"{item.path}: {item.state}, {item.words}" if item.words else f"{item.path}: {item.state}")
    for file in item.files if item.state == "done" else ():
        say(f"  {file}")


def models(asked: Namespace) -> int:
    """`speech models`: what transcribes, the one that is taken where none is named first."""
    stop_at(asked.problems)
    home: Home = open_home(asked.home)
    found = recognisers(home)
    if asked.json:
        for one in found:
            json_line(one)
        return 0
    table([[one.title, one.family, one.path, one.note] for one in found], ["title", "kind", "folder", ""])
    if not found:
        tell("Nothing transcribes here yet; 'workbench models add FOLDER' takes a model in Hugging Face format.")
    return 0


def transcribe_arguments(deed: Parser) -> None:
    """The flags of `speech transcribe`."""
    deed.add_argument("paths", nargs="+", type=Path, metavar="FILE|FOLDER", help="sounds, videos, folders of them")
    deed.add_argument(
        "--model", default="", metavar="RUN|MODEL",
        help="a run, a name in the home, a folder, starter:speech-recogniser; otherwise the first of 'speech models'",
    )  # fmt: skip
    deed.add_argument(
        "--out", type=Path, default=None, metavar="DIR", help="where files go; beside each sound otherwise"
    )
    deed.add_argument(
        "--format", default="", metavar="A,B",
        help=f"{', '.join(FORMATS)}; txt for folders, one file's text on standard output, where none is named",
    )  # fmt: skip
    deed.add_argument("--watch", action="store_true", help="go on with whatever comes into the folder, until Ctrl+C")
    deed.add_argument("--again", action="store_true", help="write over files that are there; otherwise they stay")
    deed.add_argument("--beam", type=int, default=1, metavar="N", help="prefixes kept by CTC models; 1 is greedy")
    deed.add_argument("--device", default="", metavar="D", help="auto, cpu, cuda …")
    deed.add_argument("--from", dest="start", type=float, default=0.0, metavar="S", help="only from so many seconds on")
    deed.add_argument("--to", dest="end", type=float, default=0.0, metavar="S", help="only up to there")


def add(deeds: Any, command: Callable[..., object]) -> None:
    """The deeds of this module below `speech`."""
    command(deeds, "transcribe", transcribe, "what is said in sounds, as text or files", transcribe_arguments)
    command(deeds, "models", models, "what transcribes here", lambda deed: None)
