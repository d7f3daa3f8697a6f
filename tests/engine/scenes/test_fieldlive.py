"""Views while a field is learned: what is rendered when, what it costs, what is left in the run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from tests.engine.scenes.fieldviews import Ball, pose
from workbench.core import events as ev
from workbench.core.fields import FieldFrame, FieldLook
from workbench.core.scenes import Viewpoint
from workbench.engine.scenes import fieldlive
from workbench.engine.scenes.fieldlive import LiveView, bounded, progressive
from workbench.store.asked import ask, withdraw
from workbench.store.runfolder import RunConfig, RunFolder, create_run
from workbench.worker.job import RunningJob

LOOK = FieldLook(Viewpoint(pose(0, 4), height_deg=45), 40, 32)
OTHER = FieldLook(Viewpoint(pose(1, 4), height_deg=45), 40, 32)


class Clock:
    """Seconds that pass when told; looking at it takes a millisecond."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@pytest.fixture
def job(tmp_path: Path) -> Iterator[RunningJob]:
    """A job with no budget of its own: its clock is the real one, which these tests outrun."""
    job = RunningJob(create_run(tmp_path, RunConfig(recipe="test", params={})), preview_share=1e9)
    yield job
    job.writer.close()


def live(job: RunningJob, clock: Clock, **change: Any) -> LiveView:
    learner = SimpleNamespace(
        shown=Ball(), empty=None, learning=SimpleNamespace(samples=48), backdrop=lambda: torch.ones(3)
    )
    return LiveView(job, learner, "view", clock=clock, **change)  # type: ignore[arg-type]


def frames(job: RunningJob) -> list[tuple[ev.Artifact, FieldFrame]]:
    job.writer.flush()
    found = [one for one in _events(job) if isinstance(one, ev.Artifact)]
    return [(one, msgspec.convert(one.meta, FieldFrame)) for one in found]


def _events(job: RunningJob) -> list[ev.AnyEvent]:
    return list(RunFolder(job.folder).events())


def work(view: LiveView, clock: Clock, seconds: float, *, each: float = 0.01) -> int:
    """Training steps of `each` seconds, with the view between them; how many."""
    end, steps = clock.now + seconds, 0
    while clock.now < end:
        clock.now += each
        view.tick()
        steps += 1
    return steps


def test_that_nothing_is_rendered_while_nobody_asks(job: RunningJob) -> None:
    clock = Clock()
    work(live(job, clock), clock, 1.0)
    assert not frames(job)


def test_that_a_view_comes_coarse_to_fine_with_depth_and_what_was_looked_at(job: RunningJob) -> None:
    clock = Clock()
    view = live(job, clock)
    ask(job.folder, "view", LOOK)
    work(view, clock, 1.5)
    told = frames(job)
    assert [frame.coarseness for _, frame in told] == [8, 4, 2, 1]
    assert all(frame.look == LOOK for _, frame in told)
    artifact = told[-1][0]
    picture = np.asarray(Image.open(job.folder / artifact.path))
    depth = np.load(job.folder / artifact.parts["depth"])
    assert picture.shape == (32, 40, 4) and depth.shape == (32, 40)
    assert picture[16, 20, 3] == 255 and picture[0, 0, 3] == 0
    assert np.isfinite(depth[16, 20]) and np.isinf(depth[0, 0])


def test_that_a_view_that_stays_is_rendered_anew_but_never_goes_back_to_a_coarse_picture(job: RunningJob) -> None:
    clock = Clock()
    view = live(job, clock)
    ask(job.folder, "view", LOOK)
    work(view, clock, 9.0)
    rest = [frame.coarseness for _, frame in frames(job)][4:]
    assert rest and set(rest) == {1}
    count = len(frames(job))
    withdraw(job.folder, "view")
    work(view, clock, 5.0)
    assert len(frames(job)) == count


def test_that_another_view_ends_the_work_on_the_one_before(job: RunningJob) -> None:
    clock = Clock()
    view = live(job, clock)
    big = msgspec.structs.replace(LOOK, width=400, height=300)
    ask(job.folder, "view", big)
    work(view, clock, 0.3)
    ask(job.folder, "view", OTHER)
    work(view, clock, 3.0)
    told = [(frame.look, frame.coarseness) for _, frame in frames(job)]
    assert (big, 1) not in told
    assert told[-1] == (OTHER, 1)


