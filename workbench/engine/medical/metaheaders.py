"""MetaImage headers looked over before ITK's reader sees them: some damaged ones end the process that reads them."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.core.problem import InputError
from workbench.engine.medical.arrays import damaged

FIELD = re.compile(rb"(?m)^[ \t]*(\w+)[ \t]*[=:][ \t]*([^\r\n]*)")
MOST_AXES = 5
MOST_VALUE_BYTES = 1024
COUNTED = {b"dimsize": 1, b"elementspacing": 1, b"elementsize": 1, b"offset": 1, b"position": 1, b"origin": 1,
           b"centerofrotation": 1, b"transformmatrix": 2, b"orientation": 2, b"rotation": 2}  # fmt: skip
"""How many numbers a field has: as many as there are axes, or their square."""


def check_meta_header(path: Path, text: bytes) -> None:
    """Whether a header's axes are few and its fields have numbers for each. Raises InputError."""
    axes = 0
    for name, value in FIELD.findall(text):
        key = name.lower()
        if key in (b"ndims", b"elementnumberofchannels"):
            many = int(value) if value.strip().isdigit() and len(value.strip()) < 6 else 0
            if not 1 <= many <= (MOST_AXES if key == b"ndims" else 64):
                raise _wrong(path, name, value)
            axes = many if key == b"ndims" else axes
        if key in COUNTED and (not axes or len(value.split()) != axes ** COUNTED[key]):
            raise _wrong(path, name, value)
        if key == b"elementdatafile":
            return
        if len(value) > MOST_VALUE_BYTES:
            raise _wrong(path, name, value)


def _wrong(path: Path, name: bytes, value: bytes) -> InputError:
    said = f"{name.decode('latin-1')} = {value[:60].decode('latin-1')}"
    return damaged(path, "MetaImage", f"a header that cannot be: {said}")
