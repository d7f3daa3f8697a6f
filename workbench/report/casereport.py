"""The report of one case: planes with labels, volumes, comparison, who signed it; without the patient unless asked."""

from __future__ import annotations

import base64
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import __version__
from workbench.core.comparison import Comparison
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.review import ReviewCase
from workbench.core.volumes import Label, VolumeMeta
from workbench.core.words import duration
from workbench.report.casepictures import Picture, colours_of, draw
from workbench.report.template import PAPER, SCREEN
from workbench.report.words import moment

BANNER = "Research use only – not a medical device. Not for diagnosis or treatment."
ENDINGS = (".html", ".pdf")


@dataclasses.dataclass(frozen=True)
class CaseReport:
    """What a report tells; `identity` is a path or name, and empty unless a person chose to give it away."""

    number: str
    """A digest that stands for the case; see core/review.py."""
    pictures: Sequence[Picture]
    volumes: Sequence[tuple[str, str, float]]
    """A label's name, colour and millilitres."""
    image: Sequence[tuple[str, str]]
    """Facts about the image: modality, voxels, spacing."""
    review: ReviewCase | None = None
    comparison: Comparison | None = None
    model: str = ""
    notes: Sequence[str] = ()
    identity: str = ""


def case_report(
    number: str, image: tuple[NDArray[Any], VolumeMeta], labels: tuple[NDArray[Any], Sequence[Label]], *,
    window: tuple[float, float] | None = None, **more: Any,
) -> CaseReport:  # fmt: skip
    """Draw and count one case; arrays are (z, y, x) on one grid. Raises InputError where they are not."""
    array, meta = image
    mask, names = labels
    if mask.shape != array.shape:
        raise InputError("The labels do not lie on the image's grid.", expected=f"{array.shape} voxels (z, y, x)",
                         received=str(mask.shape), fix="Bring the labels onto the image's grid first.")  # fmt: skip
    counts: dict[int, int] = {}
    for flat in mask:
        for value, one in zip(*np.unique(flat, return_counts=True), strict=True):
            counts[int(value)] = counts.get(int(value), 0) + int(one)
    known = {one.value for one in names}
    every = [*names, *(Label(value, f"label {value}") for value in sorted(counts) if value and value not in known)]
    colours, voxel_ml = colours_of(every), float(np.prod(meta.geometry.spacing_mm)) / 1000
    rows = [(one.name, colours[one.value], counts.get(one.value, 0) * voxel_ml) for one in every]
    facts = [
        ("Modality", meta.modality or "unknown"),
        ("Voxels", " × ".join(str(size) for size in reversed(array.shape)) + " (x, y, z)"),
        ("Spacing", " × ".join(f"{one:.3g}" for one in meta.geometry.spacing_mm) + " mm"),
    ]
    return CaseReport(number, draw(array, meta, mask, every, window), rows, facts, **more)


def write_report(report: CaseReport, out: Path) -> Path:
    """Write it as .html (one file, no links) or .pdf; raises InputError for a taken name or another ending."""
    if out.suffix.lower() not in ENDINGS:
        raise InputError("A case's report is HTML or PDF.", expected="a name that ends in .html or .pdf",
                         received=out.name, fix="Choose such a name.", field="--out")  # fmt: skip
    if out.exists():
        raise InputError("There is a file of this name already.", expected="a name that is free", received=str(out),
                         fix="Choose another name.", field="--out")  # fmt: skip
    paper = out.suffix.lower() == ".pdf"
    block = page(report, paper=paper).encode()
    if paper:
        from workbench.report.pdf import pdf

        block = pdf(block.decode(), f"Case {report.number[:8]}")
    scratch = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(block)
        scratch.replace(out)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise KnownTrouble("The report could not be written.", expected=f"room for {out.name}", received=str(error),
                           fix="Free some space, or choose another folder.", place=str(out)) from None  # fmt: skip
    return out


def page(report: CaseReport, *, paper: bool = False) -> str:
    """The report as HTML; every value is escaped, pictures are put in."""
    from jinja2 import Environment

    engine = Environment(autoescape=True)
    values = dataclasses.asdict(report) | {
        "pictures": [
            (one.title, "data:image/png;base64," + base64.b64encode(one.png).decode()) for one in report.pictures
        ],
        "comparison": report.comparison, "readings": _readings(report.review), "comments": _comments(report.review),
        "banner": BANNER, "paper": paper, "css": PAPER if paper else SCREEN, "version": __version__,
        "made": moment(time.time()), "whole_ml": sum(one[2] for one in report.volumes),
    }  # fmt: skip
    return engine.from_string(TEMPLATE).render(values)


def _readings(case: ReviewCase | None) -> list[dict[str, str]]:
    return [] if case is None else [
        {
            "who": one.who, "state": one.state, "at": _when(one.at), "time": duration(case.seconds_for(one.who)),
            "model": one.model, "dice": ", ".join(f"{name} {value:.3f}" for name, value in one.dice.items()),
            "digest": one.after[:16],
        }
        for one in case.readings.values()
    ]  # fmt: skip


