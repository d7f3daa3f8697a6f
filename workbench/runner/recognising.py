"""Recognising from the client's side: a video to its end, a live view for as long as it runs, features of a folder.

The worker answers one short question at a time, so that whatever else is asked gets its turn between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from workbench.core.problem import KnownTrouble
from workbench.core.recognising import (
    FailedVideo,
    FeaturesDone,
    FeaturesWish,
    LiveAnswer,
    LiveWish,
    Recognised,
    RecognisingWish,
    joined,
)
from workbench.runner.answering import Stopped, one_answer
from workbench.runner.base import Runner

READS = "the video"
BUDGET_S = 2.0
"""How long the worker stays with a video before others get their turn."""

Told = Callable[[Recognised, float, str], object]
"""Hears the new part of the answer, how far that is (0 to 1; negative: nobody knows), and in words."""


def recognised(
    runner: Runner, wish: RecognisingWish, stop: threading.Event, told: Told = lambda *_: None
) -> Recognised:
    """A video to its end, in questions of `BUDGET_S`; `told` is called on this thread with what is new each time.

    What was recognised before `stop` was set is given; raises Stopped where that is nothing, else the worker's Problem.
    """
    parts: list[Recognised] = []
    lost_at = -1
    while not parts or not parts[-1].complete:
        at = parts[-1].reached if parts else wish.first
        asked = msgspec.structs.replace(wish, first=at, budget_s=BUDGET_S)
        latest = [Recognised()]

        def heard(partial: Recognised | None, fraction: float, words: str, latest: list[Recognised] = latest) -> None:
            if partial is not None:
                latest[0] = partial
            told(latest[0], fraction, words)

        try:
            parts.append(one_answer(runner, "video-recognise", asked, Recognised, stop, told=heard, reads=READS))
        except Stopped:
            if latest[0].windows:
                parts.append(latest[0])
            if not parts:
                raise
            break
        except KnownTrouble:
            if lost_at == at:  # a worker that was lost on the way is asked once more from where it stood
                raise
            lost_at = at
            continue
        told(parts[-1], parts[-1].reached / max(parts[-1].total, 1), "")
    return joined(parts)


def featured(
    runner: Runner, wish: FeaturesWish, stop: threading.Event, told: Callable[[float, str], object] = lambda *_: None
) -> FeaturesDone:
    """The features of a folder, in questions of `BUDGET_S`; what is there when `stop` is set stays.

    Raises Stopped, or the worker's Problem.
    """
    made, seconds = 0, 0.0
    failed: dict[str, FailedVideo] = {}
    while True:
        asked = msgspec.structs.replace(wish, budget_s=BUDGET_S)
        found = one_answer(
            runner, "video-features", asked, FeaturesDone, stop, reads=READS,
            told=lambda _, fraction, words: told(fraction, words),
        )  # fmt: skip
        made, seconds = made + found.made, seconds + found.seconds
        failed |= {one.path: one for one in found.failed}
        told(found.ready / max(found.videos, 1), f"{found.ready} of {found.videos} videos")
        if found.complete:
            return msgspec.structs.replace(found, made=made, seconds=seconds, failed=list(failed.values()))


def watch_live(
    runner: Runner, wish: LiveWish, stop: threading.Event, told: Callable[[LiveAnswer], object], *,
    saliency: Callable[[], bool] = lambda: False, least_s: float = 0.02,
) -> None:  # fmt: skip
    """Ask again and again what the camera shows, one question at a time, until `stop` is set; `told` hears each answer
    about frames that are new. `saliency` says whether the next question also asks where the model looks."""
    sequence = 0
    while not stop.is_set():
        asked = msgspec.structs.replace(wish, saliency=saliency())
        try:
            found = one_answer(runner, "video-live", asked, LiveAnswer, stop, told=lambda *_: None, reads=READS)
        except Stopped:
            return
        if found.sequence > sequence:
            sequence = found.sequence
            told(found)
        stop.wait(least_s)
