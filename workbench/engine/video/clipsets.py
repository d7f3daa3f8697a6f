"""Clips as training data: lists of labelled stretches of videos, and their frames as arrays.

Frames are chosen as by TSN (Wang et al. 2016): a stretch is cut into as many equal segments as frames are wanted, and
each gives one – its middle, or with a seed any.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.framepipe import VideoReader, read_index
from workbench.core.problem import InputError, Problem
from workbench.core.spans import EDGE_S, AnnotatedVideo, LabelFile, LabelledSpan, content_digest, counted
from workbench.core.video import VIDEO_SUFFIXES, FrameIndex
from workbench.core.words import spaced
from workbench.engine.text import cache
from workbench.engine.video.labelfiles import read_labels, write_labels

VERSION = 1
"""Of the frames that are chosen and how they are cut: what is cached is of one version."""
Sampling = Literal["segments", "uniform"]
SPLITS = {"train": "train", "training": "train", "val": "validation", "valid": "validation",
          "validation": "validation", "validate": "validation", "test": "test", "testing": "test"}  # fmt: skip
MOST_READERS = 4
"""Videos decoded at once."""
MOST_TOLD, MOST_BESIDE = 3, 50


class ClipSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """A labelled stretch [start_s, end_s) of a video; None is its end. `split` is train, validation, test or empty."""

    path: str
    start_s: float = 0.0
    end_s: float | None = None
    label: str = ""
    split: str = ""


# Lists


def read_list(path: Path, tell: Callable[[str], object] | None = None) -> list[ClipSpec]:
    """Clips of a folder with a folder of videos for each class, or of a list in any format of `read_labels`.

    A list's videos lie beside or below it: by their path, their name, or (Kinetics) their id with times. `tell` hears
    what is left out: videos that are not there, events at a point. Raises InputError naming file and line where there
    is no list, it is damaged, or none of its videos is there.
    """
    path = Path(path)
    if path.is_dir():
        return _of_folders(path)
    file = read_labels(path)
    look_anew()
    specs, told = _located(path, file)
    for note in (*file.notes, *told):
        if tell is not None:
            tell(note)
    return specs


def write_list(out: Path, specs: Sequence[ClipSpec]) -> None:
    """Write clips as a CSV that `read_list` reads: path, label, start_s, end_s, split; paths below its folder are
    relative to it. Raises OSError."""
    root = out.parent.resolve()
    videos: dict[tuple[str, str], AnnotatedVideo] = {}
    for one in specs:
        whole = Path(one.path).resolve()
        name = whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(whole)
        video = videos.setdefault((name, one.split), AnnotatedVideo(name, [], split=one.split))
        video.spans.append(LabelledSpan(one.label, one.start_s, one.end_s))
    write_labels(LabelFile("csv", list(videos.values())), out, "csv")


def classes_of(specs: Sequence[ClipSpec]) -> list[str]:
    """Every label, in order of the alphabet."""
    return sorted({one.label for one in specs})


def _of_folders(root: Path) -> list[ClipSpec]:
    parts = [one for one in sorted(root.iterdir()) if one.is_dir()]
    split = bool(parts) and all(one.name.lower() in SPLITS for one in parts)
    places = [(SPLITS[one.name.lower()], one) for one in parts] if split else [("", root)]
    found = [
        ClipSpec(str(video), label=folder.name, split=name)
        for name, place in places
        for folder in sorted(place.iterdir()) if folder.is_dir()
        for video in sorted(folder.rglob("*")) if video.suffix.lower() in VIDEO_SUFFIXES and video.is_file()
    ]  # fmt: skip
    if not found:
        raise InputError(
            "There are no videos in class folders.", expected="a folder with one folder of videos for each class",
            received=f"{root.name} with {counted(len(parts), 'folder')} and no video in them",
            fix="Choose the folder above the class folders, or a list of videos with labels.", field="clips",
            place=str(root),
        )  # fmt: skip
    return found


def _located(path: Path, file: LabelFile) -> tuple[list[ClipSpec], list[str]]:
    """The spans whose videos are there, and what to tell of the others."""
    folder, specs, missing, points = path.parent, [], [], 0
    for video in file.videos:
        whole: Path | None = None
        for one in video.spans:
            if one.end_s == one.start_s:
                points += 1
                continue
            trimmed = _trimmed(folder, video.name, one.start_s, one.end_s) if file.format == "kinetics" else None
            whole = whole or (None if trimmed else find_video(folder, video.name))
            at = trimmed or whole
            if at is None:
                missing.append(video.name or "a video without a name")
                continue
            times = (0.0, None) if trimmed else (one.start_s, one.end_s)
            specs.append(ClipSpec(str(at), *times, one.label, SPLITS.get(video.split.lower(), video.split)))
    if not specs:
        raise InputError(
            "None of the videos that this list names is there.",
            expected=f"videos beside or below {folder.name or folder}",
            received=", ".join(missing[:MOST_TOLD]) or "only events at a point",
            fix="Put the list into the folder of the videos, or write their whole paths.", field="clips",
            place=path.name,
        )  # fmt: skip
    told = []
    if missing:
        names = ", ".join(dict.fromkeys(missing[:MOST_TOLD]))
        told.append(f"{counted(len(missing), 'clip')} left out, for their videos are not there: {names} …")
    if points:
        told.append(f"{counted(points, 'event')} at a point left out: they have no length")
    return specs, told


def look_anew() -> None:
    """Forget which videos lay in folders: some may have come since."""
    for kept in (_below, _folders_beside):
        kept.cache_clear()


def find_video(folder: Path, name: str) -> Path | None:
    """The video of a name as annotations give it: a path, a path below the folder, or a name with or without ending
    anywhere below it, or in a folder beside it (UCF-101's lists and Something-Something's labels lie so)."""
    if not name:
        return None
    named = Path(name.replace("\\", "/"))
    for place in (named, folder / named):
        with contextlib.suppress(OSError, ValueError):
            if place.is_file() and (place is not named or named.is_absolute()):
                return place
    names = (named.name.lower(), named.name.lower().removeprefix("v_"))
    there = _below(folder)
    return there.get(names[0]) or there.get(names[1]) or _beside(folder, named)


def _beside(folder: Path, named: Path) -> Path | None:
    """A path below one of the folders beside a list's, or an id in one; a mere file name could be any video's."""
    endings = ("",) if named.suffix.lower() in VIDEO_SUFFIXES else VIDEO_SUFFIXES
    if named.is_absolute() or (endings == ("",) and len(named.parts) < 2):
        return None
    with contextlib.suppress(OSError, ValueError):
        for one in _folders_beside(folder.resolve().parent):
            for ending in endings:
                place = one / f"{named}{ending}"
                if place.is_file():
                    return place
    return None


@functools.lru_cache(maxsize=4)
def _folders_beside(parent: Path) -> tuple[Path, ...]:
    return tuple(one for one in sorted(parent.iterdir())[:MOST_BESIDE] if one.is_dir())


def _trimmed(folder: Path, name: str, start_s: float, end_s: float | None) -> Path | None:
    """Kinetics is stored as one file a clip: '<id>_000010_000020.mp4'."""
    if end_s is None or start_s != int(start_s) or end_s != int(end_s):
        return None
    return find_video(folder, f"{name}_{int(start_s):06d}_{int(end_s):06d}")


@functools.lru_cache(maxsize=4)
def _below(folder: Path) -> dict[str, Path]:
    """Every video below a folder by its name with and without ending; of several the first by path."""
    found: dict[str, Path] = {}
    for one in sorted(folder.rglob("*")):
        if one.suffix.lower() in VIDEO_SUFFIXES:
            found.setdefault(one.name.lower(), one)
            found.setdefault(one.stem.lower(), one)
            found.setdefault(f"v_{one.stem.lower()}", one)
    return found


# Frames


def frames_at(
    index: FrameIndex, spec: ClipSpec, frames: int, *, sampling: Sampling = "segments",
    chance: np.random.Generator | None = None,
) -> list[int]:  # fmt: skip
    """Which frames stand for a stretch, in order; some more than once where it has fewer.

    `segments`: the middle of each of `frames` equal parts, or with `chance` any frame of it; `uniform`: from the
    first to the last frame at equal steps. Raises InputError where the stretch lies outside the video.
    """
    last_s = index.duration_s or 1 / 25
    end = last_s if spec.end_s is None else spec.end_s
    if spec.start_s < 0 or spec.start_s >= last_s or end > last_s + EDGE_S or end <= spec.start_s:
        raise InputError(
            "A stretch lies outside its video.", expected=f"a stretch within 0 to {last_s:.3f} s",
            received=f"{spec.start_s:g} to {end:g} s ({spec.label})",
            fix="Check the list, and that it is this video's.", field="clips", place=Path(spec.path).name,
        )  # fmt: skip
    first = index.frame_at(spec.start_s)
    # What is shown until just before the end.
    last = max(first, index.frame_at(end - 1e-9) if end < last_s else len(index) - 1)
    if index.time_s(last) >= end - 1e-9 and last > first:
        last -= 1
    if sampling == "uniform":
        return [int(at) for at in np.linspace(first, last, frames).round()]
    edges = np.linspace(first, last + 1, frames + 1)
    inside = chance.random(frames) if chance is not None else np.full(frames, 0.5)
    picked = np.floor(edges[:-1] + inside * np.diff(edges)).astype(int)
    return [int(at) for at in np.clip(picked, first, last)]


def load_clips(
    specs: Sequence[ClipSpec], frames: int, size: int, *, sampling: Sampling = "segments", seed: int | None = None,
    cached: bool = True, tell: Callable[[int, int], object] | None = None,
) -> NDArray[np.uint8]:  # fmt: skip
    """Frames of clips, uint8 RGB (N, T, S, S, 3): shorter side to `size` pixels, the middle cut out.

    Kept below the home's cache by what the videos hold, so that a second time, or going on after a cancel, decodes
    nothing twice. `tell` hears (done, of) and may raise to stop. Raises InputError naming the first video that
    cannot be read or has no such stretch, KnownTrouble where the decoder is missing.
    """
    clips, faults = _loaded(specs, frames, size, sampling, seed, cached=cached, tell=tell)
    for at in sorted(faults):
        raise faults[at]
    return clips


def load_readable(
    specs: Sequence[ClipSpec], frames: int, size: int, *, sampling: Sampling = "segments", seed: int | None = None,
    cached: bool = True, tell: Callable[[int, int], object] | None = None,
) -> tuple[NDArray[np.uint8], list[ClipSpec], list[str]]:  # fmt: skip
    """As `load_clips`, without the clips that cannot be read: (M, T, S, S, 3), their specs, and what to tell.

    Raises InputError where none can.
    """
    clips, faults = _loaded(specs, frames, size, sampling, seed, cached=cached, tell=tell)
    if len(faults) == len(specs):
        raise faults[0] if faults else _nothing()
    if not faults:
        return clips, list(specs), []
    kept = [at for at in range(len(specs)) if at not in faults]
    first = faults[min(faults)]
    told = f"{counted(len(faults), 'clip')} of {spaced(len(specs))} left out; the first: {first.place}: {first.what}"
    return clips[kept], [specs[at] for at in kept], [f"{told} ({first.received})" if first.received else told]


def _nothing() -> InputError:
    return InputError(
        "There are no clips.", expected="at least one labelled stretch of a video", received="none",
        fix="Label some spans, or choose another list.", field="clips",
    )  # fmt: skip


def _loaded(
    specs: Sequence[ClipSpec], frames: int, size: int, sampling: Sampling, seed: int | None, *, cached: bool,
    tell: Callable[[int, int], object] | None,
) -> tuple[NDArray[np.uint8], dict[int, Problem]]:  # fmt: skip
    if not specs:
        raise _nothing()
    clips = np.empty((len(specs), frames, size, size, 3), np.uint8)
    by_file: dict[str, list[int]] = {}
    for at, spec in enumerate(specs):
        by_file.setdefault(spec.path, []).append(at)
    want = Wanted(frames, size, sampling, seed, cache.folder("clips") if cached else None)
    faults: dict[int, Problem] = {}
    done = 0

    def work(path: str) -> list[tuple[int, NDArray[np.uint8] | Problem]]:
        return list(_of_file(Path(path), [(at, specs[at]) for at in by_file[path]], want))

    readers = min(MOST_READERS, os.cpu_count() or 1, len(by_file))
    with concurrent.futures.ThreadPoolExecutor(readers, "clips") as pool:
        # In lots: what is decoded waits here, and a folder of thousands must not wait in memory.
        waiting = iter(by_file)
        running = {pool.submit(work, path) for path, _ in zip(waiting, range(2 * readers), strict=False)}
        try:
            while running:
                ready, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for one in ready:
                    for at, found in one.result():
                        if isinstance(found, Problem):
                            faults[at] = found
                        else:
                            clips[at] = found
                        done += 1
                    following = next(waiting, None)
                    if following is not None:
                        running.add(pool.submit(work, following))
                if tell is not None:
                    tell(done, len(specs))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return clips, faults


class Wanted(msgspec.Struct, frozen=True):
    """How clips are cut, and where they are kept (None: nowhere)."""

    frames: int
    size: int
    sampling: Sampling
    seed: int | None
    folder: Path | None

    def key(self, content: str, spec: ClipSpec) -> str:
        """The name that a clip is kept under."""
        return cache.digest(
            VERSION, content, spec.start_s, spec.end_s, self.frames, self.size, self.sampling, self.seed
        )


def _of_file(
    path: Path, clips: Sequence[tuple[int, ClipSpec]], want: Wanted
) -> Iterator[tuple[int, NDArray[np.uint8] | Problem]]:
    """The clips of one video by their positions, or what is wrong with them."""
    try:
        content = content_digest(path)
    except OSError:
        content = ""  # the reader says what is wrong
    missing = []
    for at, spec in clips:
        kept = _kept(want, content, spec)
        if kept is None:
            missing.append((at, spec))
        else:
            yield at, kept
    if not missing:
        return
    try:
        facts, index = read_index(path)
        with VideoReader(path) as reader:
            film = _Film(reader, index, (facts.width, facts.height), want)
            for at, spec in sorted(missing, key=lambda one: one[1].start_s):
                try:
                    clip = film.clip(spec, want.key(content, spec))
                except InputError as problem:
                    yield at, problem
                else:
                    _keep(want, content, spec, clip)
                    yield at, clip
                missing = [one for one in missing if one[0] != at]
    except Problem as problem:
        for at, _ in missing:
            yield at, problem


def _kept(want: Wanted, content: str, spec: ClipSpec) -> NDArray[np.uint8] | None:
    if want.folder is None or not content:
        return None
    place = want.folder / f"{want.key(content, spec)}.npy"
    try:
        found: NDArray[np.uint8] = np.load(place, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    cache.touch(place)
    right = found.shape == (want.frames, want.size, want.size, 3) and found.dtype == np.uint8
    return found if right else None


def _keep(want: Wanted, content: str, spec: ClipSpec, clip: NDArray[np.uint8]) -> None:
    if want.folder is None or not content:
        return

    def write(scratch: Path) -> None:
        with scratch.open("wb") as file:
            np.save(file, clip, allow_pickle=False)

    place = want.folder / f"{want.key(content, spec)}.npy"
    place.unlink(missing_ok=True)  # what is there could not be read
    cache.keep(place, write)


class _Film:
    """An open video of which clips are taken."""

    def __init__(self, reader: VideoReader, index: FrameIndex, shape: tuple[int, int], want: Wanted) -> None:
        self.reader, self.index, self.want = reader, index, want
        share = want.size / min(shape)
        self.box = (math.ceil(shape[0] * share), math.ceil(shape[1] * share)) if share < 1 else (0, 0)

    def clip(self, spec: ClipSpec, key: str) -> NDArray[np.uint8]:
        """(T, S, S, 3) of a stretch; a seed's choice is the stretch's own, whatever else is loaded beside it."""
        want = self.want
        chance = None if want.seed is None else np.random.default_rng([want.seed, int(key, 16)])
        numbers = frames_at(self.index, spec, want.frames, sampling=want.sampling, chance=chance)
        pictures = {number: self._picture(number, spec) for number in dict.fromkeys(numbers)}
        return np.stack([pictures[number] for number in numbers])

    def _picture(self, number: int, spec: ClipSpec) -> NDArray[np.uint8]:
        found = self.reader.at(self.index.times[number], width=self.box[0], height=self.box[1])
        if found is None:
            raise InputError(
                "A frame of this video cannot be decoded.", expected=f"a frame at {self.index.time_s(number):.3f} s",
                received="none", fix="The file may be damaged: copy or export it again.", field="clips",
                place=Path(spec.path).name,
            )  # fmt: skip
        told, pixels = found
        return squared(np.frombuffer(pixels, np.uint8).reshape(told.height, told.width, 3), self.want.size)


def squared(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """(H, W, 3) with its shorter side at `size` pixels, and of that the middle: (size, size, 3)."""
    high, wide = picture.shape[:2]
    least = min(high, wide)
    # The decoder has made it as small as wanted, but for the pixel by which proportions are rounded.
    if least < size or least > size + 1:
        from PIL import Image

        new = (max(size, round(wide * size / least)), max(size, round(high * size / least)))
        picture = np.asarray(Image.fromarray(picture).resize(new, Image.Resampling.BILINEAR, reducing_gap=3.0))
        high, wide = picture.shape[:2]
    top, left = (high - size) // 2, (wide - size) // 2
    return picture[top : top + size, left : left + size]