def _comments(case: ReviewCase | None) -> list[tuple[str, str, str]]:
    return [(_when(one.at), one.who, one.text) for one in case.comments] if case is not None else []


def _when(at: str) -> str:
    return at.replace("T", " ")[:16] + " UTC" if at else ""


TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Case {{ number[:8] }}</title><style>{{ css|safe }}
.banner { border:1px solid #B6323D; color:#B6323D; padding:8px 12px; font-weight:600; border-radius:8px; }
.planes { display:grid; grid-template-columns:repeat(auto-fit, minmax(260px, 1fr)); gap:16px; }
.planes img { width:100%; background:#000000; } figure { margin:0; } figcaption { font-size:13px; margin-top:4px; }
</style></head><body><main>
{% macro figure(value, digits) %}{{ "–" if value is none else ("%." ~ digits ~ "f")|format(value) }}{% endmacro %}
<p class="banner">{% if paper %}<b><font color="#B6323D">{{ banner }}</font></b>{% else %}{{ banner }}{% endif %}</p>
<h1>Case {{ number[:8] }}</h1>
{% if identity %}<p class="dim">{{ identity }}</p>{% endif %}
{% if paper %}<table width="100%" cellspacing="0"><tr>{% for title, source in pictures %}
<td width="33%"><img src="{{ source }}" width="208"><br><span class="dim">{{ title }}</span></td>
{% endfor %}</tr></table>
{% else %}<div class="planes">{% for title, source in pictures %}<figure><img src="{{ source }}" alt="{{ title }}">
<figcaption class="dim">{{ title }}</figcaption></figure>{% endfor %}</div>{% endif %}
<h2>Volumes</h2><div class="card"><table width="100%" cellspacing="0">
<tr><th>label</th><th class="number" align="right">volume, ml</th></tr>
{% for name, colour, ml in volumes %}<tr><td><span style="color:{{ colour }}">{{ "■" if paper else "●" }}</span>
{{ name }}</td><td class="number" align="right">{{ figure(ml, 3) }}</td></tr>{% endfor %}
<tr><td>All labels</td><td class="number" align="right">{{ figure(whole_ml, 3) }}</td></tr></table></div>
{% if comparison %}<h2>{{ comparison.second }} against {{ comparison.first }}</h2>
<div class="card"><table width="100%" cellspacing="0"><tr><th>label</th>
{% for head in ("Dice", "HD95, mm", "mean surface distance, mm", "before, ml", "after, ml", "difference, ml") %}
<th class="number" align="right">{{ head }}</th>{% endfor %}</tr>
{% for one in comparison.labels %}<tr><td>{{ one.name }}</td>
<td class="number" align="right">{{ figure(one.dice, 3) }}</td>
<td class="number" align="right">{{ figure(one.hd95_mm, 2) }}</td>
<td class="number" align="right">{{ figure(one.mean_surface_mm, 2) }}</td>
<td class="number" align="right">{{ figure(one.first_ml, 3) }}</td>
<td class="number" align="right">{{ figure(one.second_ml, 3) }}</td>
<td class="number" align="right">{{ "%+.3f"|format(one.second_ml - one.first_ml) }}</td></tr>{% endfor %}</table></div>
{% endif %}
<h2>Review</h2><div class="card">{% if readings %}<table width="100%" cellspacing="0">
<tr><th>reader</th><th>state</th><th>signed</th><th>time</th><th>Dice to the labels before</th><th>SHA-256</th></tr>
{% for one in readings %}<tr><td>{{ one.who }}</td><td>{{ one.state }}</td><td>{{ one.at }}</td><td>{{ one.time }}</td>
<td>{{ one.dice or "–" }}</td><td><code>{{ one.digest or "–" }}</code></td></tr>{% endfor %}</table>
{% else %}Nobody has signed this case.{% endif %}</div>
{% if comments %}<h2>Comments</h2><div class="card"><table width="100%" cellspacing="0">
{% for at, who, text in comments %}<tr><td class="dim">{{ at }}</td><td>{{ who }}</td>
<td>{{ text }}</td></tr>{% endfor %}</table></div>{% endif %}
<h2>Image and software</h2><div class="card"><table width="100%" cellspacing="0">
{% for name, value in image %}<tr><td class="dim">{{ name }}</td><td>{{ value }}</td></tr>{% endfor %}
<tr><td class="dim">Labels made by</td><td>{{ model or "not recorded: read from a file, or painted" }}</td></tr>
<tr><td class="dim">Software</td><td>Transfer Workbench {{ version }}</td></tr></table>
{% for note in notes %}<p class="note">{{ note }}</p>{% endfor %}</div>
<footer>Written on {{ made }}. {{ banner }}</footer></main></body></html>
"""
