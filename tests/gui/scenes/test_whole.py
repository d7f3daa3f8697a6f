"""One way through the 3D page with a real worker: a file is read, cropped, written, and kept as a project."""

from __future__ import annotations

import numpy as np

WITHIN_MS = 120_000
COUNT = 400


def write_ply(path, points):
    head = ["ply", "format ascii 1.0", f"element vertex {len(points)}", "property double x", "property double y",
            "property double z", "end_header"]  # fmt: skip
    path.write_text("\n".join([*head, *(" ".join(map(repr, map(float, one))) for one in points), ""]))


def read_ply(path):
    """Positions of a binary or ASCII PLY, by a reader that is not ours."""
    import trimesh

    return np.asarray(trimesh.load(path).vertices)


def test_that_a_file_is_read_cropped_written_and_kept(worker_window, qtbot, tmp_path):
    window = worker_window
    page = window.open_page("scenes")
    points = np.random.default_rng(0).random((COUNT, 3)) * 10 + [412_000, 5_403_000, 300]
    source = tmp_path / "scan.ply"
    write_ply(source, points)
    before = source.read_bytes()
    page.open_paths([str(source)])
    qtbot.waitUntil(lambda: bool(page.scene.nodes), timeout=WITHIN_MS)
    (node,) = page.scene.nodes.values()
    assert node.kind == "points" and node.thing.count == COUNT and node.source == str(source)
    assert max(np.abs(node.thing.high)) < 1000 and "large" in page.banner._what.text().lower()

    positions = np.load(node.thing.positions)
    half = positions[:, 0] < np.median(positions[:, 0])
    page.cropping._selected("select", {node.id: half}, "replace")
    page.cropping.hide()
    qtbot.waitUntil(lambda: not page.cropping.busy, timeout=WITHIN_MS)
    out = tmp_path / "half.ply"
    page.exporting.write(page.exporting.nodes(), out)
    qtbot.waitUntil(lambda: "half.ply" in page.banner._what.text() or page.banner.record is not None, timeout=WITHIN_MS)
    assert page.banner.record is None and out.is_file(), page.banner._what.text()
    order = np.load(node.thing.order) if node.thing.order else np.arange(COUNT)
    wanted = points[order][~half]
    found = read_ply(out)
    assert np.allclose(found[np.lexsort(found.T)], wanted[np.lexsort(wanted.T)], atol=1e-3)

    page.exporting.write(page.exporting.nodes(), source)
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert source.read_bytes() == before

    project = tmp_path / "room.scene"
    page.keeping._write(project)
    qtbot.waitUntil(lambda: page.state.path == str(project), timeout=WITHIN_MS)
    page.keeping.open(str(project))
    qtbot.waitUntil(lambda: page.document.stack.count() == 0 and bool(page.scene.nodes), timeout=WITHIN_MS)
    assert np.array_equal(np.load(page.scene.nodes[node.id].hidden), half)
    assert page.state.origin == node.thing.origin
    page.closed()
