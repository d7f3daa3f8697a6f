"""Models from the Hugging Face hub: what is offered, and fetching it so that a break costs nothing.

huggingface_hub asks, authorises, follows and retries; since its version 2 it throws a partial file
away when its process ends, so the partial files are ours: one per expected digest, continued from
where they end, and given their name only when the digest fits.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import hashlib
import re
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from workbench.core.problem import InputError, KnownTrouble, Problem
from workbench.core.sizes import in_bytes
from workbench.store.home import Home
from workbench.store.models import Origin, note_digests, note_origin, origin_of, sha256_of

WANTED = ("*.json", "*.safetensors", "*.txt", "*.model", "README.md", "LICENSE*")
CHUNK_BYTES = 1 << 18
"""How often progress is told; the library's own ten megabytes are a minute on a slow line."""
TELL_EVERY_S = 0.2
RATE_OVER_S = 5.0
ROOM_TO_SPARE_BYTES = 64 << 20
_PARTS = "parts"


class OfferedFile(msgspec.Struct, frozen=True):
    """A file as the hub announces it; `digest` is 'sha256:…', 'git:…' (SHA-1 of a blob) or empty."""

    name: str
    size_bytes: int
    digest: str = ""


class Offer(msgspec.Struct, frozen=True):
    """What a download would bring: pinned to a commit, so that what was accepted is what comes."""

    model: str
    commit: str
    licence: str
    files: list[OfferedFile]

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(one.size_bytes for one in self.files)


class Fetched(msgspec.Struct, frozen=True):
    """How far a download is: bytes of the file under way, bytes of all, bytes per second, seconds left."""

    file: str
    file_bytes: int
    file_of: int
    bytes: int
    of: int
    bytes_per_s: float = 0.0
    seconds_left: float = -1.0


def folder_of(home: Home, model: str) -> Path:
    """Where a hub model comes to lie in the home."""
    return home.models / model.replace("/", "--")


def partial_of(home: Home, model: str) -> Path:
    """Where its files wait until all have arrived; never offered to anyone."""
    return home.models / f".{folder_of(home, model).name}.partial"


def name_of(address: str) -> str:
    """ORG/NAME of 'hub:ORG/NAME' or 'ORG/NAME'; raises InputError for anything else."""
    name = address.strip().removeprefix("hub:").strip("/")
    if not re.fullmatch(r"[\w.-]{1,96}(/[\w.-]{1,96})?", name, re.ASCII) or name.startswith((".", "-")) or "--" in name:
        raise InputError(
            "This is not a model's id on the hub.", expected="ORG/NAME, such as google-bert/bert-base-uncased",
            received=address or "nothing", fix="Copy the id from the top of the model's page.", field="model",
        )  # fmt: skip
    return name


def look_up(address: str, *, commit: str = "") -> Offer:
    """Ask the hub what a model consists of, without fetching it.

    Raises InputError for an id that the hub does not give out or that brings no safetensors,
    KnownTrouble when the hub cannot be reached.
    """
    import huggingface_hub.constants as library
    from huggingface_hub import HfApi

    name = name_of(address)
    try:
        info = HfApi(endpoint=library.ENDPOINT).model_info(name, revision=commit or None, files_metadata=True)
    except Exception as error:  # the library lets its transport's own classes through
        raise _refused(name, error) from None
    files = [_offered(one) for one in info.siblings or [] if _wanted(one.rfilename)]
    if not any(one.name.endswith(".safetensors") for one in files):
        raise InputError(
            "This model offers no weights in safetensors.", expected="*.safetensors",
            received=", ".join(one.rfilename for one in (info.siblings or [])[:6]) or "no files",
            fix="Pickled weights can run code and are not taken; look for a converted copy.", place=f"hub:{name}",
        )  # fmt: skip
    return Offer(name, str(info.sha or "main"), _licence(info.card_data), files)


def _wanted(name: str) -> bool:
    path = PurePosixPath(name)
    inside = not path.is_absolute() and ".." not in path.parts and "\\" not in name
    return inside and any(fnmatch.fnmatch(name, want) for want in WANTED)


