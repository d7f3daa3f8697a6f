"""What a window may ask about videos: what happens when, in a file or live, where a model looks, features and finds."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError, KnownTrouble
from workbench.core.recognising import (
    Captioned,
    CaptionWish,
    FailedVideo,
    FeaturesDone,
    FeaturesWish,
    FindWish,
    Found,
    Hit,
    LiveAnswer,
    LiveWish,
    Recognised,
    RecogniserFacts,
    RecognisingWish,
    Saliency,
    SaliencyWish,
    class_names,
    windows_of,
)
from workbench.worker import videomodel
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.engine.video.framereading import FilmFrames
    from workbench.engine.video.retrieval import Gallery, Vault
    from workbench.worker.interactive import ApplyContext

MOST_FAILED = 200


def _film(path: str, short_px: int, context: ApplyContext) -> FilmFrames:
    """The video, opened once as long as it stays as it is; its index was read then."""
    from workbench.engine.video.framereading import FilmFrames

    file = Path(path)
    stamp = (file.stat().st_mtime_ns, file.stat().st_size) if file.is_file() else (0, 0)
    index = context.cache.get(("video-index", path, stamp))
    key = ("video", path, stamp, short_px)
    found: FilmFrames | None = context.cache.get(key)
    if found is None:
        found = FilmFrames(file, short_px, index)
        context.cache[key] = found
        context.cache[("video-index", path, stamp)] = (found.facts, found.index)
    return found


def _recognise(arguments: dict[str, Any], context: ApplyContext) -> Recognised:
    """As many windows as the budget allows, from `first` on; see core/recognising.py."""
    from workbench.engine.video.recognising import scored

    asked = as_asked(arguments, RecognisingWish)
    until = time.monotonic() + asked.budget_s if asked.budget_s else float("inf")
    context.progress(0, 0)
    facts = videomodel.facts_of(asked.model, context)
    model = videomodel.recogniser(facts, asked.classes, asked.frames, asked.device, context)
    film = _film(asked.path, model.image_px, context)
    windows = windows_of(film.index.duration_s, asked.window_s, asked.stride_s, asked.start_s, asked.end_s)
    found = Recognised(
        classes=model.classes, first=asked.first, reached=asked.first, total=len(windows), model=facts.title,
        duration_s=film.index.duration_s, notes=_notes(film, facts, asked),
    )  # fmt: skip
    decode_s = inference_s = 0.0
    for batch in scored(film, model, windows[asked.first :]):
        found.windows += batch.windows
        found.scores += [[round(float(value), 4) for value in row] for row in batch.scores]
        found.reached, found.lost = found.reached + batch.seen, found.lost + batch.lost
        found.classes = model.classes
        decode_s, inference_s = decode_s + batch.decode_s, inference_s + batch.inference_s
        seen = max(found.reached - asked.first, 1)
        found.decode_ms, found.inference_ms = 1000 * decode_s / seen, 1000 * inference_s / seen
        words = f"window {found.reached} of {found.total}"
        context.progress(found.reached, found.total, words)
        if found.complete or time.monotonic() >= until:
            break
        context.partial(_even(found), found.reached, found.total, words)
    if found.complete:
        film.close()  # its decoder holds many frames
    return _even(found)


def _even(found: Recognised) -> Recognised:
    """Rows of one length: a model that names its classes as it goes may have named more by now."""
    wide = len(found.classes)
    found.scores = [row if len(row) == wide else [*row, *[0.0] * (wide - len(row))] for row in found.scores]
    return found


def _notes(film: FilmFrames, facts: RecogniserFacts, asked: RecognisingWish) -> tuple[str, ...]:
    notes = [facts.note.removesuffix(".")] if facts.note else []
    if len(film.index) == 1:
        notes.append("This video has one frame: there is one window, and nothing moves")
    elif film.index.duration_s < asked.window_s:
        notes.append(f"The video is {film.index.duration_s:.2f} s long, shorter than a window: it is one window")
    if not facts.fixed and len(class_names(asked.classes)) == 1:
        notes.append("A single class is weighed against 'something else'")
    return (*notes, *film.notes)


def _live(arguments: dict[str, Any], context: ApplyContext) -> LiveAnswer:
    """What the last frames of a camera show."""
    from workbench.engine.video.recognising import ZeroShot
    from workbench.store.framering import RingReader

    asked = as_asked(arguments, LiveWish)
    if not 0 < asked.window_s < 60:
        raise InputError("Windows cannot lie like this.", expected="up to a minute", received=f"{asked.window_s:g} s",
                         fix="Choose another length.", field="window_s")  # fmt: skip
    facts = videomodel.facts_of(asked.model, context)
    model = videomodel.recogniser(facts, asked.classes, asked.frames, asked.device, context)
    began = time.perf_counter()
    sequence, at_s, frames = RingReader(Path(asked.ring)).latest(model.frames, asked.window_s)
    read = time.perf_counter()
    if not len(frames):
        return LiveAnswer(sequence, at_s, model.classes)
    scores = [round(float(one), 4) for one in model.scores(frames[None])[0]]
    found = LiveAnswer(sequence, at_s, model.classes, scores, 1000 * (read - began))
    if asked.saliency and isinstance(model, ZeroShot):
        found.saliency = _looked(model, frames[-1], int(np.argmax(scores)))
    found.inference_ms = 1000 * (time.perf_counter() - read)
    return found


def _saliency(arguments: dict[str, Any], context: ApplyContext) -> Saliency:
    """Where an image-language model looks in a frame."""
    asked = as_asked(arguments, SaliencyWish)
    facts = videomodel.facts_of(asked.model, context)
    names = class_names(asked.classes or ("anything",))
    label = names.index(asked.label) if asked.label in names else None
    if asked.label and label is None:
        raise InputError("This class was not asked for.", expected=", ".join(names[:20]), received=asked.label,
                         fix="Choose one of the classes.", field="label")  # fmt: skip
    videomodel.model_of(facts, asked.device, context)
    model = videomodel.zero_shot(facts, names, 0, asked.device, context)
    film = _film(asked.path, model.image_px, context)
    frame = film.frame(film.number_at(asked.time_s))
    if frame is None:
        raise InputError("This frame cannot be decoded.", expected="a frame", received="a gap in the video",
                         fix="Choose another one.", field="time_s", place=film.path.name)  # fmt: skip
    return _looked(model, frame, label)


def _looked(model: Any, frame: NDArray[np.uint8], label: int | None) -> Saliency:
    from workbench.engine.video.saliency import look

    found = look(model, frame, label)
    rows, columns = found.values.shape
    what = f"what speaks for '{model.classes[label]}'" if label is not None else "attention"
    return Saliency(rows, columns, [round(float(one), 3) for one in found.values.ravel()], found.box, what)


# Folders


def _vault(facts: RecogniserFacts, rate_per_s: float, context: ApplyContext) -> Vault:
    from workbench.engine.video.retrieval import Vault, model_key

    place = context.home.cache / "video-features"
    return Vault(place, model_key(videomodel.files_of(facts), place / "contents"), rate_per_s)


@dataclasses.dataclass
class Known:
    """What is known of a video as long as its file stays as it is: how many features, and what went wrong."""

    features: int
    failed: FailedVideo | None = None


def _features(arguments: dict[str, Any], context: ApplyContext) -> FeaturesDone:
    """Features of the videos below a folder, as many as the budget allows; what is there is not made again."""
    from workbench.engine.video import retrieval

    asked = as_asked(arguments, FeaturesWish)
    began = time.monotonic()
    until = began + asked.budget_s if asked.budget_s else float("inf")
    facts = videomodel.facts_of(asked.model, context)
    videos = retrieval.videos_below(Path(asked.folder))
    model = videomodel.model_of(facts, asked.device, context)
    vault = _vault(facts, asked.rate_per_s, context)
    known: dict[str, Known] = context.cache.setdefault(("video-features",), {})
    found = FeaturesDone(len(videos), 0, 0)

    def enough() -> bool:
        return found.made > 0 and time.monotonic() >= until

    for at, path in enumerate(videos):

        def told(share: float, made: int, at: int = at, path: Path = path) -> bool:
            """How far the video is; whether others get their turn now."""
            found.made += made
            words = f"{at} of {len(videos)} videos, {path.name}"
            context.progress(round(1000 * (at + share)), 1000 * len(videos), words)
            return enough()

        name = _name(path, vault)
        if name not in known:
            if enough():
                break
            made = _featured(path, vault, model, told)
            if made is None:
                break
            known[name] = made
        found.ready += known[name].features > 0
        found.features += known[name].features
        if (failed := known[name].failed) is not None:
            found.failed.append(failed)
    else:
        found.complete = True
    found.seconds = time.monotonic() - began
    del found.failed[MOST_FAILED:]
    return found


def _featured(path: Path, vault: Vault, model: Any, told: Callable[[float, int], bool]) -> Known | None:
    """The features of a video, made where they are not there; None where `told` said that it is enough for now."""
    from workbench.engine.video import retrieval
    from workbench.engine.video.framereading import FilmFrames
    from workbench.engine.video.recognising import image_vectors

    film = None
    try:
        told(0.0, 0)
        content = retrieval.content_key(path, vault.folder / "contents")
        rows = vault.vectors(content)
        if rows is None:
            film = FilmFrames(path, model.image_px)
            if not retrieval.extract(film, content, vault, lambda frames: image_vectors(model, frames), dim=model.dim,
                                     told=told):  # fmt: skip
                return None
            rows = vault.vectors(content)
        if rows is None:
            return Known(0, FailedVideo(str(path), "its features were taken away while they were read"))
        lost = int(np.isnan(rows[:, 0]).sum())
        why = f"{lost} of its {len(rows)} sampled frames cannot be decoded"
        return Known(len(rows), FailedVideo(str(path), why, lost) if lost else None)
    except (InputError, KnownTrouble) as problem:
        return Known(0, FailedVideo(str(path), f"{problem.what} {problem.received}".strip()))
    except OSError as error:
        return Known(0, FailedVideo(str(path), str(error)))
    finally:
        if film is not None:
            film.close()


def _name(path: Path, vault: Vault) -> str:
    try:
        facts = path.stat()
    except OSError:
        return f"{path} is gone"
    return f"{vault.place.name} {path} {facts.st_size} {facts.st_mtime_ns}"


def _gallery(folder: Path, vault: Vault, context: ApplyContext) -> tuple[Gallery, int]:
    """All features of a folder that are there, and of how many videos; kept until a video or a feature changes."""
    from workbench.engine.video import retrieval

    videos = retrieval.videos_below(folder)
    names = tuple(_name(path, vault) for path in videos)
    key = ("gallery", str(folder), names, vault.place.stat().st_mtime_ns)
    found: Gallery | None = context.cache.get(key)
    if found is None:
        rows = []
        for path in videos:
            vectors = vault.vectors(retrieval.content_key(path, vault.folder / "contents"))
            if vectors is not None:
                rows.append((path, vectors))
        found = retrieval.Gallery.of(rows, vault.rate_per_s)
        context.cache[key] = found
    return found, len(videos)


def _find(arguments: dict[str, Any], context: ApplyContext) -> Found:
    """Videos of a folder ranked by their best moment for a text."""
    from workbench.engine.video.recognising import TEMPLATES, text_vectors

    asked = as_asked(arguments, FindWish)
    text = " ".join(asked.text.split())
    if not text:
        raise InputError("There is nothing to look for.", expected="a few words", received="nothing",
                         fix="Say what the videos should show.", field="text")  # fmt: skip
    facts = videomodel.facts_of(asked.model, context)
    model = videomodel.model_of(facts, asked.device, context)
    gallery, videos = _gallery(Path(asked.folder), _vault(facts, asked.rate_per_s, context), context)
    began = time.perf_counter()
    vector = text_vectors(model, [text], TEMPLATES)[0].cpu().numpy()
    hits = [Hit(str(path), at_s, score) for path, at_s, score in gallery.ranked(vector, max(asked.limit, 1))]
    took = 1000 * (time.perf_counter() - began)
    return Found(hits, len(gallery.paths), len(gallery.vectors), videos - len(gallery.paths), took)


def _captions(arguments: dict[str, Any], context: ApplyContext) -> Captioned:
    """Captions ranked for a video or a stretch of it."""
    from workbench.engine.video.recognising import image_vectors, text_vectors

    asked = as_asked(arguments, CaptionWish)
    captions = class_names(asked.captions)
    facts = videomodel.facts_of(asked.model, context)
    model = videomodel.model_of(facts, asked.device, context)
    film = _film(asked.path, model.image_px, context)
    ((start, end),) = windows_of(film.index.duration_s, 1e9, 1.0, asked.start_s, asked.end_s)
    count = max(1, round((end - start) * asked.rate_per_s))
    frames = []
    for at in range(count):
        context.progress(at, count, "reading frames")
        frame = film.frame(film.number_at(start + (at + 0.5) * (end - start) / count))
        if frame is not None:
            frames.append(frame)
    if not frames:
        raise InputError("No frame of this stretch can be decoded.", expected=f"{count} frames", received="none",
                         fix="Choose another stretch.", field="path", place=film.path.name)  # fmt: skip
    mean = image_vectors(model, np.stack(frames)).mean(0)
    mean /= max(float(np.linalg.norm(mean)), 1e-12)
    scores = text_vectors(model, captions, ("{}",)).cpu().numpy() @ mean
    order = np.argsort(-scores, kind="stable")
    return Captioned([(captions[at], round(float(scores[at]), 4)) for at in order], len(frames), film.notes)


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {
    "video-recognise": _recognise, "video-live": _live, "video-saliency": _saliency, "video-features": _features,
    "video-find": _find, "video-captions": _captions,
}  # fmt: skip
