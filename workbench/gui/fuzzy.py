"""How well a few typed letters fit a name: letters in order, those that begin words first."""

from __future__ import annotations

import functools

NONE = float("-inf")
START, FOLLOWS, INSIDE, SKIPPED = 8.0, 6.0, 1.0, -0.15
"""Worth of a letter that begins a word, that follows the letter before it, of any other; cost of one passed over."""
LONGEST = 240


def fitness(typed: str, name: str) -> float:
    """How well `typed` fits; minus infinity where it does not. Words may come in any order."""
    words = typed.lower().split()
    name = name[:LONGEST]
    total = 0.0
    for word in words:
        worth = _word(word, name)
        if worth == NONE:
            return NONE
        total += worth / len(word)
    return total / max(1, len(words)) - 0.002 * len(name)


@functools.lru_cache(maxsize=4096)
def _word(word: str, name: str) -> float:
    low = name.lower()
    if not _in_order(word, low):
        return NONE
    whole = _together(word, name, low)
    if whole > NONE:
        return whole
    starts = _starts(name)
    # Best worth of the letters so far, with the last of them standing at each place.
    best = [NONE] * len(low)
    for at, letter in enumerate(word):
        reached, now = NONE, [NONE] * len(low)
        for place, other in enumerate(low):
            if letter == other:
                here = START if starts[place] else INSIDE
                if at == 0:
                    now[place] = here + SKIPPED * min(place, 10)
                else:
                    near = best[place - 1] + FOLLOWS if place else NONE
                    now[place] = max(near, reached + here)
            if place:
                reached = max(reached + SKIPPED, best[place - 1] + SKIPPED)
        best = now
    return max(best)


def _together(word: str, name: str, low: str) -> float:
    """Worth of letters that stand together in the name: no need to look for better places one by one."""
    place = low.find(word)
    while place >= 0:
        if _begins(name, place):
            return START + FOLLOWS * (len(word) - 1) + SKIPPED * min(place, 10)
        place = low.find(word, place + 1)
    return INSIDE + FOLLOWS * (len(word) - 1) if len(word) > 2 and word in low else NONE


def _in_order(word: str, low: str) -> bool:
    letters = iter(low)
    return all(letter in letters for letter in word)


def _starts(name: str) -> list[bool]:
    return [_begins(name, place) for place in range(len(name))]


def _begins(name: str, place: int) -> bool:
    return place == 0 or not name[place - 1].isalnum() or (name[place].isupper() and name[place - 1].islower())
