"""`workbench video classify`, `features` and `find`, with a real worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.core.filmwriter import VideoWriter
from workbench.engine.video.motions import clips
from workbench.runner.local import LocalRunner
from workbench.store.home import Home

RATE = 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A red circle, a blue square, and a file that is no video."""
    root = tmp_path / "videos"
    root.mkdir()
    for name, colour, shape in (("one", "red", "circle"), ("two", "blue", "square")):
        with VideoWriter(root / f"{name}.mp4", width=64, height=64, frames_per_s=RATE) as writer:
            drawn = clips(1, 97, frames=2 * RATE, size=64, motions=("moves right",), shapes=(shape,), colours=(colour,))
            for frame in drawn.frames[0]:
                writer.write(frame.tobytes(), writer.frames / RATE)
    (root / "no.mp4").write_text("this is text")
    return root


def test_that_a_video_is_classified_and_a_folder_found_in_by_words(
    runner: LocalRunner, home: Home, workbench: Callable[..., Any], folder: Path
) -> None:
    at_home = ("--home", str(home.root))
    words = ("--classes", "a red circle,a blue square", "--stride", "1")
    (found,) = workbench("video", "classify", str(folder / "one.mp4"), *words, "--json", *at_home).lines
    assert [row[0] > 0.9 for row in found["recognised"]["scores"]] == [True, True]
    assert [(one["label"], one["start_s"], one["end_s"]) for one in found["spans"]] == [("a red circle", 0.0, 2.0)]
    shown = workbench("video", "classify", str(folder / "two.mp4"), *words, *at_home)
    assert "a blue square" in shown.out and "generated sprites only" in shown.err

    absent = workbench("video", "classify", str(folder / "one.mp4"), *words, "--device", "cuda:77", "--json", *at_home)
    assert absent.status == 2 and absent.out == "" and "no device 'cuda:77'" in absent.err

    captions = ("--captions", "a red circle,a blue square", "--json")
    (fits,) = workbench("video", "caption", str(folder / "two.mp4"), *captions, *at_home).lines
    assert [text for text, _ in fits["captions"]] == ["a blue square", "a red circle"]

    done = workbench("video", "features", str(folder), "--json", *at_home)
    assert done.lines[0]["ready"] == 2 and done.lines[0]["made"] == 8 and "no.mp4" in done.err
    (hits,) = workbench("video", "find", str(folder), "a blue square", "--json", *at_home).lines
    assert [Path(one["path"]).name for one in hits["hits"]] == ["two.mp4", "one.mp4"]


def test_that_all_that_is_wrong_is_told_at_once_and_nothing_is_written_to_stdout(
    home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    wrong = ("--window", "0", "--stride", "nan", "--threshold", "7", "--frames", "-1", "--from", "3", "--to", "2",
             "--device", "nonsense")  # fmt: skip
    done = workbench("video", "classify", str(tmp_path / "gone.mp4"), *wrong, "--json", "--home", str(home.root))
    assert done.status == 2 and done.out == ""
    for told in (
        "nothing at this path",
        "--window",
        "--stride",
        "--threshold",
        "--frames",
        "--to",
        "no class",
        "nonsense",
    ):
        assert told in done.err
    done = workbench("video", "find", str(tmp_path / "gone"), "words", "--rate", "0", "--limit", "0", "--json",
                     "--home", str(home.root))  # fmt: skip
    assert done.status == 2 and done.out == ""
    for told in ("no such folder", "--rate", "--limit"):
        assert told in done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("classify", "one.mp4"), "no class to look for"),
        (("classify", "one.mp4", "--classes", " ,"), "with commas between them: --classes"),
        (("caption", "one.mp4"), "with commas between them: --captions"),
        (("caption", "one.mp4", "--captions", ",".join(map(str, range(5000)))), "too many"),
        (("classify", "one.mp4", "--classes", "a", "--model", "nobody"), "no such model"),
        (("classify", "one.mp4", "--classes", "a", "--threshold", "7"), "threshold cannot be"),
        (("find", ".", " "), "nothing to look for"),
        (("caption", "one.mp4"), "no captions to choose from"),
    ],
)
def test_that_what_cannot_be_asked_is_told_before_a_worker_starts(
    home: Home, workbench: Callable[..., Any], words: tuple[str, ...], told: str
) -> None:
    done = workbench("video", *words, "--home", str(home.root))
    assert done.status == 2 and told in done.err
