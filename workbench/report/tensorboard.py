"""A run's numbers as TensorBoard reads them: one folder a run, tags 'metric/series', the original times."""

from __future__ import annotations

from pathlib import Path

from workbench.report.differences import settings
from workbench.report.gather import Run


def write_events(run: Run, folder: Path) -> None:
    """Write one event file into an empty folder; values are stored as TensorBoard does, in float32."""
    from tensorboardX import SummaryWriter

    began = run.state.started_at or run.config.created or None
    with SummaryWriter(str(folder), flush_secs=3600) as writer:
        writer.add_text("run", _table(run), 0, walltime=began)
        for name, lines in run.metrics.items():
            for series, track in lines.items():
                tag = f"{name}/{series}" if series else name
                for step, value, moment in zip(track.steps, track.values, track.times, strict=True):
                    writer.add_scalar(tag, float(value), int(step), walltime=float(moment))
        for name, result in run.state.results.items():
            if result is not None:
                writer.add_scalar(f"result/{name}", result, run.state.step, walltime=run.state.ended_at or began)


def _table(run: Run) -> str:
    """What was set, as the Markdown table that TensorBoard's text page draws."""
    rows = [f"| {_plain(one.name)} | {_plain(one.values[0])} |" for one in settings([run])]
    return "\n".join(
        [f"**{_plain(run.config.title or run.folder.id)}**", "", "| setting | value |", "|---|---|", *rows]
    )


def _plain(text: str) -> str:
    return "".join("\\" + letter if letter in r"\`*_{}[]<>|#" else letter for letter in text).replace("\n", " ")
