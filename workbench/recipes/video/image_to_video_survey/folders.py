"""A person's own videos: classes in folders or lists, captions (MSR-VTT), moments (Charades-STA), MSRVTT-QA."""

from __future__ import annotations

import collections
import csv
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from workbench.core.documents import DataPreview
from workbench.core.framepipe import read_index
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.video.clipsets import ClipSpec, classes_of, find_video, load_readable, read_list

from .recipe import TASKS, ImageToVideo
from .tasks import Part, TaskData

PARTS = ("train", "validation", "test")
CAPTIONS = "MSRVTT_data.json"
TRAIN_IDS, TEST_ROWS = "MSRVTT_train.9k.csv", "MSRVTT_JSFUSION_test.csv"
MOMENTS = {"train": "charades_sta_train.txt", "test": "charades_sta_test.txt"}
QUESTIONS = {"train": "train_qa.json", "validation": "val_qa.json", "test": "test_qa.json"}
VALIDATION_SHARE, TEST_SHARE = 0.15, 0.2
_MOMENT = re.compile(r"^(\S+)\s+([\d.]+)\s+([\d.]+)##(.+)$")
SHOWN = 8


class Line(msgspec.Struct, frozen=True):
    """One example as a file names it: a video's name or path, words, an answer or class, seconds if there are any."""

    video: str
    text: str = ""
    answer: str = ""
    start_s: float = 0.0
    end_s: float | None = None
    path: str = ""


Lines = dict[str, list[Line]]


def found_in(address: str, tell: Callable[[str], object]) -> dict[str, Lines]:
    """Which tasks a folder (or a list) has examples for, by the names of the files in it.

    Raises InputError naming file and line where one of them is damaged, or where there is nothing.
    """
    place = Path(address)
    root = place if place.is_dir() else place.parent
    named = {place.name} if place.is_file() else {one.name for one in root.iterdir() if one.is_file()}
    found: dict[str, Lines] = {}
    if CAPTIONS in named:
        found["retrieval"] = _captions(root)
    if MOMENTS["train"] in named:
        found["grounding"] = {part: _moments(root / name) for part, name in MOMENTS.items()}
    if QUESTIONS["train"] in named:
        found["questions"] = {
            part: _questions(root / name) for part, name in QUESTIONS.items() if (root / name).is_file()
        }
    if not found:
        lines: Lines = collections.defaultdict(list)
        for one in read_list(place, tell):
            lines[one.split or "train"].append(Line(one.path, "", one.label, one.start_s, one.end_s, one.path))
        found["motion"] = found["shape"] = lines
    return found


def _json(path: Path, kind: type) -> Any:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(value, kind):
            return value
        received = type(value).__name__
    except (OSError, ValueError) as error:
        received = str(error)
    raise InputError(
        "This annotation file cannot be read.", expected=f"a JSON {kind.__name__}", received=received,
        fix="Copy it again from where it came.", field="clips", place=path.name,
    )  # fmt: skip


def _row_fault(path: Path, number: int, expected: str, received: str) -> InputError:
    return InputError(
        f"Entry {number} of this annotation file is not as it should be.", expected=expected, received=received[:120],
        fix="Correct it, or copy the file again.", field="clips", place=path.name,
    )  # fmt: skip


def _captions(root: Path) -> Lines:
    """MSR-VTT: a caption of each training video (its first), and the 1k-A test rows where their file is there."""
    path = root / CAPTIONS
    told = _json(path, dict)
    try:
        splits = {one["video_id"]: one["split"] for one in told["videos"]}
        first: dict[str, str] = {}
        for one in told["sentences"]:
            first.setdefault(one["video_id"], one["caption"])
    except (KeyError, TypeError) as error:
        raise _row_fault(path, 1, "videos with video_id and split, sentences with video_id and caption",
                         f"without {error}") from None  # fmt: skip
    lines: Lines = {"train": [], "validation": [], "test": []}
    parts = {"train": "train", "validate": "validation", "test": "test"}
    wanted = _column(root / TRAIN_IDS, "video_id")
    tested = _rows(root / TEST_ROWS)
    held = {row["video_id"] for row in tested}
    for video, caption in first.items():
        part = "train" if video in wanted else parts.get(splits.get(video, "train"), "train")
        if video not in held and (part != "test" or not tested):
            lines[part].append(Line(video, caption))
    lines["test"] += [Line(row["video_id"], row["sentence"]) for row in tested]
    return lines


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows, start=1):
        if not row.get("video_id"):
            raise _row_fault(path, number, "a column video_id", ",".join(str(one) for one in row.values()))
    return rows


