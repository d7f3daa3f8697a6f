"""A client's question as the struct that its answerer expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from workbench.core.problem import InputError

T = TypeVar("T", bound=msgspec.Struct)


def as_asked(arguments: Mapping[str, Any], kind: type[T]) -> T:
    """The arguments of a question as a struct; raises InputError naming its fields where they do not fit."""
    try:
        return msgspec.convert(dict(arguments), kind)
    except msgspec.ValidationError as error:
        expected = ", ".join(field.name for field in msgspec.structs.fields(kind))
        raise InputError(
            "The question is malformed.", expected=expected, received=str(error),
            fix="The window and its worker may be of two versions: close both and start again.",
        ) from None  # fmt: skip
