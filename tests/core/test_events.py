"""Events, requests and answers survive the wire."""

from __future__ import annotations

import math

import msgspec
import pytest

from workbench.core import events as ev
from workbench.core.problem import ProblemRecord

EVENTS = [
    ev.Queued(1.0),
    ev.Started(1.5, pid=3, device="cuda:0", attempt=2),
    ev.Progress(2.0, step=1, total=9, phase="training", memory_bytes=5),
    ev.Metric(2.1, "loss", 0.25, 1, "train"),
    ev.Artifact(2.2, "map", "embedding", "artifacts/map.npy", 1, parts={"items": "artifacts/i.json"}, meta={"a": [1]}),
    ev.Log(2.3, "Zürich ✓\nsecond line", "warning"),
    ev.Paused(3.0, 4),
    ev.Resumed(3.1, 4),
    ev.Checkpoint(3.2, 4, "checkpoint/step-4"),
    ev.Failed(4.0, ProblemRecord("What", fix="Do", others=(ProblemRecord("Also"),)), True),
    ev.Cancelled(4.1, True),
    ev.Finished(5.0, {"accuracy": 0.5, "nan": None}, 3.0, True),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda one: type(one).__name__)
def test_that_an_event_is_one_line_and_comes_back_equal(event: ev.AnyEvent) -> None:
    line = ev.encode(event)
    assert b"\n" not in line
    assert ev.decode_event(line) == event


def test_that_not_a_number_is_written_as_null() -> None:
    assert ev.decode_event(ev.encode(ev.Metric(1.0, "loss", math.nan))).value is None


@pytest.mark.parametrize(
    "request_",
    [
        ev.Hello(1, client="window"), ev.Submit(2, "run", True), ev.Apply(3, "r", "m", {"text": "ş"}, "cpu"),
        ev.Inspect(4, "data", {"path": "x"}), ev.Cancel(5, "run", True), ev.Pause(6, "run"), ev.Resume(7, "run"),
        ev.Reorder(8, ("a", "b")), ev.Abandon(9, 3), ev.Status(10), ev.Shutdown(11, True),
    ],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_that_a_request_comes_back_equal(request_: ev.AnyRequest) -> None:
    assert ev.decode_request(ev.encode(request_)) == request_


def test_that_a_reply_carries_a_document_untouched() -> None:
    reply = ev.decode_answer(ev.encode(ev.Reply(3, msgspec.Raw(b'{"a":1}'))))
    assert isinstance(reply, ev.Reply)
    assert bytes(reply.result) == b'{"a":1}'


@pytest.mark.parametrize("garbage", [b"", b"{}", b'{"type":"unheard"}', b'{"type":"metric","step":"x"}', b"\xff\x00"])
def test_that_garbage_is_refused_as_a_decoding_error(garbage: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        ev.decode_event(garbage)
