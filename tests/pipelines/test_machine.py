"""What this machine has for training, as the rules of recipe `auto` see it."""

import os

import psutil
import pytest

from pipelines.machine import measure_machine, memory_bytes, read_gpus


def test_gpus_are_read_with_their_memory_and_a_line_that_says_something_else_is_left_out():
    table = "NVIDIA H100 80GB HBM3, 81559\nTesla T4, 15360\nFailed to initialize NVML: Driver/library version mismatch\nGPU, [N/A]\n"
    assert read_gpus(table) == [("NVIDIA H100 80GB HBM3", 79.6), ("Tesla T4", 15.0)]
    assert read_gpus("") == []


def test_memory_is_that_of_the_machine_or_less_in_a_container():
    assert 0 < memory_bytes() <= psutil.virtual_memory().total


def test_processors_are_those_that_this_process_may_use():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert measure_machine().cores == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.slow
def test_a_gpu_that_keras_cannot_use_is_not_counted(tmp_path, monkeypatch):
    listing = tmp_path / "nvidia-smi"
    listing.write_text("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 81559'\n")
    listing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    machine = measure_machine()
    assert (machine.accelerators, machine.accelerator, machine.accelerator_memory) == (0, "", 0.0)
    assert machine.words().endswith("no GPU")
