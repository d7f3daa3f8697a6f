"""`speech diarise` and `speech profiles`: who spoke when, and the voices that are remembered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from workbench.cli.follow import answer
from workbench.cli.output import json_line, say, table, tell
from workbench.cli.parser import Namespace, Parser, stop_at
from workbench.cli.running import runner_of
from workbench.core.audio import SOUND_SUFFIXES, TIER_SUFFIXES, TiersDoc
from workbench.core.events import Underway
from workbench.core.problem import InputError, Problem
from workbench.core.speakers import Diarised, DiariseWish, EnrolWish, VoiceProfile, words_with_speakers
from workbench.runner.base import Runner
from workbench.store import voices
from workbench.store.home import Home, open_home

WITHIN_S = 24 * 3600.0
ENDINGS = {"rttm": ".rttm", "textgrid": ".TextGrid", "json": ".json", "srt": ".srt", "vtt": ".vtt", "txt": ".txt"}
PRIVACY = "A voice is biometric data: it stays in the data folder of this machine until 'profiles delete'."


def diarise(asked: Namespace) -> int:
    """`speech diarise FILE|FOLDER`: the turns of every sound, as a table or into files; 1 where a sound failed."""
    problems: list[Problem] = list(asked.problems)
    formats = [one.strip().lower() for one in asked.format.split(",") if one.strip()]
    unknown = [one for one in formats if one not in ENDINGS]
    if unknown or not formats:
        problems.append(InputError(
            "Turns cannot be written in this format.", expected=", ".join(ENDINGS), received=asked.format,
            fix="Name one or several of them, separated by commas.", field="--format",
        ))  # fmt: skip
    paths: list[Path] = []
    try:
        paths = _sounds(asked.path.expanduser().absolute())
    except InputError as problem:
        problems.append(problem)
    stop_at(problems)
    failed = 0
    with runner_of(open_home(asked.home)) as runner:
        for at, path in enumerate(paths, 1):
            if len(paths) > 1:
                tell(f"{at} of {len(paths)}: {path.name}")
            try:
                _one(asked, runner, path, formats)
            except Problem as problem:
                if len(paths) == 1:
                    raise
                failed += 1
                # One file that is silent or damaged must not cost the others their turn.
                tell(f"{path.name}: {problem}")
                if asked.json:
                    json_line({"path": str(path), "problem": msgspec.to_builtins(problem.record())})
    if failed:
        tell(f"{failed} of {len(paths)} sounds failed.")
    return 1 if failed else 0


def _sounds(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.rglob("*") if one.suffix.lower() in SOUND_SUFFIXES and one.is_file())
    if not found:
        raise InputError(
            "There is no sound in this folder.", expected="files such as " + ", ".join(SOUND_SUFFIXES[:6]),
            received=str(path), fix="Name another folder, or a single file.", field="FILE|FOLDER",
        )  # fmt: skip
    return found


def _one(asked: Namespace, runner: Runner, path: Path, formats: list[str]) -> None:
    encoder = str(asked.encoder.expanduser().absolute()) if asked.encoder else ""
    wish = DiariseWish(str(path), asked.speakers, encoder, asked.threshold, not asked.anonymous)
    future = runner.inspect("diarise", told=_tell, **msgspec.to_builtins(wish))
    try:
        found = msgspec.json.decode(answer(future, WITHIN_S), type=Diarised)
    except KeyboardInterrupt:
        future.cancel()
        raise
    files = _written(asked, runner, path, found, formats)
    if asked.json:
        turns = [{"start_s": one.start_s, "end_s": one.end_s, "speaker": one.speaker} for one in found.tier.segments]
        voices_told = msgspec.to_builtins(found.voices)
        json_line({"path": str(path), "voices": voices_told, "turns": turns, "speech_s": found.speech_s,
                   "seconds": found.seconds, "encoder": found.encoder, "files": files,
                   "notes": list(found.notes)})  # fmt: skip
        return
    if not files:
        table([[f"{one.start_s:.3f}", f"{one.end_s:.3f}", one.speaker] for one in found.tier.segments],
              ["from (s)", "to (s)", "speaker"])  # fmt: skip
    for voice in found.voices:
        like = f", like {voice.likeness} ({voice.score:.2f})" if voice.likeness else ""
        say(f"{voice.name}: {voice.talk_s:.1f} s in {voice.turns} turns{like}")
    for note in found.notes:
        tell(note)
    for file in files:
        say(file)


def _written(asked: Namespace, runner: Runner, path: Path, found: Diarised, formats: list[str]) -> list[str]:
    if asked.out is None:
        return []
    doc = _with_words(runner, asked.tiers, path) if asked.tiers else TiersDoc(title=path.stem)
    doc.tiers = [*(one for one in doc.tiers if one.kind != "speakers"), found.tier]
    for tier, at, who in list(words_with_speakers(doc)):
        doc.tiers[tier].segments[at].speaker = who
    root = asked.path.expanduser().absolute()
    inner = path.relative_to(root).parent if root.is_dir() else Path()
    files: list[str] = []
    for form in formats:
        out = asked.out.expanduser().absolute() / inner / (path.stem + ENDINGS[form])
        raw = answer(runner.inspect("tiers-export", tiers=msgspec.to_builtins(doc), out=str(out)), WITHIN_S)
        files += msgspec.json.decode(raw, type=list[str])
    return files


def _with_words(runner: Runner, tiers: Path, path: Path) -> TiersDoc:
    """The tiers of a sound: the file itself, or that of the sound's name in a folder."""
    place = tiers.expanduser().absolute()
    if place.is_dir():
        there = [one for one in sorted(place.rglob(f"{path.stem}.*")) if one.suffix.lower() in TIER_SUFFIXES]
        if not there:
            return TiersDoc(title=path.stem)
        place = there[0]
    return msgspec.json.decode(answer(runner.inspect("tiers", path=str(place)), WITHIN_S), type=TiersDoc)


