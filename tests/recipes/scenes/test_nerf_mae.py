"""Rooms apart from each other, turned with their boxes, masks and losses, scores, and runs kept and gone on from."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from workbench.core import events as ev
from workbench.core.colours import class_rgb
from workbench.core.gridreading import GridReading
from workbench.core.params import values_of
from workbench.core.problem import InputError
from workbench.core.scenes import BoxesDoc, RadianceMeta
from workbench.core.settings import Settings
from workbench.engine.devices import choose
from workbench.engine.scenes import boxes as bx
from workbench.engine.scenes import rooms
from workbench.engine.scenes.boxrows import from_voxels, rows_of
from workbench.engine.scenes.gridfiles import write_grid
from workbench.recipes.scenes.nerf_mae import data, networks, pretraining, serve, show, tasks
from workbench.recipes.scenes.nerf_mae.data import UNCOUNTED, Grid, Grids
from workbench.recipes.scenes.nerf_mae.recipe import ROOMS, NerfMae, run
from workbench.store.home import open_home
from workbench.store.runfolder import RunConfig, RunFolder, create_run
from workbench.worker.execute import execute

SMALL = run.preset("smoke")


def _job(seed: int = 7) -> Any:
    return SimpleNamespace(inputs={}, seed=seed, log=lambda *_: None, progress=lambda *_: None)


def _points(side: int) -> np.ndarray:
    axes = np.arange(side) + 0.5
    return np.stack(np.meshgrid(axes, axes, axes, indexing="ij"), -1)


def _held(points: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Label 3 within a box."""
    off = points - row[:3]
    cos, sin = np.cos(row[6]), np.sin(row[6])
    x, y = off[..., 0] * cos + off[..., 1] * sin, off[..., 1] * cos - off[..., 0] * sin
    inside = (abs(x) <= row[3] / 2) & (abs(y) <= row[4] / 2) & (abs(off[..., 2]) <= row[5] / 2)
    return np.where(inside, 3, 0).astype(np.uint8)


def _grid(side: int = 8) -> Grid:
    """A box of label 3, turned by 30°, and its row."""
    row = np.array([[3.5, 4.5, 4.0, 4.1, 2.1, 3.1, np.pi / 6]], np.float32)
    clear = np.zeros((side, side, side, 4), np.float32)
    return Grid("one", clear, RadianceMeta(), _held(_points(side), row[0]), row)


# Data -------------------------------------------------------------------------------------------


def test_that_rooms_of_no_two_parts_or_seeds_are_alike() -> None:
    grids = data.load(_job(1), SMALL)
    parts = [grids.unlabelled, grids.labelled, grids.validation, grids.test]
    assert [len(one) for one in parts] == [3, 2, 2, 2]
    other = data.load(_job(2), SMALL.replace(pretrain="none"))
    assert not other.unlabelled
    every = [one.rgba.tobytes() for part in [*parts, other.labelled, other.test] for one in part]
    assert len(set(every)) == len(every)
    assert grids.names == rooms.LABELS


def test_that_a_room_has_its_boxes_around_its_things_in_voxels_and_back_in_metres() -> None:
    one = data.room(3, "test", 1, NerfMae(side=32))
    assert one.boxes is not None and one.labels is not None
    aligned = bx.enclosing(torch.from_numpy(one.boxes)).numpy()
    things = np.argwhere(one.labels > 2) + 0.5
    assert np.any([(abs(things - row[:3]) <= row[3:6] / 2 + 0.8).all(1) for row in aligned], axis=0).all()
    back = from_voxels(one.boxes, one.meta, one.rgba.shape[:3])
    built = rooms.make_room((3 * 4 + 3) * data.MOST_OF_A_STREAM + 1)
    assert back == pytest.approx(rows_of(built.boxes().boxes), abs=1e-4)


def test_that_a_grid_in_two_parts_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        Grids([_grid()], [], [], [_grid()], ("empty",))
    assert caught.value.field == "grids"


def test_that_mirrored_and_turned_boxes_still_hold_what_they_held() -> None:
    grid, seen = _grid(), set()
    for seed in range(60):
        changed = data.varied(grid, np.random.default_rng(seed))
        assert changed.boxes is not None and changed.labels is not None
        assert np.array_equal(_held(_points(8), changed.boxes[0]), changed.labels)
        seen.add(changed.labels.tobytes())
    assert len(seen) == 8
    assert grid.boxes is not None and grid.boxes[0, 0] == 3.5


