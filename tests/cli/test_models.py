"""models: list, add, verify, and a download from a hub that stands on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from tests.cli.conftest import Said
from workbench.runner.local import LocalRunner
from workbench.store.home import Home

Workbench = Callable[..., Said]
WEIGHTS = save({"weight": np.ones((8, 8), np.float32)})
FILES = {"config.json": b'{"model_type": "bert"}', "model.safetensors": WEIGHTS, "pytorch_model.bin": b"\x80pickle"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """The few answers of the hub that a download asks for; `announced` is the digest it claims."""

    announced = hashlib.sha256(WEIGHTS).hexdigest()

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/api/models/org/small/tree/"):
            self._send(json.dumps(self._tree()).encode(), "application/json")
        elif path.startswith("/api/models/org/small"):
            self._send(json.dumps(self._info()).encode(), "application/json")
        elif path.startswith(f"/org/small/resolve/{COMMIT}/") and path.rsplit("/", 1)[1] in FILES:
            self._send(FILES[path.rsplit("/", 1)[1]], "application/octet-stream")
        else:
            self.send_error(404)

    def _info(self) -> dict[str, object]:
        siblings = [{"rfilename": name, "size": len(content)} for name, content in FILES.items()]
        siblings[1] |= {"lfs": {"sha256": self.announced, "size": len(WEIGHTS), "pointerSize": 134}}
        return {"id": "org/small", "modelId": "org/small", "sha": COMMIT, "private": False, "tags": [],
                "downloads": 0, "likes": 0, "siblings": siblings, "cardData": {"license": "apache-2.0"}}  # fmt: skip

    def _tree(self) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": name, "size": len(content), "oid": "0" * 40} for name, content in FILES.items()
        ]

    def _send(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


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


def test_that_a_file_that_is_not_what_was_announced_is_never_used(
    hub: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hub, "announced", "0" * 64)
    done = download(hub, "--yes")
    assert done.returncode == 1
    assert "not what was announced" in done.stderr
    assert not (home.models / "org--small").exists()


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
