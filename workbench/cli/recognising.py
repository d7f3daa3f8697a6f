"""`video classify`, `caption`, `features`, `find`: what happens when, and videos of a folder found by words."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from workbench.cli.follow import answer, first_interrupt
from workbench.cli.output import json_line, table, tell
from workbench.cli.parser import Namespace, Parser, stop_at
from workbench.cli.running import device_of, runner_of
from workbench.core.framepipe import check_file
from workbench.core.problem import InputError, Problem
from workbench.core.recognising import (
    HIGHEST_RATE,
    LEAST_STRIDE_S,
    LOWEST_RATE,
    Captioned,
    CaptionWish,
    FeaturesDone,
    FeaturesWish,
    FindWish,
    Found,
    Recognised,
    RecogniserFacts,
    RecognisingWish,
    class_names,
    named,
    remarks,
    spans_above,
)
from workbench.core.videorecognisers import SHIPPED_NAME, classifying
from workbench.core.words import count
from workbench.recipes import recipes
from workbench.runner.answering import Stopped
from workbench.runner.base import Runner
from workbench.runner.recognising import featured, recognised
from workbench.store.home import Home, open_home
from workbench.store.videorecognisers import find_recogniser

WITHIN_S = 600.0
BEST, MOST_FRAMES = 3, 1024


def classify(asked: Namespace) -> int:
    """`video classify FILE --classes a,b`: the likeliest class of every window, and stretches above the threshold."""
    problems = [*asked.problems, *_mistakes(asked)]
    home = open_home(asked.home)
    facts = _model(home, asked, problems)
    classes: tuple[str, ...] = ()
    if facts is not None and not facts.fixed:
        classes = _names(asked.classes, "--classes", problems)
    elif asked.classes and facts is not None:
        tell(f"{facts.title} knows its own classes; --classes is passed by.")
    if not 0 <= asked.threshold <= 1:
        problems.append(InputError("This threshold cannot be.", expected="0 to 1", received=f"{asked.threshold:g}",
                                   field="--threshold"))  # fmt: skip
    stop_at(problems)
    wish = RecognisingWish(_full(asked.path), facts.path if facts else "", classes, asked.window, asked.stride,
                           asked.start, asked.end, asked.frames, device=asked.device)  # fmt: skip
    stop = threading.Event()
    with runner_of(home) as runner, first_interrupt(stop, "Stopping. Ctrl+C again leaves at once."):
        try:
            found = recognised(runner, wish, stop, _progress("windows"))
        except Stopped:
            return 1
    for line in remarks(found, [facts.note] if facts is not None else ()):
        tell(f"Note: {line}")
    _show(found, asked)
    return 0 if found.complete else 1


def _show(found: Recognised, asked: Namespace) -> None:
    spans = spans_above(found, asked.threshold) if found.windows else []
    if asked.json:
        json_line({"recognised": msgspec.to_builtins(found), "spans": msgspec.to_builtins(spans)})
        return
    rows = []
    for (start, end), scores in zip(found.windows, found.scores, strict=True):
        order = sorted(range(len(scores)), key=lambda at: -scores[at])[:BEST]
        told = ", ".join(f"{found.classes[at]} {scores[at]:.2f}" for at in order)
        rows.append([f"{start:.2f}", f"{end:.2f}", named(scores, found.classes, asked.threshold)[0], told])
    table(rows, ["from (s)", "to (s)", "likeliest", "scores"])
    for one in spans:
        tell(f"{one.start_s:.2f} to {one.end_s:.2f} s: {one.label} ({one.score:.2f})")
    tell(f"decode {found.decode_ms:.1f} ms, inference {found.inference_ms:.1f} ms a window")


def features(asked: Namespace) -> int:
    """`video features FOLDER`: the image vectors of its videos, kept; what is there is not made again."""
    problems = [*asked.problems, *_mistakes(asked)]
    home = open_home(asked.home)
    facts = _model(home, asked, problems)
    stop_at(problems)
    with runner_of(home) as runner:
        done = _featured(runner, asked, facts)
    if done is None:
        return 1
    if asked.json:
        json_line(done)
    else:
        tell(f"{count(done.ready, 'video')} of {done.videos}, {count(done.features, 'feature')}, {done.made} new, "
             f"{done.seconds:.1f} s")  # fmt: skip
    return 1 if done.videos and not done.ready else 0


def find(asked: Namespace) -> int:
    """`video find FOLDER "words"`: its videos, the best moment of each, the best first."""
    problems = [*asked.problems, *_mistakes(asked)]
    home = open_home(asked.home)
    facts = _model(home, asked, problems)
    if not asked.text.strip():
        problems.append(InputError("There is nothing to look for.", expected="a few words", received="nothing",
                                   field="TEXT"))  # fmt: skip
    stop_at(problems)
    with runner_of(home) as runner:
        if _featured(runner, asked, facts) is None:
            return 1
        wish = FindWish(_full(asked.path), facts.path if facts else "", asked.text, asked.rate, asked.limit,
                        asked.device)  # fmt: skip
        raw = answer(runner.inspect("video-find", **msgspec.to_builtins(wish)), WITHIN_S)
    found = msgspec.json.decode(raw, type=Found)
    if asked.json:
        json_line(found)
        return 0
    table([[f"{one.score:.3f}", f"{one.time_s:.2f}", one.path] for one in found.hits], ["cosine", "at (s)", "video"])
    tell(f"{count(found.features, 'feature')} of {count(found.videos, 'video')} in {found.search_ms:.1f} ms")
    return 0


def caption(asked: Namespace) -> int:
    """`video caption FILE --captions a,b`: which words fit a video, or a stretch of it, best."""
    problems = [*asked.problems, *_mistakes(asked)]
    home = open_home(asked.home)
    facts = _model(home, asked, problems)
    captions = _names(asked.captions, "--captions", problems)
    stop_at(problems)
    wish = CaptionWish(_full(asked.path), facts.path if facts else "", captions, asked.start, asked.end,
                       device=asked.device)  # fmt: skip
    with runner_of(home) as runner:
        raw = answer(runner.inspect("video-captions", **msgspec.to_builtins(wish)), WITHIN_S)
    found = msgspec.json.decode(raw, type=Captioned)
    for note in found.notes:
        tell(f"Note: {note[:1].upper()}{note[1:]}.")
    if asked.json:
        json_line(found)
    else:
        table([[f"{score:.3f}", text] for text, score in found.captions], ["cosine", "caption"])
    return 0


def _featured(runner: Runner, asked: Namespace, facts: RecogniserFacts | None) -> FeaturesDone | None:
    """The features of a folder; None where somebody stopped it. Videos that gave none are told."""
    stop = threading.Event()
    wish = FeaturesWish(_full(asked.path), facts.path if facts else "", asked.rate, device=asked.device)
    with first_interrupt(stop, "Stopping; what is computed stays. Ctrl+C again leaves at once."):
        try:
            done = featured(runner, wish, stop, _tell_far)
        except Stopped:
            return None
    for one in done.failed:
        tell(f"{one.path}: {one.why}")
    return done


def _names(text: str, flag: str, problems: list[Problem]) -> tuple[str, ...]:
    """Names with commas between them; none of them, or too many, is one of the problems."""
    try:
        return class_names(text.split(","))
    except InputError as problem:
        if any(one.strip() for one in text.split(",")):
            problems.append(InputError(problem.what, expected=problem.expected, received=problem.received,
                                       fix=problem.fix, field=flag))  # fmt: skip
            return ()
    problems.append(InputError(
        "There are no captions to choose from." if flag == "--captions" else "There is no class to look for.",
        expected=f"{flag} A,B,C", received=text or "nothing", field=flag,
        fix=f"Write a few words for each, with commas between them: {flag} 'a circle, a red square'.",
    ))  # fmt: skip
    return ()


def _mistakes(asked: Namespace) -> list[Problem]:
    """What is wrong with the path and the numbers of a deed, all of it, before a worker starts."""
    given, found = vars(asked), list[Problem]()
    if "rate" in given:
        if not asked.path.expanduser().is_dir():
            found.append(InputError("There is no such folder.", expected="a folder with videos",
                                    received=str(asked.path), field="FOLDER"))  # fmt: skip
    else:
        try:
            check_file(asked.path.expanduser())
        except (InputError, OSError) as problem:
            found.append(problem if isinstance(problem, InputError) else InputError(
                "This path cannot be read.", expected="a video", received=str(problem), field="FILE"))  # fmt: skip
    bounds = {"window": ("--window", LEAST_STRIDE_S, sys.float_info.max), "end": ("--to", 0.0, sys.float_info.max),
              "stride": ("--stride", LEAST_STRIDE_S, sys.float_info.max), "frames": ("--frames", 0, MOST_FRAMES),
              "start": ("--from", 0.0, sys.float_info.max), "rate": ("--rate", LOWEST_RATE, HIGHEST_RATE),
              "limit": ("--limit", 1, sys.maxsize)}  # fmt: skip
    for name, (flag, least, most) in bounds.items():
        if name in given and not least <= given[name] <= most:
            expected = f"{least:g} to {most:g}" if most < sys.maxsize else f"{least:g} or more"
            found.append(InputError(f"{flag} cannot be this.", expected=expected, received=f"{given[name]:g}",
                                    field=flag))  # fmt: skip
    if "end" in given and 0 < asked.end <= asked.start:
        found.append(InputError("This stretch has no length.", expected=f"--to after {asked.start:g} s",
                                received=f"{asked.end:g} s", field="--to"))  # fmt: skip
    return found


def _model(home: Home, asked: Namespace, problems: list[Problem]) -> RecogniserFacts | None:
    if asked.device:
        device_of(asked, home, problems)
    try:
        facts = find_recogniser(home, asked.model, classifying(recipes()))
    except InputError as problem:
        problems.append(problem)
        return None
    if facts.note:
        tell(facts.note)
    return facts


def _progress(what: str) -> Callable[[Recognised, float, str], None]:
    def told(_part: Recognised, fraction: float, words: str) -> None:
        _tell_far(fraction, words or what)

    return told


def _tell_far(fraction: float, words: str) -> None:
    """One line that is written over, on a terminal only."""
    if sys.stderr.isatty():
        far = f"{100 * fraction:3.0f} %  " if fraction >= 0 else ""
        end = "\n" if fraction >= 1 else ""
        sys.stderr.write(f"\r\x1b[K{far}{words}{end}")
        sys.stderr.flush()


def _full(path: Path) -> str:
    # The worker has a working folder of its own.
    return str(path.expanduser().absolute())


def _model_arguments(deed: Parser) -> None:
    deed.add_argument(
        "--model", default="", metavar="RUN|MODEL",
        help=f"a folder in Hugging Face format, a run, a model in the home, or {SHIPPED_NAME}",
    )  # fmt: skip
    deed.add_argument("--device", default="", metavar="D", help="auto, cpu, cuda …")


def classify_arguments(deed: Parser) -> None:
    """The flags of `video classify`."""
    deed.add_argument("path", type=Path, metavar="FILE", help="a video")
    deed.add_argument(
        "--classes", default="", metavar="A,B,C", help="what may happen, in words, for a model that reads"
    )
    _model_arguments(deed)
    deed.add_argument("--window", type=float, default=1.0, metavar="S", help="how long a stretch is judged at once")
    deed.add_argument("--stride", type=float, default=0.5, metavar="S", help="how far the next one begins after it")
    deed.add_argument("--from", dest="start", type=float, default=0.0, metavar="S", help="only from so many seconds on")
    deed.add_argument("--to", dest="end", type=float, default=0.0, metavar="S", help="only up to there")
    deed.add_argument("--frames", type=int, default=0, metavar="N", help="frames of a window; the model's own for 0")
    deed.add_argument("--threshold", type=float, default=0.5, metavar="P", help="below it a window is something else")


def caption_arguments(deed: Parser) -> None:
    """The flags of `video caption`."""
    deed.add_argument("path", type=Path, metavar="FILE", help="a video")
    deed.add_argument("--captions", default="", metavar="A,B,C", help="what it may show, in words")
    _model_arguments(deed)
    deed.add_argument("--from", dest="start", type=float, default=0.0, metavar="S", help="only from so many seconds on")
    deed.add_argument("--to", dest="end", type=float, default=0.0, metavar="S", help="only up to there")


def features_arguments(deed: Parser) -> None:
    """The flags of `video features`."""
    deed.add_argument("path", type=Path, metavar="FOLDER", help="a folder with videos at any depth")
    _model_arguments(deed)
    deed.add_argument("--rate", type=float, default=2.0, metavar="N", help="frames looked at in a second")


def find_arguments(deed: Parser) -> None:
    """The flags of `video find`."""
    features_arguments(deed)
    deed.add_argument("text", metavar="TEXT", help="what the video shows, in words")
    deed.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many")


def add(deeds: Any, command: Callable[..., object]) -> None:
    """The deeds of this module below `video`."""
    command(deeds, "classify", classify, "what happens when in a video", classify_arguments)
    command(deeds, "caption", caption, "which of some captions fits a video best", caption_arguments)
    command(deeds, "features", features, "image vectors of a folder's videos, computed once", features_arguments)
    command(deeds, "find", find, "videos of a folder by what they show", find_arguments)
