from __future__ import annotations

import datetime as dt

import pytest

from workbench.core import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(5e-5, "5e-5"), (0.01, "0.01"), (1.0, "1"), (0.84213, "0.8421"), (1e-7, "1e-7"), (2.5e-4, "2.5e-4"), (3e9, "3e9")],
)
def test_that_numbers_are_written_as_a_person_writes_them(value: float, text: str) -> None:
    assert words.number(value) == text


def test_that_what_is_no_number_says_so() -> None:
    assert words.number(None) == words.number(float("nan")) == "n/a"


@pytest.mark.parametrize(("seconds", "text"), [(8, "8 s"), (98, "1 min 38 s"), (7500, "2 h 05 min"), (-3, "0 s")])
def test_that_durations_carry_their_units(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(812, "812 B"), (9.09e7, "91 MB"), (1.9e9, "1.9 GB"), (2.5e12, "2.5 TB")])
def test_that_sizes_carry_their_units(count: float, text: str) -> None:
    assert words.size(count) == text


def test_that_moments_grow_vaguer_with_age() -> None:
    now = dt.datetime(2026, 3, 5, 12, 0)
    said = [words.moment((now - dt.timedelta(days=days)).timestamp(), now) for days in (0, 1, 30, 400)]
    assert said == ["12:00", "yesterday 12:00", "3 Feb 12:00", "2025-01-29"]


def test_that_metric_names_become_titles() -> None:
    assert [words.in_words(name) for name in ("macro_f1", "loss", "per_class")] == ["Macro F1", "Loss", "Per class"]


def test_that_measures_are_titled_as_their_fields_write_them() -> None:
    names = ("psnr", "room_miou", "miou", "mean_iou", "ap25", "test_hd95_mm", "slide_auc", "psnr_db", "ssim", "recall1")
    assert [words.in_words(name) for name in names] == [
        "PSNR (dB)", "Room mIoU", "mIoU", "Mean IoU", "AP25", "Test HD95 mm", "Slide AUC", "PSNR (dB)", "SSIM",
        "Recall1",
    ]  # fmt: skip


def test_that_thousands_are_set_apart_by_a_space_at_which_no_line_breaks() -> None:
    told = [words.spaced(one) for one in (0, 999, 1000, -1234567, 12.4)] + [
        words.spaced(-0.001, 2),
        words.spaced(12034.5, 2),
    ]
    assert told == ["0", "999", "1\u202f000", "-1\u202f234\u202f567", "12", "0.00", "12\u202f034.50"]
    assert words.count(1200, "span") == "1\u202f200 spans"
