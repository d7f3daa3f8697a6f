"""Small videos made for tests, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "h264.mp4": ("libx264", "yuv420p", {}),
    "h264.mkv": ("libx264", "yuv420p", {}),
    "uneven.mov": ("libx264", "yuv420p", {"uneven": True}),
    "h264.ts": ("libx264", "yuv420p", {}),
    "hevc10.mp4": ("libx265", "yuv420p10le", {"options": {"x265-params": "log-level=none"}}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"options": {"deadline": "realtime", "cpu-used": "8"}}),
    "vp8.webm": ("libvpx", "yuv420p", {"options": {"auto-alt-ref": "1", "lag-in-frames": "16"}}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {"between": 2}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "ffv1.mkv": ("ffv1", "yuv420p", {}),
    "loop.gif": ("gif", "rgb8", {}),
}
"""File name to codec, pixel format and what else `film` is told."""


def picture(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """Frame `number` of every film: no two are alike. RGB (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    found = np.stack([(x * 2 + number * 5) % 256, (y * 2 + number * 3) % 256, x * 0 + number * 4 % 256], -1)
    found[8:16, number % width : number % width + 8] = 255
    return found.astype(np.uint8)


def film(
    path: Path, codec: str = "libx264", pixels: str = "yuv420p", *, frames: int = 40, width: int = 96, height: int = 64,
    rate: int = 25, between: int | None = None, group: int = 12, uneven: bool = False,
    options: dict[str, str] | None = None, aspect: Fraction | None = None,
) -> Path:  # fmt: skip
    """A video of `frames` pictures; `uneven` ones are shown for 40 or 90 ms."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.gop_size = group
        if between is not None:
            stream.codec_context.max_b_frames = between
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if uneven:
            stream.codec_context.time_base = Fraction(1, 1000)
        at = 0
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, width, height), "rgb24")
            if uneven:
                frame.pts, frame.time_base = at, Fraction(1, 1000)
                at += 40 if number % 3 else 90
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def rotated(path: Path) -> Path:
    """The same file (MP4, MOV) as one filmed on its side: its frames are turned a quarter clockwise to be shown."""
    # The track's matrix (ISO 14496-12) for a quarter turn clockwise, in place of the unit matrix.
    one, minus = (65536).to_bytes(4, "big"), (-65536).to_bytes(4, "big", signed=True)
    nothing, last = bytes(4), (1 << 30).to_bytes(4, "big")
    unit = one + nothing * 3 + one + nothing * 3 + last
    held = path.read_bytes()
    at = held.rindex(unit)
    turned = nothing + one + nothing + minus + nothing * 4 + last
    path.write_bytes(held[:at] + turned + held[at + len(unit) :])
    return path


def changing(path: Path, sizes: Sequence[tuple[int, int]], *, frames: int = 12) -> Path:
    """A transport stream whose pictures change their size (width, height) every so many frames."""
    with av.open(str(path), "w", format="mpegts") as container:
        stream: Any = None
        begin = 0
        for number, (width, height) in enumerate(sizes):
            part = film(path.with_name(f"{path.stem}-{number}.ts"), frames=frames, width=width, height=height)
            with av.open(str(part)) as given:
                stream = stream or container.add_stream_from_template(given.streams.video[0])
                packets = [one for one in given.demux(given.streams.video[0]) if one.dts is not None]
                for packet in packets:
                    packet.pts, packet.dts, packet.stream = packet.pts + begin, packet.dts + begin, stream
                    container.mux(packet)
            begin = max(one.pts for one in packets)
    return path


def known(name: str, folder: Path, **more: Any) -> Path:
    """The film of one of the KINDS."""
    codec, pixels, told = KINDS[name]
    return film(folder / name, codec, pixels, **(told | more))


def decoded(path: Path) -> list[tuple[int, np.ndarray]]:
    """Every frame in order, with its time in ticks: the truth that random access is compared with."""
    with av.open(str(path)) as container:
        return [(int(frame.pts or 0), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
