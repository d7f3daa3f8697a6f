"""`workbench medical worklist` and `medical report`, over a real worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from workbench.runner.local import LocalRunner
from workbench.store.home import Home
from workbench.store.worklist import NAME


def save(path: Path, array: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(array, np.diag([-2.0, -2.0, 2.0, 1.0])), path)


def test_that_cases_are_listed_judged_checked_and_reported(
    runner: LocalRunner, home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    at_home = ("--home", str(home.root))
    data = tmp_path / "data"
    data.mkdir()
    truth = np.zeros((10, 11, 12), np.uint8)
    truth[2:6, 2:6, 2:6] = 1
    for name in ("a", "b"):
        save(data / f"{name}.nii.gz", (truth * 100).astype(np.int16))
        save(data / f"{name}_seg.nii.gz", truth)
    save(tmp_path / "model.nii.gz", np.roll(truth, 1, 0))

    added = workbench("medical", "worklist", "add", str(data), "--reader", "Ada", "--json", *at_home)
    assert [one["title"] for one in added.lines] == ["a.nii.gz", "b.nii.gz"]
    said = workbench("medical", "worklist", "state", "a.nii.gz", "rejected", "--comment", "motion", "--reader", "Ada",
                     *at_home)  # fmt: skip
    assert said.status == 0
    listed = workbench("medical", "worklist", "list", "--state", "rejected", "--json", *at_home).lines
    assert [one["title"] for one in listed] == ["a.nii.gz"] and listed[0]["readings"]["Ada"]["state"] == "rejected"
    log = workbench("medical", "worklist", "audit", "--json", *at_home).lines
    assert [one["deed"] for one in log] == ["added", "added", "state"]
    checked = workbench("medical", "worklist", "verify", "--json", *at_home)
    assert checked.status == 0 and checked.lines[0]["faults"] == []

    out = tmp_path / "case.html"
    words = ("--labels", str(data / "a_seg.nii.gz"), "--against", str(tmp_path / "model.nii.gz"), "--out", str(out))
    told = workbench("medical", "report", str(data / "a.nii.gz"), *words, *at_home)
    html = out.read_text("utf-8")
    assert told.status == 0 and "0.512" in html and "motion" in html and "0.750" in html
    assert str(data) not in html and "a.nii.gz" not in html

    path = home.review / NAME
    path.write_bytes(path.read_bytes().replace(b"rejected", b"accepted"))
    tampered = workbench("medical", "worklist", "verify", *at_home)
    assert tampered.status == 1 and "changed" in tampered.out
    missing = workbench("medical", "worklist", "state", "nobody", "accepted", *at_home)
    assert missing.status == 2
