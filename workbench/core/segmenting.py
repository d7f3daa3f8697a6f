"""What segmenting a case is asked with and answered by, between a recipe's apply and whoever shows it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from workbench.core.documents import AnswersDoc
from workbench.core.volumes import VolumeFile


class SegmentingWish(msgspec.Struct, frozen=True, omit_defaults=True):
    """The case and how it is to be segmented.

    `channels` names a volume for each of the model's channels. `mirrored` averages over mirrored readings
    (test-time augmentation). `focus` is the voxel (z, y, x) of the first volume that is worked on first.
    `probabilities` keeps each label's probability as well.
    """

    channels: dict[str, VolumeFile]
    title: str = ""
    mirrored: bool = False
    focus: tuple[int, int, int] | None = None
    probabilities: bool = False


class UncertainSlice(msgspec.Struct, frozen=True):
    """A slice across the array's `axis` (0 z, 1 y, 2 x): the mean entropy in and near what was found, and its peak.

    `voxel` (z, y, x) is the most uncertain one in it.
    """

    axis: int
    index: int
    mean: float
    voxel: tuple[int, int, int]


class GrowingLabels(msgspec.Struct, frozen=True):
    """A partial answer: a label array that the worker goes on writing; `done` is the share of windows in it."""

    labels: VolumeFile
    done: float


CERTAIN = 255
"""What a probability map's bytes have for 1."""


class ProbabilityMap(msgspec.Struct, frozen=True):
    """How likely each voxel is called `name`: bytes (z, y, x), CERTAIN for 1; `label` is that label's value, 0 if none.

    Probabilities are the network's (softmax or sigmoid), averaged over windows and readings; they are not calibrated.
    """

    name: str
    label: int
    volume: VolumeFile


class Segmented(AnswersDoc):
    """Labels and entropy (0 sure … 1 undecided) on the grid of the case's first volume; volumes in ml.

    `model` is the name under which a DICOM SEG tells the model.
    """

    labels: VolumeFile
    uncertainty: VolumeFile
    slices: tuple[UncertainSlice, ...] = ()
    probabilities: tuple[ProbabilityMap, ...] = ()
    model: str = ""
    notes: tuple[str, ...] = ()


class ModelTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model's card says of what it reads; `mirrors` tells whether mirrored readings make sense to it."""

    channels: tuple[str, ...]
    modality: str = ""
    labels: tuple[str, ...] = ()
    mirrors: bool = False


_SEQUENCES = (
    ("FLAIR", re.compile(r"flair|\bt2f\b", re.IGNORECASE)),
    ("T1ce", re.compile(r"t1.{0,3}(ce|gd|c\b|\+)|t1.*(post|contrast|gad|\bkm\b)|post.?contrast", re.IGNORECASE)),
    ("T1", re.compile(r"t1|pre.?contrast|mprage", re.IGNORECASE)),
    ("T2", re.compile(r"t2", re.IGNORECASE)),
    ("CT", re.compile(r"\bct\b", re.IGNORECASE)),
)


def sequence_in(name: str) -> str:
    """'FLAIR', 'T1ce', 'T1', 'T2' or 'CT' where a name tells it (T1ce before T1), else ''."""
    return next((sequence for sequence, pattern in _SEQUENCES if pattern.search(name)), "")


def guess_channels(channels: Sequence[str], titles: Sequence[str]) -> list[int | None]:
    """For each channel of a model the place of the one title that names its sequence, None where none or several do.

    A model of one channel takes the only volume there is.
    """
    if len(channels) == len(titles) == 1:
        return [0]
    found: list[int | None] = []
    for channel in channels:
        wanted = sequence_in(channel)
        fit = [at for at, title in enumerate(titles) if title.lower() == channel.lower()]
        fit = fit or [at for at, title in enumerate(titles) if wanted and sequence_in(title) == wanted]
        found.append(fit[0] if len(fit) == 1 else None)
    return found
