"""An answer made slab by slab is the one made of the whole, on the network's own grid, a turned one and another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from workbench.core.problem import KnownTrouble
from workbench.core.segmenting import CERTAIN, Segmented, SegmentingWish
from workbench.core.volumes import Geometry, Label, VolumeMeta
from workbench.engine.devices import choose
from workbench.engine.medical import doubt, gathering, serving
from workbench.engine.medical.gathering import Elsewhere, Gathering
from workbench.engine.medical.geometry import resample, turned_axes
from workbench.engine.medical.segmentation import Windows
from workbench.engine.medical.sliding import entropy, slide

SHAPE = (20, 17, 15)
WINDOWS = Windows((8, 8, 8), overlap=0.5, batch=3, reading="classes")
LABELS = (Label(1, "Liver"), Label(2, "Spleen"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return tmp_path


class Job:
    """Asked by somebody who looks at what there is on the way."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []

    def progress(self, done: int, of: int, words: str = "") -> None:
        """Nobody waits."""

    def partial(self, document, done, of, words=""):
        self.parts.append(np.load(document.labels.path))


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return nn.Conv3d(1, 3, 3, padding=1).eval()


def image() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 2, (1, *SHAPE)).astype(np.float32)


def likeliest(share: np.ndarray) -> np.ndarray:
    return share.argmax(0).astype(np.uint8)


def asked(lies: Geometry, shape: tuple[int, ...] = SHAPE, *, job: object | None = None) -> Segmented:
    reader = serving.Reader(network(), WINDOWS, choose("cpu"), LABELS, likeliest, "chance")
    case = serving.Readable(image(), Geometry(), VolumeMeta(geometry=lies), shape, "a case")
    return serving.segment(job or Job(), reader, case, SegmentingWish({}, probabilities=True))


def whole() -> np.ndarray:
    """Probabilities (K, z, y, x) of all at once."""
    return slide(network(), image(), WINDOWS, choose("cpu"))


def check(found: Segmented, share: np.ndarray) -> None:
    """An answer holds what these probabilities (K, z, y, x) come to."""
    labels, unsure = np.load(found.labels.path), np.load(found.uncertainty.path)
    assert np.array_equal(labels, likeliest(share))
    assert np.allclose(unsure, entropy(share, "classes"), atol=2e-3)
    assert [one.name for one in found.probabilities] == ["Liver", "Spleen"]
    for one in found.probabilities:
        told = np.load(one.volume.path, mmap_mode="r")
        assert told.dtype == np.uint8 and told.shape == share.shape[1:]
        assert np.abs(told / CERTAIN - share[one.label]).max() <= 0.5 / CERTAIN + 1e-4
    counts = [int((labels == one.value).sum()) for one in LABELS]
    voxel_ml = float(np.prod(found.labels.meta.geometry.spacing_mm)) / 1000
    assert [one[1] for one in found.answers[0].scores] == [round(one * voxel_ml, 2) for one in counts]


def test_that_an_answer_by_slabs_is_that_of_the_whole() -> None:
    found = asked(Geometry())
    check(found, whole())
    assert not list(Path(found.labels.path).parent.glob("growing-*"))


def test_that_an_answer_on_axes_counted_from_the_other_end_is_the_same_turned_round() -> None:
    lies = Geometry(origin_mm=(14.0, 0.0, 19.0), direction=(-1, 0, 0, 0, 1, 0, 0, 0, -1))
    assert turned_axes(Geometry(), lies, SHAPE) == (0, 2)
    check(asked(lies), whole()[:, ::-1, :, ::-1])


@pytest.mark.parametrize("slab_bytes", [1, 1 << 26])
def test_that_an_answer_on_another_grid_is_the_whole_brought_onto_it(
    slab_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "SLAB_BYTES", slab_bytes)
    c, s = np.cos(0.3), np.sin(0.3)
    lies = Geometry((0.8, 0.9, 1.3), (-2.0, 1.5, 0.7), (c, -s, 0, s, c, 0, 0, 0, 1))
    shape = (16, 18, 25)
    assert turned_axes(Geometry(), lies, SHAPE) is None
    check(asked(lies, shape), np.stack([resample(one, Geometry(), lies, shape, nearest=False) for one in whole()]))


def test_that_many_probabilities_wait_in_two_bytes_a_value_and_hardly_change(monkeypatch: pytest.MonkeyPatch) -> None:
    share, found = whole(), []
    onto = Geometry((1.0, 1.0, 1.0), (0.4, 0.3, 0.2))
    for most in (1, 1 << 28):
        monkeypatch.setattr(gathering, "MANY_BYTES", most)
        waiting, parts = Elsewhere(SHAPE, Geometry()), []
        waiting.take(5, share[:, 5:])
        waiting.take(0, share[:, :5])
        waiting.onto(onto, SHAPE, lambda start, part, parts=parts: parts.append(part.copy()))
        found.append(np.concatenate(parts, 1))
    assert 0 < np.abs(found[0] - found[1]).max() < 1e-5


def test_that_partial_labels_are_those_of_the_end_where_windows_have_been(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "FIRST_SHOWN_S", 0.0)
    monkeypatch.setattr(serving, "SHOWN_SHARE", 1e9)
    job = Job()
    made = np.load(asked(Geometry(), job=job).labels.path)
    assert len(job.parts) > 3
    shares = [float((one == made).mean()) for one in job.parts]
    assert shares[-1] > 0.9 and shares[-1] > shares[0]


def test_that_a_full_disk_is_said_and_leaves_nothing_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Gathering(SHAPE, "classes", likeliest, lambda share, labels: [], maps=("", "Liver", ""))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gathering.np, "rint", full)
    with pytest.raises(KnownTrouble, match="cannot be written"):
        made.take(0, whole())
    made.close()
    assert not list(home.rglob("growing-*"))


def test_that_slices_near_a_finding_are_the_same_measured_by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = np.zeros((50, 30, 30), bool)
    found[10:14, 5:9, 5:9] = found[30, 20, 20] = True
    unsure = np.random.default_rng(0).random(found.shape).astype(np.float32)
    spacing = (1.5, 1.0, 2.0)
    wanted = doubt.ranked(unsure, found, spacing)
    monkeypatch.setattr(doubt, "SLICES", 3)
    assert doubt.ranked(unsure, found, spacing) == wanted != []
