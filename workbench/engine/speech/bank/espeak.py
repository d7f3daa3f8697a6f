"""espeak-ng in a process of its own: where it is, and what it says with the times of words and phones."""

from __future__ import annotations

import contextlib
import ctypes.util
import dataclasses
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from workbench.core.audio import Segment
from workbench.core.problem import InputError, KnownTrouble

LIBRARIES = ("libespeak-ng.so", "libespeak-ng.dylib", "espeak-ng.dll", "libespeak-ng.dll")


@dataclasses.dataclass(frozen=True)
class Said:
    """A text as espeak-ng says it: (samples,) int16, with phones (IPA, stress marks) and words and their times."""

    samples: np.ndarray
    rate_hz: int
    phones: list[Segment]
    words: list[Segment]


def located() -> tuple[str, str, str]:
    """The library's file, the folder of its data, and the folder to start in.

    Raises KnownTrouble when espeak-ng is not installed. The package that carries it is found, not imported.
    """
    found = importlib.util.find_spec("espeakng_loader")
    for folder in found.submodule_search_locations or [] if found else []:
        for name in LIBRARIES:
            if (Path(folder) / name).is_file():
                # Relative, since the library cuts longer paths off.
                return str(Path(folder) / name), ".", str(folder)
    system = ctypes.util.find_library("espeak-ng")
    if system:
        return system, "", "."
    raise KnownTrouble(
        "The synthetic speakers need espeak-ng, which is not installed.",
        expected="the package espeakng-loader, or the system's espeak-ng library", received="neither",
        fix="pip install 'transfer-workbench[speech]', or on Debian: apt-get install libespeak-ng1",
    )  # fmt: skip


def available() -> bool:
    """Whether espeak-ng can be started."""
    with contextlib.suppress(KnownTrouble):
        return bool(located())
    return False


class Espeak:
    """A running espeak-ng; to be used in a with statement, by one thread at a time."""

    def __init__(self) -> None:
        self._library, self._data, self._folder = located()
        self._process: subprocess.Popen[bytes] | None = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            script = Path(__file__).with_name("espeak_process.py")
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(script), self._library, self._data], cwd=self._folder,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        return self._process

    def say(
        self, text: str, *, voice: str = "en-us", rate_wpm: int = 170, pitch: int = 50, pitch_range: int = 50
    ) -> Said:
        """A text in a voice such as 'en-us+m3'; pitch and its range run from 0 to 99.

        Raises InputError for an unknown voice, KnownTrouble when espeak-ng breaks down.
        """
        asked = {"text": text, "voice": voice, "rate": rate_wpm, "pitch": pitch, "range": pitch_range}
        process = self._started()
        facts: dict[str, Any] = {}
        wave = b""
        if process.stdin is not None and process.stdout is not None:
            with contextlib.suppress(OSError, json.JSONDecodeError):
                process.stdin.write(json.dumps(asked).encode() + b"\n")
                process.stdin.flush()
                facts = json.loads(process.stdout.readline())
                wave = process.stdout.read(2 * facts["samples"])
        if not facts or len(wave) != 2 * facts["samples"]:
            process.kill()
            said = process.stderr.read().decode("utf-8", "replace").strip() if process.stderr else ""
            raise KnownTrouble(
                "espeak-ng broke down.", expected="a spoken sentence",
                received=(said.splitlines() or ["no answer"])[-1][:200],
                fix="Install it again: pip install --force-reinstall espeakng-loader", place=text[:60],
            )  # fmt: skip
        # A process answers once (see espeak_process.py); the next one starts while this answer is worked on.
        self.close()
        self._started()
        if "error" in facts:
            raise InputError(
                "espeak-ng does not know this voice.", expected="a voice such as en-us, de or es+f2",
                received=voice, fix="Choose another voice.", field="voice",
            )  # fmt: skip
        rate = int(facts["rate_hz"])
        phones = _phones(facts["phones"], rate, int(facts["samples"]))
        return Said(
            np.frombuffer(wave, "<i2").astype(np.int16), rate, phones, _words(text, facts["words"], phones, rate)
        )

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            self._process = None

    def __enter__(self) -> Espeak:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


def _phones(events: list[list[Any]], rate_hz: int, samples: int) -> list[Segment]:
    """Phones from the beginnings of each; pauses, which have no name, end the one before."""
    stops = [*(int(start) for start, _ in events[1:]), samples]
    return [
        Segment(start / rate_hz, stop / rate_hz, name)
        for (start, name), stop in zip(events, stops, strict=True)
        if name and stop > start
    ]


def _words(text: str, events: list[list[int]], phones: list[Segment], rate_hz: int) -> list[Segment]:
    """Words with the times of their phones; what espeak-ng runs together ('on the') is one segment.

    Its word events come up to a phone too early, so words are told by how many phones each has.
    Where those do not add up, the events must do.
    """
    places = [event[1] - 1 for event in events]
    texts = [text[start:stop] for start, stop in zip(places, [*places[1:], len(text)], strict=True)]
    counts = [event[3] for event in events]
    if sum(counts) != len(phones):
        starts = [event[0] / rate_hz for event in events]
        counts = [
            sum(1 for phone in phones if start <= phone.start_s < stop)
            for start, stop in zip(starts, [*starts[1:], float("inf")], strict=True)
        ]
    return list(_grouped(texts, counts, phones))


def _grouped(texts: list[str], counts: list[int], phones: list[Segment]) -> Iterator[Segment]:
    at = 0
    for text, count in zip(texts, counts, strict=True):
        said = phones[at : at + count]
        at += count
        if said:
            yield Segment(said[0].start_s, said[-1].end_s, text.strip(" \t\n.,;:!?\"'"))
