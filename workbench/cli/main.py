"""The commands, their flags and their help; `main` runs one and returns the exit status."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from workbench import __version__
from workbench.cli import (
    applying,
    cloning,
    doctor,
    exporting,
    history,
    medical,
    models,
    review,
    running,
    runs,
    scenes,
    segmenting,
    slides,
    speakers,
    speech,
    sweeping,
    transcribing,
    video,
    workers,
)
from workbench.cli.listing import describe, list_recipes
from workbench.cli.output import report, tell
from workbench.cli.parser import Act, Parser, add_common, add_knobs, finish, parse, stop_at, use_settings
from workbench.core.problem import InputError, Problem, did_you_mean
from workbench.recipes import recipes

Subparsers = argparse._SubParsersAction
Arguments = Callable[[Parser], object]
"""Adds a command's own arguments to its parser."""
GUIDE = """\
Without a command the window opens; 'workbench snapshot TAB --out FILE.png' takes a picture of it.
Examples:
  workbench run berturk-nlu --preset desk --epochs 2 --input data=reviews.csv
  workbench claim punctuation-adversarial --seeds 1,2,3 --json
  workbench runs compare last 3f9a
Exit status: 0 done, 1 the run failed, 2 bad arguments or input."""


def main(words: Sequence[str]) -> int:
    """Do what the words after 'workbench' say; problems are printed, never raised."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a terminal's encoding lacks (a thin space, a dash) must not end a command; standard error is so already.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _obey(list(words))
    except Problem as problem:
        return report(problem)
    except KeyboardInterrupt:
        tell("\nInterrupted.")
        return 1
    except BrokenPipeError:
        # Whoever read our output has gone (| head); nothing is left to say to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _obey(words: list[str]) -> int:
    parser = build(words)
    command = next((word for word in words if not word.startswith("-")), "")
    if command and command not in COMMANDS:
        raise InputError(
            f"There is no command {command!r}.",
            expected="one of " + ", ".join(COMMANDS),
            received=command,
            fix=did_you_mean(command, [*COMMANDS, "snapshot"]),
        )
    asked = parse(parser, words)
    if not hasattr(asked, "act"):
        stop_at(asked.problems)
        parser.print_help()
        return 2
    use_settings(asked.settings, asked.problems)
    return int(asked.act(asked))


def build(words: Sequence[str] = ()) -> Parser:
    """The whole parser; knobs are added for the recipe that the words name."""
    parser = Parser(prog="workbench", description="Use pretrained models, and see what transfers.", epilog=GUIDE)
    parser.add_argument("--version", action="version", version=f"workbench {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=Parser)
    for name, add in COMMANDS.items():
        add(commands, name, words)
    return parser


def help_texts() -> dict[str, str]:
    """What --help says, by command."""
    parser = build()
    (commands,) = (one for one in parser._actions if isinstance(one, Subparsers))
    texts = {"workbench": parser.format_help()}
    for name, command in commands.choices.items():
        texts[f"workbench {name}"] = command.format_help()
        for deeds in (one for one in command._actions if isinstance(one, Subparsers)):
            texts |= {f"workbench {name} {deed}": one.format_help() for deed, one in deeds.choices.items()}
    return texts


def _command(commands: Subparsers[Parser], name: str, act: Act, help: str, arguments: Arguments) -> None:
    parser = commands.add_parser(name, help=help, description=help[:1].upper() + help[1:] + ".")
    arguments(parser)
    add_common(parser)
    finish(parser, act)


def _nothing(_: Parser) -> None:
    pass


def _recipes(commands: Subparsers[Parser], name: str, _: Sequence[str]) -> None:
    _command(commands, name, list_recipes, "what exists, by tab, with its paper", _nothing)


def _run(commands: Subparsers[Parser], name: str, words: Sequence[str]) -> None:
    parser = commands.add_parser(name, help="run a recipe; 'run NAME --help' shows its knobs")
    _name_and_knobs(parser, name, words)
    parser.add_argument("--preset", default="desk", metavar="smoke|desk|paper", help="where the knobs start")
    parser.add_argument("--seed", default="0", metavar="N", help="the one source of chance")
    parser.add_argument("--title", default="", help="a name for the history")
    parser.add_argument("--first", action="store_true", help="before the others in the queue")
    parser.add_argument("--detach", action="store_true", help="queue it and return")
    add_common(parser)
    finish(parser, running.run)


def _claim(commands: Subparsers[Parser], name: str, words: Sequence[str]) -> None:
    parser = commands.add_parser(name, help="carry out a paper's claim: every arm, same data and budget")
    _name_and_knobs(parser, name, words)
    parser.add_argument("--seeds", default="", metavar="A,B,C", help="one run of every arm per seed")
    parser.add_argument("--continue", dest="go_on", action="store_true",
                        help="go on with the last claim of this recipe: its finished runs stand, its seeds are kept "
                        "unless --seeds names others or more")  # fmt: skip
    add_common(parser)
    finish(parser, running.claim)


def _name_and_knobs(parser: Parser, command: str, words: Sequence[str]) -> None:
    parser.add_argument("name", metavar="NAME", help="a recipe; 'workbench recipes' lists them")
    parser.add_argument("--input", action="append", default=[], metavar="SLOT=PATH", help="a file, or sample:NAME")
    parser.add_argument("--device", default="", metavar="auto|cpu|cuda|mps", help="where to compute")
    if list(words[:1]) == [command]:
        named = next((word for word in words[1:] if word in recipes()), "")
        if named:
            parser.prog = f"{parser.prog} {named}"
            parser.usage = f"workbench {command} {named} [--KNOB VALUE ...] [--input SLOT=PATH ...] [...]"
            parser.description = describe(recipes()[named])
            add_knobs(parser, recipes()[named])


def _apply(commands: Subparsers[Parser], name: str, _: Sequence[str]) -> None:
    def arguments(parser: Parser) -> None:
        parser.add_argument("model", metavar="RUN|MODEL", help="a run (id, part of it, 'last') or a model's folder")
        parser.add_argument(
            "--input",
            action="append",
            default=[],
            metavar="SLOT=VALUE",
            help="text=WORDS, text=@FILE, question=WORDS, attribute=true",
        )
        parser.add_argument("--device", default="", metavar="auto|cpu|cuda|mps", help="where to compute")

    _command(commands, name, applying.apply, "put an input to a trained model and to its base", arguments)


def _runs(commands: Subparsers[Parser], name: str, _: Sequence[str]) -> None:
    parser = commands.add_parser(name, help="the history: list, tag, compare, replay, export, resume …")
    deeds = parser.add_subparsers(metavar="DEED", title="deeds", required=True, parser_class=Parser)

    def of_run(*more: Arguments) -> Arguments:
        def arguments(deed: Parser) -> None:
            deed.add_argument("run", metavar="RUN", help="an id, a unique part of it, a folder, or 'last'")
            for add in more:
                add(deed)

        return arguments

    def listing(deed: Parser) -> None:
        deed.add_argument("--recipe", default="", metavar="NAME", help="only runs of this recipe")
        deed.add_argument("--state", default="", metavar="STATE", help=f"only these: {', '.join(history.STATES)}")
        deed.add_argument("--tag", action="append", default=[], metavar="TAG", help="only runs with this tag")
        deed.add_argument("--starred", action="store_true", help="only runs with a star")
        deed.add_argument("--search", default="", metavar="TEXT", help="words, or comparisons such as 'macro_f1>0.9'")
        deed.add_argument("--sort", default="", metavar="KEY", help="by this column, the best first")
        deed.add_argument("--reverse", action="store_true", help="the other way round")
        deed.add_argument("--columns", default="", metavar="A,B,C", help="any result, metric, knob or input, by name")
        deed.add_argument("--limit", type=int, default=30, metavar="N", help="at most so many")

    def tags(deed: Parser) -> None:
        deed.dashed_words = True
        deed.add_argument("tags", metavar="+TAG|-TAG", nargs="*", help="tags to give and to take")

    def at_least_one(deed: Parser) -> None:
        deed.add_argument("runs", metavar="RUN", nargs="+", help="an id, a unique part of it, or 'last'")

    def several(deed: Parser) -> None:
        deed.add_argument("runs", metavar="RUN", nargs="+", help="two runs or more")

    def detach(deed: Parser) -> object:
        return deed.add_argument("--detach", action="store_true", help="return at once")

    _command(deeds, "list", history.list_, "the runs, newest first", listing)
    _command(deeds, "tag", history.tag, "give and take tags: +TAG -TAG", of_run(tags))
    _command(
        deeds,
        "star",
        history.star,
        "star a run",
        of_run(lambda deed: deed.add_argument("--off", action="store_true", help="take the star away")),
    )
    _command(
        deeds,
        "note",
        history.note,
        "write a note on a run",
        of_run(lambda deed: deed.add_argument("text", metavar="TEXT", help="the note; '' takes it away")),
    )
    _command(deeds, "delete", history.delete, "move runs into the trash", at_least_one)
    _command(
        deeds,
        "restore",
        history.restore,
        "put a deleted run back",
        lambda deed: deed.add_argument("run", metavar="RUN", help="its id, or a unique part of it"),
    )
    _command(
        deeds, "trash", history.show_trash, "the deleted runs",
        lambda deed: deed.add_argument("--empty", action="store_true", help="remove them for good"),
    )  # fmt: skip
    _command(deeds, "show", runs.show, "a run's configuration, state, numbers and files", of_run())
    _command(deeds, "compare", runs.compare, "differing knobs and numbers side by side", several)
    _command(
        deeds,
        "replay",
        runs.replay,
        "a run's events again",
        of_run(
            lambda deed: deed.add_argument(
                "--speed", type=float, default=0.0, metavar="X", help="1: as it was; 0: at once"
            )
        ),
    )
    _command(deeds, "export", exporting.export, "runs as a report, curves, numbers or a zip", exporting.arguments)
    _command(
        deeds,
        "import",
        runs.import_,
        "an exported run into the history",
        lambda deed: deed.add_argument("file", type=Path, metavar="FILE.zip"),
    )
    _command(deeds, "resume", runs.resume, "go on: a paused run, or one with a checkpoint", of_run(detach))
    _command(
        deeds,
        "cancel",
        runs.cancel,
        "end a run",
        of_run(lambda deed: deed.add_argument("--keep", action="store_true", help="stop early and keep the model")),
    )
    _command(deeds, "pause", runs.pause, "hold a run still", of_run())


def _models(commands: Subparsers[Parser], name: str, _: Sequence[str]) -> None:
    parser = commands.add_parser(name, help="trained models and backbones: list, show, tree, add, download …")
    deeds = parser.add_subparsers(metavar="DEED", title="deeds", required=True, parser_class=Parser)

    def folder(deed: Parser) -> None:
        deed.add_argument("folder", type=Path, metavar="FOLDER", help="a folder in Hugging Face format")
        deed.add_argument("--name", default="", help="its name here; the folder's by default")
        deed.add_argument("--in-place", action="store_true", help="only remember where it lies; nothing is copied")

    def hub(deed: Parser) -> None:
        deed.add_argument("model", metavar="ORG/NAME", help="a public model's id on the hub")
        deed.add_argument("--yes", action="store_true", help="accept its licence without being asked")
        deed.add_argument("--dry-run", action="store_true", help="only say its licence, files and sizes")
        deed.add_argument("--commit", default="", metavar="SHA", help="this state of it; the newest by default")
        deed.add_argument("--progress", action="store_true", help="JSON lines of what has arrived, too")

    def removed(deed: Parser) -> None:
        deed.add_argument("model", metavar="MODEL", help="its address, or its name in the home")
        deed.add_argument("--yes", action="store_true", help="delete it without being asked")

    def of_model(deed: Parser) -> object:
        return deed.add_argument("model", metavar="ADDRESS", help="package:NAME, starter:NAME, hub:ORG/NAME, a folder, "
                                 "a name in the home, or a run")  # fmt: skip

    def searched(deed: Parser) -> None:
        of_model(deed)
        deed.add_argument("--search", default="", metavar="TEXT", help="only tensors whose names have these words")

    _command(deeds, "list", models.list_, "what can be applied or started from", _nothing)
    _command(deeds, "add", models.add, "copy a model folder into the home, without code or pickles", folder)
    _command(deeds, "remove", models.remove, "forget a folder, or delete a copied or downloaded model", removed)
    _command(deeds, "show", models.show, "a model's card, facts and files", of_model)
    _command(deeds, "tree", models.tree, "a model's layers, from the headers of its weights", searched)
    _command(deeds, "download", models.download, "fetch a model when the network is allowed", hub)
    _command(
        deeds,
        "verify",
        models.verify,
        "check weights and digests",
        lambda deed: deed.add_argument("model", nargs="?", default="", metavar="MODEL"),
    )


def _medical(commands: Subparsers[Parser], name: str, _: Sequence[str]) -> None:
    parser = commands.add_parser(name, help="medical images: show, slide, convert, export labels, deidentify")
    deeds = parser.add_subparsers(metavar="DEED", title="deeds", required=True, parser_class=Parser)
    _command(deeds, "show", medical.show, "what can be loaded from a file or folder", medical.show_arguments)
    _command(deeds, "slide", slides.slide, "levels, resolution, tissue and tiles of a slide", slides.slide_arguments)
    _command(deeds, "segment", segmenting.segment, "outline a case with a trained model", segmenting.segment_arguments)
    _command(deeds, "convert", medical.convert, "a volume as NIfTI, NRRD or MHA", medical.convert_arguments)
    _command(
        deeds, "export", medical.export, "labels as a volume, DICOM SEG, surfaces or a table", medical.export_arguments
    )
    _command(
        deeds,
        "deidentify",
        medical.deidentify,
        "copies of DICOM files without the patient",
        medical.deidentify_arguments,
    )
    _command(deeds, "report", review.report, "a case as HTML or PDF, without the patient", review.report_arguments)
    listed = deeds.add_parser("worklist", help="cases to review: list, add, state, audit, verify").add_subparsers(
        metavar="DEED", title="deeds", required=True, parser_class=Parser
    )
    _command(listed, "list", review.list_cases, "every case with its state and readers", review.list_arguments)
    _command(listed, "add", review.add, "files, or every case below a folder", review.add_arguments)
    _command(listed, "state", review.state, "what a reader says of a case", review.state_arguments)
    _command(listed, "audit", review.show_audit, "the log, oldest first", review.audit_arguments)
    _command(listed, "verify", review.verify, "whether the log is as it was written", review.verify_arguments)


def _speech(commands: Subparsers[Parser], name: str, _: Sequence[str]) -> None:
    parser = commands.add_parser(name, help="sounds and tiers: show, convert, transcribe, diarise, profiles, clone")
    deeds = parser.add_subparsers(metavar="DEED", title="deeds", required=True, parser_class=Parser)
    _command(deeds, "show", speech.show, "what a sound or a file of tiers holds", speech.show_arguments)
    _command(deeds, "convert", speech.convert, "a sound, or tiers, in another format", speech.convert_arguments)
    speakers.add(deeds, _command)
    transcribing.add(deeds, _command)
    cloning.add(deeds, _command)


def _doctor(commands: Subparsers[Parser], name: str, _: Sequence[str]) -> None:
    _command(
        commands,
        name,
        doctor.doctor,
        "what this machine offers and lacks, with fixes",
        lambda parser: parser.add_argument("--no-worker", action="store_true", help="do not start one"),
    )


def _worker(commands: Subparsers[Parser], name: str, _: Sequence[str]) -> None:
    parser = commands.add_parser(name, help="the background process: status, stop")
    deeds = parser.add_subparsers(metavar="DEED", title="deeds", required=True, parser_class=Parser)
    _command(deeds, "status", workers.status, "what it does", _nothing)
    _command(
        deeds,
        "stop",
        workers.stop,
        "end it when it is idle",
        lambda deed: deed.add_argument("--now", action="store_true", help="stop its run too; resumable"),
    )


COMMANDS: dict[str, Callable[[Subparsers[Parser], str, Sequence[str]], None]] = {
    "recipes": _recipes,
    "run": _run,
    "claim": _claim,
    "sweep": lambda commands, name, words: sweeping.add(commands, name, words, _name_and_knobs),
    "apply": _apply,
    "runs": _runs,
    "models": _models,
    "medical": _medical,
    "speech": _speech,
    "video": lambda commands, name, _: video.add_parser(commands, name, _command),
    "scenes": lambda commands, name, _: scenes.add_parser(commands, name, _command),
    "doctor": _doctor,
    "worker": _worker,
}
