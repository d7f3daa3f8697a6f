"""Image vectors of whole folders of videos, kept by content, and what of them fits a text.

A video's vectors are kept in parts of PART_S, so that what was interrupted goes on where it stood. A part is named
after the content of the video and of the model's files, and the sampling: a copied or renamed file is known again,
another model or rate is not mixed up with it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.recognising import HIGHEST_RATE, LOWEST_RATE
from workbench.core.video import VIDEO_SUFFIXES
from workbench.engine.text.cache import digest, keep
from workbench.engine.video.framereading import FilmFrames

Floats = NDArray[np.float32]
PART_S = 60.0
FRAMES_AT_ONCE = 32
MOST_VIDEOS = 100_000


def videos_below(folder: Path) -> list[Path]:
    """The videos below a folder in the order of their names, hidden ones left out; raises InputError on none."""
    if not folder.is_dir():
        raise InputError("There is no such folder.", expected="a folder with videos", received=str(folder),
                         fix="Choose another folder.", field="folder", place=folder.name)  # fmt: skip
    found = sorted(
        one for one in folder.rglob("*")
        if one.suffix.lower() in VIDEO_SUFFIXES and one.is_file()
        and not any(part.startswith(".") for part in one.relative_to(folder).parts)
    )  # fmt: skip
    if not found:
        raise InputError(
            "There is no video in this folder.", expected=f"files such as {', '.join(VIDEO_SUFFIXES[:6])}",
            received="none of these", fix="Choose another folder.", field="folder", place=folder.name,
        )  # fmt: skip
    return found[:MOST_VIDEOS]


@dataclasses.dataclass
class Vault:
    """Where vectors are kept for one model and one rate; `model_key` stands for the content of the model's files."""

    folder: Path
    model_key: str
    rate_per_s: float

    def __post_init__(self) -> None:
        if not LOWEST_RATE <= self.rate_per_s <= HIGHEST_RATE:
            raise InputError(
                "Frames cannot be sampled like this.", expected=f"{LOWEST_RATE:g} to {HIGHEST_RATE:g} a second",
                received=f"{self.rate_per_s:g}", fix="Choose another rate.", field="rate_per_s",
            )  # fmt: skip
        self.place = self.folder / digest("features 1", self.model_key, f"{self.rate_per_s:.6g}", PART_S)
        self.place.mkdir(parents=True, exist_ok=True)

    def part(self, content: str, number: int) -> Path:
        """The file of a part: (n, dim) float32, NaN where a frame could not be decoded."""
        return self.place / f"{content}-{number:05d}.npy"

    def whole(self, content: str) -> Path:
        """Written once all parts are there: how many, and how many frames were lost, (2,) int64."""
        return self.place / f"{content}.npy"

    def parts(self, content: str) -> list[Path] | None:
        """The parts of a video whose vectors are complete; None where they are not."""
        try:
            count = int(np.load(self.whole(content))[0])
        except (OSError, ValueError):
            return None
        found = [self.part(content, number) for number in range(count)]
        return found if all(one.is_file() for one in found) else None

    def vectors(self, content: str) -> Floats | None:
        """All vectors (n, dim) of a video, the k-th at k / rate_per_s seconds; None where they are not complete."""
        parts = self.parts(content)
        if parts is None:
            return None
        try:
            return np.concatenate([np.load(one) for one in parts])
        except (OSError, ValueError):
            self.whole(content).unlink(missing_ok=True)  # damaged: made again
            return None


def content_key(path: Path, folder: Path) -> str:
    """A name for a file's content; what was hashed once is known by path, size and time from then on."""
    facts = path.stat()
    noted = folder / f"{digest('content', path.resolve(), facts.st_size, facts.st_mtime_ns)}.key"
    try:
        return noted.read_text()
    except OSError:
        pass
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    keep(noted, lambda place: _write(place, found))
    return found


def _write(place: Path, text: str) -> None:
    place.write_text(text)


