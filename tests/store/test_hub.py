"""Downloads from a hub that stands on this machine: continued after a break, never taken half."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants as library
import pytest

from tests.hubserver import COMMIT, FILES, WEIGHTS, Hub
from workbench.core.problem import InputError, KnownTrouble
from workbench.store import hub as hub_module
from workbench.store.home import Home
from workbench.store.hub import Fetched, arrived_bytes, drop_partial, fetch, folder_of, look_up, name_of, partial_of
from workbench.store.models import added_folders, model_faults, origin_of


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub().serving() as hub:
        monkeypatch.setattr(library, "ENDPOINT", hub.address)
        monkeypatch.setattr(
            library, "HUGGINGFACE_CO_URL_TEMPLATE", hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(library, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield hub


def part_of(home: Home) -> Path:
    """The file in which the weights arrive: the largest one there."""
    parts = (partial_of(home, "org/small") / "parts").iterdir()
    return max(parts, key=lambda one: one.stat().st_size)


def interrupted(home: Home, hub: Hub, kept: int) -> None:
    """A download that a process left behind with so many bytes of the weights."""
    offer = look_up("org/small")

    def die(now: Fetched) -> None:
        if now.file == "model.safetensors" and now.file_bytes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(home, offer, die)
    part_of(home).write_bytes(WEIGHTS[:kept])
    hub.asked.clear()


def test_that_an_offer_names_licence_commit_and_sizes_without_code_pickles_and_paths_that_lead_out(hub: Hub) -> None:
    offer = look_up("hub:org/small")
    assert (offer.model, offer.commit, offer.licence) == ("org/small", COMMIT, "apache-2.0")
    assert {one.name for one in offer.files} == {"config.json", "README.md", "model.safetensors", "vocab.txt"}
    assert offer.size_bytes == sum(len(FILES[one.name]) for one in offer.files)


def test_that_a_model_arrives_whole_with_digests_origin_and_progress_within_the_file(hub: Hub, home: Home) -> None:
    told: list[Fetched] = []
    target = fetch(home, look_up("org/small"), told.append)
    assert target == folder_of(home, "org/small")
    assert (target / "model.safetensors").read_bytes() == WEIGHTS
    assert model_faults(target) == []
    assert (origin_of(target).source, origin_of(target).licence) == ("hub:org/small", "apache-2.0")
    assert told[-1].bytes == told[-1].of
    assert [one.bytes for one in told] == sorted(one.bytes for one in told)
    assert not partial_of(home, "org/small").exists()
    assert sorted(path.name for path in home.models.iterdir()) == ["org--small"]


def test_that_no_byte_is_told_before_it_is_on_disk(hub: Hub, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "TELL_EVERY_S", 0.0)
    monkeypatch.setattr(hub_module, "CHUNK_BYTES", 1 << 16)
    ahead: list[int] = []

    def compare(one: Fetched) -> None:
        if one.bytes < one.of:
            ahead.append(one.bytes - arrived_bytes(home, "org/small"))

    fetch(home, look_up("org/small"), compare)
    assert len(ahead) > 10
    assert max(ahead) <= 0


def test_that_an_interrupted_download_goes_on_where_it_was_in_the_next_process(hub: Hub, home: Home) -> None:
    interrupted(home, hub, kept=600_000)
    assert added_folders(home) == []
    assert arrived_bytes(home, "org/small") > 600_000
    told: list[Fetched] = []
    target = fetch(home, look_up("org/small"), told.append)
    assert hub.weights_asked() == ["bytes=600000-"]
    assert (target / "model.safetensors").read_bytes() == WEIGHTS
    assert told[-1].bytes == told[-1].of


def test_that_a_connection_that_breaks_within_a_file_is_taken_up_again(hub: Hub, home: Home) -> None:
    hub.break_after = 500_000
    target = fetch(home, look_up("org/small"))
    assert (target / "model.safetensors").read_bytes() == WEIGHTS
    first, second = hub.weights_asked()
    assert first == ""
    assert second.startswith("bytes=")
    assert int(second.removeprefix("bytes=").rstrip("-")) > 0


def test_that_a_server_without_ranges_costs_the_part_but_not_the_file(hub: Hub, home: Home) -> None:
    interrupted(home, hub, kept=600_000)
    hub.ranges = False
    target = fetch(home, look_up("org/small"))
    assert (target / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("kept", [0, len(WEIGHTS), len(WEIGHTS) + 5])
def test_that_a_part_of_any_length_ends_well(hub: Hub, home: Home, kept: int) -> None:
    interrupted(home, hub, kept=0)
    part_of(home).write_bytes((WEIGHTS + b"more!")[:kept])
    target = fetch(home, look_up("org/small"))
    assert (target / "model.safetensors").read_bytes() == WEIGHTS


def test_that_a_garbled_part_is_found_by_its_digest_and_thrown_away(hub: Hub, home: Home) -> None:
    interrupted(home, hub, kept=0)
    part_of(home).write_bytes(b"\0" * 600_000)
    with pytest.raises(KnownTrouble, match="not what was announced"):
        fetch(home, look_up("org/small"))
    assert not folder_of(home, "org/small").exists()
    assert (fetch(home, look_up("org/small")) / "model.safetensors").read_bytes() == WEIGHTS


def test_that_a_small_file_is_checked_against_its_git_digest(hub: Hub, home: Home) -> None:
    offer = look_up("org/small")
    hub.files["vocab.txt"] = b"[PAD]\n[UNK]\nx\nb\n"
    with pytest.raises(KnownTrouble, match="not what was announced") as caught:
        fetch(home, offer)
    assert caught.value.received == "vocab.txt"


@pytest.mark.parametrize(
    ("status", "what", "kind"),
    [
        (401, "no public model", InputError),
        (404, "no public model", InputError),
        (403, "agreed to its terms", InputError),
        (400, "cannot be downloaded", KnownTrouble),
    ],
)
def test_that_a_refusal_is_one_clear_problem(hub: Hub, status: int, what: str, kind: type[Exception]) -> None:
    hub.status = status
    with pytest.raises(kind, match=what):
        look_up("org/small")


def test_that_a_model_without_safetensors_is_refused(hub: Hub) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(InputError, match="no weights in safetensors") as caught:
        look_up("org/small")
    assert "pytorch_model.bin" in caught.value.received


@pytest.mark.parametrize("address", ["", "hub:", "a/b/c", "../up", "ö/x", "org/na me", "https://host/org/name", "-x/y"])
def test_that_what_is_no_id_is_refused_before_anything_is_asked(address: str) -> None:
    with pytest.raises(InputError, match="not a model's id"):
        name_of(address)


def test_that_a_second_download_of_the_same_model_waits_outside(hub: Hub, home: Home) -> None:
    offer, seen = look_up("org/small"), []

    def again(now: Fetched) -> None:
        if not seen:
            seen.append(now)
            with pytest.raises(KnownTrouble, match="Another process"):
                fetch(home, offer)

    fetch(home, offer, again)
    assert seen


def test_that_what_is_here_already_is_not_fetched_again(hub: Hub, home: Home) -> None:
    offer = look_up("org/small")
    fetch(home, offer)
    hub.asked.clear()
    assert fetch(home, offer) == folder_of(home, "org/small")
    assert hub.asked == []


def test_that_a_newer_state_replaces_the_older_one_in_one_step(hub: Hub, home: Home) -> None:
    target = fetch(home, look_up("org/small"))
    origin = json.loads((target / "origin.json").read_text())
    (target / "origin.json").write_text(json.dumps(origin | {"commit": "f" * 40}))
    (target / "old.txt").write_text("old")
    fetch(home, look_up("org/small"))
    assert not (target / "old.txt").exists()
    assert [path.name for path in home.models.iterdir()] == ["org--small"]


def test_that_a_full_disk_is_said_before_anything_is_fetched(
    hub: Hub, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = look_up("org/small")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000_000})())
    with pytest.raises(KnownTrouble, match="not enough room") as caught:
        fetch(home, offer)
    assert caught.value.received == "1 MB"
    assert hub.asked == []


def test_that_a_given_up_download_frees_its_room(hub: Hub, home: Home) -> None:
    interrupted(home, hub, kept=1000)
    drop_partial(home, "org/small")
    drop_partial(home, "org/small")
    assert arrived_bytes(home, "org/small") == 0
    assert hashlib.sha256(WEIGHTS).hexdigest() in look_up("org/small").files[2].digest
