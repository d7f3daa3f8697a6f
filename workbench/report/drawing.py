"""Curves and maps of points drawn for files and reports, with matplotlib."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import MapAxes
from workbench.core.judging import Better, better
from workbench.core.words import in_words
from workbench.report.gather import Run, metric_names, names_of
from workbench.store.series import best_of, smoothed, thinned, valid
from workbench.store.tracks import MetricTrack

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#B8A92B", "#999999")
"""Okabe and Ito's palette as the window has it, its yellow deepened for white paper."""
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.6)), (0, (6, 2, 1, 2)))
SERIES = ("train", "validation", "test")
SMOOTH_FROM_POINTS, SMOOTH = 60, 0.9
_INK, _LINE = "#010203", "#040506"
"""Stand for the page's own colours in a picture inside a page, which follows its light or dark theme."""
_one_at_a_time = threading.Lock()
"""matplotlib's settings are the process's: two exports at once take turns."""


def colour_of(place: int) -> str:
    """The colour of the run or category at this place; hues return deeper, then paler."""
    hue, lap = COLOURS[place % len(COLOURS)], place // len(COLOURS) % 3
    if not lap:
        return hue
    parts = (int(hue[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(part * 0.55 if lap == 1 else 255 - (255 - part) * 0.5):02X}" for part in parts)


def metric_svg(runs: Sequence[Run], name: str, *, salt: str) -> str:
    """One metric of one or several runs as an <svg> for a page; `salt` keeps its ids its own."""
    with _style(salt, ink=_INK, line=_LINE):
        figure = _blank(5.6, 2.5)
        axes = figure.add_subplot()
        _draw_metric(axes, runs, name, line=_LINE)
        return _svg(figure)


def metric_png(runs: Sequence[Run], name: str) -> bytes:
    """One metric as a PNG for paper."""
    with _style(name, ink="#1B2130", line="#D9DEE7"):
        figure = _blank(5.6, 2.5, ground="#FFFFFF")
        _draw_metric(figure.add_subplot(), runs, name, line="#D9DEE7")
        return _png(figure)


def curves(runs: Sequence[Run], form: Literal["svg", "png"]) -> bytes:
    """Every metric of these runs on one white sheet with a legend."""
    names = metric_names(runs)
    with _style("curves", ink="#1B2130", line="#D9DEE7"):
        across = min(2, max(1, len(names)))
        down = max(1, -(-len(names) // across))
        figure = _blank(6.0 * across, 2.9 * down + 0.5, ground="#FFFFFF")
        for place, name in enumerate(names):
            axes = figure.add_subplot(down, across, place + 1)
            _draw_metric(axes, runs, name, line="#D9DEE7")
            axes.set_title(in_words(name), loc="left", fontsize=10, fontweight="bold")
        if not names:
            figure.text(0.5, 0.5, "No numbers were written.", ha="center")
        _legend(figure, runs)
        return _svg(figure).encode() if form == "svg" else _png(figure)


def points_picture(
    points: NDArray[Any], labels: Sequence[str], *, paper: bool, salt: str, told: MapAxes | None = None
) -> bytes | str:
    """A map of points coloured by label, with axes where its directions measure something: SVG or, for paper, PNG."""
    ink = "#1B2130" if paper else _INK
    with _style(salt, ink=ink, line="#D9DEE7" if paper else _LINE):
        figure = _blank(4.2, 3.4, ground="#FFFFFF" if paper else "none")
        axes = figure.add_subplot()
        known = sorted(set(labels)) if len(labels) == len(points) else []
        where = np.array([known.index(one) for one in labels]) if known else np.zeros(len(points), int)
        for place in range(max(1, len(known))):
            some = points[where == place]
            axes.scatter(some[:, 0], some[:, 1], s=5, color=colour_of(place), alpha=0.75, linewidths=0,
                         rasterized=len(points) > 2000)  # fmt: skip
        if told is not None:
            axes.set_xlabel(told.x, fontsize=8)
            axes.set_ylabel(told.y, fontsize=8)
            axes.tick_params(labelsize=7)
            if told.log_x:
                axes.xaxis.set_major_formatter(lambda power, _: f"{10**power:.3g}")
        else:
            axes.set_xticks([])
            axes.set_yticks([])
        for name, side in axes.spines.items():
            side.set_visible(told is not None and name in ("left", "bottom"))
        return _png(figure) if paper else _svg(figure)


def heat_picture(weights: NDArray[Any]) -> bytes:
    """A matrix from pale to deep, as a PNG."""
    with _style("heat", ink="#5C6678", line="#D9DEE7"):
        figure = _blank(3.4, 3.2, ground="#FFFFFF")
        axes = figure.add_subplot()
        axes.imshow(weights, cmap="viridis", interpolation="nearest")
        axes.tick_params(labelsize=7)
        return _png(figure)


def clips_picture(frames: NDArray[np.uint8], lines: Sequence[str]) -> bytes:
    """Clips (N, T, H, W, 3) as rows of frames with a line each, as a PNG."""
    count, length = frames.shape[:2]
    with _style("clips", ink="#1B2130", line="#D9DEE7"):
        side = min(0.8, 6.4 / length)
        figure = _blank(side * length, (side * frames.shape[2] / frames.shape[3] + 0.2) * count, ground="#FFFFFF")
        for row in range(count):
            strip = np.concatenate(list(np.pad(frames[row], ((0, 0), (0, 0), (0, 1), (0, 0)), constant_values=255)), 1)
            axes = figure.add_subplot(count, 1, row + 1)
            axes.imshow(strip, interpolation="nearest")
            axes.set_title(lines[row], fontsize=7, loc="left", pad=2)
            axes.set_axis_off()
        return _png(figure)


@contextlib.contextmanager
def _style(salt: str, *, ink: str, line: str) -> Iterator[None]:
    import matplotlib

    looks: dict[Any, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": salt, "text.parse_math": False, "axes.edgecolor": line,
        "axes.facecolor": "none", "axes.labelcolor": ink, "text.color": ink, "xtick.color": ink, "ytick.color": ink,
        "font.size": 9,
        "axes.spines.top": False, "axes.spines.right": False, "figure.constrained_layout.use": True,
        "axes.formatter.useoffset": False, "agg.path.chunksize": 10000,
    }  # fmt: skip
    with _one_at_a_time, matplotlib.rc_context(looks):
        yield


def _blank(width: float, height: float, *, ground: str = "none") -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor=ground)


def _svg(figure: Figure) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(file, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    return text.replace(_INK, "currentColor").replace(_LINE, "var(--line)")


def _png(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    file = io.BytesIO()
    figure.dpi = 220
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(file)
    return file.getvalue()


def _draw_metric(axes: Axes, runs: Sequence[Run], name: str, *, line: str) -> None:
    drawn = sum(len(run.metrics.get(name, {})) for run in runs)
    columns = max(60, min(400, 3000 // max(1, drawn)))
    dashes = _dashes(runs)
    for place, run in enumerate(runs):
        for series, track in sorted(run.metrics.get(name, {}).items(), key=lambda pair: _rank(pair[0])):
            colour = colour_of(_rank(series)[0]) if len(runs) == 1 else colour_of(place)
            dash = "-" if len(runs) == 1 else dashes[series]
            _draw_line(axes, track, columns, better(name), color=colour, linestyle=dash)
    axes.grid(axis="y", color=line, linewidth=0.6)
    axes.tick_params(length=0)
    axes.set_xlabel("step", fontsize=8)
    axes.margins(x=0.01)


def _draw_line(axes: Axes, track: MetricTrack, columns: int, end: Better, *, color: str, linestyle: Any) -> None:
    kept = valid(track.steps)
    steps, values = track.steps[kept], track.values[kept]
    if len(steps) == 0:
        return
    low, high, noisy = float(steps[0]), float(steps[-1]), len(values) >= SMOOTH_FROM_POINTS
    if noisy:
        raw = thinned(steps, values, low=low, high=high, columns=columns)
        axes.plot(*raw, color=color, alpha=0.3, linewidth=0.6)
    calm = thinned(steps, smoothed(values, SMOOTH) if noisy else values, low=low, high=high, columns=columns)
    marker = "o" if len(values) == 1 else ""
    axes.plot(*calm, color=color, linestyle=linestyle, linewidth=1.5, marker=marker, markersize=4)
    at = best_of(values, end) if end and not noisy else -1
    if at >= 0 and len(values) > 1:
        axes.plot(steps[at], values[at], "o", color=color, markersize=4.5, markerfacecolor="none")


def _dashes(runs: Sequence[Run]) -> dict[str, Any]:
    return {series: DASHES[place % len(DASHES)] for place, series in enumerate(dash_order(series_of(runs)))}


def dash_order(series: Sequence[str]) -> list[str]:
    """What is drawn solid first: validation, which runs are judged by and many metrics have alone."""
    return sorted(series, key=lambda one: one != "validation")


def series_of(runs: Sequence[Run]) -> list[str]:
    """Every series of any metric, train, validation and test first."""
    return sorted({series for run in runs for lines in run.metrics.values() for series in lines}, key=_rank)


def _rank(series: str) -> tuple[int, str]:
    return (SERIES.index(series) if series in SERIES else len(SERIES), series)


def _legend(figure: Figure, runs: Sequence[Run]) -> None:
    from matplotlib.lines import Line2D

    several = len(runs) > 1
    series, dashes = series_of(runs), _dashes(runs)
    handles = [Line2D([], [], color=colour_of(place)) for place, _ in enumerate(runs)] if several else []
    labels = names_of(runs) if several else []
    for one in series if len(series) > 1 or not several else []:
        shade = "#5C6678" if several else colour_of(_rank(one)[0])
        handles.append(Line2D([], [], color=shade, linestyle=dashes[one] if several else "-"))
        labels.append(one or "value")
    if handles:
        # matplotlib leaves out names that begin with an underscore.
        shown = [f"\u200b{label}" if label.startswith("_") else label for label in labels]
        figure.legend(handles, shown, loc="outside lower center", ncols=min(4, len(shown)), frameon=False, fontsize=8)


def series_colour(series: str) -> str:
    """The colour of a series where one run is drawn alone."""
    return colour_of(_rank(series)[0])
