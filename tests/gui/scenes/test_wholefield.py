"""One way with a real worker: photographs, a field that is learned, its grid, the run as a file."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import numpy as np
import psutil
import pytest

from workbench.gui.scenes import fieldlearning
from workbench.store.asked import is_over

WITHIN_MS, MOST_S = 120_000, 300.0
"""In which the worker must have computed at all, and what it may compute for each step."""


def photographs(folder: Path) -> Path:
    """A tiny room, drawn once, with the poses of its photographs."""
    from workbench.engine.scenes.posed import write_transforms
    from workbench.engine.scenes.posedsamples import sample_cameras

    doc = sample_cameras("room", folder, images=8, size=16, seed=90)
    write_transforms(folder / "transforms.json", doc)
    return folder / "transforms.json"


def spent_s(window):
    """What the worker's processes have computed so far."""
    worker = psutil.Process(window.link.state.pid)
    with contextlib.suppress(psutil.NoSuchProcess):
        return sum(sum(one.cpu_times()[:2]) for one in [worker, *worker.children(recursive=True)])
    return math.nan


def wait_until(qtbot, window, done):
    """In the worker's own time: a run gives way to all else that the machine does, and may get a hundredth of it."""
    start = last = spent_s(window)
    while not done():
        with contextlib.suppress(qtbot.TimeoutError):
            qtbot.waitUntil(done, timeout=WITHIN_MS)
        now = spent_s(window)
        assert done() or last < now < start + MOST_S, f"{now - start:.1f} s were computed, and it is not there"
        last = now


@pytest.mark.timeout(1800)
@pytest.mark.slow  # a worker, photographs, a run and its field
def test_that_photographs_become_a_field_in_the_scene_and_a_grid(worker_window, qtbot, tmp_path, monkeypatch):
    window = worker_window
    monkeypatch.setattr(fieldlearning, "PRESET", "smoke")
    page = window.open_page("scenes")
    source = photographs(tmp_path / "room")
    before = {one: one.read_bytes() for one in source.parent.rglob("*") if one.is_file()}
    page.open_paths([str(source)])
    wait_until(qtbot, window, lambda: bool(page.scene.nodes))
    shown = []
    monkeypatch.setattr(page.canvas, "show_radiance", lambda node, image, depth, view: shown.append((node, image)))
    page.findChild(fieldlearning.FieldLearning).start()

    def field():
        return next((one for one in page.scene.nodes.values() if one.kind == "radiance"), None)

    wait_until(qtbot, window, lambda: field() is not None and bool(field().thing.grid))
    run = Path(field().thing.field)
    wait_until(qtbot, window, lambda: is_over(run))
    assert field().thing.shape == np.load(field().thing.grid, mmap_mode="r").shape[:3]
    shown.clear()
    page.scene.look_from(page.scene.view.__class__(page.scene.view.pose, height_deg=41.0))
    wait_until(qtbot, window, lambda: bool(shown))  # by the worker: the run is over
    assert shown[-1][0] == field().id and not shown[-1][1].isNull()

    out = tmp_path / "grid.npz"
    page.exporting.write([field()], out)
    wait_until(qtbot, window, out.is_file)
    with np.load(out) as held:
        told = (tuple(held["resolution"]), str(held["density_kind"]))
        assert told == (field().thing.shape, field().thing.meta.density)

    page.open_paths([str(run)])
    wait_until(qtbot, window, lambda: any(one.name == run.name for one in page.scene.nodes.values()))
    group = next(one for one in page.scene.nodes.values() if one.name == run.name)
    kinds = {one.kind: page.scene.is_shown(one.id) for one in page.scene.standing_in(group.id)}
    assert kinds == {"radiance": True, "cameras": True, "mesh": False, "points": False}
    assert all(one.read_bytes() == held for one, held in before.items())
    page.closed()
