"""What is said of a film in words: where it stands, what a frame costs, what the file says of itself."""

from __future__ import annotations

from workbench.core.video import FrameIndex, VideoFacts
from workbench.core.words import number, spaced
from workbench.gui.films.scene import FilmScene
from workbench.gui.timestrip import clock


def position(scene: FilmScene, facts: VideoFacts | None) -> str:
    """The frame on screen, its time, and the chosen stretch; empty without a film."""
    if not scene.frames or facts is None:
        return ""
    parts = [f"frame {spaced(scene.frame)} of {spaced(scene.frames)}",
             f"{clock(scene.time_s)} of {clock(scene.duration_s)}"]  # fmt: skip
    if scene.selection_s is not None and scene.index is not None:
        start_s, end_s = scene.selection_s
        first = scene.index.frame_at(start_s)
        # The frame that begins where the stretch ends is not part of it.
        last = scene.index.frame_at(end_s - scene.index.tick_s)
        parts.append(f"stretch {clock(start_s)} – {clock(end_s)} = {end_s - start_s:.3f} s, "
                     f"{spaced(max(last - first + 1, 0))} frames")  # fmt: skip
    return "  ·  ".join(parts)


def costs(decode_ms: float, inference_ms: float, draw_ms: float, late: float, aside: str = "") -> str:
    """What the frame on screen took, and the share of frames that came too late; negative for what there is not.

    Words about something else come first.
    """
    parts = [*([aside] if aside else []), f"decode {decode_ms:.1f} ms"]
    parts += [f"inference {inference_ms:.1f} ms"] if inference_ms >= 0 else []
    parts.append(f"draw {draw_ms:.1f} ms")
    parts += [f"late {100 * late:.1f} %"] if late >= 0 else []
    return "  ·  ".join(parts)


def live_costs(inference_ms: float, draw_ms: float) -> str:
    """What a live picture took."""
    return "  ·  ".join(
        [*([f"inference {inference_ms:.1f} ms"] if inference_ms >= 0 else []), f"draw {draw_ms:.1f} ms"]
    )


def rate(facts: VideoFacts, index: FrameIndex | None) -> str:
    """The rate, and whether all frames are shown for the same time."""
    said = f"{number(facts.frames_per_s, 5)} frames/s" if facts.frames_per_s else "no rate stated"
    if index is None or len(index) < 3:
        return said
    if index.steady:
        return f"{said}, steady"
    steps = [(b - a) * index.tick_s for a, b in zip(index.times, index.times[1:], strict=False)]
    return f"{said} on average; frames stay for {1000 * min(steps):.0f} to {1000 * max(steps):.0f} ms"


def line(facts: VideoFacts) -> str:
    """A film in few words, for beside its name."""
    parts = [f"{facts.width} × {facts.height}", facts.codec]
    parts += [f"{number(facts.frames_per_s, 4)} frames/s"] if facts.frames_per_s else []
    parts += ["its sound is not played"] if facts.has_sound else []
    return "  ·  ".join(parts)


def rows(
    facts: VideoFacts, index: FrameIndex | None, *, complete: bool = True, copy: str = ""
) -> list[tuple[str, str]]:  # fmt: skip
    """Everything the file says of itself, a name and a value each; `copy` is what there is of its small copy."""
    size = f"{facts.width} × {facts.height} pixels"
    stored = f"{facts.coded_width} × {facts.coded_height}"
    found = [("Size", size)]
    if (facts.coded_width, facts.coded_height) != (facts.width, facts.height):
        found.append(("Stored as", stored))
    if facts.rotation_degrees:
        found.append(("Turned", f"{facts.rotation_degrees}° clockwise"))
    if abs(facts.pixel_aspect - 1) > 1e-6:
        found.append(("Pixels", f"{number(facts.pixel_aspect, 4)} times as wide as high, shown square"))
    found += [("Codec", facts.codec), ("Format", facts.format), ("Rate", rate(facts, index))]
    if index is not None:
        more = "" if complete else " so far"
        found += [("Frames", spaced(len(index)) + more), ("Lasts", clock(index.duration_s) + more)]
        if complete and index.keys and len(index.keys) < len(index):
            found.append(("Key frames", f"{spaced(len(index.keys))}, one in {len(index) / len(index.keys):.0f} frames"))
    found += [("Preview copy", copy)] if copy else []
    found += [("Colours", f"{facts.pixel_format}, {facts.bits} bits a channel"),
              ("Sound", "there is one; it is not played here" if facts.has_sound else "none")]  # fmt: skip
    notes = [*facts.notes, *(index.notes if index is not None else ())]
    return found + [("Note", one[:1].upper() + one[1:]) for one in notes]
