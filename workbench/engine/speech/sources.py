"""Decoders: sound files as blocks of samples, read a piece at a time; soundfile first, FFmpeg for the rest."""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from workbench.core.problem import InputError, KnownTrouble
from workbench.core.words import spaced
from workbench.engine.speech import mp3length

BLOCK_VALUES = 1 << 20
"""Samples times channels of a block: a few megabytes, whatever the length of the file."""
SMALL_BLOCK = 4096
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 100, 1_536_000
MOST_CHANNELS = 64
EXPECTED = "WAV, FLAC, MP3, OGG, M4A, or a video with sound"
EXACT = {"PCM_S8", "PCM_U8", "PCM_16", "ULAW", "ALAW"}
"""What int16 holds without loss."""
FINE = {"PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_20", "ALAC_24", "ALAC_32"}
"""What needs float32; all others are lossy codecs, whose noise lies far above that of 16 bits."""


class Source(Protocol):
    """A decoder in front of the first sample.

    `expected_samples` is what the header states, 0 where it states nothing; `stored` the type that
    holds the samples without loss worth mentioning; `notes` fills while blocks are read.
    """

    sample_rate_hz: int
    channels: int
    expected_samples: int
    format: str
    stored: np.dtype
    notes: list[str]

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks of (n, channels) in the type `stored`, full scale 32768 or 1; raises InputError on damage."""

    def close(self) -> None:
        """Let the file go."""


def open_source(path: Path) -> Source:
    """A decoder for a file; raises InputError naming the file when there is no sound to be had from it."""
    if not path.exists():
        raise InputError(
            "There is nothing at this path.", expected=f"a sound file: {EXPECTED}", received=str(path),
            fix="Check the path; a network drive may be away.", field="path", place=path.name,
        )  # fmt: skip
    if path.is_dir():
        raise InputError(
            "This is a folder, not a sound.", expected=f"one file: {EXPECTED}", received=str(path),
            fix="Choose one of the files in it.", field="path", place=path.name,
        )  # fmt: skip
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from None
    if size == 0:
        raise InputError(
            "The file is empty.", expected=f"a sound: {EXPECTED}", received="0 bytes",
            fix="Record or copy it again.", field="path", place=path.name,
        )  # fmt: skip
    try:
        source: Source = LibrarySource(path)
    except _sound_library().LibsndfileError as error:
        source = _through_av(path, str(error))
    except OSError as error:
        raise _unreadable(path, error) from None
    if source.format.startswith("MP3") and not mp3length.is_stated(path):
        # libsndfile ends where the bit rate of the first frame says, which may be in the middle of the sound.
        source = _to_its_end(source, path)
    return _sane(source, path)


def _to_its_end(source: Source, path: Path) -> Source:
    """The same file through FFmpeg, which needs no length; as it was, with a note, where there is no FFmpeg."""
    other = AvSource(path)
    if "error" in other.facts:
        other.close()
        source.notes.append("this MP3 does not say how long it is: its end may be missing")
        return source
    source.close()
    return other


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        "The file cannot be read.", expected="a file that may be opened", received=str(error),
        fix="Check its permissions, or copy it elsewhere.", field="path", place=path.name,
    )  # fmt: skip


def _sane(source: Source, path: Path) -> Source:
    fault = ""
    if not LOWEST_RATE_HZ <= source.sample_rate_hz <= HIGHEST_RATE_HZ:
        fault = f"{source.sample_rate_hz} samples a second"
    elif not 1 <= source.channels <= MOST_CHANNELS:
        fault = f"{source.channels} channels"
    if fault:
        source.close()
        raise InputError(
            "The header of this sound makes no sense.",
            expected=f"{LOWEST_RATE_HZ} to {spaced(HIGHEST_RATE_HZ)} samples a second, 1 to {MOST_CHANNELS} channels",
            received=fault, fix="The file is damaged: copy or export it again.", field="path", place=path.name,
        )  # fmt: skip
    return source


def _sound_library() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise KnownTrouble(
            "The library that reads sound is missing.", expected="the package soundfile with libsndfile",
            received=str(error), fix="Run packaging/run --prepare, or: pip install soundfile",
        ) from None  # fmt: skip
    return soundfile


class LibrarySource:
    """A file that libsndfile knows: WAV, FLAC, AIFF, AU, CAF, NIST SPHERE, OGG Vorbis and Opus, MP3."""

    def __init__(self, path: Path) -> None:
        library = _sound_library()
        self._path, self._fault = path, library.LibsndfileError
        self._file = library.SoundFile(str(path))
        self.sample_rate_hz, self.channels = int(self._file.samplerate), int(self._file.channels)
        self.expected_samples = max(int(self._file.frames), 0)
        if self.expected_samples >= 2**62:
            self.expected_samples = 0
        self.format = f"{self._file.format} {self._file.subtype}"
        self.stored = np.dtype(np.float32 if self._file.subtype in FINE else np.int16)
        self._exact = self._file.subtype in EXACT
        self.notes: list[str] = []
        stated = stated_wav_samples(path)
        if stated > self.expected_samples:
            self.notes.append(
                f"the file is cut off: its header states {spaced(stated)} samples, "
                f"{spaced(self.expected_samples)} are there"
            )

    def blocks(self) -> Iterator[np.ndarray]:
        """See Source; a FLAC or MP3 that breaks off gives what came before, with a note."""
        size, done = max(BLOCK_VALUES // self.channels, 1), 0
        while True:
            try:
                if self._exact:
                    block = self._file.read(size, dtype="int16", always_2d=True)
                else:
                    block = self._file.read(size, dtype="float32", always_2d=True)
            except self._fault as error:
                if size > SMALL_BLOCK and self._back_to(done):
                    # What lies before the damage is had by smaller steps.
                    size = SMALL_BLOCK
                    continue
                if not done:
                    raise _damaged(self._path, error) from None
                self.notes.append(f"the file is damaged after {spaced(done)} samples: {error}")
                return
            if not len(block):
                break
            done += len(block)
            yield block if block.dtype == self.stored else to_int16(block)
        if done < 0.98 * self.expected_samples and not self.notes:
            self.notes.append(
                f"the file is cut off: {spaced(self.expected_samples)} samples were expected, {spaced(done)} came"
            )

    def _back_to(self, sample: int) -> bool:
        try:
            self._file.seek(sample)
        except self._fault:
            return False
        return True

    def close(self) -> None:
        """See Source."""
        self._file.close()


def to_int16(block: np.ndarray) -> np.ndarray:
    """Floating samples of full scale 1 as int16 of full scale 32768, cut at the ends of the range."""
    scaled = np.nan_to_num(block, posinf=1.0, neginf=-1.0) * np.float32(32768)
    found: np.ndarray = np.clip(np.rint(scaled), -32768, 32767).astype(np.int16)
    return found


def stated_wav_samples(path: Path) -> int:
    """What the header of a WAV file says of its length in samples per channel; 0 for other files."""
    with contextlib.suppress(OSError, struct.error), path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
            return 0
        align = 0
        while len(chunk := file.read(8)) == 8:
            name, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
            if name == b"fmt ":
                align = struct.unpack("<H", file.read(14)[12:14])[0]
                file.seek(size - 14 + size % 2, 1)
            elif name == b"data":
                # Streamed files state 0 or the largest number, which says nothing.
                return 0 if not align or size >= 0x7FFFFFFF - 1024 else size // align
            else:
                file.seek(size + size % 2, 1)
    return 0


def _through_av(path: Path, said: str) -> Source:
    source = AvSource(path)
    facts = source.facts
    if "error" not in facts:
        return source
    source.close()
    if facts.get("missing"):
        raise KnownTrouble(
            "This file needs FFmpeg's decoders, which are not installed.",
            expected="WAV, FLAC, OGG or MP3; others with the package av", received=f"{kind_of(path)} ({said})",
            fix="pip install 'transfer-workbench[speech]', or convert the file to WAV or FLAC.", place=path.name,
        )  # fmt: skip
    raise InputError(
        "There is no sound in this file." if facts.get("silent") else "This is no sound that can be read.",
        expected=EXPECTED, received=_seen(path, said, facts),
        fix="Check that the file is what its name says; copy or export it again.", field="path", place=path.name,
    )  # fmt: skip


def _seen(path: Path, said: str, facts: dict[str, Any]) -> str:
    """What a file without sound seems to be, and what the decoders said of it."""
    if facts.get("silent"):
        return str(facts["error"])
    # libsndfile says the same of a file that is there and no MP3.
    first = said.rsplit(": ", 1)[-1].removesuffix(".")
    words = [one for one in (first, facts["error"].partition("] ")[2] or facts["error"]) if "does not exist" not in one]
    return f"{kind_of(path)} ({'; '.join(words)})"


def kind_of(path: Path) -> str:
    """What the first bytes of a file look like, in words."""
    with contextlib.suppress(OSError):
        head = path.open("rb").read(512)
        if head.startswith((b"RIFF", b"RIFX", b"fLaC", b"OggS", b"ID3", b"FORM")):
            return "a damaged sound file"
        if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"PK\x03\x04")):
            return "a picture, a document or an archive"
        with contextlib.suppress(UnicodeDecodeError):
            text = head.decode("utf-8")
            if all(one.isprintable() or one.isspace() for one in text):
                return f"a text file that begins {text.split(chr(10), 1)[0][:40]!r}"
    return "bytes of no known kind"


def _damaged(path: Path, error: object) -> InputError:
    return InputError(
        "The sound is damaged from its beginning on.", expected="a whole and undamaged file", received=str(error)[:200],
        fix="Copy or download it again.", field="path", place=path.name,
    )  # fmt: skip


class AvSource:
    """The first audio stream of what only FFmpeg knows – M4A, AAC, WMA, WebM, MP4, MOV, MKV … – see avdecode.py."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Only this package's folder: a working folder or PYTHONPATH of the caller must not shadow it.
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).with_name("avdecode.py")), str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        # A reading that is given up without a word must not leave its decoder waiting.
        weakref.finalize(self, self._process.kill)
        self.facts = self._line() or {"error": "the decoder ended without a word"}
        self.sample_rate_hz = int(self.facts.get("rate", 0))
        self.channels = int(self.facts.get("channels", 0))
        self.expected_samples = int(self.facts.get("samples", 0))
        self.format = str(self.facts.get("format", ""))
        self.stored = np.dtype(np.int16)
        self.notes: list[str] = []

    def _line(self) -> dict[str, Any]:
        out = self._process.stdout
        line = out.readline() if out is not None else b""
        found: dict[str, Any] = json.loads(line) if line.strip() else {}
        return found

    def blocks(self) -> Iterator[np.ndarray]:
        """See Source; frames that cannot be decoded are left out and counted in a note."""
        out = self._process.stdout
        done = 0
        while out is not None and len(head := out.read(4)) == 4:
            size = struct.unpack("<I", head)[0]
            if size == 0:
                self.notes += self._line().get("notes", [])
                break
            block = np.frombuffer(out.read(size), "<i2")
            block = block[: len(block) // self.channels * self.channels].reshape(-1, self.channels)
            done += len(block)
            yield block.astype(np.int16, copy=False)
        else:
            self.notes.append(f"the decoder broke off after {spaced(done)} samples: the rest of the file is damaged")
        if not done:
            raise _damaged(self._path, "no frame of it can be decoded")

    def close(self) -> None:
        """See Source."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
