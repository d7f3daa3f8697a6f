"""Volumes and their labels under the time slider: three linked planes; labels can be corrected on a copy."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray
from PySide6.QtWidgets import QWidget

from workbench.core import events as ev
from workbench.core.problem import InputError
from workbench.core.volumes import VolumeFile, VolumeMeta, meta_of
from workbench.gui.views import reading
from workbench.gui.views.base import Rows, View
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.labelmap import LabelMap, open_labels
from workbench.gui.volumes.scene import Layer, open_volume
from workbench.gui.volumes.viewer import VolumeViewer


@dataclasses.dataclass
class Content:
    """Arrays (z, y, x), memory-mapped, with their meaning."""

    layers: list[Layer]
    labels: NDArray[Any] | None
    meta: VolumeMeta
    path: Path
    overlay: Layer | None


class VolumeView(View):
    """A volume: its parts named `volume…` are further sequences on its grid, `overlay` is what may be laid over it."""

    name = "Volume"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = VolumeViewer(Away(self))
        self.set_body(self.viewer)
        self.setFocusProxy(self.viewer.canvases["axial"])

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        path = reading.inside(folder, artifact.path)
        meta = _meta(artifact, path)
        layers = [Layer(open_volume(path), meta, title=artifact.title)]
        return Content(layers + _sequences(folder, artifact, meta), None, meta, path, _overlay(folder, artifact, meta))

    def draw(self, content: Content) -> None:
        labels = None
        if content.labels is not None:
            labels = LabelMap(content.labels, content.meta, self.viewer, path=content.path)
        self.viewer.show_volumes(content.layers, labels, overlay=content.overlay)
        z, y, x = self.viewer.scene.shape
        sizes = " × ".join(f"{one:.3g}" for one in content.meta.geometry.spacing_mm)
        kind = content.meta.modality
        self.set_caption(" · ".join(filter(None, (kind, f"{x} × {y} × {z}", f"{sizes} mm"))))

    def clear(self, hint: str) -> None:
        self.viewer.clear()
        super().clear(hint)

    def _exported(self) -> QWidget:
        return self.viewer.area

    def rows(self) -> tuple[Sequence[str], Rows]:
        scene = self.viewer.scene
        if scene.labels is not None:
            found = scene.labels
            rows = [(one.value, one.name, found.ml(one.value)) for one in found.labels]
            return ("value", "label", "volume (ml)"), [["" if one is None else one for one in row] for row in rows]
        z, y, x = scene.shape
        return ("columns", "rows", "slices", "x (mm)", "y (mm)", "z (mm)"), [[x, y, z, *scene.geometry.spacing_mm]]


class LabelsView(VolumeView):
    """Labels over the volume that the artifact's part `volume` names."""

    name = "Labels"

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        path = reading.inside(folder, artifact.path)
        meta = _meta(artifact, path)
        layers, overlay = _sequences(folder, artifact, meta), _overlay(folder, artifact, meta)
        return Content(layers, open_labels(path), meta, path, overlay)


def _meta(artifact: ev.Artifact, path: Path) -> VolumeMeta:
    try:
        return meta_of(artifact.meta)
    except msgspec.ValidationError as error:
        raise reading.damaged(path, "a VolumeMeta in the artifact's meta", str(error)) from None


def _sequences(folder: Path, artifact: ev.Artifact, meta: VolumeMeta) -> list[Layer]:
    """The parts that are volumes; a JSON of the same name beside one says what its values mean."""
    names = [name for name in artifact.parts if name.startswith("volume")]
    found = []
    for name in sorted(names):
        path = reading.inside(folder, artifact.parts[name])
        found.append(Layer(open_volume(path), _meaning(path, meta)))
    return found


def _overlay(folder: Path, artifact: ev.Artifact, meta: VolumeMeta) -> Layer | None:
    """The part `overlay`, whose values have a window of their own."""
    part = artifact.parts.get("overlay", "")
    if not part:
        return None
    path = reading.inside(folder, part)
    return Layer(open_volume(path), _meaning(path, VolumeMeta(meta.geometry)))


def _meaning(path: Path, otherwise: VolumeMeta) -> VolumeMeta:
    """A VolumeFile beside the array, or the grid, unit and window that the artifact tells."""
    beside = path.with_suffix(".json")
    if beside.is_file():
        try:
            return msgspec.json.decode(beside.read_bytes(), type=VolumeFile).meta
        except msgspec.DecodeError as error:
            raise InputError("What a volume means cannot be read.", expected="a VolumeFile", received=str(error),
                             place=str(beside)) from None  # fmt: skip
    modality = "" if otherwise.modality == "SEG" else otherwise.modality
    return VolumeMeta(otherwise.geometry, modality, otherwise.unit, otherwise.window)
