"""What a process may use of a machine: cores that it is bound to and has time for, GPUs that it is shown."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from asrun import machine
from asrun.machine import cores, has_gpu, visible_gpus


@pytest.fixture
def bound(monkeypatch, tmp_path):
    """Binds this process to eight cores, and puts it into control groups of which the test writes the files."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 8, raising=False)
    monkeypatch.setattr(machine, "_CONTROL_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_OWN_GROUPS", tmp_path / "own")

    def write(own, files):
        (tmp_path / "own").write_text(own)
        for path, text in files.items():
            file = tmp_path / "cgroup" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    return write


def test_all_cores_that_a_process_is_bound_to_are_its_own(bound):
    assert cores() == 8, "nobody says that there are control groups"
    bound("0::/\n", {})
    assert cores() == 8, "the outermost has no limits"


@pytest.mark.parametrize(
    ("quota", "count"), [("max", 8), ("150000", 2), ("200000", 2), ("1000", 1), ("1600000", 8), ("?", 8)]
)
def test_a_container_has_time_for_so_many(bound, quota, count):
    bound("0::/\n", {"cpu.max": f"{quota} 100000\n"})
    assert cores() == count


def test_of_several_groups_the_narrowest_counts(bound):
    bound("0::/a/b\n", {"cpu.max": "max 100000", "a/cpu.max": "300000 100000", "a/b/cpu.max": "500000 100000"})
    assert cores() == 3


@pytest.mark.parametrize("path", ["/", "/docker/1234"])
@pytest.mark.parametrize(("quota", "count"), [(-1, 8), (250000, 3)])
def test_version_1_of_control_groups_is_understood(bound, path, quota, count):
    folder = "cpu,cpuacct"
    bound(
        f"4:memory:/elsewhere\n1:{folder}:{path}\n",
        {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": "100000\n"},
    )
    assert cores() == count


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound to cores here")
def test_a_process_that_is_bound_to_one_core_has_one():
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); from asrun import machine; "
    done = subprocess.run([sys.executable, "-c", code + "print(machine.cores())"], capture_output=True, text=True)
    assert done.stdout.strip() == "1", done.stderr


LISTED = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-0a)
  MIG 1g.10gb     Device  0: (UUID: MIG-1b)
  MIG 1g.10gb     Device  1: (UUID: MIG-1c)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-0b)
"""


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """Puts a program in the place of nvidia-smi."""
    shell = shutil.which("sh")
    if not shell:
        pytest.skip("needs a shell")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def answers(text, code=0):
        script = tmp_path / "nvidia-smi"
        told = "\n".join(f"echo '{line}'" for line in text.splitlines())
        script.write_text(f"#!{shell}\n{told}\nexit {code}\n")
        script.chmod(0o755)

    return answers


def test_where_there_is_no_driver_there_is_no_gpu(driver, monkeypatch):
    assert visible_gpus() == [] and not has_gpu()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert not has_gpu(), "it is named, and not there"


def test_gpus_are_those_that_the_driver_sees(driver):
    driver(LISTED)
    assert visible_gpus() == ["0", "1"] and has_gpu()
    driver("NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.", 9)
    assert visible_gpus() == [] and not has_gpu()
    driver("No devices found.")
    assert visible_gpus() == [] and not has_gpu()


@pytest.mark.parametrize(
    ("named", "seen"),
    [("", []), ("-1", []), ("1", ["1"]), ("3, 5", ["3", "5"]), ("GPU-0b", ["GPU-0b"]), ("1,-1,0", ["1"])],
)
def test_of_these_a_process_may_use_those_that_it_is_shown(driver, monkeypatch, named, seen):
    driver(LISTED)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert visible_gpus() == seen and has_gpu() == bool(seen)
