"""The benchmark's split files, Syn-TA's names and own lists, read with real videos; video transformers' folders."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import TimesformerConfig, TimesformerModel, VideoMAEConfig, VideoMAEModel, VivitConfig, VivitModel

from tests.engine.video.films import film
from workbench.core.problem import InputError
from workbench.engine.devices import choose
from workbench.recipes.video.motion_transfer import data, describing, folders, serve, videofolder
from workbench.recipes.video.motion_transfer.recipe import VIDEO_MODEL, MotionTransfer, run

SMALL = run.presets["smoke"]
assert isinstance(SMALL, MotionTransfer)
FINE = {"appearing1": ("appearing", 1), "appearing2": ("appearing", 2), "falling1": ("falling", 1),
        "falling3": ("falling", 2)}  # fmt: skip
TAXONOMY = """Coarse class id,Coarse class,Intra class no.,Fine Class,Set
0,appearing,1,one appears,1
0,appearing,2,two appear,2
1,falling,1,falls straight,1
1,falling,3,falls aslant,2
"""


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short film; a set of clips is copies of it, which are decoded once."""
    return film(tmp_path_factory.mktemp("film") / "film.mp4", frames=10, width=32, height=24)


@pytest.fixture
def tree(video: Path, tmp_path: Path) -> Path:
    """A folder as of Syn-TA: videos of two motions with two variants each, split files and a taxonomy."""
    root = tmp_path / "syn-ta"  # beside it lie no trees of other tests, in which videos would be looked for
    lists: dict[str, list[str]] = {}
    for name, (coarse, number) in FINE.items():
        for clip in (1, 31):
            path = root / coarse / f"{name}_id_{clip}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(video, path)
            split = "train" if clip <= 30 else "val"
            relative, label = f"{coarse}/{path.name}", int(coarse == "falling")
            # One of the published files has commas.
            lists.setdefault(f"coarse_classes/{split}_set{number}_coarse.txt", []).append(f"{relative},{label}")
            lists.setdefault(f"fine_classes/{split}_set{number}_fine.txt", []).append(f"{relative} {label}")
    for name, lines in lists.items():
        path = root / "dataset_splits" / "synta" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    (root / "taxonomy.csv").write_text(TAXONOMY)
    return root


def _job(address: Path) -> Any:
    return SimpleNamespace(inputs={"clips": str(address)}, seed=1, log=lambda *_: None, phase=lambda *_: None,
                           progress=lambda *_: None)  # fmt: skip


def _classes(found: data.Data) -> set[tuple[str, str, int]]:
    return {(found.taxonomy.coarse[one.coarse], one.name, one.set) for one in found.taxonomy.fine}


NAMED = {("appearing", "one appears", 1), ("appearing", "two appear", 2), ("falling", "falls straight", 1),
         ("falling", "falls aslant", 2)}  # fmt: skip


def test_that_split_files_are_read_with_the_taxonomys_names_and_videos_decoded(tree: Path) -> None:
    found = data.load(_job(tree), SMALL)
    assert _classes(found) == NAMED
    assert found.train.frames.shape == (2, 4, 16, 16, 3)
    assert found.train.frames.std() > 10
    assert {found.taxonomy.fine[at].name for at in found.unknown.fine} == {"two appear", "falls aslant"}
    assert sorted(found.train.names) == ["appearing1_id_1", "falling1_id_1"]
    assert sorted(found.known.names) == ["appearing1_id_31", "falling1_id_31"]


def test_that_the_other_direction_learns_the_other_set(tree: Path) -> None:
    found = data.load(_job(tree), SMALL.replace(direction="2 → 1"))
    assert sorted(found.train.names) == ["appearing2_id_1", "falling3_id_1"]
    assert sorted(found.unknown.names) == ["appearing1_id_31", "falling1_id_31"]


def test_that_files_named_head_are_coarse_ones(tree: Path) -> None:
    for path in (tree / "dataset_splits" / "synta" / "coarse_classes").iterdir():
        path.rename(path.with_name(path.name.replace("_coarse", "_head")))
    assert _classes(data.load(_job(tree), SMALL)) == NAMED


def test_that_without_fine_lists_a_variant_is_its_motion_in_a_set(tree: Path) -> None:
    shutil.rmtree(tree / "dataset_splits" / "synta" / "fine_classes")
    (tree / "taxonomy.csv").unlink()
    labels = tree / "labels"
    labels.mkdir()
    (labels / "synta_coarse_labels.csv").write_text("id,name\n0,appearing\n1,falling\n")
    found = {(one.coarse, one.fine) for one in folders.read(tree)}
    assert ("falling", "falling, Set 2") in found
    assert len(found) == 4


