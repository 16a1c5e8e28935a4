import pytest
import torch

from search.execution.gpu_memory import free_gpu_memory, gpu_memory_reason, lacks_gpu_memory


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (caused(ValueError("the step failed"), torch.OutOfMemoryError("x")), True),
        (ValueError("CUDA out of memory is what I fear"), False),
        (MemoryError(), False),
        (None, False),
    ],
    ids=["typed", "driver", "cublas", "cause", "words", "host", "none"],
)
def test_want_of_gpu_memory_is_told_from_other_errors(error, lacks: bool) -> None:
    assert lacks_gpu_memory(error) is lacks


def test_what_is_told_is_short_and_says_what_to_do() -> None:
    words = gpu_memory_reason(torch.OutOfMemoryError("CUDA out of memory.\n" + 200 * "GPU 0 "))
    assert words.startswith("out of GPU memory (CUDA out of memory. GPU 0 ")
    assert words.endswith("…); use a smaller batch, or accumulate gradients over several (training.accumulate)")
    assert len(words) < 400


def test_without_a_gpu_there_is_nothing_to_give_back() -> None:
    free_gpu_memory()
