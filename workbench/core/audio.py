"""Sound as files: samples on disk, their level-of-detail pyramid, spectrogram tiles, and tiers of segments.

Times are seconds from the first sample. Samples lie in a .npy of shape (samples, channels), int16
(full scale 32768) or float32 (full scale 1), memory-mapped by whoever shows or plays them.

The worker's inspectors; `path` is always the file that a person chose (or a sound's .npy in the cache):
`sound` {path} → SoundFile; `spectrogram` {path, settings, level, index} → SpectrogramTile;
`tracks` {path, hop_s, channel} → Tracks; `tiers` {path} reads a TextGrid, SRT, VTT, RTTM, CTM, JSON or
TXT file → TiersDoc; `tiers-export` {tiers, out, format} and `sound-export` {path, out, start_s, end_s,
sample_rate_hz, channel} → the written paths; `sound-sample` {} → the paths of a spoken WAV and its TiersDoc.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Scale = Literal["linear", "mel", "log"]
SOUND_SUFFIXES = (
    ".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".au", ".caf", ".w64", ".sph",
    ".wma", ".mka", ".webm", ".mp4", ".mov", ".mkv", ".avi", ".m4v", ".3gp",
)  # fmt: skip
"""What a dropped folder is searched for; a chosen file may end in anything."""
TIER_SUFFIXES = (".textgrid", ".srt", ".vtt", ".rttm", ".ctm", ".json", ".txt")
TierKind = Literal["segments", "words", "phones", "points", "speakers"]


class SoundMeta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What samples mean: the `meta` of an Audio artifact, and what is known of a file; `samples` counts per channel."""

    sample_rate_hz: int
    channels: int = 1
    samples: int = 0
    title: str = ""

    @property
    def duration_s(self) -> float:
        """How long the sound is."""
        return self.samples / self.sample_rate_hz if self.sample_rate_hz else 0.0


class Level(msgspec.Struct, frozen=True):
    """One level of a pyramid: a .npy of (buckets, channels, 3) float32 – minimum, maximum, RMS, full scale 1.

    A bucket covers `samples_per_bucket` samples; the last one may cover fewer.
    """

    path: str
    samples_per_bucket: int
    buckets: int


class Pyramid(msgspec.Struct, frozen=True):
    """Levels of detail of a sound, finest first; below the finest, look at the samples themselves."""

    levels: tuple[Level, ...] = ()

    def level_for(self, samples_per_pixel: float) -> Level | None:
        """The coarsest level whose buckets are no wider than a pixel; None where the samples are needed."""
        fits = [level for level in self.levels if level.samples_per_bucket <= samples_per_pixel]
        return fits[-1] if fits else None


class SoundFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of the worker's `sound`: samples in the cache, and what to know about them.

    While `complete` is false, `meta.samples` and the levels cover what has been read so far: map the
    files anew and ask `sound` again to have the reading go on; each answer comes within about half a
    second. `expected_samples` is the length that the file's header states (0: unknown). `source` is
    the file that was read; `peak` is the largest magnitude, full scale 1; `clipped` counts samples at
    full scale, in runs of two or more.
    """

    path: str
    meta: SoundMeta
    source: str = ""
    pyramid: Pyramid = Pyramid()
    complete: bool = True
    expected_samples: int = 0
    format: str = ""
    peak: float = 0.0
    clipped: int = 0
    notes: tuple[str, ...] = ()
    """What was done or noticed while reading ('the file is cut off', 'constant offset of 0.03')."""


class SpectrogramSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a spectrogram is made; one set of settings has one grid of tiles.

    `hop_s` is the column width of level 0 (0: a quarter of the window). `bins` rows divide the axis
    from `low_hz` to `high_hz` (0: half the rate) evenly in Hz, mel (HTK) or octaves; a log axis starts
    at 20 Hz or above. `channel` -1 is the mean of all.
    """

    window_s: float = 0.025
    hop_s: float = 0.0
    window: Literal["hann", "hamming", "blackman", "gaussian"] = "hann"
    scale: Scale = "linear"
    bins: int = 256
    low_hz: float = 0.0
    high_hz: float = 0.0
    channel: int = -1

    @property
    def column_s(self) -> float:
        """The width of a column of level 0."""
        return self.hop_s or self.window_s / 4


TILE_COLUMNS = 256


class SpectrogramTile(msgspec.Struct, frozen=True):
    """The answer of the worker's `spectrogram`: power in dB (full-scale sine: 0), a .npy (columns, bins) float32.

    Tile `index` of `level` covers TILE_COLUMNS columns of `column_s` seconds from `start_s`; a column of
    level n is 2ⁿ columns of level 0 wide and holds the mean power of frames spread over it. The last
    tile of a sound may have fewer columns. Row 0 is the lowest frequency; `frequencies_hz` are the
    rows' centres.
    """

    path: str
    level: int
    index: int
    start_s: float
    column_s: float
    columns: int
    frequencies_hz: tuple[float, ...]


class Tracks(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of the worker's `tracks`: a .npy (frames, 4) float32, one frame per `hop_s` from `start_s`.

    Columns: pitch in Hz (0 where unvoiced), strength of the periodicity 0 … 1, energy in dB of full
    scale, and 1 where the voice activity detector hears speech.
    """

    path: str
    start_s: float
    hop_s: float
    frames: int
    columns: tuple[str, ...] = ("pitch_hz", "periodicity", "energy_db", "speech")


class Segment(msgspec.Struct, omit_defaults=True):
    """A stretch [start_s, end_s) of a sound with a text; in a tier of points both times are equal.

    `confidence` runs from 0 to 1; 1 where nothing is known. `corrected` tells that a person wrote or confirmed
    the text.
    """

    start_s: float
    end_s: float
    text: str = ""
    speaker: str = ""
    confidence: float = 1.0
    corrected: bool = False


class Tier(msgspec.Struct, omit_defaults=True):
    """Segments of one kind, in order of time and without overlap within a tier."""

    name: str
    kind: TierKind = "segments"
    segments: list[Segment] = []


class TiersDoc(msgspec.Struct, omit_defaults=True):
    """The tiers of one sound, drawn below each other; `duration_s` 0 means that of the sound."""

    tiers: list[Tier] = []
    duration_s: float = 0.0
    title: str = ""
    language: str = ""


def sound_meta_of(meta: dict[str, Any]) -> SoundMeta:
    """An artifact's meta as a SoundMeta; raises msgspec.ValidationError when it is none."""
    return msgspec.convert(meta, SoundMeta)


def to_meta(meta: SoundMeta) -> dict[str, Any]:
    """A SoundMeta as an artifact's meta."""
    found: dict[str, Any] = msgspec.to_builtins(meta)
    return found
