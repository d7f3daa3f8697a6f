"""Labels under correction: strokes and operations are undone byte for byte, kept, and never touch the artifact."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from tests.gui.volumes import phantom
from workbench.core.problem import InputError
from workbench.core.volumes import Label
from workbench.gui.volumes import drafts, operations, shapes
from workbench.gui.volumes.labelmap import LabelMap, open_labels
from workbench.report.planes import planes_of, spacing_zyx_mm

SPACING = (2.5, 2.0, 2.0)
SHAPE = (40, 60, 50)


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "labels.npy", phantom.head(SHAPE)[1])
    return tmp_path / "labels.npy"


@pytest.fixture
def labels(qapp, path):
    found = LabelMap(open_labels(path), phantom.meta(labels=phantom.LABELS), path=path)
    found.take_count(found.count())
    return found


def painted(labels, *, value=None, at=(20, 15, 12), radius_mm=6.0, flat=0, text="brush stroke"):
    labels.stroke()
    labels.put(*shapes.dab(at, at, radius_mm=radius_mm, spacing_mm=SPACING, shape=SHAPE, flat=flat), value)
    labels.finish(text)


def edits(labels):
    """Every way to change labels, by name."""
    plane = planes_of(labels.meta.geometry)["axial"]
    values = phantom.head(SHAPE)[0]

    def replace(work):
        labels.replace(*work, "edit")

    def add(work):
        labels.stroke()
        labels.put(*work)
        labels.finish("edit")

    labels.active = 2
    return {
        "brush": lambda: painted(labels),
        "sphere": lambda: painted(labels, flat=None, radius_mm=12),
        "eraser": lambda: painted(labels, value=0, at=(22, 36, 33), radius_mm=14),
        "lasso": lambda: add(shapes.polygon([(5, 5), (5, 20), (20, 12)], plane, 7, SHAPE)),
        "flood in a slice": lambda: add(operations.flood(values, (20, 30, 24), 30, plane)),
        "flood in 3-D": lambda: add(operations.flood(values, (20, 30, 24), 30, None)),
        "grow": lambda: replace(operations.grow(labels.array, 2, 4, SPACING)),
        "shrink": lambda: replace(operations.shrink(labels.array, 2, 4, SPACING)),
        "smooth": lambda: replace(operations.smooth(labels.array, 1, 3, SPACING)),
        "largest island": lambda: (
            painted(labels, flat=None, radius_mm=24),
            replace(operations.islands(labels.array, 2)),
        ),
        "interpolate": lambda: (
            [painted(labels, at=(z, 15, 12)) for z in (3, 9)],
            add(operations.interpolate(labels.array, 2, plane)),
        ),
        "union": lambda: replace(operations.boolean(labels.array, 2, labels.array == 1, "union")),
        "difference": lambda: (
            painted(labels),
            replace(operations.boolean(labels.array, 2, labels.original(2), "difference")),
        ),
        "copy slice": lambda: add(operations.copied_slice(labels.array, 2, plane, 22, 23)),
    }


NAMES = ("brush", "sphere", "eraser", "lasso", "flood in a slice", "flood in 3-D", "grow", "shrink", "smooth",
         "largest island", "interpolate", "union", "difference", "copy slice")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_that_undo_and_redo_of_every_edit_restore_each_byte_and_volume(labels, path, name):
    before, counted, original = labels.array.copy(), dict(labels.voxels), path.read_bytes()
    edits(labels)[name]()
    after = labels.array.copy()
    assert (after != before).any()
    steps = labels.document.stack.index()
    for _ in range(steps):
        labels.document.undo()
    assert labels.array.tobytes() == before.tobytes()
    assert {value: number for value, number in labels.voxels.items() if number} == counted
    for _ in range(steps):
        labels.document.redo()
    assert labels.array.tobytes() == after.tobytes()
    assert {value: number for value, number in labels.voxels.items() if number} == {
        value: number for value, number in labels.count().items() if value
    }
    assert path.read_bytes() == original


def test_that_a_stroke_over_many_slices_is_one_step_and_remembers_differences_only(labels):
    before = labels.array.copy()
    labels.stroke()
    for z in range(5, 35):
        labels.put(*shapes.dab((z, 30, 10), (z, 30, 12), radius_mm=5, spacing_mm=SPACING, shape=SHAPE, flat=0))
    labels.finish("brush stroke")
    assert labels.document.stack.count() == 1
    assert labels.document.nbytes < labels.array.nbytes / 20
    labels.document.undo()
    assert (labels.array == before).all()


def test_that_undo_forgets_the_oldest_beyond_its_budget(labels):
    labels.document.budget_bytes = 20_000
    noise = np.random.default_rng(0)
    whole = tuple(slice(0, size) for size in SHAPE)
    for _ in range(6):
        labels.replace(whole, noise.random(SHAPE) > 0.5, "noise")
    assert labels.document.stack.count() == 6
    newest = labels.array.copy()
    labels.document.undo()
    assert (labels.array != newest).any()
    for _ in range(10):
        labels.document.undo()
    assert labels.document.nbytes <= 20_000 or not labels.document.can_undo


def test_that_erasing_takes_the_active_label_only_and_background_can_be_protected(labels):
    labels.active = 1
    before = labels.array.copy()
    painted(labels, value=0, at=(22, 36, 33), radius_mm=60)
    assert (labels.array[before == 2] == 2).all() and (labels.array[22][before[22] == 1] == 0).any()
    labels.document.undo()
    labels.only_over = "background"
    labels.active = 3
    painted(labels, at=(22, 36, 33), radius_mm=60)
    assert (labels.array[before > 0] == before[before > 0]).all() and (labels.array == 3).sum() > (before == 3).sum()


def test_that_autosaved_edits_come_back_after_a_kill_as_one_step_that_can_be_undone(labels, path, qapp):
    original = labels.array.copy()
    painted(labels)
    labels.snapshot()()
    painted(labels, at=(33, 20, 20), radius_mm=10)
    labels.restyle(2, name="necrosis")
    labels.snapshot()()
    wanted = labels.array.copy()
    assert drafts.edits_path(path).stat().st_size < wanted.nbytes / 10
    again = LabelMap(open_labels(path), phantom.meta(labels=phantom.LABELS), path=path)
    assert again.take_up() == 2
    assert (again.array == wanted).all() and again.name(2) == "necrosis"
    again.document.undo()
    assert (again.array == original).all()


def test_that_edits_taken_back_leave_no_file(labels, path):
    painted(labels)
    labels.snapshot()()
    assert drafts.edits_path(path).exists()
    labels.document.undo()
    labels.snapshot()()
    assert not drafts.edits_path(path).exists()


def test_that_slices_whose_writing_failed_are_written_next_time(labels, path, monkeypatch):
    painted(labels)
    write = drafts.write

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(drafts, "write", full)
    with pytest.raises(OSError, match="No space"):
        labels.snapshot()()
    monkeypatch.setattr(drafts, "write", write)
    labels.snapshot()()
    assert list(drafts.read(drafts.edits_path(path)).slices) == [20]


def test_that_edits_of_other_labels_and_damaged_ones_are_refused(labels, path, qapp):
    painted(labels)
    labels.snapshot()()
    content = drafts.edits_path(path).read_bytes()
    make = functools.partial(LabelMap, meta=phantom.meta(labels=phantom.LABELS), path=path)
    for damaged in (content[:40], b"", content[:-30] + bytes(30)):
        drafts.edits_path(path).write_bytes(damaged)
        fresh = make(open_labels(path))
        with pytest.raises(InputError):
            fresh.take_up()
        assert (fresh.array == np.load(path)).all()
    drafts.edits_path(path).write_bytes(content)
    np.save(path, np.roll(np.load(path), 3, axis=0))
    with pytest.raises(InputError, match="earlier state"):
        make(open_labels(path)).take_up()


def test_that_written_pages_alone_take_memory_and_labels_without_names_get_some(qapp, tmp_path):
    np.save(tmp_path / "plain.npy", (np.arange(8 * 8 * 8) % 3).reshape(8, 8, 8).astype(np.int16))
    found = LabelMap(open_labels(tmp_path / "plain.npy"), phantom.meta())
    assert isinstance(found.array, np.memmap)
    found.take_count(found.count())
    assert found.labels == [Label(1, "label 1"), Label(2, "label 2")]
    assert found.ml(1) == pytest.approx(171 * 0.01)


@pytest.mark.parametrize("array", [np.zeros((3, 4)), np.zeros((2, 3, 4)), np.zeros((0, 3, 4), np.uint8)])
def test_that_what_is_no_label_volume_is_refused(tmp_path, array):
    np.save(tmp_path / "wrong.npy", array)
    with pytest.raises(InputError, match="no labels"):
        open_labels(tmp_path / "wrong.npy")


# Shapes and operations


def test_that_a_disc_and_a_sphere_have_their_size_in_millimetres():
    _box, disc = shapes.dab((20, 30, 25), (20, 30, 25), radius_mm=10, spacing_mm=SPACING, shape=SHAPE, flat=0)
    assert disc.shape[0] == 1 and abs(disc.sum() * 4 - np.pi * 100) < 25
    _box, ball = shapes.dab((20, 30, 25), (20, 30, 25), radius_mm=10, spacing_mm=SPACING, shape=SHAPE, flat=None)
    assert abs(ball.sum() * 10 - 4 / 3 * np.pi * 1000) < 250
    _box, none = shapes.dab((-40, 30, 25), (-40, 30, 25), radius_mm=10, spacing_mm=SPACING, shape=SHAPE, flat=None)
    assert not none.any()


def test_that_a_fast_stroke_leaves_no_gaps_and_a_tiny_brush_paints_its_voxel():
    box, mask = shapes.dab((20, 5, 5), (20, 55, 45), radius_mm=2, spacing_mm=SPACING, shape=SHAPE, flat=0)
    rows = mask[0].any(axis=1)
    assert rows.sum() >= 51
    box, mask = shapes.dab((20, 5.4, 5.4), (20, 5.4, 5.4), radius_mm=0.1, spacing_mm=SPACING, shape=SHAPE, flat=0)
    assert mask.sum() == 1 and box[1].start + int(np.argwhere(mask)[0][1]) == 5


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_that_a_polygon_covers_what_is_shown_inside_it(name):
    plane = planes_of(phantom.meta().geometry)[name]
    labels = np.zeros(SHAPE, np.uint8)
    box, mask = shapes.polygon([(3, 4), (3, 14), (9, 14), (9, 4)], plane, 11, SHAPE)
    labels[box][mask] = 1
    flat = plane.cut(labels, 11)
    assert flat.sum() == labels.sum() == 6 * 11
    assert flat[5, 4:15].all() and not flat[5, 15] and not flat[2].any()


def test_that_growing_and_shrinking_keep_to_millimetres():
    labels = np.zeros(SHAPE, np.uint8)
    labels[20, 30, 25] = 7
    box, mask = operations.grow(labels, 7, 5.0, SPACING)
    assert [int(one) for one in mask.any(axis=(1, 2)).nonzero()[0] + box[0].start] == [18, 19, 20, 21, 22]
    labels[box][mask] = 7
    box, mask = operations.shrink(labels, 7, 5.0, SPACING)
    assert mask.sum() == 0 or mask.sum() < (labels == 7).sum() / 4


def test_that_islands_are_kept_by_size():
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:5, 2:5, 2:5] = labels[10:15, 10:15, 10:15] = labels[30, 30, 30] = 1
    _box, mask = operations.islands(labels, 1)
    assert mask.sum() == 125
    _box, mask = operations.islands(labels, 1, at_least_voxels=10)
    assert mask.sum() == 125 + 27


def test_that_interpolation_fills_gaps_with_shapes_between_its_neighbours():
    labels = np.zeros(SHAPE, np.uint8)
    yy, xx = np.ogrid[:60, :50]
    for z, radius in ((10, 6), (20, 16)):
        labels[z][(yy - 30) ** 2 + (xx - 25) ** 2 <= radius**2] = 1
    plane = planes_of(phantom.meta().geometry)["axial"]
    _box, mask = operations.interpolate(labels, 1, plane)
    areas = mask.sum(axis=(1, 2))
    assert len(areas) == 11 and (np.diff(areas) > 0).all()
    assert abs(np.sqrt(areas[5] / np.pi) - 11) < 0.5
    with pytest.raises(InputError, match="nothing to fill"):
        operations.interpolate(mask.astype(np.uint8), 1, plane)


def test_that_region_growing_stops_at_the_tolerance_and_does_not_overflow():
    values = np.full((4, 20, 20), -1000, np.int16)
    values[:, 5:15, 5:15] = 32000
    values[2, 8, 8] = -32768
    plane = planes_of(phantom.meta().geometry)["axial"]
    _box, mask = operations.flood(values, (1, 7, 7), 100, plane)
    assert mask.sum() == 100 and mask.shape == (1, 20, 20)
    _box, mask = operations.flood(values, (1, 7, 7), 100, None)
    assert mask.sum() == 399


def test_that_an_operation_on_a_label_that_is_nowhere_says_what_to_do():
    with pytest.raises(InputError, match="nowhere") as caught:
        operations.grow(np.zeros(SHAPE, np.uint8), 3, 2, SPACING)
    assert "Paint" in caught.value.fix
    assert spacing_zyx_mm(phantom.meta().geometry) == SPACING


def test_that_results_are_cut_to_what_they_change():
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:10, 5:10, 5:10] = 1
    whole = tuple(slice(0, size) for size in SHAPE)
    mask = labels == 1
    box, none = operations.narrowed(labels, 1, (whole, mask))
    assert none.size == 0 and labels[box].size == 0
    mask = mask.copy()
    mask[9:12, 6, 6] = True
    mask[5, 5, 5] = False
    assert operations.narrowed(labels, 1, (whole, mask))[0] == (slice(5, 12), slice(5, 7), slice(5, 7))
    box, grown = operations.narrowed(labels, 1, (whole, mask), losses=False)
    assert box == (slice(10, 12), slice(6, 7), slice(6, 7)) and grown.all()
    box, shrunk = operations.narrowed(labels, 1, (whole, mask), gains=False)
    assert box == (slice(5, 6), slice(5, 6), slice(5, 6)) and not shrunk.any()


def test_that_a_count_under_which_somebody_painted_is_made_again(qapp, path):
    labels = LabelMap(open_labels(path), phantom.meta(labels=phantom.LABELS), path=path)
    early = labels.count()
    painted(labels)
    assert not labels.take_count(early) and labels.voxels is None
    assert labels.take_count(labels.count()) and labels.voxels[1] == (labels.array == 1).sum()
