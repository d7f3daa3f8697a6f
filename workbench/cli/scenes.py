"""`scenes`: what can be done with things in space; each deed has a module of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.cli import posed, scenefiles
from workbench.cli.parser import Parser

PARTS: tuple[Callable[[Any, Callable[..., object]], None], ...] = (scenefiles.add, posed.add)
"""Each adds its deeds to the group."""


def add_parser(commands: Any, name: str, command: Callable[..., object]) -> None:
    """The group and its deeds; `command` adds one with the flags that all have."""
    parser = commands.add_parser(name, help="points, meshes, volumes, radiance grids: what a file holds, convert")
    deeds = parser.add_subparsers(metavar="DEED", title="deeds", required=True, parser_class=Parser)
    for add in PARTS:
        add(deeds, command)
