"""What the memory of a micro-step hangs on."""

from __future__ import annotations

from qlint.memory.job import Job, Loss


def hangs_on_tokens_alone(job: Job) -> bool:
    """Whether it does not matter into how many sequences the tokens of a micro-step are divided,
    as long as each is a multiple of 128 tokens.

    It matters where attention makes scores or a mask for each pair of tokens of a sequence
    (:mod:`.attention_kernels`), and where a loss treats a batch of one in its own way
    (:mod:`.loss`).
    """
    if job.loss in (Loss.SHIFTED, Loss.UPCAST, Loss.NARROW):
        return False
    if job.attn_implementation == "eager":
        return False
    if job.attn_implementation != "sdpa":
        return True
    windows = any(block.sliding_window for block in job.model.blocks)
    masked = job.padding or job.packing or windows
    return not (masked or job.model.make.attention_softcap)