def _column(path: Path, name: str) -> set[str]:
    return {row[name] for row in _rows(path)}


def _moments(path: Path) -> list[Line]:
    """Charades-STA: lines VIDEO start end##sentence, in seconds."""
    if not path.is_file():
        return []
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        match = _MOMENT.match(line.strip())
        if match is None or float(match[3]) <= float(match[2]):
            raise _row_fault(path, number, "VIDEO start end##sentence, in seconds", line)
        found.append(Line(match[1], match[4], "", float(match[2]), float(match[3])))
    return found


def _questions(path: Path) -> list[Line]:
    found = []
    for number, one in enumerate(_json(path, list), start=1):
        try:
            name = str(one.get("video") or one["video_id"])
            found.append(Line(name if not name.isdigit() else f"video{name}", str(one["question"]), str(one["answer"])))
        except (AttributeError, KeyError, TypeError):
            raise _row_fault(path, number, "video_id, question and answer", str(one)) from None
    return found


# Clips ----------------------------------------------------------------------------------------


def divided(lines: Lines, seed: int) -> Lines:
    """Parts as the files have them; what lacks is taken from the training part, whole videos at a time.

    What a list calls validation is the test where it names none, as with Kinetics and Something-Something.
    """
    parts: Lines = {part: list(lines.get(part, [])) for part in PARTS}
    if not parts["test"]:
        parts["test"], parts["validation"] = parts["validation"], []
    chance = np.random.default_rng([seed, 0x29])
    for part, share in (("test", TEST_SHARE), ("validation", VALIDATION_SHARE)):
        if parts[part]:
            continue
        groups: dict[str, list[str]] = collections.defaultdict(list)
        for one in parts["train"]:
            if one.video not in groups[one.answer]:
                groups[one.answer].append(one.video)
        taken: set[str] = set()
        for videos in groups.values():
            count = min(max(1, round(share * len(videos))), len(videos) - 1)
            taken |= {videos[int(at)] for at in chance.permutation(len(videos))[:count]}
        parts[part] = [one for one in parts["train"] if one.video in taken]
        parts["train"] = [one for one in parts["train"] if one.video not in taken]
    return parts


def own(job: Job, address: str, params: ImageToVideo, names: Sequence[str], edge: int) -> list[TaskData]:
    """The switched-on tasks that the data has examples for; raises InputError where it has for none of them."""
    job.phase("reading annotations")
    there = found_in(address, job.log)
    chosen = [name for name in names if name in there]
    if not chosen:
        raise InputError(
            "These videos do not fit the tasks that are switched on.",
            expected="data for " + " or ".join(TASKS[one] for one in names),
            received="data for " + " and ".join(TASKS[one] for one in there),
            fix="Switch on a task that the data is for, or choose other data.", field="clips",
        )  # fmt: skip
    for name in names:
        if name not in chosen:
            job.log(f"{TASKS[name]} is left out: these videos have nothing to learn it from.")
    root = Path(address) if Path(address).is_dir() else Path(address).parent
    made: dict[int, dict[str, tuple[Any, list[Line]]]] = {}
    tasks = []
    for name in chosen:
        key = id(there[name])
        if key not in made:  # two tasks may look at the same clips
            frames = params.scene_frames if name == "grounding" else params.frames
            made[key] = _decoded(
                job, root, divided(there[name], job.seed), params, frames=frames, edge=edge, whole=name == "grounding"
            )
        tasks.append(_task(name, made[key], params))
    return tasks


def _decoded(
    job: Job, root: Path, parts: Lines, params: ImageToVideo, *, frames: int, edge: int, whole: bool
) -> dict[str, tuple[Any, list[Line]]]:  # fmt: skip
    most = {"train": params.clips, "validation": params.validation_clips, "test": params.test_clips}
    found = {}
    for part, every in parts.items():
        lines = every
        if len(lines) > most[part]:
            places = np.random.default_rng([job.seed, most[part]]).permutation(len(lines))[: most[part]]
            lines = [lines[int(at)] for at in np.sort(places)]
            job.log(f"{most[part]} of the {part} clips are used.")
        located = [(one, one.path or str(find_video(root, one.video) or "")) for one in lines]
        missing = [one.video for one, path in located if not path]
        if missing:
            job.log(f"{len(missing)} {part} clips are left out, for their videos are not there: {missing[0]} …")
        specs = [
            ClipSpec(path, 0.0 if whole else one.start_s, None if whole else one.end_s, str(at))
            for at, (one, path) in enumerate(located) if path
        ]  # fmt: skip
        if not specs:
            raise InputError(
                f"There are no videos for the {part} part.", expected=f"videos that {len(lines)} annotations name",
                received="none of them" if lines else "no annotations", field="clips", place=str(root),
                fix="Put the videos beside or below the annotations, or add more of them.",
            )  # fmt: skip
        job.phase(f"reading {part} clips")
        clips, kept, notes = load_readable(specs, frames, edge, tell=job.progress)
        for note in notes:
            job.log(note)
        found[part] = (clips, [msgspec.structs.replace(lines[int(one.label)], path=one.path) for one in kept])
    return found


