"""`apply`: put a text (or another input) to a trained model and to the model it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from workbench.cli import output
from workbench.cli.follow import answer
from workbench.cli.parser import Namespace, pairs, stop_at
from workbench.cli.running import runner_of
from workbench.core.documents import AnswersDoc
from workbench.core.problem import InputError, Problem
from workbench.recipes import recipe
from workbench.store.home import Home, open_home
from workbench.store.runfolder import find_run

ANSWER_WITHIN_S = 600.0


def apply(asked: Namespace) -> int:
    """`workbench apply RUN|MODEL --input SLOT=VALUE`: what the base and the tuned model say."""
    problems: list[Problem] = list(asked.problems)
    home = open_home(asked.home)
    inputs = {name: _value(value, problems) for name, value in pairs(asked.input, "--input", problems).items()}
    if not inputs:
        problems.append(
            InputError(
                "Nothing to apply the model to.", expected="--input text=VALUE or --input text=@FILE",
                received="nothing", fix="Give at least one --input.", field="--input",
            )
        )  # fmt: skip
    try:
        model, name = find_model(home, asked.model)
    except InputError as problem:
        problems.append(problem)
    stop_at(problems)
    with runner_of(home) as runner:
        future = runner.apply(name, str(model), inputs, device=asked.device or "")
        try:
            document = answer(future, within_s=ANSWER_WITHIN_S)
        except KeyboardInterrupt:
            future.cancel()
            raise
    if asked.json:
        output.say(bytes(document).decode())
    else:
        print_answers(bytes(document))
    return 0


def _value(text: str, problems: list[Problem]) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if not text.startswith("@") or text.startswith("@@"):
        return text.removeprefix("@")
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(
            InputError(
                "This file cannot be read as text.", expected="a UTF-8 text file after '@'", received=str(error),
                fix="Check the path; a text that starts with '@' is written '@@…'.", place=text[1:],
            )
        )  # fmt: skip
        return ""


def find_model(home: Home, name: str) -> tuple[Path, str]:
    """The folder and the recipe of a model: a run's (id, part of it, 'last'), or a model folder."""
    card = Path(name) / "workbench.json"
    if card.is_file():
        return Path(name).resolve(), _recipe_of(card)
    for folder in sorted(home.models.iterdir()):
        if folder.name == name and (folder / "workbench.json").is_file():
            return folder, _recipe_of(folder / "workbench.json")
    run = find_run(home.runs, name)
    return run.path, run.config().recipe


def _recipe_of(card: Path) -> str:
    try:
        told = msgspec.json.decode(card.read_bytes(), type=dict[str, Any])
        name = str(told["config"]["recipe"])
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise InputError(
            "This model's card is damaged.", expected="a workbench.json that names its recipe", received=str(error),
            fix="Use the run's folder instead, or run the recipe again.", place=str(card),
        ) from None  # fmt: skip
    return recipe(name).id


def print_answers(document: bytes) -> None:
    """Answers side by side; a document of another shape is printed as it is."""
    try:
        answers = msgspec.json.decode(document, type=AnswersDoc).answers
    except msgspec.DecodeError:
        output.say(msgspec.json.format(document.decode()))
        return
    for one in answers:
        output.say(
            f"{one.model}: {one.headline}  ({1000 * one.seconds:.0f} ms)" + (f"  {one.note}" if one.note else "")
        )
        for label, score in one.scores[:5]:
            output.say(f"    {label:<24} {output.number(score, 3)}")
        for span in one.spans.spans if one.spans else ():
            said = one.spans.text[span.start : span.end] if one.spans else ""
            output.say(f"    {said!r}  {span.label}  {output.number(span.score, 3)}")