def test_that_grids_are_filled_up_behind_their_ends_and_only_what_is_seen_counts() -> None:
    sides = (4, 6, 8)
    narrow = Grid("narrow", np.zeros((*sides, 4), np.float32), RadianceMeta(), np.zeros(sides, np.uint8))
    narrow.rgba[1, 1, 1, 3] = 0.5
    assert narrow.labels is not None
    narrow.labels[2, 2, 2] = 4
    batch = data.batch_of([narrow], 8)
    assert batch["grid"].shape == (1, 4, 8, 8, 8)
    assert int(batch["valid"].sum()) == 4 * 6 * 8
    labels = batch["labels"][0]
    assert labels[2, 2, 2] == 4
    assert labels[1, 1, 1] == 0  # a floater, to be called empty
    assert (labels == UNCOUNTED).sum() == 8**3 - 2
    assert "finer" not in batch and "boxes" not in batch


# Networks and losses ----------------------------------------------------------------------------


@pytest.fixture
def autoencoder() -> networks.MaskedAutoencoder:
    torch.manual_seed(3)
    return networks.MaskedAutoencoder(SMALL).eval()


def test_that_colours_count_where_something_is_and_opacity_where_it_was_hidden(
    autoencoder: networks.MaskedAutoencoder,
) -> None:
    grid = torch.rand(2, 4, 16, 16, 16)
    grid[:, 3, :8] = 0
    valid = torch.ones(2, 16, 16, 16, dtype=torch.bool)
    valid[:, :, 12:] = False
    hidden = torch.zeros(4, 4, 4, dtype=torch.bool)
    hidden[:2] = True
    said = autoencoder(grid, hidden).detach()
    wanted = ((said[:, :3] - grid[:, :3]) ** 2).sum(1)
    errors = (said[:, 3].sigmoid() - grid[:, 3]) ** 2
    with torch.no_grad():
        colour, opacity = autoencoder.losses(grid, hidden, valid)
        autoencoder.weighted = False
        alike, _ = autoencoder.losses(grid, hidden, valid)
    assert float(colour) == pytest.approx(float(wanted[grid[:, 3] > 0.01].mean()), rel=1e-5)
    assert float(opacity) == pytest.approx(float(errors[:, :8, :12].mean()), rel=1e-5)
    assert float(alike) == pytest.approx(float(wanted[valid].mean()), rel=1e-5)


def test_that_what_was_seen_is_shown_as_it_was_and_the_rest_as_restored(
    autoencoder: networks.MaskedAutoencoder,
) -> None:
    grid, hidden = torch.rand(1, 4, 16, 16, 16), torch.zeros(4, 4, 4, dtype=torch.bool)
    hidden[1] = True
    masked, restored = autoencoder.restored(grid, hidden)
    assert not masked[:, :, 4:8].any()
    assert torch.equal(masked[:, :, 8:], grid[:, :, 8:]) and torch.equal(restored[:, :, 8:], grid[:, :, 8:])
    assert not torch.equal(restored[:, :, 4:8], grid[:, :, 4:8])
    assert restored.min() >= 0 and restored.max() <= 1


def test_that_the_mean_grid_errs_by_what_grids_differ_in(autoencoder: networks.MaskedAutoencoder) -> None:
    grids = []
    for alpha, grey in ((1.0, 0.2), (0.5, 0.6), (0.0, 0.9)):  # what is clear has no colour that counts
        rgba = np.zeros((16, 16, 8, 4), np.float32)
        rgba[..., :3], rgba[..., 3] = grey, alpha
        grids.append(Grid(f"{alpha}", rgba, RadianceMeta()))
    mean = pretraining.mean_grid(grids, 16)
    assert mean[:, 3, 4, 5].tolist() == pytest.approx([0.4, 0.4, 0.4, 0.5])
    assert not mean[:, :, :, 8:].any()
    watcher = pretraining.Watcher(_job(), autoencoder, grids[:1], SMALL, choose("cpu"))
    assert watcher.unseeing(grids) == pytest.approx((3 * 0.2**2, 0.5**2))


