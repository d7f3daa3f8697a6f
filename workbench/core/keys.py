"""Keys of a person's own, as one line of text: 'recipe.run=F5; window.jobs='."""

from __future__ import annotations

import re
from collections.abc import Mapping

_BETWEEN = re.compile(r"\s*;\s+(?=[a-z0-9][\w.-]*=)")
"""A semicolon may be a key itself, or stand between two keys of one action: only before a name it ends an entry."""


def read_keys(text: str) -> dict[str, str]:
    """Action → keys; an empty key takes the delivered one away. Entries without a name are passed over."""
    pairs = (entry.partition("=") for entry in _BETWEEN.split(text.strip()))
    return {name.strip(): keys.strip() for name, mark, keys in pairs if mark and name.strip()}


def spell_keys(keys: Mapping[str, str]) -> str:
    """The line that `read_keys` reads."""
    return "; ".join(f"{name}={key}" for name, key in sorted(keys.items()))
