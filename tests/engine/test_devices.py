from __future__ import annotations

import pytest
import torch

from workbench.core.problem import InputError
from workbench.engine import devices


def test_that_the_cpu_is_always_a_place():
    place = devices.choose("cpu")
    assert (place.device.type, place.dtype_name, place.is_cuda) == ("cpu", "fp32", False)
    assert place.memory_bytes > 1e8
    assert place.peak_bytes() > 1e7


def test_that_auto_takes_an_accelerator_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert devices.choose("auto").device.type == expected


def test_that_an_absent_device_is_an_input_error_naming_those_present():
    with pytest.raises(InputError) as caught:
        devices.choose("cuda:97")
    assert caught.value.field == "device"
    assert "cpu" in caught.value.expected


def test_that_bf16_is_taken_where_asked():
    place = devices.choose("cpu", "bf16")
    with place.autocast():
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.bfloat16
    with devices.choose("cpu", "fp32").autocast():
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.float32


@pytest.fixture
def keep_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_that_a_batch_job_takes_all_cores_and_the_interactive_lane_half(monkeypatch, keep_threads):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(devices, "cores", lambda: 6)
    assert devices.set_threads("batch") == torch.get_num_threads() == 6
    assert devices.set_threads("interactive") == torch.get_num_threads() == 3


def test_that_a_number_of_threads_in_the_environment_wins(monkeypatch, keep_threads):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert devices.set_threads("batch") == torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_that_running_out_of_memory_is_recognised_in_all_its_words(error, answer):
    assert devices.is_out_of_memory(error) is answer
