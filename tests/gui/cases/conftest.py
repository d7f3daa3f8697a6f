"""A page of cases whose questions are answered from a small phantom, without a process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.gui.volumes import phantom
from workbench.core.problem import InputError
from workbench.core.volumes import CaseInfo, SeriesInfo, VolumeFile

SHAPE = (12, 20, 16)


class Answers:
    """What the worker would say; `folder` holds the arrays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        values, self.label_values = phantom.head(SHAPE)
        np.save(folder / "image.npy", values)
        np.save(folder / "labels.npy", self.label_values)
        self.asked: list[tuple[str, dict]] = []
        self.series = [self.one("image.nii.gz", modality="CT")]
        self.notes: tuple[str, ...] = ()
        self.exported: np.ndarray | None = None

    def one(self, key: str, **more) -> SeriesInfo:
        return SeriesInfo(**{"key": key, "title": key, "shape": SHAPE[::-1], "spacing_mm": (2.0, 2.0, 2.5), **more})

    def case(self, asked):
        self.asked.append(("case", asked))
        return CaseInfo(asked["path"], Path(asked["path"]).name, tuple(self.series))

    def volume(self, asked):
        self.asked.append(("volume", asked))
        return VolumeFile(str(self.folder / "image.npy"), phantom.meta(title="Doe^Jane"), self.notes)

    def labels(self, asked):
        self.asked.append(("labels", asked))
        return VolumeFile(
            str(self.folder / "labels.npy"), phantom.meta(labels=phantom.LABELS, title="Doe^Jane"),
            ("resampled to the image's grid",),
        )  # fmt: skip

    def export(self, asked):
        self.asked.append(("export", asked))
        self.exported = np.load(asked["labels"]["path"])
        if asked["format"] == "stl":
            return InputError("There is no label to make a surface of.", fix="Paint or segment something first.")
        Path(asked["out"]).parent.mkdir(exist_ok=True)
        Path(asked["out"]).write_bytes(b"labels")
        return [asked["out"]]

    def take_part(self, answers: dict) -> None:
        for name in ("case", "volume", "labels", "export"):
            answers[name] = getattr(self, name)


@pytest.fixture
def answers(tmp_path, scripted) -> Answers:
    folder = tmp_path / "arrays"
    folder.mkdir()
    found = Answers(folder)
    found.take_part(scripted.answers)
    return found


@pytest.fixture
def page(open_window, answers):
    return open_window().open_page("medical")


@pytest.fixture
def path(tmp_path) -> str:
    return str(tmp_path / "image.nii.gz")


def opened(qtbot, page, path):
    """The page with the case open and its labels counted."""
    page.case = None
    page.open_case(path)
    qtbot.waitUntil(lambda: page.case is not None)
    return page.case


def begun(qtbot, page):
    """The case's new, empty labels, counted."""
    page.new_labels()
    qtbot.waitUntil(lambda: page.viewer.editor.labels is not None and page.viewer.editor.labels.voxels is not None)
    return page.viewer.editor.labels


def dot(labels, at=(4, 5, 6)):
    """Paint a little block of the active label."""
    labels.stroke()
    z, y, x = at
    labels.put((slice(z, z + 2), slice(y, y + 2), slice(x, x + 2)), np.ones((2, 2, 2), bool))
    labels.finish("paint")
