"""Want of GPU memory: how it is told from other errors, and what is said of it."""

from __future__ import annotations

import gc

import torch

SIGNS = ("CUDA out of memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""What errors say of it that have no type of their own."""

LONGEST = 240
"""Of what torch says, so many characters at most are told: it goes on with advice that is not for here."""

ADVICE = "use a smaller batch, or accumulate gradients over several (training.accumulate)"


def lacks_gpu_memory(error: BaseException | None) -> bool:
    """Return True if `error`, or one that it came of, says that a GPU has too little memory left."""
    while error is not None:
        is_plain = isinstance(error, (RuntimeError, MemoryError)) and any(sign in str(error) for sign in SIGNS)
        if isinstance(error, torch.OutOfMemoryError) or is_plain:
            return True
        error = error.__cause__
    return False


def gpu_memory_reason(error: BaseException) -> str:
    """Return what is told of a trial that `error` has ended."""
    words = " ".join(str(error).split())
    said = words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
    return f"out of GPU memory ({said}); {ADVICE}"


def free_gpu_memory() -> None:
    """Give back what this process holds of GPU memory, and does not use, to those who share the GPU."""
    gc.collect()
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
