"""A person's own videos: MSR-VTT, Charades-STA, MSRVTT-QA and class folders, read, divided and damaged."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.recipes.video.survey_runs import finished
from workbench.core.problem import InputError
from workbench.recipes.video.image_to_video_survey import data, folders
from workbench.recipes.video.image_to_video_survey.recipe import ImageToVideo, only

SMALL = only(ImageToVideo(
    retrieval=True, grounding=True, questions=True, shape=True, shots=1, max_steps=1, few_shot_steps=1, batch=4,
    frames=2, scene_frames=15, evaluations=1, rates=1,
), "linear_probe")  # fmt: skip


def video(path: Path, shade: int) -> Path:
    """Ten frames of a brightening picture, a tenth of a second each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [Image.fromarray(np.full((24, 32, 3), (shade, 25 * at, 90), np.uint8)) for at in range(10)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, loop=0)
    return path


def msrvtt(root: Path) -> Path:
    names = [f"video{at}" for at in range(8)]
    for at, name in enumerate(names):
        video(root / "videos" / "all" / f"{name}.gif", 20 * at)
    videos = [{"video_id": name, "split": "validate" if name == "video5" else "train"} for name in names]
    sentences = [{"video_id": name, "caption": f"{word} {name}"} for name in names for word in ("first", "second")]
    (root / "MSRVTT_data.json").write_text(json.dumps({"videos": videos, "sentences": sentences}))
    rows = [f"ret{at},msr,video{at},a tested sentence {at}" for at in (6, 7)]
    (root / "MSRVTT_JSFUSION_test.csv").write_text("\n".join(["key,vid_key,video_id,sentence", *rows]))
    questions = [
        {"video_id": at, "question": "what grows?", "answer": "light" if at % 2 else "dark"} for at in range(6)
    ]
    (root / "train_qa.json").write_text(json.dumps(questions[:4]))
    (root / "test_qa.json").write_text(json.dumps([*questions[4:], {**questions[0], "answer": "never seen"}]))
    return root


def charades(root: Path) -> Path:
    for name in ("AAAAA", "BBBBB", "CCCCC"):
        video(root / "Charades" / f"{name}.gif", 40)
    lines = [f"{name} {start} {end}##a person opens {at}." for name in ("AAAAA", "BBBBB")
             for at, (start, end) in enumerate(((0.0, 0.5), (0.5, 1.0)))]  # fmt: skip
    (root / "charades_sta_train.txt").write_text("\n".join(lines))
    (root / "charades_sta_test.txt").write_text("CCCCC 0.2 0.6##a person waits.")
    return root


def told(root: Path) -> dict[str, folders.Lines]:
    return folders.found_in(str(root), lambda _: None)


def test_that_msrvtt_is_read_with_the_tested_sentences_of_its_list(tmp_path: Path) -> None:
    parts = told(msrvtt(tmp_path))["retrieval"]
    assert [one.video for one in parts["train"]] == [f"video{at}" for at in range(5)]
    assert parts["train"][0].text == "first video0"
    assert [one.video for one in parts["validation"]] == ["video5"]
    assert [(one.video, one.text) for one in parts["test"]] == [
        ("video6", "a tested sentence 6"), ("video7", "a tested sentence 7"),
    ]  # fmt: skip


def test_that_parts_are_taken_from_training_videos_whole_where_they_lack(tmp_path: Path) -> None:
    divided = folders.divided(told(charades(tmp_path))["grounding"], seed=1)
    train, validation = ({one.video for one in divided[part]} for part in ("train", "validation"))
    assert len(train) == len(validation) == 1
    assert not train & validation
    assert [one.text for one in divided["test"]] == ["a person waits."]


def test_that_seconds_become_frames_of_the_clip(tmp_path: Path) -> None:
    root = charades(tmp_path)
    path = str(root / "Charades" / "AAAAA.gif")
    clips = np.zeros((3, 10, 4, 4, 3), np.uint8)
    lines = [folders.Line("A", "x", "", *span, path) for span in ((0.0, 0.5), (0.5, 1.0), (0.9, 9.0))]
    assert folders._spans(clips, lines).target.tolist() == [[0, 4], [5, 9], [9, 9]]


def test_that_answers_that_training_never_saw_are_never_right(tmp_path: Path) -> None:
    lines = told(msrvtt(tmp_path))["questions"]
    made = {part: (np.zeros((len(some), 2, 4, 4, 3), np.uint8), some) for part, some in lines.items()}
    task = folders._task("questions", {**made, "validation": made["test"]}, SMALL)
    assert task.names == ["dark", "light", "(another answer)"]
    assert task.test.target.tolist() == [0, 1, 2]
    assert task.test.groups == ["what"] * 3


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("charades_sta_train.txt", "AAAAA 0.0 0.5 a person", "Entry 1"),
        ("charades_sta_train.txt", "AAAAA 0.5 0.1##a person", "Entry 1"),
        ("MSRVTT_data.json", "[1]", "cannot be read"),
        ("MSRVTT_data.json", '{"videos": [{"video_id": "video1"}]}', "not as it should be"),
        ("train_qa.json", "{", "cannot be read"),
        ("train_qa.json", '[{"question": "what?"}]', "Entry 1"),
    ],
)
def test_that_damaged_annotations_are_told_with_their_file(name: str, content: str, match: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=match) as caught:
        told(tmp_path)
    assert caught.value.place == name


def test_that_tasks_without_data_are_told(tmp_path: Path) -> None:
    job: Any = SimpleNamespace(seed=1, phase=lambda _: None, log=lambda _: None)
    with pytest.raises(InputError, match="do not fit the tasks") as caught:
        folders.own(job, str(charades(tmp_path)), SMALL, ["motion", "retrieval"], 16)
    assert "grounding" in caught.value.received


def test_that_own_videos_of_several_tasks_are_looked_at_before_a_run(tmp_path: Path) -> None:
    seen = data.preview("clips", str(msrvtt(tmp_path)), {})
    assert "retrieval" in seen.detail
    assert "questions" in seen.detail
    assert seen.row_count == 8 + 7
    assert seen.labels == {"dark": 3, "light": 3, "never seen": 1}


@pytest.mark.parametrize("kind", ["msrvtt", "charades", "classes"])
def test_that_a_run_learns_from_own_videos(kind: str, tmp_path: Path) -> None:
    root = tmp_path / "own videos"
    root.mkdir()
    makers: dict[str, Any] = {"msrvtt": msrvtt, "charades": charades}
    if kind in makers:
        makers[kind](root)
    else:
        for at in range(4):
            for name in ("bright", "dark"):
                video(root / name / f"{at}.gif", 200 if name == "bright" else 10)
    _, artifacts, results = finished(tmp_path, SMALL, {"clips": str(root)})
    expected = {"msrvtt": {"retrieval_recall_1", "questions_accuracy"}, "charades": {"grounding_iou"},
                "classes": {"motion_accuracy", "shape_accuracy"}}  # fmt: skip
    assert expected[kind] <= results.keys()
    others = set().union(*(some for name, some in expected.items() if name != kind))
    assert not others & results.keys()
    assert artifacts["predictions"]
