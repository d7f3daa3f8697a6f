"""Long answers of a real worker: they tell how far they are, show what there is, and end when nobody waits."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import nibabel
import numpy as np
import pytest

from tests.engine.medical.untrained import save_untrained
from tests.plugins.fixtures import until
from workbench.core.events import Underway
from workbench.core.problem import InputError
from workbench.core.segmenting import GrowingLabels, Segmented, SegmentingWish
from workbench.core.volumes import Geometry, VolumeFile, VolumeMeta
from workbench.runner.local import LocalRunner

GEOMETRY = Geometry((4.0, 4.0, 4.0), (7.0, 8.0, 9.0))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model folder."""
    return save_untrained(tmp_path_factory.mktemp("segmenter"))


def wish(folder: Path, size: int, **more: object) -> dict:
    values = np.random.default_rng(1).integers(-1000, 400, (size, size, size)).astype(np.int16)
    np.save(folder / "scan.npy", values)
    meta = VolumeMeta(
        **{"geometry": Geometry((4.0, 4.0, 4.0), (7.0, 8.0, 9.0)), "modality": "CT", "unit": "HU", **more}
    )
    return msgspec.to_builtins(SegmentingWish({"CT": VolumeFile(str(folder / "scan.npy"), meta)}, "scan"))


def test_that_a_segmentation_tells_its_progress_and_shows_labels_before_its_end(
    runner: LocalRunner, model: str, tmp_path: Path
) -> None:
    heard: list[Underway] = []
    grown: list[int] = []

    def told(one: Underway) -> None:
        heard.append(one)
        if bytes(one.partial) != b"null":
            part = msgspec.json.decode(one.partial, type=GrowingLabels)
            grown.append(int(np.load(part.labels.path, mmap_mode="r").any()))
            assert 0 < part.done < 1

    raw = runner.apply("hi-end-mae", model, wish(tmp_path, 72), told=told).result(60)
    found = msgspec.json.decode(raw, type=Segmented)
    fractions = [one.fraction for one in heard if one.words.startswith("window")]
    assert fractions == sorted(fractions) and fractions[0] < 0.5 and fractions[-1] == 1
    assert grown and all(grown)
    assert found.labels.meta.geometry == GEOMETRY
    assert np.load(found.labels.path).shape == np.load(found.uncertainty.path).shape == (72, 72, 72)
    assert [one.name for one in found.labels.meta.labels] == ["Liver", "Spleen"]
    assert found.model == "hi-end-mae untrained" and found.slices
    assert not list(Path(found.labels.path).parent.glob("growing-*"))


def test_that_stop_ends_the_work_and_the_lane_is_free_for_the_next(
    runner: LocalRunner, model: str, tmp_path: Path
) -> None:
    heard: list[Underway] = []
    slow = runner.apply("hi-end-mae", model, wish(tmp_path, 130), told=heard.append)
    until(lambda: len(heard) > 2)
    assert slow.cancel()
    began, so_far = time.monotonic(), len(heard)
    runner.inspect("devices").result(30)
    until(lambda: not runner.state().interactive)
    assert time.monotonic() - began < 20  # the whole would take minutes
    assert len(heard) <= so_far + 2
    assert heard[-1].fraction < 0.5


def test_that_images_that_are_none_for_the_model_are_refused_with_the_reason(
    runner: LocalRunner, model: str, tmp_path: Path
) -> None:
    def refused(asked: dict) -> InputError:
        error = runner.apply("hi-end-mae", model, asked).exception(60)
        assert isinstance(error, InputError)
        return error

    assert "reads CT" in refused(wish(tmp_path, 24, modality="MR", unit="")).what
    assert "too small" in refused(wish(tmp_path, 5)).what
    assert "lacks sequences" in refused({**wish(tmp_path, 24), "channels": {}}).what
    assert "augmentation" in refused({**wish(tmp_path, 24), "mirrored": True}).fix
    reads_a_volume_and_tells_its_share(runner, tmp_path)


def reads_a_volume_and_tells_its_share(runner: LocalRunner, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 900, (256, 256, 100)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1.0, 1.0, 2.0, 1.0])), tmp_path / "large.nii.gz")
    heard: list[float] = []
    runner.inspect("volume", path=str(tmp_path / "large.nii.gz"), key="",
                   told=lambda one: heard.append(one.fraction)).result(60)  # fmt: skip
    assert heard == sorted(heard) and heard[-1] == 1 and len(heard) > 1