def test_that_a_camera_that_never_rests_takes_no_more_than_its_share(
    job: RunningJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()

    def slow(*given: Any, **more: Any) -> Any:
        for _ in range(1000):
            clock.now += 0.02  # a slice of work
            yield None

    monkeypatch.setattr(fieldlive, "progressive", slow)
    view = live(job, clock, share=0.08)
    began = clock.now
    for number in range(200):
        looked = msgspec.structs.replace(LOOK, width=40 + number)
        ask(job.folder, "view", looked)
        work(view, clock, 0.2)
    assert 0.05 < view.spent_s / (clock.now - began) < 0.1


def test_that_the_runs_own_budget_for_previews_is_obeyed(job: RunningJob, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = []

    @contextlib.contextmanager
    def preview(name: str, *, force: bool = False) -> Any:
        refused.append(name)
        yield False

    monkeypatch.setattr(job, "preview", preview)
    clock = Clock()
    view = live(job, clock)
    ask(job.folder, "view", LOOK)
    work(view, clock, 0.5)
    assert refused and not frames(job) and view.spent_s == 0


def test_that_passing_pictures_share_few_files_however_long_one_drags(job: RunningJob) -> None:
    clock = Clock()
    view = live(job, clock, share=0.5)
    for number in range(60):
        ask(job.folder, "view", msgspec.structs.replace(LOOK, view=Viewpoint(pose(number, 60), height_deg=45)))
        work(view, clock, 0.1)
    told = frames(job)
    assert len(told) > 60
    files = [one for one in (job.folder / "artifacts").iterdir() if one.suffix in (".png", ".npy")]
    passing = [one for one in files if "passing" in one.name]
    assert len(passing) <= 2 * fieldlive.PASSING_FILES and len(files) - len(passing) < 20
    assert all((job.folder / one.path).is_file() for one, _ in told)


def test_that_too_large_a_view_is_rendered_smaller_in_the_same_shape() -> None:
    small = bounded(FieldLook(LOOK.view, 4000, 2000), 100)
    assert (small.width, small.height) == (100, 50)
    first = next(one for one in progressive(Ball(), FieldLook(LOOK.view, 5, 3), 16) if one)
    assert first.coarseness == 1 and first.depth.shape == (3, 5)


def test_that_the_worker_renders_a_kept_field_coarse_to_fine_into_few_files(tmp_path: Path) -> None:
    from workbench.core.fields import FieldWish
    from workbench.core.problem import InputError, KnownTrouble
    from workbench.core.settings import Settings
    from workbench.engine.scenes import fields
    from workbench.store.home import open_home
    from workbench.worker.fields import FILES
    from workbench.worker.inspectors import inspect
    from workbench.worker.interactive import ApplyContext

    torch.manual_seed(0)
    field = fields.VoxelField((-1, -1, -1), (1, 1, 1), 8)
    with torch.no_grad():
        field.density_grid.fill_(14.0)
    (tmp_path / "model").mkdir()
    fields.save(field, tmp_path / "model")
    told: list[FieldFrame] = []
    home = open_home(tmp_path / "home")
    context = ApplyContext("cpu", home, Settings(), {}, tell=lambda share, words, raw: told.append(
        msgspec.json.decode(raw, type=FieldFrame | None)))  # fmt: skip
    wish = msgspec.to_builtins(FieldWish(str(tmp_path / "model"), LOOK))
    for _ in range(5):
        found = inspect("field-render", wish, context)
    assert found.coarseness == 1 and found.look == LOOK
    assert [one.coarseness for one in told if one is not None][:3] == [8, 4, 2]
    rgba, depth = np.load(found.rgba), np.load(found.depth)
    assert rgba.shape == (32, 40, 4) and rgba[16, 20].tolist() == pytest.approx([128, 128, 128, 255], abs=1)
    assert depth[16, 20] == pytest.approx(2.2 * np.sqrt(1 + 0.35**2) - 1, abs=0.25)
    assert len(list((home.cache / "fields").iterdir())) <= 2 * FILES
    assert len(context.cache) == 1
    with pytest.raises(KnownTrouble, match="cannot be read"):
        inspect("field-render", wish | {"model": str(tmp_path)}, context)
    with pytest.raises(InputError, match="malformed"):
        inspect("field-render", {"model": 3}, context)
