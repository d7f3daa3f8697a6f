"""`speech`: what a sound file holds, and sounds and tiers in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from workbench.cli.follow import answer
from workbench.cli.output import json_line, say, table, tell
from workbench.cli.parser import Namespace, Parser, stop_at
from workbench.cli.running import runner_of
from workbench.core.audio import TIER_SUFFIXES, SoundFile, TiersDoc
from workbench.store.home import open_home

WITHIN_S = 3600.0


def _ask(asked: Namespace, what: str, **arguments: Any) -> bytes:
    stop_at(asked.problems)
    with runner_of(open_home(asked.home)) as runner:
        return bytes(answer(runner.inspect(what, **arguments), WITHIN_S))


def _full(path: Path) -> str:
    # The worker has a working folder of its own.
    return str(path.expanduser().absolute())


def show(asked: Namespace) -> int:
    """`speech show FILE`: length, rate, channels and what was noticed; the tiers of a TextGrid and the like."""
    if asked.path.suffix.lower() in TIER_SUFFIXES:
        return _show_tiers(asked)
    sound = msgspec.json.decode(_ask(asked, "sound", path=_full(asked.path), whole=True), type=SoundFile)
    if asked.json:
        json_line(sound)
        return 0
    meta = sound.meta
    row = [meta.title, f"{meta.duration_s:.3f}", str(meta.sample_rate_hz), str(meta.channels), f"{meta.samples}",
           f"{sound.peak:.3f}", sound.format]  # fmt: skip
    table([row], ["title", "seconds", "Hz", "channels", "samples", "peak", "format"])
    for note in sound.notes:
        tell(note)
    return 0


def _show_tiers(asked: Namespace) -> int:
    found = msgspec.json.decode(_ask(asked, "tiers", path=_full(asked.path)), type=TiersDoc)
    if asked.json:
        json_line(found)
        return 0
    rows = [
        [tier.name, f"{one.start_s:.3f}", f"{one.end_s:.3f}", one.speaker, one.text]
        for tier in found.tiers
        for one in tier.segments
    ]
    table(rows, ["tier", "from (s)", "to (s)", "speaker", "text"])
    return 0


def convert(asked: Namespace) -> int:
    """`speech convert FILE --to OUT`: a sound (or part) or tiers in the format that the ending of OUT names."""
    if asked.path.suffix.lower() in TIER_SUFFIXES:
        tiers = msgspec.json.decode(_ask(asked, "tiers", path=_full(asked.path)))
        written = _ask(asked, "tiers-export", tiers=tiers, out=_full(asked.to), tier=asked.tier)
    else:
        channel = -1 if asked.mono else asked.channel
        written = _ask(
            asked, "sound-export", path=_full(asked.path), out=_full(asked.to), start_s=asked.start, end_s=asked.end,
            sample_rate_hz=asked.rate, channel=channel,
        )  # fmt: skip
    files = msgspec.json.decode(written, type=list[str])
    if asked.json:
        json_line({"files": files})
        return 0
    for file in files:
        say(file)
    return 0


def show_arguments(deed: Parser) -> None:
    """The flags of `speech show`."""
    deed.add_argument("path", type=Path, metavar="FILE", help="a sound (WAV, FLAC, MP3, OGG, M4A, video) or tiers")


def convert_arguments(deed: Parser) -> None:
    """The flags of `speech convert`."""
    show_arguments(deed)
    deed.add_argument(
        "--to", type=Path, required=True, metavar="OUT",
        help=".wav, .flac, .ogg or .mp3; for tiers .TextGrid, .srt, .vtt, .rttm, .ctm, .json or .txt",
    )  # fmt: skip
    deed.add_argument("--rate", type=int, default=0, metavar="HZ", help="another sample rate")
    deed.add_argument("--start", type=float, default=0.0, metavar="S", help="begin so many seconds in")
    deed.add_argument("--end", type=float, default=0.0, metavar="S", help="end there")
    deed.add_argument("--channel", type=int, default=None, metavar="N", help="one channel, counted from 0")
    deed.add_argument("--mono", action="store_true", help="the mean of all channels")
    deed.add_argument("--tier", default="", metavar="NAME", help="the tier, where a format holds one only")
