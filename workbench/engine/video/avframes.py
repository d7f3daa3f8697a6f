"""FFmpeg as a server of frames, run as a process of its own: a video in, frames at asked times out.

PyAV's wheels carry codecs under the GPL (x264, x265), so they are kept out of our processes; a broken
file can end no more than this one either. Nothing of the program is imported: it runs as a script.

`avframes.py index PATH` writes the file's facts as a line of JSON, then lines `{"packets": n, "done_s": t}` now
and then, and last `{"times": [...], "keys": [...], "tick_s": s, "notes": [...], "digest": d}` (core.video.FrameIndex).
With `growing` after the path, lines before the last one may carry `"more": [...]`, times before which no frame can come
any more, with their `"more_keys"` (counted within the line) and `"tick_s"`.

`avframes.py frames PATH` writes the facts, then answers each line of JSON on its input:
`{"at": time, "width": w, "height": h}` with the frame shown at that time (in ticks), `{"next": n, …}` with the n
frames that follow the one given last. An answer is a line (core.video.FrameTold) and width · height · 3 bytes;
where there is none, `{"end": true}`. A width of 0 asks for frames as they are. `{"error": …}` may stand
in the place of any answer. With `yields` after the path the process lets all others go before it; with
`screen` pixels are BGRA of four bytes, which are painted at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

HELD_BYTES = 192 << 20
"""Decoded frames that are kept, for stepping backwards."""
MOST_FAULTS, MOST_THREADS = 1000, 16
SPARSE_BEFORE_S, NEAR_S = 0.3, 2.0
"""On the way to a frame, frames that no other one leans on are not decoded up to so long before it; all of them are
where somebody steps back, by no more than the second of these."""
TELL_EVERY_S = 0.1
GROWS_BY = 1.25
"""A growing index is told anew when it is so many times as long: the work stays in proportion to its length."""
DIGESTED_BYTES = 4096
"""Of each packet so many bytes count for the film's digest: no two encodings begin all packets alike."""
STATING = ("mov", "matroska", "avi")
"""Formats whose header states a length; of others it is guessed from what there is."""
LACKS_S, LACKS_SHARE = 0.5, 0.05
"""So much and such a part of the stated length may be without a picture of its own: sound may be longer."""
ALONE_S = 0.04
"""How long a single frame stays where no rate is stated."""
TRANSFERS = {16: "HDR (PQ)", 18: "HDR (HLG)"}
"""Transfer characteristics that an ordinary screen cannot show as meant."""


class Refused(Exception):
    """There is no video to be had; the text says why."""