def model_key(files: Iterable[Path], folder: Path) -> str:
    """A name for the content of a model's files."""
    return digest(*(f"{one.name} {content_key(one, folder)}" for one in sorted(files)))


def moments(duration_s: float, rate_per_s: float) -> list[float]:
    """When frames of a video are sampled, from its first one on."""
    return [at / rate_per_s for at in range(max(1, math.ceil(duration_s * rate_per_s - 1e-9)))]


def extract(
    film: FilmFrames, content: str, vault: Vault, encode: Callable[[NDArray[np.uint8]], Floats], *, dim: int,
    told: Callable[[float, int], bool] = lambda share, made: False,
) -> bool:  # fmt: skip
    """Compute and keep the vectors of a video that are not there yet; False where that is not all of them.

    `encode` takes frames (n, H, W, 3). `told` hears the share done and how many vectors were made since it heard last;
    it may raise, and where it is true after a part, it is enough for now.
    Raises InputError where none of the video's frames can be decoded.
    """
    every = moments(film.index.duration_s, vault.rate_per_s)
    per_part = max(1, round(PART_S * vault.rate_per_s))
    count = math.ceil(len(every) / per_part)
    lost = 0
    for number in range(count):
        place, times = vault.part(content, number), every[number * per_part : (number + 1) * per_part]
        if not place.is_file():
            rows = np.full((len(times), dim), np.nan, np.float32)
            for at in range(0, len(rows), FRAMES_AT_ONCE):
                told((number * per_part + at) / len(every), 0)
                frames = [film.frame(film.number_at(moment)) for moment in times[at : at + FRAMES_AT_ONCE]]
                there = [one for one, frame in enumerate(frames) if frame is not None]
                if there:
                    stacked = np.stack([frame for frame in frames if frame is not None])
                    rows[[at + one for one in there]] = encode(stacked)
            keep(place, lambda scratch, rows=rows: _save(scratch, rows))  # type: ignore[misc]
            if told((number + 1) / count, len(rows)) and number + 1 < count:
                return False
        lost += int(np.isnan(np.load(place, mmap_mode="r")[:, 0]).sum())
    if lost == len(every):
        raise InputError(
            "None of this video's frames can be decoded.", expected=f"{len(every)} frames", received="0",
            fix="Play it elsewhere, or convert it.", field="path", place=film.path.name,
        )  # fmt: skip
    keep(vault.whole(content), lambda scratch: _save(scratch, np.array([count, lost])))
    return True


def _save(place: Path, rows: NDArray[np.generic]) -> None:
    with place.open("wb") as file:
        np.save(file, rows)


@dataclasses.dataclass
class Gallery:
    """Vectors of many videos in one array: rows of video k are starts[k] to starts[k + 1]."""

    paths: list[Path]
    starts: NDArray[np.int64]
    vectors: Floats
    """(n, dim) of length 1; zeros where a frame could not be decoded."""
    rate_per_s: float

    @classmethod
    def of(cls, found: Sequence[tuple[Path, Floats]], rate_per_s: float) -> Gallery:
        """A gallery of the vectors (n, dim) of some videos."""
        starts = np.concatenate([[0], np.cumsum([len(rows) for _, rows in found])]).astype(np.int64)
        every = np.concatenate([rows for _, rows in found]) if found else np.zeros((0, 1), np.float32)
        return cls([path for path, _ in found], starts, np.nan_to_num(every), rate_per_s)

    def ranked(self, text: Floats, limit: int) -> list[tuple[Path, float, float]]:
        """Videos with the time of their best moment and its cosine to a text vector (dim,), the best first."""
        if not self.paths:
            return []
        cosines = self.vectors @ text
        best = np.maximum.reduceat(cosines, self.starts[:-1])
        order = np.argsort(-best, kind="stable")[:limit]
        hits = []
        for at in order:
            first, last = self.starts[at], self.starts[at + 1]
            moment = int(np.argmax(cosines[first:last]))
            hits.append((self.paths[at], moment / self.rate_per_s, float(best[at])))
        return hits
