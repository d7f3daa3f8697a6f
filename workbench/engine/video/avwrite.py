"""FFmpeg as a writer of videos, run as a process of its own: pictures in, a file out.

PyAV's wheels carry codecs under the GPL (x264), so they are kept out of our processes. Nothing of the program is
imported: it runs as a script, `avwrite.py OUT FORMAT`.

Its input is a line of JSON, `{"width": w, "height": h, "frames_per_s": r}`, then for each frame a line
`{"pts": n}` (in 90000ths of a second) and width · height · 3 bytes of RGB. When the input ends it writes
`{"frames": n}`; where it cannot go on, `{"error": …}`.
"""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from typing import Any, BinaryIO

TICKS_PER_S = 90_000
CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mp4": ("libx264", "yuv420p", {"crf": "16", "preset": "fast"}),
    "mov": ("libx264", "yuv420p", {"crf": "16", "preset": "fast"}),
    "matroska": ("libx264", "yuv420p", {"crf": "16", "preset": "fast"}),
    "webm": ("libvpx-vp9", "yuv420p", {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "6"}),
    "gif": ("gif", "rgb8", {}),
}
"""Container to codec, pixel format and options."""


def write(av: Any, path: str, form: str, given: BinaryIO) -> int:
    """Encode what comes in until it ends; how many frames there were."""
    about = json.loads(given.readline())
    width, height = int(about["width"]), int(about["height"])
    codec, pixels, options = CODECS[form]
    # A subsampled picture has an even number of lines and columns: the last one of an odd number is left out.
    even = (width - width % 2, height - height % 2) if pixels == "yuv420p" and width > 1 and height > 1 else None
    told = {"movflags": "+faststart"} if form in ("mp4", "mov") else {}
    count = 0
    with av.open(path, "w", format=form, container_options=told) as container:
        stream = container.add_stream(
            codec, rate=Fraction(about["frames_per_s"]).limit_denominator(1001), options=options
        )
        stream.width, stream.height = even or (width, height)
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        stream.thread_type = "AUTO"
        while line := given.readline():
            data = given.read(width * height * 3)
            if len(data) < width * height * 3:
                raise ValueError("the last frame is not whole")
            frame = _frame(av, data, width, height, even)
            frame.pts, frame.time_base = int(json.loads(line)["pts"]), Fraction(1, TICKS_PER_S)
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode())
    return count


def _frame(av: Any, data: bytes, width: int, height: int, even: tuple[int, int] | None) -> Any:
    import numpy as np

    pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
    if even is not None and even != (width, height):
        pixels = np.ascontiguousarray(pixels[: even[1], : even[0]])
    return av.VideoFrame.from_ndarray(pixels, "rgb24")


def main(path: str, form: str, given: BinaryIO, out: BinaryIO) -> None:
    """Write, and tell how many frames there are now."""
    said: dict[str, Any]
    try:
        import av
    except ImportError as error:
        said = {"error": str(error), "missing": True}
    else:
        try:
            said = {"frames": write(av, path, form, given)}
        except (av.error.FFmpegError, OSError, ValueError) as error:
            said = {"error": str(error)}
    out.write(json.dumps(said).encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.stdin.buffer, sys.stdout.buffer)
