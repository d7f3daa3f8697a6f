"""espeak-ng behind two pipes, run as a process of its own and never imported: the library is under the GPL-3.

Standard input: one line of JSON {text, voice, rate, pitch, range}. Standard output: one line of JSON
{rate_hz, samples, words: [[sample, position, length, phones]], phones: [[sample, ipa]]} or {error},
then the samples as little-endian int16. Arguments: the library's file, the folder of its data.
Uses the standard library only.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any, ClassVar

RETRIEVAL, PHONEME_EVENTS, PHONEME_IPA, NO_EXIT = 1, 1, 2, 0x8000
RATE, PITCH, RANGE = 1, 3, 4
WORD, PHONEME = 1, 7
CHARACTERS, UTF8 = 1, 1
BUFFER_MS = 200


class _Id(ctypes.Union):
    _fields_: ClassVar[Any] = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_: ClassVar[Any] = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)  # fmt: skip


class Speaker:
    """The library, with what it said last."""

    def __init__(self, library: str, data: str) -> None:
        self._library = ctypes.CDLL(library)
        self._heard = bytearray()
        self._words: list[list[int]] = []
        self._phones: list[list[Any]] = []
        self._callback = _Callback(self._take)
        options = PHONEME_EVENTS | PHONEME_IPA | NO_EXIT
        self.rate_hz = self._library.espeak_Initialize(RETRIEVAL, BUFFER_MS, data.encode() or None, options)
        if self.rate_hz <= 0:
            raise OSError(f"espeak-ng does not start with the data at {data!r}")
        self._library.espeak_SetSynthCallback(self._callback)
        self._to_phonemes = self._library.espeak_TextToPhonemes
        self._to_phonemes.restype = ctypes.c_char_p

    def _take(self, wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            self._heard += ctypes.string_at(wave, 2 * count)
        at = 0
        while events and events[at].type:
            event = events[at]
            if event.type == WORD:
                self._words.append([event.sample, event.text_position, event.length])
            elif event.type == PHONEME:
                self._phones.append([event.sample, event.id.string.decode("utf-8", "replace")])
            at += 1
        return 0

    def _count(self, text: str) -> int:
        """How many phones a stretch of the text has when it is said alone."""
        place = ctypes.c_char_p(text.encode())
        mode = PHONEME_IPA | (ord("_") << 8)
        said = []
        while place.value:
            part = self._to_phonemes(ctypes.byref(place), UTF8, mode)
            said.append((part or b"").decode("utf-8", "replace"))
        return sum(1 for part in said for word in part.split() for one in word.split("_") if one.strip("ˈˌ"))

    def say(self, asked: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The facts and the samples of a text; raises ValueError for an unknown voice."""
        self._heard, self._words, self._phones = bytearray(), [], []
        if self._library.espeak_SetVoiceByName(asked["voice"].encode()):
            raise ValueError(f"there is no voice {asked['voice']!r}")
        for number, name in ((RATE, "rate"), (PITCH, "pitch"), (RANGE, "range")):
            self._library.espeak_SetParameter(number, int(asked[name]), 0)
        text = asked["text"].encode() + b"\0"
        self._library.espeak_Synth(text, len(text), 0, CHARACTERS, 0, UTF8, None, None)
        self._library.espeak_Synchronize()
        wave = bytes(self._heard)
        text_said = asked["text"]
        starts = [position - 1 for _, position, _ in self._words]
        counts = [
            self._count(text_said[start:stop])
            for start, stop in zip(starts, [*starts[1:], len(text_said)], strict=True)
        ]
        for word, count in zip(self._words, counts, strict=True):
            word.append(count)
        facts = {"rate_hz": self.rate_hz, "samples": len(wave) // 2, "words": self._words, "phones": self._phones}
        return facts, wave


def main(library: str, data: str) -> None:
    """Answer one line.

    The library carries the phase of its voice over to the next sentence, so each is said by a fresh
    process: the same words always give the same samples. (Its thread does not survive a fork.)
    """
    speaker = Speaker(library, data)
    line = sys.stdin.buffer.readline()
    if not line.strip():
        return
    try:
        facts, wave = speaker.say(json.loads(line))
    except ValueError as error:
        facts, wave = {"error": str(error), "samples": 0}, b""
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + wave)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
