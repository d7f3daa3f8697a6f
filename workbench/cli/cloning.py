"""`speech clone`: a text said with a voice that was heard in a sound, is remembered, or that nobody has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from workbench.cli.follow import answer
from workbench.cli.output import json_line, say, tell
from workbench.cli.parser import Namespace, Parser, stop_at
from workbench.cli.running import runner_of
from workbench.core.cloning import Said, SayWish, VoiceSource, file_stem
from workbench.core.events import Underway
from workbench.core.problem import InputError, Problem
from workbench.core.sayable import sayable
from workbench.store import voices
from workbench.store.home import Home, open_home

WITHIN_S = 3600.0


def clone(asked: Namespace) -> int:
    """`speech clone --voice FILE|PROFILE --text TEXT --out FILE`: write the sound, tell how near it came."""
    problems: list[Problem] = list(asked.problems)
    home = open_home(asked.home)
    source = VoiceSource()
    try:
        source = _source(asked, home)
    except InputError as problem:
        problems.append(problem)
    try:
        sayable(asked.text)
    except InputError as problem:
        problems.append(problem)
    stop_at(problems)
    out = (asked.out or Path(f"{file_stem(_named(source, home))}.wav")).expanduser().absolute()
    model = str(asked.model.expanduser().absolute()) if asked.model else ""
    wish = SayWish(source, asked.text, model, str(out))
    with runner_of(home) as runner:
        future = runner.inspect("clone-say", told=_tell, **msgspec.to_builtins(wish))
        try:
            found = msgspec.json.decode(answer(future, WITHIN_S), type=Said)
        except KeyboardInterrupt:
            future.cancel()
            raise
    if asked.json:
        json_line(found)
        return 0
    say(found.sound)
    tell(f"{found.duration_s:.1f} s by {found.title}, made in {found.seconds:.1f} s. {_nearness(found)}")
    for note in found.notes:
        tell(f"{note[:1].upper()}{note[1:]}.")
    tell(found.notice)
    return 0


def _nearness(found: Said) -> str:
    if found.likeness is None:
        return ""
    own = f" (two halves of the original: {found.own_cosine:.2f})" if found.own_cosine is not None else ""
    return (f"The encoder finds it like the voice at a cosine of {found.likeness:.2f}{own}; the likest learned voice, "
            f"{found.rival}, comes to {found.rival_cosine:.2f}.")  # fmt: skip


def _source(asked: Namespace, home: Home) -> VoiceSource:
    """A file where there is one of this name, else a remembered voice, else a learned one."""
    if (asked.random_seed is None) == (not asked.voice):
        raise InputError(
            "Whose voice is meant?", expected="--voice, or --random-seed for a voice that nobody has",
            received="both" if asked.voice else "neither", fix="Give one of them.", field="--voice",
        )  # fmt: skip
    if asked.random_seed is not None:
        if asked.random_seed < 0:
            raise InputError("A seed is a whole number.", expected="0 or more", received=str(asked.random_seed),
                             fix="Choose another.", field="--random-seed")  # fmt: skip
        return VoiceSource(seed=asked.random_seed)
    path = Path(asked.voice).expanduser().absolute()
    if path.is_file():
        spans = ((asked.start, asked.end or 1e9),) if asked.start or asked.end else ()
        return VoiceSource(path=str(path), spans=spans)
    try:
        return VoiceSource(profile=voices.voice_named(home, asked.voice).id)
    except InputError:
        known = ", ".join(one.name for one in voices.profiles(home)) or "none yet"
        raise InputError(
            "There is no sound and no remembered voice of this name.",
            expected=f"a file, or one of the remembered voices: {known}", received=asked.voice,
            fix="'workbench speech profiles enrol NAME FILE' remembers one.", field="--voice",
        ) from None  # fmt: skip


def _named(source: VoiceSource, home: Home) -> str:
    if source.path:
        return Path(source.path).stem
    return voices.voice_named(home, source.profile).name if source.profile else f"nobody {source.seed}"


def _tell(told: Underway) -> None:
    if told.fraction >= 0 and told.words:
        tell(f"{100 * told.fraction:3.0f} %  {told.words}")


def _arguments(deed: Parser) -> None:
    deed.add_argument("--voice", default="", metavar="FILE|PROFILE",
                      help="a sound in which that person alone speaks, or a remembered voice")  # fmt: skip
    deed.add_argument("--random-seed", type=int, default=None, metavar="N",
                      help="in place of --voice: a voice that nobody has, the same for the same number")  # fmt: skip
    deed.add_argument("--text", required=True, help="what is to be said, in English")
    deed.add_argument("--out", type=Path, default=None, metavar="FILE",
                      help=".wav, .flac, .ogg or .mp3; without it a .wav named after the voice, here")  # fmt: skip
    deed.add_argument("--start", type=float, default=0.0, metavar="S", help="listen to the voice from there on")
    deed.add_argument("--end", type=float, default=0.0, metavar="S", help="listen up to there")
    deed.add_argument("--model", type=Path, default=None, metavar="DIR", help="a run's or a folder's synthesiser")


def add(deeds: Any, command: Callable[..., Any]) -> None:
    """`speech clone` below the parser of `speech`."""
    command(deeds, "clone", clone, "say a text with a voice heard in a sound, or one that nobody has", _arguments)
