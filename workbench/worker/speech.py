"""What a window may ask about sounds: read, spectrogram tiles, tracks, tiers in and out, parts of a sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from workbench.core.audio import SoundFile, SpectrogramSettings, SpectrogramTile, TiersDoc, Tracks
from workbench.core.problem import InputError, KnownTrouble
from workbench.worker import cloning, speakers, transcribing
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.worker.interactive import ApplyContext

T = TypeVar("T", bound=msgspec.Struct)


class Sound(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file to be read; with `whole` the answer comes when it is read to its end."""

    path: str
    whole: bool = False


class TileAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tile of a sound's spectrogram."""

    path: str
    settings: SpectrogramSettings = SpectrogramSettings()
    level: int = 0
    index: int = 0


class Stretch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a sound to be analysed; `end_s` 0 is its end, channel -1 the mean of all."""

    path: str
    hop_s: float = 0.01
    channel: int = -1
    start_s: float = 0.0
    end_s: float = 0.0


class TiersAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of tiers."""

    path: str


class TiersExport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tiers to be written; the format by the ending of `out` where none is named."""

    tiers: TiersDoc
    out: str
    format: str = ""
    tier: str = ""


class SoundExport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sound, or a part of it, to be written as WAV, FLAC, OGG or MP3 by the ending of `out`."""

    path: str
    out: str
    start_s: float = 0.0
    end_s: float = 0.0
    sample_rate_hz: int = 0
    channel: int | None = None


def _sound(arguments: dict[str, Any], context: ApplyContext) -> SoundFile:
    asked = as_asked(arguments, Sound)
    return _so_far(asked.path, context, whole=asked.whole)


def read_whole(path: str, context: ApplyContext) -> SoundFile:
    """A sound in the cache, read to its end."""
    return _so_far(path, context, whole=True)


def _so_far(path: str, context: ApplyContext, *, whole: bool) -> SoundFile:
    """The sound as far as it is read; each question reads on, so that others get their turn between."""
    from workbench.engine.speech import opening

    file, folder = Path(path), context.home.cache / "sounds"
    found = opening.cached(file, folder)
    if found is not None:
        return found
    key = ("sound", path, opening.cache_key(file) if file.is_file() else "")
    under_way: opening.Opening | None = context.cache.get(key)
    if under_way is None or not under_way.folder.is_dir():
        under_way = opening.Opening(file, folder)
        context.cache[key] = under_way
    try:
        found = under_way.step()
        while whole and not found.complete:
            context.progress(found.meta.samples, found.expected_samples)
            found = under_way.step()
    except InputError:
        del context.cache[key]
        raise
    if found.complete:
        del context.cache[key]
    return found


def _spectrogram(arguments: dict[str, Any], context: ApplyContext) -> SpectrogramTile:
    from workbench.engine.speech.tiles import tile

    asked = as_asked(arguments, TileAt)
    return tile(_looked_at(asked.path, context), asked.settings, asked.level, asked.index)


def _looked_at(path: str, context: ApplyContext) -> SoundFile:
    """A sound that is being looked at: as far as it has come, without reading on where a file is under way."""
    from workbench.engine.speech import opening

    found = opening.cached(Path(path), context.home.cache / "sounds")
    if found is not None:
        return found
    file = Path(path)
    under_way = context.cache.get(("sound", path, opening.cache_key(file) if file.is_file() else ""))
    return under_way.so_far if under_way is not None else _so_far(path, context, whole=False)


def _tracks(arguments: dict[str, Any], context: ApplyContext) -> Tracks:
    from workbench.engine.speech.tracks import tracks

    asked = as_asked(arguments, Stretch)
    sound = _so_far(asked.path, context, whole=True)
    return tracks(
        sound,
        asked.hop_s,
        channel=asked.channel,
        start_s=asked.start_s,
        end_s=asked.end_s,
        progress=context.progress,
    )


def _tiers(arguments: dict[str, Any], context: ApplyContext) -> TiersDoc:
    from workbench.engine.speech.tiers import read_tiers

    return read_tiers(Path(as_asked(arguments, TiersAt).path))


def _tiers_export(arguments: dict[str, Any], context: ApplyContext) -> list[str]:
    from workbench.engine.speech.tiers import export_tiers

    asked = as_asked(arguments, TiersExport)
    return [str(export_tiers(asked.tiers, Path(asked.out), asked.format, asked.tier))]


def _sound_export(arguments: dict[str, Any], context: ApplyContext) -> list[str]:
    from workbench.engine.speech.writing import export_sound

    asked = as_asked(arguments, SoundExport)
    sound = _so_far(asked.path, context, whole=True)
    path = export_sound(
        sound,
        Path(asked.out),
        start_s=asked.start_s,
        end_s=asked.end_s,
        sample_rate_hz=asked.sample_rate_hz,
        channel=asked.channel,
        progress=context.progress,
    )
    return [str(path)]


def _sound_sample(arguments: dict[str, Any], context: ApplyContext) -> list[str]:
    """Two synthetic speakers and their tiers; vowels by source and filter where espeak-ng is missing."""
    from workbench.engine.speech import samples, vowels

    folder = context.home.cache / "speech-sample"
    try:
        written = samples.write_sample(folder)
    except KnownTrouble as trouble:
        context.log(f"{trouble} The sample is made of vowels instead.")
        written = vowels.write_sample(folder)
    return [str(path) for path in written]


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {
    "sound": _sound, "spectrogram": _spectrogram, "tracks": _tracks, "tiers": _tiers, "tiers-export": _tiers_export,
    "sound-export": _sound_export, "sound-sample": _sound_sample, **transcribing.INSPECTORS,
    **speakers.inspectors(read_whole), **cloning.inspectors(read_whole),
}  # fmt: skip
