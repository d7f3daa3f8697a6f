"""Numbers in text files, read in pieces: tokens between white space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError

PIECE_BYTES = 1 << 22
MOST_TOKEN_BYTES = 4096
SPACES = b" \t\r\n\v\f"


class Tokens:
    """All numbers of a text file from a byte on, one after the other, whatever lines they stand on."""

    def __init__(self, path: Path, begins: int = 0) -> None:
        self.path, self.byte, self._rest = path, begins, b""
        self._held: NDArray[np.float64] = np.zeros(0)
        self._at = 0
        self._ended = False

    def take(self, amount: int) -> NDArray[np.float64]:
        """The next so many numbers; raises InputError where they end before or are none."""
        while len(self._held) - self._at < amount and self._more():
            pass
        if len(self._held) - self._at < amount:
            raise _ends(self.path)
        found = self._held[self._at : self._at + amount]
        self._at += amount
        return found

    def even_lists(self, amount: int) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
        """The next so many lists, each with its length before it, if all are as long as the first; else None."""
        while self._at >= len(self._held) and self._more():
            pass
        if self._at >= len(self._held):
            raise _ends(self.path)
        length = self._held[self._at]
        if not 0 <= length <= 64 or length != int(length):
            return None
        width = int(length) + 1
        while len(self._held) - self._at < amount * width and self._more():
            pass
        table = self._held[self._at : self._at + amount * width]
        if len(table) < amount * width or not (table[::width] == length).all():
            return None
        self._at += amount * width
        return np.full(amount, int(length), np.int64), table.reshape(amount, width)[:, 1:].reshape(-1)

    def _more(self) -> bool:
        if self._ended:
            return False
        with self.path.open("rb") as file:
            file.seek(self.byte)
            piece = file.read(PIECE_BYTES)
        self._ended = len(piece) < PIECE_BYTES
        self.byte += len(piece)
        text = self._rest + piece
        if self._ended:
            self._rest = b""
        else:
            cut = max(text.rfind(bytes([one])) for one in SPACES) + 1
            text, self._rest = text[:cut], text[cut:]
            if len(self._rest) > MOST_TOKEN_BYTES:
                raise _no_number(self.path, self._rest[:20])
        fresh = numbers(text, self.path)
        self._held = np.concatenate([self._held[self._at :], fresh])
        self._at = 0
        return True


def numbers(text: bytes, path: Path) -> NDArray[np.float64]:
    """All numbers of a text; raises InputError naming the first word that is none."""
    if not text.strip():
        return np.zeros(0)
    if b"\0" in text:
        raise _no_number(path, text[max(0, text.index(b"\0") - 8) :][:20])
    try:
        found: NDArray[Any] = np.fromstring(text, np.float64, sep=" ")
    except (ValueError, DeprecationWarning):
        raise _no_number(path, _first_bad(text)) from None
    return found


def _first_bad(text: bytes) -> bytes:
    for word in text.split():
        try:
            float(word)
        except ValueError:
            return word[:30]
    return b""


def _no_number(path: Path, word: bytes) -> InputError:
    return InputError(
        "There is something among the numbers that is none.", expected="numbers between white space",
        received=repr(word.decode("latin-1")), fix="The file is damaged: copy or download it again.", place=path.name,
    )  # fmt: skip


def _ends(path: Path) -> InputError:
    return InputError(
        "The file ends before everything that it claims.", expected="as many numbers as its header says",
        received="fewer", fix="The file is cut off: copy or download it again.", place=path.name,
    )  # fmt: skip
