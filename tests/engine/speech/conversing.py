"""A conversation of two of the bank's speakers for the tests, spoken once."""

from __future__ import annotations

import copy
import functools
import tempfile
from pathlib import Path

from workbench.engine.speech.bank.conversations import Conversation, Talk, converse
from workbench.engine.speech.bank.rendering import RATE_HZ
from workbench.engine.speech.bank.speakers import Speaker

__all__ = ["PEOPLE", "RATE_HZ", "conversation"]

PEOPLE = (
    Speaker("low", "en-us", "m3", 0.88, 20, 40, 160, -1.0),
    Speaker("high", "en-us", "f4", 1.15, 80, 60, 170, 1.0),
)


def conversation(speakers: int = 2, turns: int = 6, seed: int = 5) -> Conversation:
    """Turns of a low and a high voice, without noise; a copy, since tests name its speakers anew."""
    return copy.deepcopy(_spoken(speakers, turns, seed))


@functools.cache
def _spoken(speakers: int, turns: int, seed: int) -> Conversation:
    with tempfile.TemporaryDirectory() as folder:
        return converse(PEOPLE[:speakers], Talk(turns=turns), seed, cache=Path(folder))
