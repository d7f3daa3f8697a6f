"""A run's numbers as TensorBoard reads them: one folder a run, tags 'metric/series', the original times.

Written by hand: the writers that exist import torch or bring a server along, and of the format only two
messages are needed. A file is a row of records (length, its checksum, an Event in protobuf, its checksum).
"""

from __future__ import annotations

import functools
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from workbench.report.differences import settings
from workbench.report.gather import Run

VERSION = b"brain.Event:2"
_STRING_TENSOR = 7
_CASTAGNOLI = 0x82F63B78


def write_events(run: Run, folder: Path) -> Path:
    """Write one event file into a new folder; values are stored as TensorBoard does, in float32."""
    began = run.state.started_at or run.config.created or time.time()
    folder.mkdir()
    path = folder / f"events.out.tfevents.{int(began)}.{run.folder.id}"
    with path.open("wb") as file:
        for event in _events(run, began):
            file.write(record(event))
    return path


def record(event: bytes) -> bytes:
    """An event with its length and both checksums."""
    length = struct.pack("<Q", len(event))
    return length + _checksum(length) + event + _checksum(event)


def _events(run: Run, began: float) -> Iterator[bytes]:
    yield _event(began, 0, _bytes(3, VERSION))
    yield _event(began, 0, _bytes(5, _text("run", _table(run))))
    for name, lines in run.metrics.items():
        for series, track in lines.items():
            tag = f"{name}/{series}" if series else name
            for moment, step, value in zip(track.times, track.steps, track.values, strict=True):
                yield _event(float(moment), int(step), _bytes(5, _scalar(tag, float(value))))
    for name, result in run.state.results.items():
        if result is not None:
            summary = _scalar(f"result/{name}", result)
            yield _event(run.state.ended_at or began, run.state.step, _bytes(5, summary))


def _event(moment: float, step: int, what: bytes) -> bytes:
    return b"\x09" + struct.pack("<d", moment) + b"\x10" + _varint(step) + what


def _scalar(tag: str, value: float) -> bytes:
    return _bytes(1, _bytes(1, tag.encode()) + b"\x15" + _float32(value))


def _float32(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", float("inf") if value > 0 else float("-inf"))


def _text(tag: str, words: str) -> bytes:
    plugin = _bytes(9, _bytes(1, _bytes(1, b"text")))
    shape = _bytes(2, _bytes(2, b"\x08\x01"))
    tensor = _bytes(8, b"\x08" + _varint(_STRING_TENSOR) + shape + _bytes(8, words.encode()))
    return _bytes(1, _bytes(1, f"{tag}/text_summary".encode()) + tensor + plugin)


def _bytes(field: int, block: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(block)) + block


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def crc32c(block: bytes) -> int:
    """The Castagnoli checksum of RFC 3720."""
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in block:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


@functools.cache
def _crc_table() -> tuple[int, ...]:
    def row(number: int) -> int:
        for _ in range(8):
            number = number >> 1 ^ (_CASTAGNOLI if number & 1 else 0)
        return number

    return tuple(row(number) for number in range(256))


def _checksum(block: bytes) -> bytes:
    """Rotated and shifted, as records of records ask."""
    crc = crc32c(block)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _table(run: Run) -> str:
    """What was set, as the Markdown table that TensorBoard's text page draws."""
    rows = [f"| {_plain(one.name)} | {_plain(one.values[0])} |" for one in settings([run])]
    return "\n".join(
        [f"**{_plain(run.config.title or run.folder.id)}**", "", "| setting | value |", "|---|---|", *rows]
    )


def _plain(text: str) -> str:
    return "".join("\\" + letter if letter in r"\`*_{}[]<>|#" else letter for letter in text).replace("\n", " ")
