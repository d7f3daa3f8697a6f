"""FFmpeg as a maker of small pictures, run as a process of its own: a video in, archives of JPEG pictures out.

As `avframes.py`, whose decoder it takes, it imports nothing of the program.

`avcopy.py copies PATH` writes the facts as a line of JSON, then answers each line on its input,
`{"out": path, "part": path, "times": [...], "side": pixels, "quality": q}`: the frames of these times (ticks that
ascend), their longer side no longer than `side`, become a ZIP archive whose entries are called `<time>.jpg`. It is
written as `part` and has its name when it is whole. Lines `{"done": n}` come now and then, and last
`{"pictures": n, "bytes": b}`; a frame that cannot be decoded is left out. `{"failed": …}` says why there is no archive.
With `yields` after the path the process lets all others go before it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

NICENESS = 10
MOST_THREADS = 4
HELD_BYTES = 1
"""Nothing is stepped back to: of what was decoded, one frame is kept."""


def decoder() -> ModuleType:
    """`avframes.py`, which lies beside this script; folders are not searched for it."""
    told = importlib.util.spec_from_file_location("avframes", Path(__file__).with_name("avframes.py"))
    if told is None or told.loader is None:
        raise ImportError("avframes.py is gone")
    found = importlib.util.module_from_spec(told)
    sys.modules[told.name] = found
    told.loader.exec_module(found)
    found.HELD_BYTES = HELD_BYTES  # type: ignore[attr-defined]
    found.MOST_THREADS = max(1, min(MOST_THREADS, (os.cpu_count() or 1) // 2))  # type: ignore[attr-defined]
    return found


def wanted(frames: Any, times: list[int]) -> Iterator[Any]:
    """Those of the frames that are shown at just these times; what lies between them is decoded on the way."""
    left = set(times)
    frame = frames.at(times[0])
    while frame is not None and frame.pts <= times[-1]:
        if frame.pts in left:
            yield frame
        frame = frames.after()


def write(frames: Any, asked: dict[str, Any], tell: Callable[[int], None]) -> dict[str, int]:
    """An archive of pictures; raises OSError where there is no room for it."""
    from PIL import Image

    part, side = Path(asked["part"]), int(asked["side"])
    count = 0
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for frame in wanted(frames, asked["times"]):
            wide, high, pixels = frames.picture(frame, side, side)
            packed = io.BytesIO()
            Image.frombuffer("RGB", (wide, high), pixels).save(packed, "JPEG", quality=int(asked["quality"]))
            archive.writestr(f"{frame.pts}.jpg", packed.getvalue())
            count += 1
            tell(count)
    size = part.stat().st_size
    part.replace(asked["out"])
    return {"pictures": count, "bytes": size}


def serve(decoding: ModuleType, av: Any, path: str, given: BinaryIO, out: BinaryIO) -> None:
    """Answer until the input ends."""
    frames = decoding.Frames(av, path)
    for line in given:
        asked = json.loads(line)
        told = time.monotonic()

        def tell(count: int) -> None:
            nonlocal told
            if time.monotonic() - told > decoding.TELL_EVERY_S:
                told = time.monotonic()
                decoding.say(out, {"done": count})

        try:
            decoding.say(out, write(frames, asked, tell))
        except OSError as error:
            if isinstance(error, av.error.FFmpegError):
                raise
            with contextlib.suppress(OSError):  # on a disk that can only be read nothing can be deleted either
                Path(asked["part"]).unlink(missing_ok=True)
            decoding.say(out, {"failed": error.strerror or str(error)})


def main(path: str, given: BinaryIO, out: BinaryIO, options: Sequence[str] = ()) -> None:
    """Facts first, then what was asked for."""
    if "yields" in options and hasattr(os, "nice"):
        os.nice(NICENESS)
    decoding = decoder()
    try:
        import av
    except ImportError as error:
        decoding.say(out, {"error": str(error), "missing": True})
        return
    try:
        decoding.say(out, decoding.facts_of(av, path))
        serve(decoding, av, path, given, out)
    except (decoding.Refused, av.error.FFmpegError) as error:
        decoding.say(out, {"error": str(error)})


if __name__ == "__main__":
    main(str(Path(sys.argv[2])), sys.stdin.buffer, sys.stdout.buffer, sys.argv[3:])