def _tell(told: Underway) -> None:
    if told.fraction >= 0 and told.words:
        tell(f"{100 * told.fraction:3.0f} %  {told.words}")


def list_profiles(asked: Namespace) -> int:
    """`speech profiles list`: every voice that is remembered."""
    _show(asked, voices.profiles(_home(asked)))
    if not asked.json:
        tell(PRIVACY)
    return 0


def rename_profile(asked: Namespace) -> int:
    """`speech profiles rename NAME NEW`: another name; with --merge two of one person become one."""
    home = _home(asked)
    one = voices.voice_named(home, asked.name)
    if asked.merge:
        made = voices.merge(home, one.id, voices.voice_named(home, asked.new).id)
    else:
        made = voices.rename(home, one.id, asked.new)
    _show(asked, [made.told])
    return 0


def delete_profile(asked: Namespace) -> int:
    """`speech profiles delete NAME`: forget a voice."""
    home = _home(asked)
    gone = voices.voice_named(home, asked.name)
    voices.delete(home, gone.id)
    if asked.json:
        json_line({"deleted": gone.id, "name": gone.name})
    else:
        say(f"{gone.name} is forgotten.")
    return 0


def enrol_profile(asked: Namespace) -> int:
    """`speech profiles enrol NAME FILE`: remember the voice that speaks in a sound, or in a part of it."""
    spans = ((asked.start, asked.end or 1e9),) if asked.start or asked.end else ()
    encoder = str(asked.encoder.expanduser().absolute()) if asked.encoder else ""
    wish = EnrolWish(str(asked.path.expanduser().absolute()), asked.name, spans, encoder=encoder)
    home = _home(asked)
    with runner_of(home) as runner:
        raw = answer(runner.inspect("voice-enrol", **msgspec.to_builtins(wish)), WITHIN_S)
    _show(asked, [msgspec.json.decode(raw, type=VoiceProfile)])
    if not asked.json:
        tell(PRIVACY)
    return 0


def _home(asked: Namespace) -> Home:
    stop_at(asked.problems)
    return open_home(asked.home)


def _show(asked: Namespace, found: list[VoiceProfile]) -> None:
    if asked.json:
        for one in found:
            json_line(one)
        return
    rows = [[one.name, f"{one.seconds:.1f}", str(len(one.sources)), str(one.refused or ""), one.changed[:10], one.id]
            for one in found]  # fmt: skip
    table(rows, ["name", "speech (s)", "sounds", "refused", "changed", "id"])


def _diarise_arguments(deed: Parser) -> None:
    deed.add_argument("path", type=Path, metavar="FILE|FOLDER", help="a sound, or every sound below a folder")
    deed.add_argument("--speakers", type=int, default=0, metavar="N", help="how many there are, where that is known")
    deed.add_argument("--out", type=Path, default=None, metavar="DIR", help="write files there instead of a table")
    deed.add_argument("--format", default="rttm", metavar="F,F", help=f"of the files: {', '.join(ENDINGS)}")
    deed.add_argument("--tiers", type=Path, default=None, metavar="FILE|DIR",
                      help="tiers with words, which get their speakers and are written along")  # fmt: skip
    deed.add_argument("--threshold", type=float, default=0.0, metavar="COSINE",
                      help="from which two voices are one; lower finds fewer speakers")  # fmt: skip
    deed.add_argument("--anonymous", action="store_true", help="do not compare with the voices that are remembered")
    _encoder_argument(deed)


def _encoder_argument(deed: Parser) -> None:
    deed.add_argument("--encoder", type=Path, default=None, metavar="DIR", help="a speaker encoder of your own")


def _name_argument(deed: Parser) -> None:
    deed.add_argument("name", metavar="NAME", help="a name or id from the list")


def _rename_arguments(deed: Parser) -> None:
    _name_argument(deed)
    deed.add_argument("new", metavar="NEW", help="the new name")
    deed.add_argument("--merge", action="store_true", help="NEW is another voice's name, and both are one person")


def _enrol_arguments(deed: Parser) -> None:
    deed.add_argument("name", metavar="NAME", help="a new name, or one of the list to know that voice better")
    deed.add_argument("path", type=Path, metavar="FILE", help="a sound in which that person alone speaks")
    deed.add_argument("--start", type=float, default=0.0, metavar="S", help="only from there on")
    deed.add_argument("--end", type=float, default=0.0, metavar="S", help="only up to there")
    _encoder_argument(deed)


def _no_arguments(_: Parser) -> None:
    pass


def add(deeds: Any, command: Callable[..., Any]) -> None:
    """`speech diarise` and `speech profiles …` below the parser of `speech`."""
    command(deeds, "diarise", diarise, "who spoke when, as RTTM, TextGrid or JSON", _diarise_arguments)
    about = "voices that are remembered by name: list, enrol, rename, delete"
    listed = deeds.add_parser("profiles", help=about).add_subparsers(
        metavar="DEED", title="deeds", required=True, parser_class=Parser
    )
    command(listed, "list", list_profiles, "every voice that is remembered", _no_arguments)
    command(listed, "enrol", enrol_profile, "remember the voice of a sound under a name", _enrol_arguments)
    command(listed, "rename", rename_profile, "give a voice another name, or merge two", _rename_arguments)
    command(listed, "delete", delete_profile, "forget a voice; nothing of it stays", _name_argument)
