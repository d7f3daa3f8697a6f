from __future__ import annotations

import nibabel
import numpy as np
import pytest

from tests.engine.medical import dicoms
from workbench.core.problem import InputError
from workbench.core.volumes import Label
from workbench.engine.medical.comparing import ADDED, OTHER, REMOVED, agreement, changes, compare
from workbench.engine.medical.finding import find_cases

SPACING = (2.0, 1.0, 1.0)


def block(low, high, value=1, shape=(12, 16, 16)):
    found = np.zeros(shape, np.uint8)
    found[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = value
    return found


def test_that_a_shifted_block_is_told_by_overlap_distances_and_volumes():
    first, second = block((2, 2, 2), (8, 8, 8)), block((2, 2, 5), (8, 8, 11))
    one = compare(first, second, [Label(1, "core")], SPACING, ("model", "Ada")).labels[0]
    assert one.dice == pytest.approx(0.5)
    assert one.hd95_mm == pytest.approx(3.0)
    assert 0 < one.mean_surface_mm < 3
    assert one.first_ml == one.second_ml == pytest.approx(216 * 2 / 1000)
    assert one.added_ml == one.removed_ml == pytest.approx(108 * 2 / 1000)


def test_that_a_label_that_one_side_lacks_has_no_distance():
    found = compare(block((0, 0, 0), (2, 2, 2)), block((0, 0, 0), (0, 0, 0)), [Label(1, "core"), Label(2, "edge")],
                    SPACING, ("a", "b"))  # fmt: skip
    assert (found.labels[0].dice, found.labels[0].hd95_mm, found.labels[0].mean_surface_mm) == (0, None, None)
    assert found.labels[1].dice == 1


def test_that_the_map_of_changes_tells_added_removed_and_relabelled_voxels():
    first, second = block((0, 0, 0), (2, 2, 4)), block((0, 0, 2), (2, 2, 6))
    second[0, 0, 2] = 2
    found = changes(first, second)
    assert found[0, 0, 0] == REMOVED and found[0, 0, 5] == ADDED and found[0, 0, 2] == OTHER and found[0, 0, 3] == 0


def test_that_readers_agreement_is_symmetric_and_the_odd_one_out_has_the_lowest_sensitivity():
    readers = [block((2, 2, 2), (8, 8, 8)), block((2, 2, 2), (8, 8, 8)), block((2, 2, 2), (8, 8, 5))]
    (found,) = agreement(readers, ["Ada", "Bob", "Cy"], [Label(1, "core")], SPACING)
    table = np.array(found.dice)
    assert np.allclose(table, table.T) and np.allclose(np.diag(table), 1)
    assert table[0, 1] == 1 and table[0, 2] == pytest.approx(2 / 3)
    assert found.sensitivity[2] == min(found.sensitivity) < 0.6
    assert agreement(readers[:2], ["Ada", "Bob"], [Label(1, "core")], SPACING)[0].sensitivity is None


def test_that_other_grids_are_refused_in_words():
    with pytest.raises(InputError, match="other grids"):
        compare(np.zeros((2, 2, 2), np.uint8), np.zeros((3, 2, 2), np.uint8), [], SPACING, ("a", "b"))


def test_that_a_folder_is_taken_apart_into_cases_without_their_labels(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4))
    (tmp_path / "brats_1").mkdir()
    for name in ("one.nii.gz", "one_seg.nii.gz", "two.nii.gz", "brats_1/brats_1_flair.nii.gz",
                 "brats_1/brats_1_t1.nii.gz", "brats_1/brats_1_seg.nii.gz"):  # fmt: skip
        nibabel.save(image, tmp_path / name)
    dicoms.series(tmp_path / "ct")
    (tmp_path / "notes.txt").write_text("no case")
    found = [one.relative_to(tmp_path).as_posix() for one in find_cases(tmp_path)]
    assert found == ["brats_1", "ct", "one.nii.gz", "two.nii.gz"]
    with pytest.raises(InputError, match="No case"):
        (tmp_path / "none").mkdir()
        find_cases(tmp_path / "none")