def test_that_fine_ids_are_those_of_their_own_set(tree: Path) -> None:
    (tree / "taxonomy.csv").unlink()
    (tree / "labels").mkdir()
    for number, names in ((1, "0,first of one\n1,second of one"), (2, "0,first of two\n1,second of two")):
        (tree / "labels" / f"fine_set{number}.csv").write_text(f"id,name\n{names}\n")
    found = {(one.fine, one.set) for one in folders.read(tree)}
    assert found == {("first of one", 1), ("second of one", 1), ("first of two", 2), ("second of two", 2)}


def test_that_syn_ta_without_split_files_is_read_by_its_names(tree: Path) -> None:
    shutil.rmtree(tree / "dataset_splits")
    shutil.copy(tree / "falling" / "falling3_id_31.mp4", tree / "falling" / "falling3_front_id_32.mp4")
    found = folders.read(tree)
    assert {(one.coarse, one.fine, one.set) for one in found} == NAMED
    assert {one.path.stem: one.split for one in found}["falling3_front_id_32"] == "val"
    assert sum(one.split == "train" for one in found) == 4


def test_that_missing_videos_and_lists_are_told(tree: Path) -> None:
    (tree / "falling" / "falling3_id_31.mp4").unlink()
    with pytest.raises(InputError) as caught:
        folders.read(tree)
    assert "falling3_id_31" in str(caught.value.received)
    (tree / "dataset_splits" / "synta" / "coarse_classes" / "val_set2_coarse.txt").unlink()
    with pytest.raises(InputError, match="missing"):
        folders.read(tree)


def test_that_videos_that_came_since_a_look_are_found(tree: Path) -> None:
    deep = tree / "videos" / "deep"
    deep.mkdir(parents=True)
    for one in (tree / "falling").iterdir():
        one.rename(deep / one.name)
    away = (deep / "falling3_id_31.mp4").rename(tree.parent / "away.mp4")
    with pytest.raises(InputError, match="not there"):
        folders.read(tree)
    away.rename(deep / "falling3_id_31.mp4")
    assert "falling3_id_31" in {one.path.stem for one in folders.read(tree)}


def test_that_splits_of_two_data_sets_are_not_mixed(tree: Path) -> None:
    shutil.copytree(tree / "dataset_splits" / "synta", tree / "dataset_splits" / "k400_ta")
    with pytest.raises(InputError, match="several data sets"):
        folders.read(tree)


def test_that_a_line_that_is_no_pair_is_named(tree: Path) -> None:
    path = tree / "dataset_splits" / "synta" / "coarse_classes" / "train_set1_coarse.txt"
    path.write_text("appearing/appearing1_id_1.mp4 zero\n")
    with pytest.raises(InputError) as caught:
        folders.read(tree)
    assert "line 1" in str(caught.value.received)


@pytest.fixture
def listed(video: Path, tmp_path: Path) -> Path:
    """An own list: stretches of one film."""
    shutil.copy(video, tmp_path / "film.mp4")
    lines = ["path,coarse,fine,set,split,start_s,end_s"]
    for at, (coarse, fine, number) in enumerate(sorted(NAMED)):
        lines.append(f"film.mp4,{coarse},{fine},{number},train,{0.01 * at},0.2")
        lines.append(f"film.mp4,{coarse},{fine},Set {number},test,{0.2 + 0.01 * at},")
    (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "clips.csv"


def test_that_an_own_list_is_read_with_its_times(listed: Path) -> None:
    found = data.load(_job(listed), SMALL)
    assert _classes(found) == NAMED
    assert len(found.train) == len(found.known) == len(found.unknown) == 2
    # Blue rises with the frame's number: later stretches are later frames.
    assert found.known.frames[..., 2].mean() > found.train.frames[..., 2].mean()


def test_that_a_part_of_no_known_name_is_refused_with_its_line(listed: Path) -> None:
    lines = listed.read_text().replace(",train,", ",trian,", 1)
    listed.write_text(lines)
    with pytest.raises(InputError) as caught:
        folders.read(listed)
    assert "line 2: 'trian'" in str(caught.value.received)


def test_that_every_fourth_clip_is_held_out_where_no_split_is_told(tmp_path: Path) -> None:
    lines = [f"{at}.mp4,falling,straight,1" for at in range(8)]
    (tmp_path / "clips.csv").write_text("path,coarse,fine,set\n" + "\n".join(lines))
    assert [one.split for one in folders.read(tmp_path / "clips.csv")].count("val") == 2


def test_that_a_time_that_is_no_number_is_told_with_its_line(listed: Path) -> None:
    listed.write_text(listed.read_text().replace("train,0.01,0.2", "train,nan,0.2"))
    with pytest.raises(InputError, match="time is no number") as caught:
        folders.read(listed)
    assert "'nan' in line" in str(caught.value.received)


def test_that_a_clip_in_two_parts_is_refused(listed: Path) -> None:
    text = listed.read_text()
    listed.write_text(text + "film.mp4,falling,falls straight,1,test,0.02,0.2\n")
    with pytest.raises(InputError, match="more than one part"):
        data.load(_job(listed), SMALL)


@pytest.mark.parametrize(("line", "told"), [
    ("film.mp4,falling,,1,train,,", "fine"), ("film.mp4,falling,straight,3,train,,", "'3'"),
    ("film.mp4,falling,straight,1,train,soon,", "'soon'"),
])  # fmt: skip
def test_that_a_faulty_line_is_named(listed: Path, line: str, told: str) -> None:
    listed.write_text(listed.read_text() + line + "\n")
    with pytest.raises(InputError) as caught:
        folders.read(listed)
    assert "line 10" in str(caught.value.received)
    assert told in str(caught.value.received)


def test_that_a_motion_without_known_variants_is_refused(listed: Path) -> None:
    listed.write_text("\n".join(one for one in listed.read_text().splitlines() if "falls straight" not in one))
    with pytest.raises(InputError, match="no known one"):
        data.load(_job(listed), SMALL)


def test_that_a_folder_without_sets_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        folders.read(tmp_path)
    assert "train_set1_coarse.txt" in str(caught.value.expected)
    with pytest.raises(InputError):
        folders.read(tmp_path / "nowhere")


def test_that_a_tree_can_be_looked_at(tree: Path) -> None:
    seen = data.preview("clips", str(tree), {})
    assert seen.rows == [["appearing", "one appears", "two appear"], ["falling", "falls straight", "falls aslant"]]
    assert seen.labels == {"appearing": 4, "falling": 4}


def test_that_a_stretch_of_a_video_is_asked_about(video: Path) -> None:
    early, late = (serve._clip({"path": str(video), "start_s": start, "end_s": end}, SMALL)[0]
                   for start, end in ((0, 0.16), (0.24, 0.4)))  # fmt: skip
    assert early.shape == late.shape == (4, 16, 16, 3)
    assert late[..., 2].mean() > early[..., 2].mean()


# Video transformers ------------------------------------------------------------------------------

_SIZE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
         "image_size": 16, "num_frames": 4}  # fmt: skip