def open_video(av: Any, path: str) -> tuple[Any, Any]:
    """A container and its first video stream that is not a cover picture."""
    try:
        container = av.open(path, metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise Refused(f"not a video that FFmpeg can read ({str(error).split(':')[0].strip()})") from None
    pictured = av.stream.Disposition.attached_pic
    streams = [one for one in container.streams.video if not one.disposition & pictured]
    if not streams:
        has = ", ".join(sorted({one.type for one in container.streams})) or "nothing"
        container.close()
        raise Refused(f"no moving picture, only {has}")
    stream = streams[0]
    stream.thread_type = "AUTO"
    return container, stream


def facts_of(av: Any, path: str) -> dict[str, Any]:
    """What core.video.VideoFacts holds; the first frame is decoded, since rotation and HDR are told there."""
    container, stream = open_video(av, path)
    # One frame needs no threads, and a decoder must not be at work when its file is closed.
    stream.thread_type = "NONE"
    with container:
        notes, first = [], None
        try:
            with contextlib.closing(container.decode(stream)) as frames:
                first = next(frames, None)
        except av.error.FFmpegError as error:
            notes.append(f"the first frame cannot be decoded: {error}")
        codec = stream.codec_context
        if first is None and not notes:
            raise Refused("a video track without frames")
        turned = int(getattr(first, "rotation", 0) or 0) if first is not None else 0
        shape = (first.width, first.height) if first is not None else (codec.width, codec.height)
        aspect = float(stream.sample_aspect_ratio or 1) or 1.0
        size = shown_size(shape, aspect, turned)
        layout = first.format if first is not None else codec.format
        bits = max((one.bits for one in layout.components), default=8) if layout is not None else 8
        transfer = int(getattr(first, "color_trc", 0) or 0) if first is not None else 0
        if transfer in TRANSFERS:
            notes.append(f"{TRANSFERS[transfer]}: shown without tone mapping")
        if bits > 8:
            notes.append(f"{bits} bits a channel, shown as 8")
        if len(container.streams.video) > 1:
            notes.append(f"the first of {len(container.streams.video)} video tracks")
        return {
            "width": size[0], "height": size[1], "coded_width": shape[0], "coded_height": shape[1],
            "codec": codec.name, "format": container.format.name.split(",")[0],
            "pixel_format": layout.name if layout is not None else "", "bits": bits,
            "frames_per_s": float(stream.average_rate or stream.guessed_rate or 0), "frames": int(stream.frames),
            "duration_s": stated_length_s(av, container, stream), "rotation_degrees": -turned % 360,
            "pixel_aspect": aspect, "has_sound": bool(container.streams.audio), "notes": notes,
        }  # fmt: skip


def stated_length_s(av: Any, container: Any, stream: Any) -> float:
    """How long the header says that a video is; 0 where it says nothing."""
    seconds = float(stream.duration * stream.time_base) if stream.duration else 0.0
    return seconds or float(container.duration or 0) / float(av.time_base)


def shown_size(coded: tuple[int, int], aspect: float, turned: int) -> tuple[int, int]:
    """Width and height with square pixels, upright."""
    wide, high = max(1, round(coded[0] * aspect)), coded[1]
    return (high, wide) if turned % 180 else (wide, high)


def index(av: Any, path: str, out: BinaryIO, *, growing: bool = False) -> None:
    """Read through the file without decoding it, and tell when each frame is shown."""
    container, stream = open_video(av, path)
    found = _Times(float(stream.time_base))
    notes: list[str] = []
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    stated_s = stated_length_s(av, container, stream) if container.format.name.split(",")[0] in STATING else 0.0
    told, digest = time.monotonic(), hashlib.blake2b(digest_size=16)
    with container:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                notes.append(f"the file is damaged after {len(found.times)} frames: {error}")
                break
            if packet is None:
                break
            if not packet.size or packet.is_discard:
                continue
            found.add(packet.pts, packet.dts, key=packet.is_keyframe)
            digest.update(f"{packet.pts} {packet.size} ".encode())
            digest.update(memoryview(packet)[:DIGESTED_BYTES])
            if found.times and time.monotonic() - told > TELL_EVERY_S:
                told = time.monotonic()
                say(out, found.told(growing=growing))
    if found.jumps:
        notes.append(f"times jump backwards {found.jumps} times; frames are put in the order of their times")
    ordered = sorted(set(found.times))
    last_s = (ordered[-1] - ordered[0]) * found.tick_s if ordered else 0.0
    if ordered and stated_s - last_s > LACKS_S + LACKS_SHARE * stated_s:
        notes.append(f"the file states {stated_s:.1f} s, and its last picture begins at {last_s:.1f} s: "
                     "it may be cut off")  # fmt: skip
    if len(ordered) < len(found.times):
        notes.append(f"{len(found.times) - len(ordered)} frames share the time of another and cannot be told apart")
    say(out, {"times": ordered, "keys": [at for at, one in enumerate(ordered) if one in found.keys],
                "tick_s": found.tick_s, "notes": notes, "digest": digest.hexdigest(),
                "alone_s": 1 / rate if rate > 0 else ALONE_S})  # fmt: skip


class _Times:
    """The times of packets in the order of the file, and how far they are final."""

    def __init__(self, tick_s: float) -> None:
        self.tick_s = tick_s
        self.times: list[int] = []
        self.keys: set[int] = set()
        self.jumps = 0
        self._last: int | None = None
        self._told, self._waiting = 0, list[int]()
        self._until: int | None = None

    def add(self, shown: int | None, decoded: int | None, *, key: bool) -> None:
        """A packet: when its frame is shown, and when it is decoded."""
        moment = shown if shown is not None else decoded
        if moment is None:
            return
        if self._last is not None and decoded is not None and decoded < self._last:
            self.jumps += 1
        self._last = decoded if decoded is not None else self._last
        self.times.append(moment)
        self._waiting.append(moment)
        if key:
            self.keys.add(moment)

    def told(self, *, growing: bool) -> dict[str, Any]:
        """How far the reading is, and the times that are final by now when there are enough of them."""
        said = {"packets": len(self.times), "done_s": (self.times[-1] - self.times[0]) * self.tick_s}
        if not growing or self.jumps or self._last is None or len(self.times) < GROWS_BY * self._told:
            return said
        # No frame is shown before it is decoded: what is shown earlier than this is decoded no more.
        ready = sorted({one for one in self._waiting if one < self._last})
        self._waiting = [one for one in self._waiting if one >= self._last]
        if self._until is not None:
            ready = [one for one in ready if one > self._until]
        if not ready:
            return said
        self._until, self._told = ready[-1], len(self.times)
        keys = [at for at, one in enumerate(ready) if one in self.keys]
        return {**said, "more": ready, "more_keys": keys, "tick_s": self.tick_s}


class Frames:
    """A decoder that stands somewhere in the file; what it has passed is kept for a while."""

    def __init__(self, av: Any, path: str) -> None:
        self._av = av
        self._open(path)
        self._flow: Iterator[Any] = iter(())
        self._ahead: Any = None
        self._held: OrderedDict[int, Any] = OrderedDict()
        self._followers: dict[int, int] = {}
        self._bytes, self.faults = 0, 0
        self._given: int | None = None
        self._passed: int | None = None
        self._sparse_to: int | None = None
        self._aspect = float(self._stream.sample_aspect_ratio or 1) or 1.0
        self._restart(None)

    def _restart(self, target: int | None) -> None:
        """Stand at the last frame that decoding can begin with before a time, or at the start."""
        try:
            if target is None:
                self._container.seek(0, any_frame=False, backward=True)
            else:
                self._container.seek(target, stream=self._stream, any_frame=False, backward=True)
        except self._av.error.FFmpegError:
            self._reopen()
        self._flow, self._passed = self._decoded(), None
        self._ahead = next(self._flow, None)
        # What comes before the first whole picture leans on pictures that were not read.
        while target is not None and self._ahead is not None and not self._ahead.key_frame:
            self._ahead = next(self._flow, None)

    def _reopen(self) -> None:
        path = self._container.name
        self._container.close()
        self._open(path)

    def _open(self, path: str) -> None:
        """A container whose decoder's threads share slices where there are enough of them, and take turns if not."""
        self._container, self._stream = open_video(self._av, path)
        self._slices = Slices(self._stream)
        cores = min(os.cpu_count() or 1, MOST_THREADS)
        # FFmpeg's own choice is one more: on few cores that one is in the way of the others.
        self._stream.codec_context.thread_count = cores
        if 1 < cores <= self._slices.in_first(self._container, self._stream):
            # One frame at a time by all cores: none waits for the frame that it leans on.
            self._stream.thread_type = "SLICE"

    def _decoded(self) -> Iterator[Any]:
        """Frames with times from here on; what cannot be decoded is counted and passed over."""
        packets = self._container.demux(self._stream)
        faults = 0
        while faults < MOST_FAULTS:
            try:
                packet = next(packets, None)
                if packet is not None and self._sparsely(packet):
                    continue
                frames = packet.decode() if packet is not None else []
            except self._av.error.EOFError:
                return
            except self._av.error.FFmpegError:
                faults += 1
                self.faults += 1
                continue
            if packet is None:
                return
            yield from (frame for frame in frames if frame.pts is not None)

    def _sparsely(self, packet: Any) -> bool:
        """Leave out what no other frame leans on, while the frame that is wanted is far; whether this packet is."""
        sparse = self._sparse_to is not None and packet.pts is not None and packet.pts < self._sparse_to
        self._stream.codec_context.skip_frame = "NONREF" if sparse else "DEFAULT"
        # A thread of the decoder that finds nothing to do in a packet is one less at work on the next.
        return sparse and self._slices.leaned_on_by_none(packet)

    def at(self, moment: int) -> Any:
        """The frame that is shown at a time, or None before the first one."""
        found = self._held.get(moment) or self._go_to(moment)
        self._given = None if found is None else found.pts
        return found

    def _go_to(self, moment: int) -> Any:
        """Decode up to a time: the frame shown then, or None; the one after it is then ahead."""
        tick_s = float(self._stream.time_base)
        back = self._given is not None and 0 <= (self._given - moment) * tick_s < NEAR_S
        self._sparse_to = None if back else moment - round(SPARSE_BEFORE_S / tick_s)
        found = self._decode_to(moment)
        if self._sparse_to is not None and found is not None and found.pts < self._sparse_to:
            # A frame that stays for long: the one that is shown may have been left out.
            self._sparse_to = None
            self._restart(moment)
            found = self._decode_to(moment)
        self._sparse_to = None
        return found

    def _decode_to(self, moment: int) -> Any:
        if self._ahead is None or self._ahead.pts > moment or self._key_between(moment):
            self._restart(moment)
            if self._ahead is None or self._ahead.pts > moment:
                self._restart_before(moment)
        found = None
        while self._ahead is not None and self._ahead.pts <= moment:
            found = self._ahead
            self._pass()
        return found

    def _restart_before(self, moment: int) -> None:
        """Some files say that decoding can begin where it cannot: go further back, at last to the start."""
        back = round(1 / float(self._stream.time_base))
        for step in (1, 5, 20):
            self._restart(moment - step * back)
            if self._ahead is not None and self._ahead.pts <= moment:
                return
        self._restart(None)

    def _key_between(self, moment: int) -> bool:
        """Whether a restart would land after where we stand, and so be quicker than decoding on."""
        entry = self._stream.index_entries.search_timestamp(moment, backward=True) if self._indexed() else -1
        if entry < 0:
            return bool((moment - self._ahead.pts) * float(self._stream.time_base) > 2.0)
        return bool(self._stream.index_entries[entry].timestamp > self._ahead.pts)

    def _indexed(self) -> bool:
        return hasattr(self._stream, "index_entries") and len(self._stream.index_entries) > 1

    def after(self) -> Any:
        """The frame after the one given last; None at the end."""
        follower = self._followers.get(self._given) if self._given is not None else None
        found = self._held.get(follower) if follower is not None else None
        if found is None:
            if self._given is not None and self._passed != self._given:
                self._go_to(self._given)
            found = self._ahead
            if found is not None:
                self._pass()
        if found is not None:
            self._given = found.pts
        return found

    def _pass(self) -> None:
        """Step over the frame ahead, keeping it; the frame after it is then ahead."""
        frame = self._ahead
        if self._passed is not None and (self._sparse_to is None or self._passed >= self._sparse_to):
            self._followers[self._passed] = frame.pts
        self._passed = frame.pts
        if frame.pts not in self._held:
            self._held[frame.pts] = frame
            self._bytes += _weight(frame)
        while self._bytes > HELD_BYTES and len(self._held) > 1:
            moment, old = self._held.popitem(last=False)
            self._followers.pop(moment, None)
            self._bytes -= _weight(old)
        self._ahead = next(self._flow, None)

    @property
    def is_last(self) -> bool:
        """Whether no frame comes after the one given last, as far as is known."""
        return bool(self._ahead is None and self._given is not None and self._given == self._passed)

    def picture(self, frame: Any, width: int, height: int, form: str = "rgb24") -> tuple[int, int, bytes]:
        """A frame upright, with square pixels, in a box of so many pixels or (0) as it is: RGB, or BGRA."""
        turned = int(getattr(frame, "rotation", 0) or 0)
        wide, high = shown_size((frame.width, frame.height), self._aspect, turned)
        if width and height:
            share = min(width / wide, height / high, 1.0)
            wide, high = max(1, round(wide * share)), max(1, round(high * share))
        stored = (high, wide) if turned % 180 else (wide, high)
        # FFmpeg's quickest way to BGRA forgets the last columns where they are not so many at once.
        form = form if stored[0] % 8 == 0 else "rgb24"
        small = stored[0] * stored[1] < frame.width * frame.height
        pixels = frame.reformat(
            width=stored[0], height=stored[1], format=form, interpolation="AREA" if small else "BILINEAR"
        ).to_ndarray()
        if turned:
            import numpy as np

            pixels = np.ascontiguousarray(np.rot90(pixels, turned // 90))
        return wide, high, pixels.tobytes()


class Slices:
    """The slices of H.264 packets as MP4, MOV and MKV hold them (ISO/IEC 14496-15): lengths before units.

    Of other streams nothing is known: no packet counts as left out, and none has slices.
    """

    def __init__(self, stream: Any) -> None:
        told = bytes(stream.codec_context.extradata or b"")
        known = stream.codec_context.name == "h264" and len(told) > 4 and told[0] == 1
        self._length = (told[4] & 3) + 1 if known else 0

    def in_first(self, container: Any, stream: Any) -> int:
        """How many slices the first picture has; the container has read on then."""
        if not self._length:
            return 0
        packet = next((one for one in container.demux(stream) if one.size), None)
        # What begins at the first macroblock is a picture or a field; all else is a slice more of one.
        return 0 if packet is None else 1 + sum(not second & 0x80 for _, second in self._units(packet))

    def leaned_on_by_none(self, packet: Any) -> bool:
        """Whether no unit of a packet is of a picture that others are predicted from (nal_ref_idc, H.264 7.4.1)."""
        found = [first for first, _ in self._units(packet)] if self._length else []
        return bool(found) and not any(first & 0x60 for first in found)

    def _units(self, packet: Any) -> Iterator[tuple[int, int]]:
        """The first two bytes of each unit that holds a slice (1, 2 or 5)."""
        data, at = memoryview(packet), 0
        while at + self._length + 2 <= len(data):
            size = int.from_bytes(data[at : at + self._length], "big")
            at += self._length
            if data[at] & 31 in (1, 2, 5):
                yield data[at], data[at + 1]
            at += max(size, 1)


def _weight(frame: Any) -> int:
    return sum(plane.buffer_size for plane in frame.planes)


def serve(av: Any, path: str, given: BinaryIO, out: BinaryIO, *, screen: bool = False) -> None:
    """Answer until the input ends."""
    frames = Frames(av, path)
    for line in given:
        asked = json.loads(line)
        wanted = [asked["at"]] if "at" in asked else [None] * int(asked["next"])
        for moment in wanted:
            began = time.perf_counter()
            frame = frames.after() if moment is None else frames.at(int(moment))
            if frame is None:
                say(out, {"end": True, "faults": frames.faults})
                break
            box = int(asked.get("width", 0)), int(asked.get("height", 0))
            wide, high, pixels = frames.picture(frame, *box, "bgra" if screen else "rgb24")
            taken = round((time.perf_counter() - began) * 1000, 2)
            told = {"time": frame.pts, "width": wide, "height": high, "decode_ms": taken,
                    "key": bool(frame.key_frame), "last": frames.is_last, "channels": len(pixels) // (wide * high),
                    "faults": frames.faults}  # fmt: skip
            say(out, told, pixels)


def say(out: BinaryIO, facts: dict[str, Any], more: bytes = b"") -> None:
    out.write(json.dumps(facts).encode() + b"\n")
    out.write(more)
    out.flush()


def main(what: str, path: str, given: BinaryIO, out: BinaryIO, options: Sequence[str] = ()) -> None:
    """Facts first, then what was asked for."""
    if "yields" in options and hasattr(os, "nice"):
        os.nice(10)
    try:
        import av
    except ImportError as error:
        say(out, {"error": str(error), "missing": True})
        return
    # PyAV's log is left off, as it is by default: writing it from a decoder's threads waits for ours for ever.
    try:
        say(out, facts_of(av, path))
        if what == "index":
            index(av, path, out, growing="growing" in options)
        elif what == "frames":
            serve(av, path, given, out, screen="screen" in options)
    except (Refused, av.error.FFmpegError) as error:
        say(out, {"error": str(error)})


if __name__ == "__main__":
    main(sys.argv[1], str(Path(sys.argv[2])), sys.stdin.buffer, sys.stdout.buffer, sys.argv[3:])