def test_that_tasks_begin_with_the_pretrained_encoder_and_the_decoder_where_asked_for(
    autoencoder: networks.MaskedAutoencoder,
) -> None:
    state = autoencoder.state_dict()
    for decoder in (True, False):
        torch.manual_seed(9)
        backbone = networks.make_backbone(SMALL)
        networks.state_for(backbone, state, decoder=decoder)
        own = backbone.state_dict()
        assert set(state) - set(own) == {"out.weight", "out.bias"}
        assert set(own) <= set(state)
        differ = {name for name, one in own.items() if not torch.equal(one, state[name])}
        assert all(name.startswith("decoder.") for name in differ)
        assert ("decoder.last.transp_conv.weight" in differ) is not decoder
        assert not (decoder and differ)


@pytest.mark.parametrize(("patch", "sides"), [(4, (8, 4, 2)), (2, (16, 8, 4))])
def test_that_a_plain_u_net_serves_all_heads_at_the_strides_of_the_transformer(
    patch: int, sides: tuple[int, ...]
) -> None:
    params = NerfMae(network="conv U-Net", pretrain="none", side=32, width=12, patch=patch)
    grid = torch.rand(1, 4, 32, 32, 32)
    backbone = networks.make_backbone(params)
    assert backbone.strides == networks.make_backbone(params.replace(network="Swin")).strides
    assert networks.Labeller(backbone, 7)(grid).shape == (1, 7, 32, 32, 32)
    said = networks.Detector(backbone, width=8, turned=False)(grid)
    assert said.score.shape == (1, sum(side**3 for side in sides))


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"side": 18}, "side"), ({"depths": "2, x"}, "depths"), ({"heads": "5, 4"}, "heads"), ({"heads": "2"}, "heads")],
)
def test_that_a_network_that_cannot_be_made_is_refused_at_its_knob(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        networks.make_backbone(SMALL.replace(**changes))
    assert caught.value.field == field


# Scores -----------------------------------------------------------------------------------------


def test_that_overlaps_of_classes_are_counted_over_all_grids_and_within_each() -> None:
    first, second = _grid(4), _grid(4)
    for one, truth in ((first, [1, 1, 1, 2]), (second, [2, 2, 0, 0])):
        assert one.labels is not None
        one.labels[:] = 0
        one.rgba[0, 0, :, 3] = 1
        one.labels[0, 0] = truth
    guesses = [np.zeros((4, 4, 4), np.uint8) for _ in range(2)]
    guesses[0][0, 0] = [1, 1, 2, 2]
    guesses[1][0, 0] = [2, 0, 2, 0]
    guesses[1][3] = 1  # where nothing was seen nothing counts
    task = tasks.Naming(SMALL, [first, second], classes=4)
    overlaps = task.overlaps(guesses, [first, second])
    assert overlaps.iou()[:2] == pytest.approx([2 / 3, 2 / 5])
    assert np.isnan(overlaps.iou()[2])
    assert overlaps.accuracy()[:2] == pytest.approx([2 / 3, 2 / 3])
    assert overlaps.by_grid() == pytest.approx([(2 / 3 + 1 / 2) / 2, 1 / 3])
    assert task.value(guesses, [first, second]) == pytest.approx(overlaps.by_grid().mean())


def test_that_rare_classes_weigh_more() -> None:
    one = _grid(4)
    assert one.labels is not None
    one.labels[:] = 1
    one.labels[0] = 2
    weights = tasks.rarity([one], 3, 0.5).numpy()
    assert weights[2] / weights[1] == pytest.approx(3**0.5)
    assert tasks.rarity([one], 3, 0.0).tolist() == [1, 1, 1]


def test_that_classes_are_coloured_apart_and_empty_space_is_clear() -> None:
    one = _grid(4)
    one.rgba[..., 3] = 0.5
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[0], labels[1] = 1, 2
    shown = show.coloured(labels, one)
    assert shown.shape == (4, 4, 4, 4) and shown.dtype == np.float32
    assert not shown[2:, ..., 3].any() and (shown[:2, ..., 3] == 0.5).all()
    assert np.abs(shown[0, 0, 0, :3] - shown[1, 0, 0, :3]).max() > 0.3
    labels[2] = 2
    faint = show.unhidden(shown, labels)
    assert faint[1, 0, 0, 3] == pytest.approx(show.FAINT * 0.5) and faint[0, 0, 0, 3] == 0.5


def test_that_refined_grids_are_measured_where_the_fine_grid_has_something() -> None:
    task = tasks.Refining(SMALL)
    fine = np.zeros((4, 4, 4, 4), np.float32)
    fine[0, ..., 3] = 1
    one = Grid("one", np.zeros((2, 2, 2, 4), np.float32), RadianceMeta(), finer=fine)
    guess = np.ones_like(fine)
    guess[0, ..., :3] = 0.1
    errors = task.errors([guess], [one])
    assert errors == pytest.approx([0.01])
    assert tasks.psnr(errors) == pytest.approx(20)
    opacity = task.opacity_errors([guess], [one])
    assert opacity == pytest.approx([0.75])  # of three quarters it was said that they are there
    assert task.value([guess], [one]) == pytest.approx((20 + tasks.psnr(opacity)) / 2)
    model = task.make(networks.make_backbone(SMALL))
    flat = Grid("flat", np.full((16, 16, 16, 4), 0.25, np.float32), RadianceMeta())
    (begun,) = task.asked(model, [flat], choose("cpu"))
    assert begun.shape == (32, 32, 32, 4) and begun == pytest.approx(0.25)  # it begins as interpolation
    assert task.plain([flat])[0] == pytest.approx(begun)


def test_that_an_interpolated_edge_keeps_its_colour_beside_what_is_empty() -> None:
    grid = torch.zeros(1, 4, 4, 4, 4)
    grid[:, :, 2:] = torch.tensor([0.8, 0.4, 0.2, 1.0])[:, None, None, None]
    fine = networks.interpolated(grid, 2)[0, :, :, 4, 4]
    assert fine[3].tolist() == pytest.approx([0, 0, 0, 0.25, 0.75, 1, 1, 1])
    assert fine[:3, 3:] == pytest.approx(torch.tensor([0.8, 0.4, 0.2])[:, None].expand(3, 5))
    assert (fine[:3, :3] == 0).all()


# Runs -------------------------------------------------------------------------------------------


def _run(folder: Path, params: NerfMae) -> RunFolder:
    made = create_run(folder, RunConfig(recipe=run.id, params=values_of(params), seed=7))
    execute(made, settings=Settings())
    return made


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    params = SMALL.replace(task="labels and boxes", boxes="turned", fine_rate=2e-3, second_rate=1e-3)
    return _run(tmp_path_factory.mktemp("runs"), params)


def test_that_a_run_chooses_a_rate_and_shows_grids_boxes_and_tables(first: RunFolder) -> None:
    state = first.state()
    assert state.phase == "finished", state.problem and state.problem.text()
    assert state.results["rate_labels"] in (2e-3, 1e-3)
    assert {"miou", "macc", "room_miou", "ap25", "ap50", "recall25", "held_out_error"} <= set(state.results)
    curves = {event.series for event in first.events() if isinstance(event, ev.Metric) and event.name == "mean_iou"}
    assert curves == {"labels, rate 0.002, validation", "labels, rate 0.001, validation", "test"}


def test_that_three_grids_show_what_was_hidden_and_what_was_made_of_it(first: RunFolder) -> None:
    shown = [event for event in first.events() if isinstance(event, ev.Artifact)]
    three = [next(one for one in shown if one.slot == slot) for slot in ("original", "masked", "restored")]
    original, masked, restored = (np.load(first.path / one.path) for one in three)
    assert original.shape == masked.shape == restored.shape == (16, 16, 16, 4)
    emptied = (masked[..., 3] == 0) & (original[..., 3] > 0)
    assert emptied.any() and not np.array_equal(restored[emptied], original[emptied])
    assert np.array_equal(restored[masked[..., 3] > 0], original[masked[..., 3] > 0])
    assert all(msgspec.convert(one.meta, RadianceMeta).high[0] > 1 for one in three)


def test_that_true_and_found_boxes_stand_over_their_grid(first: RunFolder) -> None:
    found = next(one for one in first.events() if isinstance(one, ev.Artifact) and one.slot == "found")
    doc = msgspec.json.decode((first.path / found.path).read_bytes(), type=BoxesDoc)
    true = [one for one in doc.boxes if one.label == "true"]
    assert true and any(one.yaw_rad for one in true)
    assert all(one.score is None for one in true)
    assert np.load(first.path / found.parts["grid"]).shape == (16, 16, 16, 4)


def test_that_a_further_run_takes_the_pretrained_network_and_pretrains_nothing(
    first: RunFolder, tmp_path: Path
) -> None:
    further = _run(tmp_path, SMALL.replace(task="boxes", boxes="turned", continue_from=str(first.path)))
    state = further.state()
    assert state.phase == "finished", state.problem and state.problem.text()
    assert "held_out_error" not in state.results
    metrics = [one for one in further.events() if isinstance(one, ev.Metric)]
    assert not any(one.series.startswith("pretraining") for one in metrics)
    assert any(one.name == "reconstruction" for one in metrics)  # what the taken network makes of hidden blocks
    kept = (further.path / "model" / "pretrained.safetensors").read_bytes()
    assert kept == (first.path / "model" / "pretrained.safetensors").read_bytes()

    def losses(folder: RunFolder) -> list[float]:
        told = [one for one in folder.events() if isinstance(one, ev.Metric) and one.name == "loss"]
        return [float(one.value or 0) for one in told if one.series == "boxes, rate 0.002, train"]

    assert losses(further) == pytest.approx(losses(first), rel=1e-3)  # the same weights, rooms, steps and rate


def test_that_weights_of_another_network_or_recipe_are_not_gone_on_from(first: RunFolder, tmp_path: Path) -> None:
    for number, changes in enumerate(({"width": 24}, {"continue_from": str(tmp_path)}, {"network": "conv U-Net"})):
        params = SMALL.replace(**({"continue_from": str(first.path)} | changes))
        problem = _run(tmp_path / str(number), params).state().problem
        assert problem is not None and problem.field in ("continue_from", "network")


def _asked(folder: RunFolder, home: Path, **inputs: Any) -> GridReading:
    job = SimpleNamespace(device="cpu", precision="fp32", cache={}, home=open_home(home), progress=lambda *_: None)
    return serve.answer(job, folder.path / "model", inputs)


def test_that_a_kept_model_finds_boxes_and_names_voxels_of_a_file(first: RunFolder, tmp_path: Path) -> None:
    one = data.room(5, "test", 0, SMALL)
    write_grid(tmp_path / "room.npz", one.rgba, one.meta)
    found = _asked(first, tmp_path / "home", grid=str(tmp_path / "room.npz"))
    assert [answer.model for answer in found.answers] == ["Classes of voxels", "Boxes"]
    assert np.array_equal(np.load(found.grid), one.rgba)
    labels = np.load(found.labels)
    assert labels.shape == (16, 16, 16) and not labels[one.rgba[..., 3] <= data.SEEN_ALPHA].any()
    assert found.names == rooms.LABELS
    assert all(box.label == "found" and box.score for box in found.boxes.boxes)
    assert found.meta.low == pytest.approx(one.meta.low)


def test_that_what_is_no_grid_or_too_large_is_refused(first: RunFolder, tmp_path: Path) -> None:
    write_grid(tmp_path / "large.npz", np.zeros((20, 4, 4, 4), np.float32), RadianceMeta())
    for asked, field in (("", "grid"), (str(tmp_path / "none.npz"), "grid"), (str(tmp_path / "large.npz"), "side")):
        with pytest.raises(InputError) as caught:
            _asked(first, tmp_path / "home", grid=asked)
        assert caught.value.field == field


def test_that_the_sample_can_be_looked_at_before_a_run() -> None:
    scenes, grids = (data.preview(slot, ROOMS.address, {}) for slot in ("scenes", "grids"))
    assert scenes.labels["floor"] == 6 and all(int(row[3]) >= 3 for row in scenes.rows)
    assert not grids.labels and len(grids.rows) == 2


def test_that_named_voxels_have_the_colours_that_a_scene_gives_their_classes() -> None:
    assert [tuple(round(255 * part) for part in show.colour_of(at)) for at in range(20)] == [
        class_rgb(at) for at in range(20)
    ]