def _encoder(kind: str) -> torch.nn.Module:
    torch.manual_seed(5)
    if kind == "videomae":
        return VideoMAEModel(VideoMAEConfig(patch_size=8, tubelet_size=2, **_SIZE))
    if kind == "timesformer":
        return TimesformerModel(TimesformerConfig(patch_size=8, **_SIZE))
    return VivitModel(VivitConfig(tubelet_size=[2, 8, 8], **_SIZE))


@pytest.mark.parametrize("kind", videofolder.KINDS)
def test_that_a_video_transformers_folder_describes_clips(kind: str, tmp_path: Path) -> None:
    encoder = _encoder(kind).eval()
    encoder.save_pretrained(tmp_path)  # type: ignore[operator]
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}')
    params = SMALL.replace(model=VIDEO_MODEL, video_model=str(tmp_path))
    found = data.generated(90, params)
    describe, model = describing.assembled(params, found.taxonomy, 1, choose("cpu"))
    clips = describe(found.known.frames[:2])
    assert clips["clip"].shape == (2, 16)
    pixels = (torch.from_numpy(found.known.frames[:2]).permute(0, 1, 4, 2, 3).float() / 255 - 0.5) / 0.5
    with torch.no_grad():
        tokens = encoder(pixels).last_hidden_state
    assert torch.allclose(clips["clip"], tokens.mean(1) if kind == "videomae" else tokens[:, 0], atol=1e-5)
    assert model(clips)["coarse"].shape == (2, 3)
    assert not any(name.startswith("body.encoder") for name, _ in model.named_parameters())


def test_that_a_video_transformer_can_learn_as_a_whole(tmp_path: Path) -> None:
    _encoder("videomae").save_pretrained(tmp_path)  # type: ignore[operator]
    params = SMALL.replace(model=VIDEO_MODEL, video_model=str(tmp_path), frozen=False)
    found = data.generated(90, params)
    describe, model = describing.assembled(params, found.taxonomy, 1, choose("cpu"))
    model(describe(found.known.frames[:2]))["coarse"].sum().backward()
    assert all(one.grad is not None for name, one in model.named_parameters() if ".layer." in name)


def test_that_what_is_no_video_transformer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No video model"):
        videofolder.load("")
    with pytest.raises(InputError, match="no video model"):
        videofolder.load(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError) as caught:
        videofolder.load(str(tmp_path))
    assert caught.value.received == "bert"
    (tmp_path / "config.json").write_text('{"model_type": "videomae"}')
    with pytest.raises(InputError, match="no weights"):
        videofolder.load(str(tmp_path))


def test_that_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    _encoder("videomae").save_pretrained(tmp_path)  # type: ignore[operator]
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"num_hidden_layers": 1', '"num_hidden_layers": 2'))
    with pytest.raises(InputError, match="do not fit"):
        videofolder.load(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be read"):
        videofolder.load(str(tmp_path))