def _task(name: str, parts: dict[str, tuple[Any, list[Line]]], params: ImageToVideo) -> TaskData:
    if name in ("motion", "shape"):
        classes = classes_of([ClipSpec(one.video, label=one.answer) for one in parts["train"][1]])
        if len(classes) < 2:
            raise InputError(
                "There is nothing to tell apart.", expected="two classes at least",
                received=", ".join(classes) or "none",
                fix="Put each class's videos into a folder of its own, or choose a list with labels.", field="clips",
            )  # fmt: skip
        made = {}
        for part, (clips, lines) in parts.items():
            at = [place for place, one in enumerate(lines) if one.answer in classes]
            if part == "train" and name == "shape":
                at = [place for one in classes for place in [p for p in at if lines[p].answer == one][: params.shots]]
            target = np.array([classes.index(lines[place].answer) for place in at], np.int64)
            made[part] = Part(clips[at], target, [], [])
        return TaskData(name, "naming", classes, classes, **made)
    if name == "grounding":
        return TaskData(name, "grounding", [], [], **{part: _spans(*one) for part, one in parts.items()})
    if name == "questions":
        answers = [one for one, _ in collections.Counter(line.answer for line in parts["train"][1]).most_common(1000)]
        made = {}
        for part, (clips, lines) in parts.items():
            at = [place for place, one in enumerate(lines) if part != "train" or one.answer in answers]
            # An answer that no training clip has is never right: it counts as one wrong answer more.
            places = [answers.index(lines[p].answer) if lines[p].answer in answers else len(answers) for p in at]
            words = [lines[place].text for place in at]
            made[part] = Part(clips[at], np.array(places, np.int64), words, [(w.split() or [""])[0] for w in words])
        return TaskData(name, "questions", [*answers, "(another answer)"], [], **made)
    known: dict[str, int] = {}
    made = {
        part: Part(clips, np.array([known.setdefault(one.text, len(known)) for one in lines], np.int64),
                   [one.text for one in lines], [])
        for part, (clips, lines) in parts.items()
    }  # fmt: skip
    return TaskData(name, "retrieval", list(known), [], **made)


def _spans(clips: Any, lines: list[Line]) -> Part:
    """Seconds as first and last frame of those that a video is seen by."""
    frames, lengths = clips.shape[1], {}
    for one in lines:
        if one.path not in lengths:
            lengths[one.path] = max(read_index(Path(one.path))[1].duration_s, 1e-6)
    target = np.array([
        (min(int(one.start_s / lengths[one.path] * frames), frames - 1),
         min(max(int(np.ceil((one.end_s or 0.0) / lengths[one.path] * frames)) - 1, 0), frames - 1))
        for one in lines
    ], np.int64)  # fmt: skip
    target[:, 1] = np.maximum(target[:, 1], target[:, 0])
    return Part(clips, target, [one.text for one in lines], [])


def preview(address: str) -> DataPreview:
    """Which tasks a folder has data for, its first examples, and its classes."""
    notes: list[str] = []
    found = found_in(address, notes.append)
    rows, count = [], 0
    labels: collections.Counter[str] = collections.Counter()
    for name, lines in found.items():
        if name == "shape":
            continue
        for part, some in lines.items():
            count += len(some)
            rows += [[TASKS[name], Path(one.video).name, one.text, one.answer, part] for one in some[:SHOWN]]
            labels.update(one.answer for one in some if one.answer)
    told = ", ".join(TASKS[name] for name in found)
    return DataPreview("Videos", "; ".join([f"for {told}", *notes[:2]]), ["task", "video", "text", "answer", "part"],
                       rows, count, labels=dict(labels.most_common(100)))  # fmt: skip
