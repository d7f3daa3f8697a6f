"""From a film to a model of one's own and back, with a real worker: spans labelled, trained on, recognised."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.core.filmwriter import VideoWriter
from workbench.core.spans import LabelledSpan, spans_of
from workbench.engine.video.clipsets import read_list
from workbench.engine.video.motions import clips

WITHIN_MS = 120_000
RATE, EACH = 8, 8
MOTIONS = ("moves right", "moves left")


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds: a red circle that moves right for one, then left for one, and so on."""
    path = tmp_path_factory.mktemp("films") / "moving.mp4"
    with VideoWriter(path, width=32, height=32, frames_per_s=RATE) as writer:
        for at in range(12):
            drawn = clips(1, 90 + at, frames=EACH, size=32, motions=(MOTIONS[at % 2],), shapes=("circle",),
                          colours=("red",))  # fmt: skip
            for frame in drawn.frames[0]:
                writer.write(frame.tobytes(), writer.frames / RATE)
    return path


@pytest.fixture
def page(worker_window, moving, qtbot):
    """The film is open, and the models are listed."""
    window = worker_window
    page = window.open_page("films")
    page.open_paths([str(moving)])
    qtbot.waitUntil(lambda: page.viewing and page.index_complete and page.labelling.ready, timeout=WITHIN_MS)
    page.recognising.acts["recognise"].trigger()
    qtbot.waitUntil(page.recognising.acts["recognise-run"].isEnabled, timeout=WITHIN_MS)
    yield page
    page.closed()
    assert page.opening.join()


def run(page, qtbot):
    """Recognise the film with the chosen model."""
    work = page.recognising
    work.acts["recognise-run"].trigger()
    qtbot.waitUntil(lambda: not work.errand.running, timeout=WITHIN_MS)
    assert work.found.complete, page.banner.record
    return work.found


def test_that_a_real_worker_names_what_is_in_a_film_and_shows_where(page, qtbot):
    work = page.recognising
    work.panel.classes.setPlainText("a red circle\na blue square\na green ring")
    found = run(page, qtbot)
    assert len(found.windows) == 23 and found.classes[0] == "a red circle"
    sure = sum(row[0] == max(row) for row in found.scores)
    assert sure >= 20
    work.acts["recognise-look"].trigger()
    qtbot.waitUntil(lambda: page.viewer.canvas.overlay is not None, timeout=WITHIN_MS)


def test_that_a_file_in_the_place_of_a_camera_is_recognised_while_it_runs(page, moving, qtbot):
    work, live = page.recognising, page.live
    work.panel.classes.setPlainText("a red circle\na blue square\na green ring")
    page.show_camera()
    live.start_file(str(moving))
    qtbot.waitUntil(work.acts["recognise-run"].isEnabled, timeout=WITHIN_MS)
    work.acts["recognise-run"].trigger()
    qtbot.waitUntil(lambda: len(work.live.answers) >= 3, timeout=WITHIN_MS)
    assert work.panel.heading.text().startswith("Now: a red circle"), page.banner.record
    assert "answers/s" in work.panel.told.text() and work.live.strip.isVisible()
    work.acts["recognise-look"].trigger()
    qtbot.waitUntil(lambda: live.canvas.overlay is not None, timeout=WITHIN_MS)
    work.acts["recognise-stop"].trigger()
    assert not work.live.running and live.canvas.overlay is None and not work.live.strip.isVisible()
    assert live.running
    live.close_live()


@pytest.mark.slow
def test_that_labelled_spans_train_a_model_that_recognises_the_film(worker_window, page, qtbot):
    window = worker_window
    spans = [LabelledSpan(MOTIONS[at % 2], float(at), at + 1.0) for at in range(12)]
    work = page.recognising
    page.labelling.strip.put(MOTIONS[0], 0.0, 1.0)
    page.recognising.labelling.labels.add_spans(spans[1:])
    assert len(spans_of(page.labelling.strip.doc)) == 12
    work.acts["recognise-train"].trigger()
    qtbot.waitUntil(lambda: window.recipe_page() is not None
                    and window.recipe_page().recipe.id == "dist-image-to-video", timeout=WITHIN_MS)  # fmt: skip
    recipe = window.recipe_page()
    listed = recipe.setup.inputs.inputs()["clips"]
    assert {one.split for one in read_list(Path(listed))} == {"train", "validation", "test"}
    recipe.setup.form.set_values({"epochs": 2, "compare": False, "evaluations": 1, "shuffle": False})
    recipe.run_action.trigger()
    home = window.link.home
    qtbot.waitUntil(lambda: any(home.runs.glob("*/model/workbench.json")), timeout=2 * WITHIN_MS)

    window.open_page("films")
    work.panel.window_s.setValue(1.0)
    work.panel.stride_s.setValue(1.0)
    work.look()
    box = work.panel.model
    qtbot.waitUntil(lambda: any(box.itemData(at).family == "run" for at in range(box.count())), timeout=WITHIN_MS)
    box.setCurrentIndex(next(at for at in range(box.count()) if box.itemData(at).family == "run"))
    box.activated.emit(box.currentIndex())
    qtbot.waitUntil(work.acts["recognise-run"].isEnabled, timeout=WITHIN_MS)
    found = run(page, qtbot)
    assert set(found.classes) == set(MOTIONS) and len(found.windows) == 12
    assert all(abs(sum(row) - 1) < 1e-2 for row in found.scores)
    assert not work.strip.isHidden()

    page.show_camera()
    page.live.start_file(page.path)
    qtbot.waitUntil(work.acts["recognise-run"].isEnabled, timeout=WITHIN_MS)
    work.acts["recognise-run"].trigger()
    qtbot.waitUntil(lambda: len(work.live.answers) >= 3, timeout=WITHIN_MS)
    assert work.live.running and {name for name in MOTIONS if name in work.panel.heading.text()}, page.banner.record
    page.live.close_live()
