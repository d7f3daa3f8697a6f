"""`video`: what can be done with videos; each deed has a module of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.cli import recognising, videolabels
from workbench.cli.parser import Parser

PARTS = (videolabels.add, recognising.add)
"""Each adds its deeds to the group."""


def add_parser(commands: Any, name: str, command: Callable[..., object]) -> None:
    """The group and its deeds; `command` adds one with the flags that all have."""
    parser = commands.add_parser(name, help="videos: labelled spans, what happens when, videos found by words")
    deeds = parser.add_subparsers(metavar="DEED", title="deeds", required=True, parser_class=Parser)
    for add in PARTS:
        add(deeds, command)
