"""FFmpeg as a filter, run as a process of its own: a media file in, int16 samples out.

PyAV's wheels carry codecs under the GPL (x264, x265), so they are kept out of our processes; a broken
file can end no more than this one either. Standard output holds one line of JSON – the stream's facts,
or `error` – then blocks of interleaved little-endian int16, each after its length in bytes (uint32),
then a zero length and one line of JSON with the notes.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Any, BinaryIO

import numpy as np

BLOCK_BYTES = 1 << 20
MOST_FAULTS = 1000


def main(path: str, out: BinaryIO) -> None:
    """Decode the first audio stream of a file."""
    try:
        import av
    except ImportError as error:
        _line(out, {"error": str(error), "missing": True})
        return
    av.logging.set_level(av.logging.PANIC)
    try:
        with av.open(path, metadata_errors="replace") as container:
            if not container.streams.audio:
                has = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
                _line(out, {"error": f"no sound, only {has}", "silent": True})
                return
            _decode(av, container, out)
    except av.error.FFmpegError as error:
        _line(out, {"error": str(error).split(":")[0]})


def _line(out: BinaryIO, facts: dict[str, Any]) -> None:
    out.write(json.dumps(facts).encode() + b"\n")
    out.flush()


def _decode(av: Any, container: Any, out: BinaryIO) -> None:
    stream = container.streams.audio[0]
    codec = stream.codec_context
    rate, channels = int(codec.sample_rate or 0), int(codec.channels or 0)
    seconds = float(stream.duration * stream.time_base) if stream.duration is not None else 0.0
    seconds = seconds or (container.duration or 0) / av.time_base
    notes = []
    if len(container.streams.audio) > 1:
        notes.append(f"the first of {len(container.streams.audio)} audio tracks")
    name = f"{container.format.name.split(',')[0].upper()} {codec.name.upper()}"
    _line(out, {"rate": rate, "channels": channels, "samples": max(int(seconds * rate), 0), "format": name})
    if not rate or not channels:
        return
    resampler = av.AudioResampler(format="flt", layout=codec.layout.name, rate=rate)
    held, faults = bytearray(), 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            frames = packet.decode() if packet is not None else []
            pieces = [piece for frame in frames for piece in resampler.resample(frame)]
        except av.error.FFmpegError as error:
            faults += 1
            if faults >= MOST_FAULTS:
                notes.append(f"the file is damaged: {error}")
                break
            continue
        for piece in pieces:
            scaled = np.rint(np.nan_to_num(piece.to_ndarray().reshape(-1)) * np.float32(32768))
            held += np.clip(scaled, -32768, 32767).astype("<i2").tobytes()
        if len(held) >= BLOCK_BYTES or (packet is None and held):
            out.write(struct.pack("<I", len(held)) + held)
            held.clear()
        if packet is None:
            break
    if faults:
        notes.append(f"{faults} damaged pieces were left out")
    out.write(struct.pack("<I", 0))
    _line(out, {"notes": notes})


if __name__ == "__main__":
    main(sys.argv[1], sys.stdout.buffer)
