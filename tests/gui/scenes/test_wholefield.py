"""One way with a real worker: photographs, a field that is learned, its grid, the run as a file."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from workbench.gui.scenes import fieldlearning
from workbench.store.asked import is_over

WITHIN_MS = 120_000
"""In which something must have happened: how long the whole takes hangs on what else the machine does."""


def photographs(folder: Path) -> Path:
    """A tiny room, drawn once, with the poses of its photographs."""
    from workbench.engine.scenes.posed import write_transforms
    from workbench.engine.scenes.posedsamples import sample_cameras

    doc = sample_cameras("room", folder, images=8, size=16, seed=90)
    write_transforms(folder / "transforms.json", doc)
    return folder / "transforms.json"


def wait_for_run(qtbot, home, done):
    """As long as the run goes on telling of itself."""
    told = -1
    while not done():
        heard = sum(one.stat().st_size for one in home.runs.glob("*/events.jsonl"))
        assert heard > told, f"no news of the run within {WITHIN_MS / 1000:g} s"
        told = heard
        with contextlib.suppress(qtbot.TimeoutError):
            qtbot.waitUntil(done, timeout=WITHIN_MS)


@pytest.mark.timeout(1800)
@pytest.mark.slow  # a worker, photographs, a run and its field
def test_that_photographs_become_a_field_in_the_scene_and_a_grid(worker_window, qtbot, tmp_path, monkeypatch):
    window = worker_window
    monkeypatch.setattr(fieldlearning, "PRESET", "smoke")
    page = window.open_page("scenes")
    source = photographs(tmp_path / "room")
    before = {one: one.read_bytes() for one in source.parent.rglob("*") if one.is_file()}
    page.open_paths([str(source)])
    qtbot.waitUntil(lambda: bool(page.scene.nodes), timeout=WITHIN_MS)
    shown = []
    monkeypatch.setattr(page.canvas, "show_radiance", lambda node, image, depth, view: shown.append((node, image)))
    page.findChild(fieldlearning.FieldLearning).start()

    def field():
        return next((one for one in page.scene.nodes.values() if one.kind == "radiance"), None)

    wait_for_run(qtbot, window.link.home, lambda: field() is not None and bool(field().thing.grid))
    run = Path(field().thing.field)
    wait_for_run(qtbot, window.link.home, lambda: is_over(run))
    assert field().thing.shape == np.load(field().thing.grid, mmap_mode="r").shape[:3]
    shown.clear()
    page.scene.look_from(page.scene.view.__class__(page.scene.view.pose, height_deg=41.0))
    qtbot.waitUntil(lambda: bool(shown), timeout=WITHIN_MS)  # by the worker: the run is over
    assert shown[-1][0] == field().id and not shown[-1][1].isNull()

    out = tmp_path / "grid.npz"
    page.exporting.write([field()], out)
    qtbot.waitUntil(out.is_file, timeout=WITHIN_MS)
    with np.load(out) as held:
        told = (tuple(held["resolution"]), str(held["density_kind"]))
        assert told == (field().thing.shape, field().thing.meta.density)

    page.open_paths([str(run)])
    qtbot.waitUntil(lambda: any(one.name == run.name for one in page.scene.nodes.values()), timeout=WITHIN_MS)
    group = next(one for one in page.scene.nodes.values() if one.name == run.name)
    kinds = {one.kind: page.scene.is_shown(one.id) for one in page.scene.standing_in(group.id)}
    assert kinds == {"radiance": True, "cameras": True, "mesh": False, "points": False}
    assert all(one.read_bytes() == held for one, held in before.items())
    page.closed()
