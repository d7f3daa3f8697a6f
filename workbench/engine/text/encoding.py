"""Which characters a file's bytes mean, and its lines without ever holding more than one of them."""

from __future__ import annotations

import codecs
import contextlib
import csv
import dataclasses
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from workbench.core.problem import InputError
from workbench.core.words import spaced

LOOK_BYTES = 1 << 18
WHOLE_BYTES = 16 << 20
"""Files up to this size are looked at as a whole; larger ones at their beginning, middle and end."""

LONGEST_LINE = 4_000_000
LEGACY = (
    "cp1252", "cp1254", "cp1250", "cp1251", "cp1253", "cp1255", "cp1256", "cp1257", "koi8_r",
    "gb18030", "big5", "euc_kr", "shift_jis",
)  # fmt: skip
"""Encodings that exported tables really come in, the commoner ones first."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FOREIGN = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive (or an Office document)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a sound or video file"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"SQLite format", "a SQLite database"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x80\x04\x95", "a Python pickle, which is never opened"),
    (b"\x80\x05\x95", "a Python pickle, which is never opened"),
    (b"\x93NUMPY", "a NumPy array"),
)


@dataclasses.dataclass(frozen=True)
class Encoding:
    """An encoding's name; `sure` is False where it was guessed from the letters' frequencies."""

    name: str
    sure: bool = True

    @property
    def title(self) -> str:
        """As shown to a person: 'UTF-8', or 'cp1254 (guessed)'."""
        named = {"utf-8-sig": "UTF-8 with a mark", "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32"}
        return named.get(self.name, self.name) + ("" if self.sure else " (guessed)")


def detect(path: Path, *, field: str = "data") -> Encoding:
    """The encoding of a text file, by its byte order mark, by validity, or by charset-normalizer.

    A file with valid UTF-8 letters and other bytes beside them counts as UTF-8 with faulty rows,
    never as something that turns the good rows into gibberish. Raises InputError when the file is
    empty or no text at all.
    """
    pieces = _pieces(path, field)
    head = pieces[0]
    for mark, name in _BOMS:
        if head.startswith(mark):
            return Encoding(name)
    _refuse_foreign(head, path, field)
    wide = _wide(head)
    if wide:
        return Encoding(wide)
    valid, broken = _utf8_lines(pieces)
    if valid or not broken:
        return Encoding("utf-8")
    return _guessed(b"\n".join(pieces), path, field)


def _pieces(path: Path, field: str) -> list[bytes]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size == 0:
            raise InputError(
                "The file is empty.",
                expected="text, one example a row",
                received="0 bytes",
                fix="Choose another file, or export this one again.",
                field=field,
                place=str(path),
            )
        file.seek(0)
        if size <= WHOLE_BYTES:
            return [file.read()]
        pieces = [file.read(LOOK_BYTES)]
        for at in (size // 3, size * 2 // 3, size - LOOK_BYTES):
            file.seek(at)
            # A line may have been cut at either end: only whole ones can be judged.
            pieces.append(file.read(LOOK_BYTES).partition(b"\n")[2].rpartition(b"\n")[0])
        pieces[0] = pieces[0].rpartition(b"\n")[0] or pieces[0][: LOOK_BYTES - 4]
        return pieces


def _refuse_foreign(head: bytes, path: Path, field: str) -> None:
    found = next((title for mark, title in _FOREIGN if head.startswith(mark)), "")
    if not found and _binary_share(head[:LOOK_BYTES]) > 0.02:
        found = "a file of binary data"
    if found:
        raise InputError(
            "This is not a text file.",
            expected="CSV, TSV, JSON, JSON lines, Parquet, Arrow, CoNLL or plain text",
            received=f"{path.name} is {found}",
            fix="Export the data as CSV or JSON lines, or unpack the archive first.",
            field=field,
            place=str(path),
        )


_CONTROL = bytes(set(range(32)) - {0, 9, 10, 11, 12, 13, 27, 28, 29, 30, 31})


def _binary_share(head: bytes) -> float:
    """The share of control characters that no text holds; NUL is judged row by row."""
    return (len(head) - len(head.translate(None, _CONTROL))) / max(len(head), 1)


def _wide(head: bytes) -> str:
    """UTF-16 without a mark: most even or most odd bytes are zero."""
    look = head[:4096]
    if len(look) < 4 or (len(look) % 2 and len(head) < 4096):
        return ""
    even, odd = look[::2].count(0) / (len(look) / 2), look[1::2].count(0) / (len(look) / 2)
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.05 else ""


def _utf8_lines(pieces: list[bytes]) -> tuple[int, int]:
    """How many lines with letters beyond ASCII are valid UTF-8, and how many are not."""
    valid = broken = 0
    for piece in pieces:
        with contextlib.suppress(UnicodeDecodeError):
            valid += not piece.decode("utf-8").isascii()
            continue
        for line in piece.split(b"\n"):
            if not line.isascii():
                try:
                    line.decode("utf-8")
                    valid += 1
                except UnicodeDecodeError:
                    broken += 1
    return valid, broken


def _guessed(data: bytes, path: Path, field: str) -> Encoding:
    from charset_normalizer import from_bytes

    # The lines that tell encodings apart are those with letters beyond ASCII.
    telling = b"\n".join([line for line in data.split(b"\n") if not line.isascii()])[:LOOK_BYTES]
    found = list(from_bytes(telling, threshold=0.4, cp_isolation=list(LEGACY)))
    if not found:
        raise InputError(
            "The file's characters cannot be made out.",
            expected="UTF-8, UTF-16, or one legacy encoding throughout",
            received="bytes that are text in no single encoding",
            fix="Save the file as UTF-8.",
            field=field,
            place=str(path),
        )
    alike = [
        one.encoding for one in found
        if one.chaos <= found[0].chaos + 0.03 and one.coherence >= found[0].coherence - 0.06
    ]  # fmt: skip
    return Encoding(_likeliest(alike, telling), sure=False)


def _likeliest(alike: list[str], telling: bytes) -> str:
    """The commonest of encodings that fit equally well.

    Turkish differs from Western European in six letters; read as Western they would be Icelandic
    ones, which is by far the rarer case.
    """
    if "cp1254" in alike and set("ğışĞİŞ") & set(telling.decode("cp1254", "replace")):
        return "cp1254"
    return min(alike, key=LEGACY.index)


BAD = re.compile("[\ud800-\udfff\ufffd]")
"""What a faulty byte becomes: a lone surrogate, or the replacement character in wide encodings."""


def open_text(path: Path, encoding: Encoding) -> TextIO:
    """The file as text with its line ends kept; faulty bytes become characters that BAD finds."""
    errors = "surrogateescape" if encoding.name.startswith(("utf-8", "ascii")) else "replace"
    return path.open(encoding=encoding.name, errors=errors, newline="")


def lines(file: TextIO, *, field: str = "data", place: str = "") -> Iterator[str]:
    """Lines with their ends; raises InputError at one of over four million characters."""
    count = 0
    while line := file.readline(LONGEST_LINE):
        count += 1
        if len(line) >= LONGEST_LINE:
            raise InputError(
                "A line is too long to be a row of text.",
                expected=f"lines of fewer than {spaced(LONGEST_LINE)} characters",
                received=f"line {spaced(count)} is longer",
                fix="Check the file's format; write one example a line.",
                field=field,
                place=place,
            )
        yield line


def fault(text: str) -> str:
    """What is wrong with a piece of text at the level of characters: '' when nothing is."""
    if "\0" in text:
        return "holds a NUL byte"
    return "is not valid in the file's encoding" if BAD.search(text) else ""


@contextlib.contextmanager
def reading(path: Path, field: str) -> Iterator[None]:
    """Turn what a parser or the system raises over a file into one InputError on the field."""
    try:
        yield
    except (OSError, EOFError, ValueError, LookupError, csv.Error, RecursionError, MemoryError, struct.error) as error:
        raise unreadable(path, error, field) from error
    except Exception as error:
        # pyarrow's and msgspec's own classes, told by module so that neither is imported here
        if type(error).__module__.split(".")[0] not in ("pyarrow", "msgspec"):
            raise
        raise unreadable(path, error, field) from error


def unreadable(path: Path, error: Exception, field: str) -> InputError:
    """The InputError for a file that a parser or the system could not read."""
    if isinstance(error, FileNotFoundError):
        what, fix = "There is no such file.", "Choose an existing file."
    elif isinstance(error, PermissionError):
        what, fix = "The file may not be read.", "Change its permissions, or choose a copy."
    else:
        what, fix = f"{path.name} cannot be read.", "It may be cut off or damaged; export it again, as CSV for example."
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return InputError(what, expected="a readable data file", received=reason, fix=fix, field=field, place=str(path))
