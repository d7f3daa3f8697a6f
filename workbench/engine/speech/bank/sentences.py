"""What synthetic speakers say: commands with an intent, general sentences, digits and keywords; splits disjoint."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from workbench.engine.text.cache import digest

NONE = "none"
"""A legal value of a slot, not a missing cell."""


class Command(msgspec.Struct, frozen=True):
    """A sentence with its intent, in the slots of Fluent Speech Commands."""

    text: str
    action: str
    object: str
    location: str
    wording: int

    @property
    def intent(self) -> tuple[str, str, str]:
        """Action, object and location."""
        return self.action, self.object, self.location


_PLACES = (NONE, "kitchen", "bedroom", "washroom")
INTENTS: tuple[tuple[str, str, str], ...] = (
    *((verb, "lights", place) for verb in ("activate", "deactivate") for place in _PLACES),
    *((verb, thing, NONE) for verb in ("activate", "deactivate") for thing in ("lamp", "music")),
    *((verb, "heat", place) for verb in ("increase", "decrease") for place in _PLACES),
    *((verb, "volume", NONE) for verb in ("increase", "decrease")),
    *(("bring", thing, NONE) for thing in ("newspaper", "juice", "socks", "shoes")),
    *(("change language", thing, NONE) for thing in (NONE, "Chinese", "Korean", "English", "German")),
)
"""The 31 combinations of action, object and location."""

_WORDINGS: Mapping[str, Sequence[str]] = {
    "activate": (
        "turn on {x}", "switch on {x}", "turn {x} on", "switch {x} on", "could you put {x} on", "I want {x} on now",
        "start {x}", "please get {x} going", "{x} should be on", "let us have {x} on",
    ),
    "deactivate": (
        "turn off {x}", "switch off {x}", "turn {x} off", "switch {x} off", "could you shut {x} off",
        "I want {x} off now", "stop {x}", "please end {x}", "{x} should be off", "we do not need {x}",
    ),
    "increase": (
        "increase {x}", "turn up {x}", "turn {x} up", "raise {x}", "make {x} higher", "I need more of {x}",
        "could you lift {x} a bit", "{x} is too low", "put {x} up a little", "add some more to {x}",
    ),
    "decrease": (
        "decrease {x}", "turn down {x}", "turn {x} down", "lower {x}", "make {x} less", "I need less of {x}",
        "could you drop {x} a bit", "{x} is too high", "put {x} down a little", "take some off {x}",
    ),
    "bring": (
        "bring me {x}", "get me {x}", "fetch {x}", "I need {x}", "go and get {x}", "please hand me {x}",
        "could I have {x}", "bring {x} here", "would you pass {x}", "find {x} for me",
    ),
    "change language": (
        "change the language{x}", "switch the language{x}", "set my language{x}", "use another language{x}",
        "I would like a different language{x}", "language settings{x}", "please change the phone language{x}",
        "swap the system language{x}", "let us talk in a new language{x}", "make the device speak differently{x}",
    ),
}  # fmt: skip
_THINGS = {"lights": "the lights", "lamp": "the lamp", "music": "the music", "heat": "the heat", "volume": "the volume",
           "newspaper": "the newspaper", "juice": "some juice", "socks": "my socks", "shoes": "my shoes"}  # fmt: skip
WORDINGS_PER_INTENT = 10
SPLITS = ("train", "dev", "test")


def _worded(intent: tuple[str, str, str], wording: int) -> Command:
    action, thing, place = intent
    if action == "change language":
        said = "" if thing == NONE else f" to {thing}"
    else:
        said = _THINGS[thing] if place == NONE else f"{_THINGS[thing]} in the {place}"
    return Command(_WORDINGS[action][wording].format(x=said), action, thing, place, wording)


def commands(
    split: str, seed: int, *, held_out: int = 3, intents: Sequence[tuple[str, str, str]] = INTENTS
) -> list[Command]:
    """Every intent in the wordings of a split; no wording of an action is in two splits.

    Of an action's ten wordings `held_out` are for dev and as many for test, drawn by the seed.
    """
    found = []
    for action in dict.fromkeys(intent[0] for intent in intents):
        order = np.random.default_rng([seed, *digest(action).encode()]).permutation(WORDINGS_PER_INTENT).tolist()
        parts = {"test": order[:held_out], "dev": order[held_out : 2 * held_out], "train": order[2 * held_out :]}
        for intent in intents:
            if intent[0] == action:
                found += [_worded(intent, wording) for wording in sorted(parts[split])]
    return found


_WHO = ("the old man", "my sister", "a young doctor", "our teacher", "the farmer", "his neighbour", "every child",
        "the captain", "some people", "that woman", "the painter", "her uncle", "a tired driver",
        "the baker")  # fmt: skip
_DID = ("saw", "found", "carried", "painted", "followed", "remembered", "sold", "watched", "built", "described",
        "visited", "drew", "chose", "forgot", "measured", "bought")  # fmt: skip
_WHAT = ("a yellow boat", "three small birds", "the broken clock", "an empty house", "the last letter",
         "two brown horses", "a quiet village",
         "the round table", "many green apples", "a strange picture", "the narrow bridge",
         "some fresh bread", "a heavy stone", "the winter garden", "an orange umbrella", "five good books")  # fmt: skip
_WHEN = ("yesterday", "before breakfast", "on a cold morning", "after the storm", "during the journey", "last summer",
         "near the river", "behind the church", "without a word", "as usual", "at the market", "for the first time",
         "under the trees", "with great care")  # fmt: skip
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")


def general(split: str, count: int, seed: int, *, of: Sequence[str] = SPLITS) -> list[str]:
    """Different sentences about people and things; a sentence belongs to one split for all seeds.

    Of ten sentences the last split has two, each one before it but the first one, the first the rest.
    Raises ValueError when a split has fewer sentences.
    """
    own = np.flatnonzero(np.array([_split_of(tenth, of) == split for tenth in range(10)])[_tenths()])
    if count > len(own):
        raise ValueError(f"there are {len(own)} sentences in {split!r}, not {count}")
    order = np.random.default_rng([seed, 0x5E17]).permutation(len(own))[:count]
    return [_sentence(at) for at in own[order]]


_PARTS = (_WHO, _DID, _WHAT, _WHEN)


def _sentence(number: int) -> str:
    places = np.unravel_index(number, [len(part) for part in _PARTS])
    return " ".join(part[at] for part, at in zip(_PARTS, places, strict=True))


@functools.cache
def _tenths() -> np.ndarray:
    """Which of ten equal parts each of the 50,176 sentences belongs to, (N,); a third of a second, so once."""
    words = (" ".join(parts) for parts in itertools.product(*_PARTS))
    return np.array([int(digest(one)[:8], 16) % 10 for one in words], np.uint8)


def _split_of(tenth: int, splits: Sequence[str]) -> str:
    if tenth < 2 and len(splits) > 1:
        return splits[-1]
    middle = splits[1:-1]
    return middle[tenth - 2] if 0 <= tenth - 2 < len(middle) else splits[0]


def digits(rng: np.random.Generator, length: int) -> str:
    """A string of so many digits, in words."""
    return " ".join(DIGITS[at] for at in rng.integers(0, 10, length))