def _offered(one: Any) -> OfferedFile:
    digest = f"sha256:{one.lfs.sha256}" if one.lfs else f"git:{one.blob_id}" if one.blob_id else ""
    return OfferedFile(one.rfilename, int(one.size or 0), digest)


def _licence(card: Any) -> str:
    named = getattr(card, "license", None) or ""
    own = getattr(card, "license_name", None) if card is not None else None
    return str(own or named) if named in ("other", "") else str(named)


def arrived_bytes(home: Home, model: str) -> int:
    """What waits of an interrupted download."""
    folder = partial_of(home, model)
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def drop_partial(home: Home, model: str) -> None:
    """Give up an interrupted download and free its room."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(partial_of(home, model))
    with contextlib.suppress(OSError):
        partial_of(home, model).with_suffix(".lock").unlink()


def fetch(home: Home, offer: Offer, tell: Callable[[Fetched], None] = lambda _: None) -> Path:
    """Bring all files of an offer, going on from what arrived before; returns the model's folder.

    A file keeps its partial name until its digest fits, the folder its hidden name until all have
    arrived. Raises KnownTrouble for a lost connection, a full disk, a wrong digest, or when another
    process is fetching the same model.
    """
    target, partial = folder_of(home, offer.model), partial_of(home, offer.model)
    if origin_of(target) == msgspec.structs.replace(
        origin_of(target), source=f"hub:{offer.model}", commit=offer.commit
    ):
        return target
    _check_room(home, offer)
    with _alone(partial), _said_plainly(offer.model):
        meter = _Meter(offer, tell)
        for one in offer.files:
            _fetch_one(offer, one, partial, meter)
        shutil.rmtree(partial / _PARTS, ignore_errors=True)
        note_digests(partial)
        note_origin(partial, Origin(f"hub:{offer.model}", offer.commit, offer.licence, time.time()))
        _put_in_place(partial, target)
    return target


def _check_room(home: Home, offer: Offer) -> None:
    wanted = offer.size_bytes - arrived_bytes(home, offer.model) + ROOM_TO_SPARE_BYTES
    free = shutil.disk_usage(home.models).free
    if free < wanted:
        raise KnownTrouble(
            "There is not enough room for this model.", expected=f"{in_bytes(wanted)} free on the home's disk",
            received=in_bytes(free), fix="Free some space (Models, Disk use), or set WORKBENCH_HOME to a larger disk.",
        )  # fmt: skip


@contextlib.contextmanager
def _alone(partial: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    partial.mkdir(parents=True, exist_ok=True)
    lock = FileLock(partial.with_suffix(".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise KnownTrouble(
            "Another process is downloading this model.", expected="one download of a model at a time",
            received=f"a lock at {partial.with_suffix('.lock').name}", fix="Wait for it, or end it.",
        ) from None  # fmt: skip
    try:
        yield
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            partial.with_suffix(".lock").unlink()


@contextlib.contextmanager
def _said_plainly(model: str) -> Iterator[None]:
    try:
        yield
    except Problem:
        raise
    except Exception as error:  # see look_up
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise KnownTrouble(
                "The disk is full.", expected="room for the rest of the model", received=str(error),
                fix="Free some space and start again: what has arrived is kept and continued.",
            ) from None  # fmt: skip
        raise _refused(model, error) from None


def _fetch_one(offer: Offer, one: OfferedFile, partial: Path, meter: _Meter) -> None:
    import huggingface_hub.constants as library
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    target = partial / one.name
    if target.is_file() and target.stat().st_size == one.size_bytes:
        meter.skip(one)
        return
    part = partial / _PARTS / (hashlib.sha256(f"{one.name} {one.digest} {offer.commit}".encode()).hexdigest()[:24])
    part.parent.mkdir(parents=True, exist_ok=True)
    library.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
    with part.open("ab", buffering=0) as file:
        if file.tell() > one.size_bytes:
            file.seek(file.truncate(0))
        meter.begin(one)
        http_get(
            hf_hub_url(offer.model, one.name, revision=offer.commit), file, resume_size=file.tell(),
            headers=build_hf_headers(), expected_size=one.size_bytes,
            displayed_filename=one.name, tqdm_class=meter.bar(file.tell),
        )  # fmt: skip
    if not _fits(part, one):
        part.unlink()
        raise KnownTrouble(
            "A downloaded file is not what was announced.", expected=one.digest, received=one.name,
            fix="Download again; the damaged file has been removed.",
        )  # fmt: skip
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)


def _fits(part: Path, one: OfferedFile) -> bool:
    kind, _, digest = one.digest.partition(":")
    if part.stat().st_size != one.size_bytes:
        return False
    if kind == "sha256":
        return sha256_of(part) == digest
    if kind == "git":
        blob = hashlib.sha1(f"blob {one.size_bytes}\0".encode(), usedforsecurity=False)
        blob.update(part.read_bytes())
        return blob.hexdigest() == digest
    return True


def _put_in_place(partial: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.replaced")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.replace(old)
    partial.replace(target)
    shutil.rmtree(old, ignore_errors=True)


class _Meter:
    """Counts what arrives and tells of it a few times a second."""

    def __init__(self, offer: Offer, tell: Callable[[Fetched], None]) -> None:
        self._of, self._tell = offer.size_bytes, tell
        self._file = OfferedFile("", 0)
        self._before = self._within = 0
        self._told_at = 0.0
        self._times: deque[tuple[float, int]] = deque()

    def begin(self, one: OfferedFile) -> None:
        """A file's turn has come; those before it are complete."""
        self._before += self._file.size_bytes
        self._file, self._within = one, 0

    def skip(self, one: OfferedFile) -> None:
        """A file had arrived before."""
        self.begin(one)
        self._within = one.size_bytes
        self._say()

    def bar(self, written: Callable[[], int]) -> Any:
        """What the library takes for a progress bar of the file under way, of which `written()` bytes are on disk.

        The library counts a piece before it writes it; who is told of a piece may end this process at once.
        """
        meter = self
        meter._within = written()
        meter._say()

        class Bar:
            def __init__(self, *_: Any, **__: Any) -> None:
                meter._reached(written())

            def update(self, _count: float = 1) -> None:
                meter._reached(written())

            def close(self) -> None:
                pass

            def __enter__(self) -> Bar:
                return self

            def __exit__(self, *_: object) -> None:
                meter._reached(written())
                meter._say()

        return Bar

    def _reached(self, written: int) -> None:
        now = time.monotonic()
        self._times.append((now, written - self._within))
        self._within = written
        while self._times and now - self._times[0][0] > RATE_OVER_S:
            self._times.popleft()
        if now - self._told_at >= TELL_EVERY_S:
            self._say()

    def _say(self) -> None:
        self._told_at = now = time.monotonic()
        spent = now - self._times[0][0] if len(self._times) > 1 else 0.0
        rate = sum(count for _, count in list(self._times)[1:]) / spent if spent > 0 else 0.0
        done = self._before + self._within
        left = (self._of - done) / rate if rate > 0 else -1.0
        self._tell(Fetched(self._file.name, self._within, self._file.size_bytes, done, self._of, rate, left))


def _refused(name: str, error: Exception) -> Problem:
    """What the hub's answer means to a person."""
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", 0)
    said = next(iter(str(error).splitlines()), "") or type(error).__name__
    if isinstance(error, errors.GatedRepoError) or status == 403:
        return InputError(
            "The hub gives this model only to those who agreed to its terms.", expected="a model that is free to fetch",
            received=f"{name}: access is gated", fix="Agree on the model's page and log in with 'hf auth login', "
            "or download it there and add the folder.", field="model",
        )  # fmt: skip
    if isinstance(error, errors.RepositoryNotFoundError | errors.HFValidationError) or status in (401, 404):
        return InputError(
            f"The hub has no public model {name!r}.", expected="the id of a public model, such as 'org/name'",
            received=f"status {status}" if status else said, field="model",
            fix="Check the id's spelling; a private model needs 'hf auth login' first.",
        )  # fmt: skip
    return KnownTrouble(
        "The model cannot be downloaded.", expected=f"a public model {name!r} on the hub", received=said,
        fix="Check the connection; what has arrived is kept and continued.",
    )  # fmt: skip
