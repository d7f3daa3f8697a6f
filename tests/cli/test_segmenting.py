"""`workbench medical segment`: a case through a model into a file, and what stands against it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom

from tests.engine.medical.dicoms import series
from tests.engine.medical.untrained import save_untrained
from workbench.runner.local import LocalRunner
from workbench.store.home import Home


def test_that_a_series_is_segmented_into_a_dicom_seg_that_names_the_model(
    runner: LocalRunner, home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    volume = series(tmp_path / "s")
    (tmp_path / "model").mkdir()
    model = save_untrained(tmp_path / "model", spacing_mm=0.8)
    words = ("--model", model, "--home", str(home.root))
    done = workbench("medical", "segment", str(tmp_path / "s"), "--out", str(tmp_path / "seg.dcm"), "--json", *words)
    assert done.status == 0, done.err
    (told,) = done.lines
    assert told["files"] == [str(tmp_path / "seg.dcm")] and told["model"] == "hi-end-mae untrained"
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    assert {(one.SegmentAlgorithmType, one.SegmentAlgorithmName) for one in seg.SegmentSequence} == {
        ("AUTOMATIC", "hi-end-mae untrained")
    }
    assert (seg.Rows, seg.Columns) == volume.shape[1:]
    mirrored = workbench(
        "medical", "segment", str(tmp_path / "s"), "--out", str(tmp_path / "l.nii.gz"), "--tta", *words
    )
    assert mirrored.status == 2 and "mirrored" in mirrored.err
    kept = workbench("medical", "segment", str(tmp_path / "s"), "--out", str(tmp_path / "l.nii.gz"),
                     "--probabilities", str(tmp_path / "maps"), "--json", *words)  # fmt: skip
    assert kept.status == 0, kept.err
    liver = nibabel.load(tmp_path / "maps" / "Liver-probability.nii.gz")
    assert {Path(one).name for one in kept.lines[0]["files"]} == {
        "l.nii.gz",
        "Liver-probability.nii.gz",
        "Spleen-probability.nii.gz",
    }
    assert np.allclose(liver.affine, nibabel.load(tmp_path / "l.nii.gz").affine)
    share, labels = np.asarray(liver.dataobj), np.asarray(nibabel.load(tmp_path / "l.nii.gz").dataobj)
    assert share.min() >= 0 and share.max() <= 1 and (share[labels == 1] > 1 / 3 - 0.01).all()
    wrong = workbench("medical", "segment", str(tmp_path / "s"), "--out", str(tmp_path / "l.txt"), *words)
    assert wrong.status == 2 and ".nii.gz" in wrong.err


def test_that_a_model_that_finds_nothing_says_so_and_writes_empty_labels_where_the_format_allows(
    runner: LocalRunner, home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    series(tmp_path / "s")
    (tmp_path / "model").mkdir()
    words = ("--model", save_untrained(tmp_path / "model", spacing_mm=0.8, finds=False), "--home", str(home.root))
    refused = workbench("medical", "segment", str(tmp_path / "s"), "--out", str(tmp_path / "seg.dcm"), *words)
    assert refused.status == 2 and "The model found nothing" in refused.err and "NIfTI" in refused.err
    kept = workbench("medical", "segment", str(tmp_path / "s"), "--out", str(tmp_path / "l.nii.gz"), *words)
    assert kept.status == 0, kept.err
    assert "Nothing was found" in kept.out
    assert not np.asarray(nibabel.load(tmp_path / "l.nii.gz").dataobj).any()
