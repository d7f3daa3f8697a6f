"""The whole way with a real worker: the sample, a file of one's own, a damaged one; and the terminal's answer."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.medical import dicoms, wsidicom
from tests.gui.slides.conftest import colour
from tests.plugins.fixtures import end_worker
from workbench.app import make_window
from workbench.engine.medical.slides import sample
from workbench.engine.medical.slides.writing import write_pyramid
from workbench.runner.local import LocalRunner

WITHIN_MS = 60_000


@pytest.fixture
def page(qtbot, home):
    window = make_window(home, demo=False, make_runner=lambda: LocalRunner(home, client="test"))
    window.resize(1100, 700)
    window.show()
    qtbot.waitUntil(lambda: window.link.state.pid > 0, timeout=WITHIN_MS)
    yield window.open_page("cases")
    window.leave_quietly()
    end_worker(home)
    window.deleteLater()


def test_that_slides_are_opened_streamed_and_refused_by_a_real_worker(page, home, tmp_path, qtbot):
    rgb = sample.draw(3000, 2400)
    path = write_pyramid(tmp_path / "own.tif", rgb, mpp=0.5, compression="deflate")
    page.open_case(str(path))
    qtbot.waitUntil(lambda: page.slides.info is not None or page.banner.record is not None, timeout=WITHIN_MS)
    assert page.banner.record is None, page.banner.record
    viewer, info = page.slides.viewer, page.slides.info
    assert info.mpp == pytest.approx(0.5, rel=1e-4) and (info.levels[0].width, info.levels[0].height) == (3000, 2400)
    assert 0.2 < info.tissue < 0.8 and info.grid > 5
    viewer.canvas.go(1000, 1200, 1.0)
    qtbot.waitUntil(lambda: not viewer.tiles.busy, timeout=WITHIN_MS)
    assert viewer.tiles.tile((0, 1, 2)) is not None
    for dx, dy in ((0, 0), (137, -55), (-201, 99)):
        x, y = viewer.canvas.width() // 2 + dx, viewer.canvas.height() // 2 + dy
        at_x, at_y = viewer.canvas.view.on_slide(x, y, viewer.canvas.width(), viewer.canvas.height())
        around = rgb[int(at_y) - 2 : int(at_y) + 3, int(at_x) - 2 : int(at_x) + 3].astype(int)
        seen = colour(viewer.canvas, x, y)
        assert (seen >= around.min((0, 1)) - 14).all() and (seen <= around.max((0, 1)) + 14).all()

    viewer.actions_["grid"].trigger()
    qtbot.waitUntil(lambda: viewer.heat is not None, timeout=WITHIN_MS)
    assert len(viewer.heat.tiles) == info.grid and viewer.heat.tile_px == pytest.approx(256, rel=1e-3)

    cut = tmp_path / "cut.svs"
    cut.write_bytes(path.read_bytes()[:200_000])
    page.open_case(str(cut))
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert page.banner.record.severity == "input" and "cut" in page.banner.record.what + page.banner.record.fix
    assert np.array_equal(page.slides.info.levels, info.levels)  # what was shown stays


def test_that_a_dicom_file_goes_to_the_slide_viewer_or_to_the_planes_by_its_class(page, tmp_path, qtbot):
    pytest.importorskip("openslide")
    slide, scan = tmp_path / "slide.dcm", tmp_path / "scan"
    wsidicom.write_slide(slide, sample.draw(320, 256))
    page.open_case(str(slide))
    qtbot.waitUntil(lambda: page.slides.info is not None or page.banner.record is not None, timeout=WITHIN_MS)
    assert page.banner.record is None, page.banner.record
    info = page.slides.info
    assert info.vendor == "dicom" and (info.levels[0].width, info.levels[0].height) == (320, 256)
    assert info.mpp == pytest.approx(0.5) and page.case is None

    dicoms.series(scan)
    page.open_case(str(sorted(scan.iterdir())[0]))
    qtbot.waitUntil(lambda: page.case is not None or page.banner.record is not None, timeout=WITHIN_MS)
    assert page.case is not None and page.banner.record is None and page.slides.info is None
