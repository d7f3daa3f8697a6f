"""Sound and its tiers under the time slider: waveform, spectrogram, player; tiers can be looked through."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PySide6.QtWidgets import QWidget

from workbench.core import documents
from workbench.core import events as ev
from workbench.core.audio import SoundMeta, TiersDoc, sound_meta_of
from workbench.core.problem import InputError
from workbench.gui.sounds.viewer import SoundViewer
from workbench.gui.sounds.waves import Sound, pyramid_of
from workbench.gui.timestrip import clock
from workbench.gui.views import reading
from workbench.gui.views.base import Rows, View
from workbench.gui.volumes.away import Away


@dataclasses.dataclass
class Content:
    """A sound with its levels of detail, and its tiers."""

    sound: Sound
    tiers: TiersDoc


class AudioView(View):
    """A sound; its part `tiers` lies below it."""

    name = "Audio"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = SoundViewer(Away(self), editable=False)
        self.set_body(self.viewer)
        self.setFocusProxy(self.viewer.waveform)

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        sound = read_wave(reading.inside(folder, artifact.path), artifact.meta)
        part = artifact.parts.get("tiers", "")
        doc = documents.read(reading.inside(folder, part), TiersDoc) if part else TiersDoc()
        return Content(sound, doc)

    def draw(self, content: Content) -> None:
        self.viewer.show_sound(content.sound, content.tiers)
        meta = content.sound.meta
        channels = {1: "mono", 2: "stereo"}.get(meta.channels, f"{meta.channels} channels")
        duration = clock(self.viewer.scene.duration_s)
        self.set_caption(" · ".join(filter(None, (meta.title, duration, f"{meta.sample_rate_hz} Hz", channels))))

    def clear(self, hint: str) -> None:
        self.viewer.clear()
        super().clear(hint)

    def _exported(self) -> QWidget:
        return self.viewer.area

    def rows(self) -> tuple[Sequence[str], Rows]:
        doc, scene = self.viewer.tiers.doc, self.viewer.scene
        if doc.tiers:
            names = ("tier", "start (s)", "end (s)", "text", "speaker", "confidence")
            return names, [
                (tier.name, one.start_s, one.end_s, one.text, one.speaker, one.confidence)
                for tier in doc.tiers for one in tier.segments
            ]  # fmt: skip
        return ("duration (s)", "sample rate (Hz)", "samples"), [(scene.duration_s, scene.rate_hz, scene.samples)]


class TiersView(AudioView):
    """Tiers over the sound that the artifact's part `audio` names."""

    name = "Tiers"

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        doc = documents.read(reading.inside(folder, artifact.path), TiersDoc)
        part = artifact.parts.get("audio", "")
        if not part:
            raise InputError(
                "These tiers have no sound.", expected="a part `audio` of the artifact", received="none",
                fix="Run the recipe again.", place=artifact.path,
            )  # fmt: skip
        return Content(read_wave(reading.inside(folder, part), artifact.meta), doc)


def read_wave(path: Path, meta: dict[str, Any]) -> Sound:
    """A WAV file (16-bit or float) as a memory map; raises InputError where it is missing or damaged."""
    from scipy.io import wavfile  # not before a sound is shown

    try:
        rate_hz, samples = wavfile.read(path, mmap=True)
    except FileNotFoundError:
        raise reading.damaged(path, "a WAV file", "no such file") from None
    except (ValueError, OSError) as error:
        raise reading.damaged(path, "a WAV file", str(error)) from None
    samples = np.asanyarray(samples)
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.dtype.kind == "u" or samples.dtype.itemsize > 4 or not len(samples):
        received = "no samples" if not len(samples) else str(samples.dtype)
        raise reading.damaged(path, "16-bit or float samples", received)
    try:
        told = sound_meta_of(meta) if meta else SoundMeta(rate_hz)
    except msgspec.ValidationError as error:
        raise reading.damaged(path, "a SoundMeta in the artifact's meta", str(error)) from None
    known = SoundMeta(rate_hz, samples.shape[1], len(samples), told.title)
    return Sound(samples, known, pyramid_of(samples), str(path))
