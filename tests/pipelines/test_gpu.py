import pytest

from pipelines import extra
from pipelines import gpu as module
from pipelines.errors import TrialFailed
from pipelines.gpu import Gpu, lease_name
from pipelines.runtimes import Target
from tests.pipelines.fake_nvml import FakeNvml

ON_GPU = Target("torch", "cuda")


@pytest.mark.parametrize(
    ("visible", "uuid"),
    [(None, "GPU-a"), ("0", "GPU-a"), ("1,0", "GPU-b"), (" 1 ", "GPU-b"), ("GPU-b", "GPU-b")],
    ids=["all", "first", "second first", "blanks", "by name"],
)
def test_it_is_the_first_one_that_cuda_sees(visible: str | None, uuid: str) -> None:
    assert Gpu.visible({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}, FakeNvml()).uuid == uuid


@pytest.mark.parametrize(
    ("visible", "nvml", "reason"),
    [
        ("", FakeNvml(), r"CUDA_VISIBLE_DEVICES='' hides all 2 GPUs .* set cluster\.gpus_per_trial"),
        ("-1", FakeNvml(), "hides all 2 GPUs"),
        ("7", FakeNvml(), "CUDA_VISIBLE_DEVICES='7' names no GPU of this machine: Invalid Argument"),
        ("GPU-c", FakeNvml(), "CUDA_VISIBLE_DEVICES='GPU-c' names no GPU of this machine: Not Found"),
        ("0", FakeNvml(uuids=()), "this machine has no NVIDIA GPU"),
        ("0", FakeNvml(dead=True), r"no NVIDIA driver answers on this machine \(Driver Not Loaded\); install one"),
    ],
    ids=["hidden", "minus one", "no such number", "no such name", "no GPU", "no driver"],
)
def test_a_gpu_that_is_not_there_is_told_with_the_reason(visible: str, nvml: FakeNvml, reason: str) -> None:
    with pytest.raises(TrialFailed, match=reason):
        Gpu.visible({"CUDA_VISIBLE_DEVICES": visible}, nvml)


def test_without_the_drivers_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise extra.PackageNotFoundError(name)

    monkeypatch.setattr(extra, "version", absent)
    with pytest.raises(TrialFailed, match=r"needs the package nvidia-ml-py, .* pip install -e '\.\[cuda\]'"):
        Gpu.visible({})


def test_what_the_driver_does_not_tell_is_none() -> None:
    gpu = Gpu(FakeNvml(lacks=("clock", "reasons", "energy", "processes")), 0)
    assert (gpu.clock_mhz(), gpu.slowed_by(), gpu.energy_mj()) == (None, None, None)
    assert gpu.memory_bytes(7) is gpu.busy_processes(0, own=7) is None


def test_its_clocks_are_held_down_for_reasons_that_have_names() -> None:
    assert Gpu(FakeNvml(), 0).slowed_by() == ()
    assert Gpu(FakeNvml(reasons=1 | 4 | 32), 0).slowed_by() == ("the power limit", "heat")


def test_a_process_is_known_by_its_number() -> None:
    gpu = Gpu(FakeNvml(running={7: 500, 8: None}), 0)
    assert gpu.memory_bytes(7) == 500
    assert gpu.memory_bytes(8) is gpu.memory_bytes(9) is None


@pytest.mark.parametrize(
    ("busy", "own", "others"),
    [((), 7, ()), ((7,), 7, ()), ((8, 7, 9), 7, (8, 9)), ((8,), 1, None)],
    ids=["nobody", "itself", "others", "numbers of another namespace"],
)
def test_others_that_compute_are_told_where_numbers_mean_the_same(busy, own: int, others) -> None:
    assert Gpu(FakeNvml(running={7: 1, 8: 1, 9: 1}, busy=busy), 0).busy_processes(0, own) == others


def test_what_is_had_alone_is_one_gpu_or_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "missing", lambda packages: None)
    monkeypatch.setattr(module, "import_module", lambda name: FakeNvml())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert (lease_name(Target()), lease_name(ON_GPU)) == ("cpu", "GPU-b")
    monkeypatch.setattr(module, "import_module", lambda name: FakeNvml(dead=True))
    assert lease_name(ON_GPU) == "cuda"
