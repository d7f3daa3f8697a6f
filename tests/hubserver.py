"""A hub on this machine: the few answers that a look-up and a download ask for, and the troubles they can meet."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from safetensors.numpy import save

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = save({"encoder.weight": np.arange(1 << 18, dtype=np.float32).reshape(512, 512)})
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "README.md": b"---\nlicense: apache-2.0\n---\n# Small\n\nA model for tests.",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"\x80pickle",
    "vocab.txt": b"[PAD]\n[UNK]\na\nb\n",
    "../evil.json": b"{}",
}


class Hub:
    """A server on the loopback; its fields say how it behaves, `asked` what it was asked for."""

    def __init__(self) -> None:
        self.files = dict(FILES)
        self.announced = ""
        """A digest of the weights that is not theirs."""
        self.status = 200
        """The answer to every question about a model."""
        self.break_after = 0
        """Hang up once after so many bytes of the weights."""
        self.ranges = True
        self.pause_s = 0.0
        """Between pieces of 64 kB of the weights."""
        self.asked: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def weights_asked(self) -> list[str]:
        """The Range header of every request for the weights."""
        return [span for path, span in self.asked if path.endswith("model.safetensors")]

    @contextlib.contextmanager
    def serving(self) -> Iterator[Hub]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def info(self) -> dict[str, object]:
        siblings = []
        for name, content in self.files.items():
            one: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": _git(content)}
            if name.endswith(".safetensors"):
                digest = self.announced or hashlib.sha256(content).hexdigest()
                one["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            siblings.append(one)
        return {"id": "org/small", "modelId": "org/small", "sha": COMMIT, "private": False, "tags": [],
                "downloads": 0, "likes": 0, "siblings": siblings, "cardData": {"license": "apache-2.0"}}  # fmt: skip


def _git(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        name = path.removeprefix(f"/org/small/resolve/{COMMIT}/")
        if path.startswith("/api/models/"):
            known = path.startswith("/api/models/org/small")
            self._told(self.hub.status if known else 404)
        elif name in self.hub.files:
            self.hub.asked.append((path, self.headers.get("Range", "")))
            self._send(self.hub.files[name])
        else:
            self.send_error(404)

    def _told(self, status: int) -> None:
        content = json.dumps(self.hub.info() if status == 200 else {"error": "no"}).encode()
        self.send_response(status)
        if status == 404:
            self.send_header("X-Error-Code", "RepoNotFound")
        if status == 403:
            self.send_header("X-Error-Code", "GatedRepo")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send(self, whole: bytes) -> None:
        span = self.headers.get("Range", "")
        start = int(span.removeprefix("bytes=").split("-")[0]) if span and self.hub.ranges else 0
        content = whole[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(whole).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            with contextlib.suppress(OSError):
                self._pieces(content, large=len(whole) == len(WEIGHTS))

    def _pieces(self, content: bytes, *, large: bool) -> None:
        limit = len(content)
        if large and self.hub.break_after:
            limit, self.hub.break_after = min(limit, self.hub.break_after), 0
        for at in range(0, limit, 1 << 16):
            self.wfile.write(content[at : min(at + (1 << 16), limit)])
            self.wfile.flush()
            if large and self.hub.pause_s:
                time.sleep(self.hub.pause_s)
        if limit < len(content):
            self.close_connection = True
