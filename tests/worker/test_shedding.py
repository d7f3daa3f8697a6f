"""The interactive lane makes room in the caches of cases while nobody asks anything."""

from __future__ import annotations

import os

import msgspec
import numpy as np
import pytest

from workbench.core import settings
from workbench.core.events import Inspect
from workbench.engine.medical import volumes
from workbench.store import shedding
from workbench.store.home import open_home
from workbench.worker import interactive
from workbench.worker.messages import Ask

LONG_AGO = 1_700_000_000


@pytest.fixture
def home(tmp_path):
    return open_home(tmp_path / "home")


def test_that_the_cache_of_cases_keeps_to_the_settings_limit(home):
    settings.change(home.settings, {"cases_cache": 1.0})
    files = []
    for at in range(3):
        path = home.cache / "segmentations" / f"{at}.npy"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.truncate(400_000_000)  # a hole: no room on the disk is taken
        os.utime(path, (LONG_AGO + at, LONG_AGO + at))
        files.append(path)
    interactive._shed(home)
    assert [one.exists() for one in files] == [False, True, True]


def test_that_room_is_made_once_after_questions_have_ceased(home, monkeypatch):
    told = []

    class Line:
        """Asks one question after room was made, and is gone at its answer but one."""

        def listen(self, obey):
            self.obey = obey

        def report(self, message):
            told.append("answered")
            if told.count("answered") == 2:
                raise EOFError

    line = Line()

    def shed(*_):
        told.append("made room")
        line.obey(Ask(number=len(told), request=Inspect("doctor", {})))
        return shedding.Shed(0, 0, 0)

    monkeypatch.setattr(interactive, "warm_up", lambda _: told.append("warm"))
    monkeypatch.setattr(interactive, "WARM_UP_AFTER_S", 0.01)
    monkeypatch.setattr(interactive, "SHED_AFTER_S", 0.01)
    monkeypatch.setattr(interactive, "_work_out", lambda *_: msgspec.Raw(b"null"))
    monkeypatch.setattr(shedding, "shed", shed)
    with pytest.raises(EOFError):
        interactive.serve(home, line)
    assert told == ["warm", "made room", "answered", "made room", "answered"]


def test_that_a_case_that_is_opened_again_counts_as_used(home, tmp_path):
    import SimpleITK as sitk  # noqa: N813

    path = tmp_path / "image.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5)), str(path))
    folder = home.cache / "volumes"
    first = volumes.read(path, "", folder)
    for one in folder.iterdir():
        os.utime(one, (LONG_AGO, LONG_AGO))
    assert volumes.read(path, "", folder) == first
    assert shedding.shed(home, 0).files == 0
    for one in folder.iterdir():
        os.utime(one, (LONG_AGO, LONG_AGO))
    assert shedding.shed(home, 0).files == 2
    assert (np.load(volumes.read(path, "", folder).path) == np.arange(60).reshape(3, 4, 5)).all()  # comes again
