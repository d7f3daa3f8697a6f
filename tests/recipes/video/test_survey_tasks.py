"""Tasks: metrics as they are defined, heads that begin as zero-shot, data without leaks, one tiny grid."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.recipes.video.survey_runs import finished
from workbench.core.framepipe import read_index
from workbench.core.problem import InputError
from workbench.engine.devices import choose
from workbench.engine.video import imagelanguage
from workbench.recipes.video.image_to_video_survey import catalogue, data, learning, method, scenes, show, tasks
from workbench.recipes.video.image_to_video_survey.base import Encoded, Options
from workbench.recipes.video.image_to_video_survey.recipe import (
    ALL,
    CHOSEN,
    FROZEN,
    MODIFIED,
    SETS,
    STRATEGIES,
    TASKS,
    ImageToVideo,
    only,
)  # fmt: skip

SMALL = ImageToVideo(clips=48, validation_clips=8, test_clips=48, frames=2, scene_frames=15, shots=2)


def part(target: list[int], texts: list[str] | None = None, groups: list[str] | None = None) -> tasks.Part:
    clips = np.zeros((len(target), 2, 4, 4, 3), np.uint8)
    return tasks.Part(clips, np.array(target, np.int64), texts or [], groups or [])


# Metrics --------------------------------------------------------------------------------------


def test_that_retrieval_counts_any_clip_with_the_same_caption_and_no_ties() -> None:
    head = tasks.Retrieving(3, 10.0)
    clips = torch.tensor([[1.0, 0, 0], [0.0, 1, 0], [0.0, 1, 0], [0.0, 0, 1]])
    texts = torch.tensor([[1.0, 0, 0], [0.0, 1, 0], [0.0, 1, 0], [1.0, 0, 0.2]])
    found = head.scored(clips, part([0, 1, 1, 2], ["a", "b", "b", "c"]), texts)
    # The two clips of caption b are alike, and both right; the last caption likes the first clip better than its own.
    assert found.right.tolist() == [1, 1, 1, 0]
    assert found.headline == 0.75
    assert found.more["text to video R@5"] == 1.0
    same = head.scored(torch.ones(4, 3), part([0, 1, 2, 3], list("abcd")), torch.ones(4, 3))
    assert same.headline == 0.0  # what cannot be told apart is not found


def test_that_infonce_does_not_push_equal_captions_apart() -> None:
    head = tasks.Retrieving(2, 100.0)
    clips = torch.tensor([[1.0, 0], [1.0, 0], [0.0, 1]])
    perfect = head.loss(clips, torch.tensor([0, 0, 1]), clips)
    assert perfect.item() == pytest.approx(2 * np.log(2), abs=1e-3)  # shared evenly by two: no better is possible
    assert head.loss(clips, torch.tensor([0, 1, 2]), clips).item() == pytest.approx(perfect.item(), abs=1e-3)
    assert head.loss(clips, torch.tensor([0, 0, 0]), clips) > perfect + 1


def test_that_overlap_of_spans_counts_both_ends() -> None:
    ours, truth = np.array([[0, 3], [2, 2], [5, 7]]), np.array([[2, 5], [2, 2], [0, 1]])
    assert tasks.iou(ours, truth).tolist() == pytest.approx([2 / 6, 1.0, 0.0])


def test_that_a_span_is_read_from_starts_ends_and_what_belongs() -> None:
    head = tasks.Grounding(4, 6)
    outputs = torch.zeros(2, 6, 3)
    outputs[0, 1, 0], outputs[0, 3, 1] = 9.0, 9.0
    outputs[1, :, 2] = torch.tensor([-5.0, -5, 5, 5, 5, -5])  # nothing but what belongs is told
    truth = tasks.Part(np.zeros((2, 6, 4, 4, 3), np.uint8), np.array([[1, 3], [2, 4]]), ["x", "y"], [])
    found = head.scored(outputs, truth, None)
    assert found.predicted.tolist() == [[1, 3], [2, 4]]
    assert found.more == {"R@1 at IoU 0.5": 1.0, "R@1 at IoU 0.7": 1.0}
    backwards = torch.zeros(1, 6, 3)
    backwards[0, 4, 0], backwards[0, 1, 1] = 9.0, 9.0
    first, last = head.span(backwards)[0][0].tolist()
    assert first <= last


def test_that_grounding_loss_is_least_at_the_truth() -> None:
    head, target = tasks.Grounding(4, 6), torch.tensor([[1, 3]])
    right, wrong = torch.zeros(1, 6, 3), torch.zeros(1, 6, 3)
    right[0, 1, 0] = right[0, 3, 1] = 9.0
    right[0, :, 2] = torch.tensor([-9.0, 9, 9, 9, -9, -9])
    wrong[0, 0, 0] = wrong[0, 5, 1] = 9.0
    assert head.loss(right, target, None) < 0.1 < head.loss(wrong, target, None)


def test_that_questions_are_scored_by_their_kind() -> None:
    head = tasks.Answering(4, 2, 3)
    outputs = torch.eye(3)[[0, 1, 2, 0]]
    found = head.scored(outputs, part([0, 1, 0, 0], list("abcd"), ["which", "which", "how", "how"]), None)
    assert found.more == {"how": 0.5, "which": 1.0}


def test_that_what_questions_alone_give_away_is_told() -> None:
    train = part([0, 0, 1, 1, 1], ["x", "x", "x", "y", "y"])
    task = tasks.TaskData(
        "questions", "questions", ["p", "q"], [], train, train, part([0, 1, 1, 0], ["x", "y", "x", "new"])
    )
    assert show.text_only(task) == 0.5  # x: p, y: q, a new question: q, the most frequent answer


@pytest.mark.parametrize("kind", ["naming", "retrieval", "questions", "grounding"])
def test_that_every_head_hands_gradient_to_the_strategy(kind: str) -> None:
    names = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    head = tasks.make_head(kind, dim=8, frames=4, answers=3, scale=10.0, names=names, seed=1)
    frames = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(2), requires_grad=True)
    text = torch.randn(2, 8, generator=torch.Generator().manual_seed(3))
    target = torch.tensor([[0, 1], [1, 3]]) if kind == "grounding" else torch.tensor([0, 1])
    found = Encoded(frames.mean(1), frames)
    head.loss(head.outputs(found, text), target, text).backward()
    assert frames.grad is not None
    assert frames.grad.abs().sum() > 0


# What is shown --------------------------------------------------------------------------------


def test_that_spans_lie_below_the_frames_that_they_name(tmp_path: Path) -> None:
    clips = np.arange(2 * 4 * 6 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 6, 3)
    one = tasks.Part(clips, np.array([[1, 2], [0, 3]]), ["a circle grows", "a square falls"], [])
    task = tasks.TaskData("grounding", "grounding", [], [], one, one, one)
    told = scenes.tiers(task, {"F1 linear probe": np.array([[2, 3], [0, 0]])})
    second = 4 / scenes.FRAMES_PER_S  # where the second clip begins
    spans = {tier.name: [(each.start_s, each.end_s) for each in tier.segments] for tier in told.tiers}
    assert spans["query"] == [(0.0, second), (second, 2 * second)]
    assert spans["truth"] == [(0.125, 0.375), (second, 2 * second)]
    assert spans["F1 linear probe"] == [(0.25, 0.5), (second, second + 0.125)]
    assert [each.text for each in told.tiers[1].segments] == one.texts and told.duration_s == 2 * second
    scenes.write(tmp_path / "spans.mp4", clips)
    facts, index = read_index(tmp_path / "spans.mp4")
    assert (len(index), facts.height, facts.width) == (8, 258, 258)
    assert index.duration_s == pytest.approx(told.duration_s, abs=0.01)


def test_that_every_strategy_belongs_to_a_branch_of_the_survey() -> None:
    found = {name: show.family_of(name) for name in STRATEGIES}
    assert all(found[name].startswith("frozen: ") == (name in SETS[FROZEN]) for name in STRATEGIES)
    assert found["dist"] == found["ladder"] == "frozen: side-tuning" and found["aim"] == "modified: adapters"


# Data -----------------------------------------------------------------------------------------


def test_that_parts_of_all_tasks_are_apart_and_shots_are_few() -> None:
    made = {one.name: one for one in data.generated(SMALL, list(TASKS), seed=5)}
    assert list(made) == list(TASKS)
    for one in made.values():
        clips = [one.train.clips, one.validation.clips, one.test.clips]
        digests = [{clip.tobytes() for clip in some} for some in clips]
        assert not digests[0] & digests[1]
        assert not digests[0] & digests[2]
        assert not digests[1] & digests[2]
    shape = made["shape"].train
    assert np.bincount(shape.target).tolist() == [2] * 6
    assert made["motion"].train.clips is made["retrieval"].train.clips  # looked at once
    spans = made["grounding"].test.target
    assert (spans[:, 0] <= spans[:, 1]).all()
    assert spans.max() < 15
    questions = made["questions"]
    assert [questions.names[one] for one in questions.train.target[:3]]
    assert show.text_only(questions) < 0.45


def test_that_the_same_caption_is_the_same_target_in_every_part() -> None:
    (task,) = data.generated(SMALL, ["retrieval"], seed=5)
    for one in (task.train, task.test):
        assert [task.names[at] for at in one.target] == one.texts


# Strategies and rates -------------------------------------------------------------------------


def test_that_sets_of_strategies_follow_the_taxonomy() -> None:
    assert set(SETS[FROZEN]) | set(SETS[MODIFIED]) == set(SETS[ALL]) == set(STRATEGIES)
    assert all(catalogue.MADE[name].enters or catalogue.MADE[name].speaks for name in SETS[MODIFIED])
    assert not any(catalogue.MADE[name].enters for name in SETS[FROZEN])
    assert method.strategies_of(only(SMALL, "aim", "linear_probe")) == ["linear_probe", "aim"]
    with pytest.raises(InputError, match="no strategy"):
        method.strategies_of(only(SMALL))
    with pytest.raises(InputError, match="no task"):
        data.asked(SMALL.replace(motion=False))
    assert SMALL.replace(compare=CHOSEN).compare == CHOSEN


def test_that_every_strategy_tries_the_same_rates() -> None:
    assert method.rates_of(SMALL.replace(learning_rate=1e-3, rate_factor=3.0)) == pytest.approx([1e-3, 1e-3 / 3, 3e-3])
    assert len(method.rates_of(SMALL.replace(rates=1))) == 1


def test_that_costs_are_measured_without_what_was_kept() -> None:
    shape = imagelanguage.Shape(dim=16)
    backbone = imagelanguage.build(image_px=16, width=16, layers=2, heads=2, seed=1, shape=shape).eval()
    backbone.requires_grad_(False)
    views = learning.Views(backbone, choose("cpu"))
    some = tasks.Part(
        np.random.default_rng(0).integers(0, 255, (4, 2, 16, 16, 3), np.uint8), np.zeros(4, np.int64), [], []
    )
    names = torch.randn(2, 16, generator=torch.Generator().manual_seed(1))
    costs, looked = {}, []
    for name in ("linear_probe", "st_adapter"):
        strategy = catalogue.build(name, backbone, Options(frames=2), seed=1)
        cell = learning.Cell(strategy, tasks.Naming(names, 10.0), some, None, views)
        block = strategy.backbone.blocks[0]
        looked.clear()
        hook = block.register_forward_hook(lambda *_: looked.append(1))
        costs[name] = learning.cost_of(cell, 4, learning_rate=1e-3, weight_decay=0.0)
        hook.remove()
        assert len(looked) == 6  # two to warm up, three to time, one to weigh
    assert costs["linear_probe"].peak_bytes < costs["st_adapter"].peak_bytes
    assert costs["linear_probe"].learning == 16 * 17 + 16 * 16


# A run ----------------------------------------------------------------------------------------


def test_that_a_run_fills_its_grid_and_its_model_answers(tmp_path: Path) -> None:
    params = only(SMALL, "zero_shot", "linear_probe").replace(
        clips=24, test_clips=8, max_steps=3, few_shot_steps=2, rates=2, batch=8, evaluations=1, shape=True,
        motion=False, questions=True,
    )  # fmt: skip
    folder, artifacts, results = finished(tmp_path, params)
    assert {"shape_F0", "shape_F1", "questions_F1", "questions_F0", "shape_accuracy_3_ahead"} <= results.keys()
    document = json.loads((folder / artifacts["strategies"][-1].path).read_text())
    rows = {row[0]: row for row in document["rows"]}
    assert rows["F0"][4] == 0
    assert rows["F1"][4] == 128 * 129
    assert rows["F0"][10] == "–"  # nothing learned for shapes, so no rate
    assert float(rows["F1"][10]) in {1e-3, 3.3e-4}
    assert len(artifacts["grid"]) == 4  # the map fills cell by cell
    grids = [json.loads((folder / one.path).read_text()) for one in artifacts["grid"]]
    known = [sum(cell is not None for row in one["rows"] for cell in row[2:4]) for one in grids]
    assert known == [1, 2, 3, 4] and [one["shade"] for one in grids[0]["columns"][2:4]] == [True, True]
    assert [row[4] for row in grids[0]["rows"]] == ["frozen: zero-shot", "frozen: probing"]
    # What each strategy says is shown as soon as it is known; the last word has the one that validation prefers.
    for slot in ("predictions", "confusion"):
        titles = [one.title for one in artifacts[slot]]
        assert ["F0" in titles[0], "F1" in titles[1]] == [True, True] and len(titles) in (2, 3)
    # A row of the grid leads to the clips of its strategy.
    items = json.loads((folder / artifacts["grid"][-1].parts["items"]).read_text())["items"]
    assert [one["group"] for one in items] == [one.meta["group"] for one in artifacts["predictions"][:2]]
    axes = artifacts["results_by_parameters"][-1].meta["axes"]
    assert axes["log_x"] and axes["x"].startswith("trainable parameters")
    assert not (folder / "weights").exists()
    card = json.loads((folder / "model" / "workbench.json").read_text())
    assert card["task"] == "shape"

    clip = tmp_path / "clip.npy"
    np.save(clip, np.zeros((5, 20, 30, 3), np.uint8))
    from tests.recipes.video.survey_runs import asked
    from workbench.recipes.video.image_to_video_survey import serve

    (told,) = serve.answer(asked(), folder / "model", {"clip": str(clip)}).answers
    assert {name for name, _ in told.scores} == set(card["classes"])
    assert sum(score for _, score in told.scores) == pytest.approx(1, abs=1e-3)
    for wrong in ({"clip": str(tmp_path / "none.npy")}, {}, {"clip": str(folder / "run.json")}):
        with pytest.raises(InputError, match="clip"):
            serve.answer(asked(), folder / "model", wrong)


def test_that_a_grid_that_is_stopped_and_kept_holds_only_what_was_learned_to_its_end(tmp_path: Path) -> None:
    params = only(SMALL, "linear_probe", "st_adapter", "zero_shot").replace(
        clips=24, test_clips=8, max_steps=30, few_shot_steps=30, rates=2, batch=8, evaluations=1, shape=True,
        motion=False, questions=True,
    )  # fmt: skip
    folder, artifacts, results = finished(tmp_path, params, keep_after="grid")
    assert {"shape_accuracy", "shape_F0"} <= results.keys()
    assert not [name for name in results if "questions" in name or name == "shape_M3"]
    (grid,) = artifacts["grid"]
    rows = {row[0]: row for row in json.loads((folder / grid.path).read_text())["rows"]}
    assert [sum(cell is not None for cell in row[2:4]) for row in rows.values()] == [1, 0, 0]
    card = json.loads((folder / "model" / "workbench.json").read_text())
    assert card["strategy"] in ("zero_shot", "linear_probe") and not (folder / "weights").exists()


def test_that_strategies_with_words_of_their_own_are_run_kept_and_asked(tmp_path: Path) -> None:
    params = only(SMALL, "text_context", "both_sides").replace(
        clips=24, test_clips=8, max_steps=2, few_shot_steps=2, rates=1, batch=8, evaluations=1, motion=False,
        retrieval=True, prompt_tokens=3,
    )  # fmt: skip
    folder, artifacts, results = finished(tmp_path, params)
    assert {"retrieval_M1t", "retrieval_M5t"} <= results.keys()
    rows = {row[0]: row for row in json.loads((folder / artifacts["strategies"][-1].path).read_text())["rows"]}
    assert rows["M5t"][6] == "modified: prompts" and rows["M5t"][3] == 3 * 384
    assert [rows["M5t"][at] for at in (7, 8)] == ["text side", "stay"]
    assert rows["M1t"][3] > 384 * 128 and [rows["M1t"][at] for at in (7, 8)] == ["yes", "change"]
    # The sentence encoder takes part in a step: 90 MB of weights are counted.
    assert rows["M5t"][4] > 80

    clip = tmp_path / "clip.npy"
    np.save(clip, np.random.default_rng(1).integers(0, 255, (5, 32, 32, 3), dtype=np.uint8))
    from tests.recipes.video.survey_runs import asked
    from workbench.recipes.video.image_to_video_survey import serve

    (told,) = serve.answer(asked(), folder / "model", {"clip": str(clip), "text": "a square grows\na ring"}).answers
    assert {name for name, _ in told.scores} == {"a square grows", "a ring"}
