"""What a run says (events, one JSON line each) and what is asked of the worker (requests, framed).

`t` is seconds since the epoch by the writer's clock. A new thing a recipe can show is a new
artifact kind, never a new event.
"""

from __future__ import annotations

from typing import Any

import msgspec

from workbench.core.problem import ProblemRecord

PROTOCOL = 2


class Event(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, omit_defaults=True):
    """Base of what a run says."""

    t: float = 0.0


class Queued(Event, frozen=True):
    """The configuration is frozen and waits for its turn."""


class Started(Event, frozen=True):
    """A process took the run up; `attempt` counts from 1, higher after each resume."""

    pid: int = 0
    device: str = "cpu"
    attempt: int = 1


class Progress(Event, frozen=True):
    """Where the run stands; a total of 0 means unknown, negative seconds mean no forecast yet.

    In a phase without steps, `done` of `of` items have been gone through.
    """

    step: int = 0
    total: int = 0
    done: int = 0
    of: int = 0
    phase: str = ""
    steps_per_s: float = 0.0
    seconds_left: float = -1.0
    memory_bytes: int = 0
    preview_share: float = 0.0


class Metric(Event, frozen=True):
    """One number; `name` picks the chart, `series` the line in it. None stands for not-a-number."""

    name: str = ""
    value: float | None = None
    step: int = 0
    series: str = ""


class Artifact(Event, frozen=True):
    """A file in the run folder, `path` and `parts` relative to it with forward slashes."""

    slot: str = ""
    kind: str = ""
    path: str = ""
    step: int = 0
    title: str = ""
    parts: dict[str, str] = {}
    meta: dict[str, Any] = {}


class Log(Event, frozen=True):
    """A line for the log: level is 'info', 'warning' or 'error'."""

    message: str = ""
    level: str = "info"


class Paused(Event, frozen=True):
    """The run holds still with its memory kept."""

    step: int = 0


class Resumed(Event, frozen=True):
    """The run goes on from `step`; numbers of later steps that were written before are void."""

    step: int = 0


class Checkpoint(Event, frozen=True):
    """The state at `step` is on disk."""

    step: int = 0
    path: str = ""


class Failed(Event, frozen=True):
    """The run ended with a problem; `resumable` when a checkpoint stands."""

    problem: ProblemRecord = ProblemRecord("")
    resumable: bool = False


class Cancelled(Event, frozen=True):
    """A person ended the run without a model; `forced` when its process had to be killed."""

    forced: bool = False
    resumable: bool = False


class Finished(Event, frozen=True):
    """The run reached its end, or was stopped and kept (`kept_early`); `results` are final numbers."""

    results: dict[str, float | None] = {}
    seconds: float = 0.0
    kept_early: bool = False


AnyEvent = (
    Queued | Started | Progress | Metric | Artifact | Log | Paused | Resumed | Checkpoint
    | Failed | Cancelled | Finished
)  # fmt: skip


class Request(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, omit_defaults=True):
    """Base of what a window or a terminal asks; `ticket` returns in the reply."""

    ticket: int = 0


class Hello(Request, frozen=True):
    """First request of a client; the worker refuses another protocol number."""

    protocol: int = PROTOCOL
    client: str = ""


class Submit(Request, frozen=True):
    """Queue a run whose folder was created by the client (its run.json is the frozen configuration)."""

    run: str = ""
    first: bool = False


class Apply(Request, frozen=True):
    """Use a trained model on the interactive lane; `model` is a run folder or a model folder.

    The reply's result is the JSON document that the recipe's apply returned.
    """

    recipe: str = ""
    model: str = ""
    inputs: dict[str, Any] = {}
    device: str = ""
    settings: dict[str, str] = {}
    """Settings that the asking start names (--set)."""


class Inspect(Request, frozen=True):
    """Look at something on the interactive lane: data, backbones, devices; see worker/inspectors.py."""

    what: str = ""
    arguments: dict[str, Any] = {}
    settings: dict[str, str] = {}
    """Settings that the asking start names (--set)."""


class Cancel(Request, frozen=True):
    """End a run: queued ones at once; running ones at the next step, by force after the grace.

    With `keep` the run stops early and keeps its model.
    """

    run: str = ""
    keep: bool = False


class Pause(Request, frozen=True):
    """Hold a running run still."""

    run: str = ""


class Resume(Request, frozen=True):
    """Let a paused run go on, or queue an ended one to continue from its checkpoint."""

    run: str = ""


class Reorder(Request, frozen=True):
    """Put the queue into this order; runs not named keep their order behind."""

    runs: tuple[str, ...] = ()


class Abandon(Request, frozen=True):
    """Drop an Apply or Inspect that nobody waits for any more."""

    asked: int = 0


class Status(Request, frozen=True):
    """Ask for a WorkerState now."""


class Shutdown(Request, frozen=True):
    """End the worker; with `now` running work is stopped (resumable), otherwise it ends when idle.

    With `keep` the running run stops early and keeps its model, and waiting runs stay queued for
    the next worker.
    """

    now: bool = False
    keep: bool = False


AnyRequest = (
    Hello | Submit | Apply | Inspect | Cancel | Pause | Resume | Reorder | Abandon | Status | Shutdown
)  # fmt: skip


class Reply(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, omit_defaults=True):
    """The answer to one request: a JSON result or a problem."""

    ticket: int = 0
    result: msgspec.Raw = msgspec.Raw(b"null")
    problem: ProblemRecord | None = None


class Underway(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, omit_defaults=True):
    """How far an Apply or Inspect is: `fraction` from 0 to 1 (negative: nobody knows), and what is done, in words.

    `partial` is what there is of the answer, as a JSON document; null when nothing is shown of it.
    """

    ticket: int = 0
    fraction: float = -1.0
    words: str = ""
    partial: msgspec.Raw = msgspec.Raw(b"null")


class WorkerState(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, omit_defaults=True):
    """What the worker does, told to every client whenever it changes and once a second while busy."""

    pid: int = 0
    running: str = ""
    paused: bool = False
    ending: str = ""
    """'cancelling' or 'keeping' while a run is being ended: until its process and every process that
    it started are gone, which is later than the last of its events."""
    queue: tuple[str, ...] = ()
    interactive: str = ""
    """'' idle, 'starting', or what the interactive lane works on."""
    questions: int = 0
    """How many questions wait behind the one that the interactive lane works on."""
    device: str = ""
    memory_bytes: int = 0
    memory_total_bytes: int = 0
    silent: bool = False
    """Said by the runner, not the worker: it has stopped answering and may be ended by force."""


AnyAnswer = Reply | Underway | WorkerState

_event_decoder = msgspec.json.Decoder(AnyEvent)
_request_decoder = msgspec.json.Decoder(AnyRequest)
_answer_decoder = msgspec.json.Decoder(AnyAnswer)
encode = msgspec.json.Encoder().encode
decode_event = _event_decoder.decode
decode_events = _event_decoder.decode_lines
decode_request = _request_decoder.decode
decode_answer = _answer_decoder.decode
