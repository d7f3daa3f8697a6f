"""`medical segment`: a case through a trained model, its labels into a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from workbench.cli.applying import find_model
from workbench.cli.follow import answer
from workbench.cli.output import json_line, say, tell
from workbench.cli.parser import Namespace, Parser, pairs, stop_at
from workbench.cli.running import runner_of
from workbench.core.events import Underway
from workbench.core.problem import InputError, Problem
from workbench.core.segmenting import ModelTold, Segmented, SegmentingWish, guess_channels
from workbench.core.volumes import CaseInfo, SeriesInfo, VolumeFile
from workbench.recipes import recipe
from workbench.runner.base import Runner
from workbench.store.home import open_home

WITHIN_S = 24 * 3600.0
ENDINGS = {".nii": "nifti", ".gz": "nifti", ".nrrd": "nrrd", ".mha": "mha", ".dcm": "dicom-seg", ".csv": "csv"}


def segment(asked: Namespace) -> int:
    """`medical segment CASE --model RUN|MODEL --out FILE`: labels on the case's own grid."""
    problems: list[Problem] = list(asked.problems)
    home = open_home(asked.home)
    named = pairs(asked.channel, "--channel", problems)
    format = ENDINGS.get(asked.out.suffix.lower(), "")
    if not format:
        problems.append(
            InputError(
                "The labels cannot be written in this format.", expected=", ".join(ENDINGS), received=asked.out.name,
                fix="Name a file that ends in .nii.gz, .nrrd, .mha, .dcm or .csv.", field="--out",
            )
        )  # fmt: skip
    model, name = Path(), ""
    try:
        model, name = find_model(home, asked.model)
    except InputError as problem:
        problems.append(problem)
    stop_at(problems)
    told = _told(model, name)
    with runner_of(home) as runner:
        case_path = str(asked.path.expanduser().absolute())
        info = msgspec.json.decode(answer(runner.inspect("case", path=case_path), WITHIN_S), type=CaseInfo)
        series = _chosen(told, [one for one in info.series if not one.problem and one.modality != "SEG"], named)
        files = {channel: _volume(runner, case_path, one.key) for channel, one in series.items()}
        wish = SegmentingWish(files, asked.path.name.split(".")[0], mirrored=asked.tta,
                              probabilities=asked.probabilities is not None)  # fmt: skip
        future = runner.apply(name, str(model), msgspec.to_builtins(wish), device=asked.device or "", told=_tell)
        try:
            found = msgspec.json.decode(answer(future, WITHIN_S), type=Segmented)
        except KeyboardInterrupt:
            future.cancel()
            raise
        source = {"path": case_path, "key": next(iter(series.values())).key} if format == "dicom-seg" else None
        written = msgspec.json.decode(
            answer(runner.inspect(
                "export", labels=msgspec.to_builtins(found.labels), format=format,
                out=str(asked.out.expanduser().absolute()), source=source, how="automatic", model=found.model,
            ), WITHIN_S)
        )  # fmt: skip
        if asked.probabilities is not None:
            folder = str(asked.probabilities.expanduser().absolute())
            written += msgspec.json.decode(answer(runner.inspect(
                "probabilities", maps=msgspec.to_builtins(found.probabilities), out=folder), WITHIN_S))  # fmt: skip
    if asked.json:
        json_line({**msgspec.to_builtins(found), "files": written})
        return 0
    one = found.answers[0]
    say(f"{one.headline}  ({one.seconds:.1f} s)  {one.note}")
    for unsure in found.slices[:3]:
        axis = "zyx"[unsure.axis]
        say(f"    look at {axis} {unsure.index} first: mean entropy {unsure.mean:.2f}")
    for file in written:
        say(file)
    return 0


def _tell(told: Underway) -> None:
    if told.fraction >= 0 and bytes(told.partial) == b"null":
        tell(f"{100 * told.fraction:3.0f} %  {told.words}")


def _told(model: Path, name: str) -> ModelTold:
    """What the model reads; raises InputError where it segments no cases."""
    card = model / "model" / "workbench.json" if (model / "run.json").exists() else model / "workbench.json"
    declared = recipe(name)
    told = None
    try:
        told = declared.told(json.loads(card.read_text(encoding="utf-8"))) if declared.told is not None else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("There is no model here yet, or its card is damaged.", expected=f"a model card at {card}",
                         received=str(error)[:200], field="--model", place=str(model)) from None  # fmt: skip
    if told is None:
        raise InputError(
            "This model does not segment cases.", expected="a model of brain-tumor-resunet or hi-end-mae",
            received=name, fix="'workbench models list' shows the models that there are.", field="--model",
        )  # fmt: skip
    return told


def _chosen(told: ModelTold, series: list[SeriesInfo], named: dict[str, str]) -> dict[str, SeriesInfo]:
    """A series for each channel: as named on the command line by key, or as titles tell. Raises InputError."""
    by_key = {one.key: one for one in series}
    guessed = guess_channels(told.channels, [one.title for one in series])
    found: dict[str, SeriesInfo] = {}
    for channel, at in zip(told.channels, guessed, strict=True):
        chosen = by_key.get(named[channel]) if channel in named else (series[at] if at is not None else None)
        if chosen is None:
            raise InputError(
                f"Nothing tells which series is {channel}.", expected=f"--channel '{channel}=KEY'",
                received=", ".join(f"{one.key} ({one.title})" for one in series) or "no image",
                fix="'workbench medical show' lists the keys of a case.", field="--channel",
            )  # fmt: skip
        found[channel] = chosen
    return found


def _volume(runner: Runner, path: str, key: str) -> VolumeFile:
    raw: Any = answer(runner.inspect("volume", path=path, key=key), WITHIN_S)
    return msgspec.json.decode(raw, type=VolumeFile)


def segment_arguments(deed: Parser) -> None:
    """The flags of `medical segment`."""
    deed.add_argument("path", type=Path, metavar="CASE", help="a case's folder or file")
    deed.add_argument("--model", required=True, metavar="RUN|MODEL", help="a run ('last'), or a model folder")
    deed.add_argument("--out", type=Path, required=True, metavar="FILE",
                      help="ends in .nii.gz, .nrrd, .mha, .csv, or .dcm over a DICOM series")  # fmt: skip
    deed.add_argument("--channel", action="append", default=[], metavar="NAME=KEY",
                      help="which series is a channel of the model, where names do not tell")  # fmt: skip
    deed.add_argument(
        "--tta", action="store_true", help="average over mirrored readings, where the model may have them"
    )
    deed.add_argument("--probabilities", type=Path, default=None, metavar="FOLDER",
                      help="each label's probability (0 to 1) as a NIfTI file in this folder as well")  # fmt: skip
    deed.add_argument("--device", default="", metavar="D", help="auto, cpu, cuda …")
