"""`workbench video labels` and the worker's questions about labelled spans, with a real worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tests.engine.video.films import film
from workbench.core.spans import AnnotatedVideo, LabelFile, LabelledSpan, LabelsWritten, content_digest
from workbench.engine.video.clipsets import ClipSpec, read_list
from workbench.runner.local import LocalRunner
from workbench.store.home import Home

CSV = "path,label,start_s,end_s,score,note\none.mp4,jump,0.5,1.25,0.75,high\none.mp4,run,1.5,9,,\ntwo.mp4,run,,,,\n"


def test_that_spans_are_shown_checked_and_converted(
    runner: LocalRunner, home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    path, video = tmp_path / "spans.csv", film(tmp_path / "one.mp4")
    path.write_text(CSV, encoding="utf-8")
    at_home = ("--home", str(home.root))
    shown = workbench("video", "labels", str(path), *at_home)
    assert "one.mp4  jump   0.500     1.250   0.750  high" in shown.out
    assert "3 spans in 2 videos" in shown.err
    (found,) = workbench("video", "labels", str(path), "--video", str(video), "--json", *at_home).lines
    assert [one["label"] for one in found["videos"][0]["spans"]] == ["jump"]
    assert "1 annotation outside the video (0 to 1.600 s) left out; the first is 'run', 1.5 to 9 s" in found["notes"][0]

    out = tmp_path / "new" / "spans.eaf"
    words = ("--to", "eaf", "--out", str(out), "--video", str(video), "--json")
    (done,) = workbench("video", "labels", str(path), *words, *at_home).lines
    assert done["path"] == str(out)
    assert done["notes"][1:] == ["1 score not written: this format has none"]
    (again,) = workbench("video", "labels", str(out), "--json", *at_home).lines
    (span,) = msgspec.convert(again["videos"], list[AnnotatedVideo])[0].spans
    assert span == LabelledSpan("jump", 0.5, 1.25, note="high")

    held = out.read_bytes()
    refused = workbench("video", "labels", str(path), *words, *at_home)
    assert refused.status == 2 and "--force" in refused.err and out.read_bytes() == held
    path.write_text(CSV.replace("jump", "leap"), encoding="utf-8")
    assert workbench("video", "labels", str(path), *words, "--force", *at_home).status == 0
    assert b"leap" in out.read_bytes()

    refused = workbench("video", "labels", str(path), "--to", "eaff", *at_home)
    assert refused.status == 2
    assert "Did you mean 'eaf'?" in refused.err and "--out" in refused.err
    gone = ("--video", str(path.with_name("gone.mp4")), "--from", "nothing")
    refused = workbench("video", "labels", str(path.with_name("gone.csv")), *gone, "--json", *at_home)
    assert refused.status == 2 and refused.out == ""
    assert all(told in refused.err for told in ("no annotations", "nothing at this path", "no format 'nothing'"))
    path.write_text("label,start_s,end_s\nrun,x,2\n", encoding="utf-8")
    refused = workbench("video", "labels", str(path), *at_home)
    assert refused.status == 2 and "spans.csv, line 2" in refused.err

    # What a window writes as training data is what recipes read.
    spans = [LabelledSpan("jump", 0.5, 1.25), LabelledSpan("clap", 1.0, 1.0)]
    videos = msgspec.to_builtins([AnnotatedVideo(str(video), spans)])
    (tmp_path / "two.csv").write_text("path,label\na.mp4,run\nb.mp4,run\n", encoding="utf-8")
    raw = runner.inspect("spans-clips", videos=videos, out=str(tmp_path / "clips.csv")).result(60)
    written = msgspec.json.decode(raw, type=LabelsWritten)
    assert (written.spans, len(written.notes)) == (1, 1)
    assert read_list(tmp_path / "clips.csv") == [ClipSpec(str(video), 0.5, 1.25, "jump")]
    raw = runner.inspect("spans", path=str(tmp_path / "clips.csv"), of="elsewhere/one.mkv").result(60)
    assert msgspec.json.decode(raw, type=LabelFile).videos == [AnnotatedVideo("one.mp4", [spans[0]])]
    raw = runner.inspect("spans", path=str(tmp_path / "two.csv"), of="nothing.mp4").result(60)
    assert msgspec.json.decode(raw, type=LabelFile).videos == [AnnotatedVideo("a.mp4"), AnnotatedVideo("b.mp4")]
    digest = msgspec.json.decode(runner.inspect("video-digest", path=str(video)).result(60))
    assert digest == content_digest(video)
