"""What an optimizer keeps for each trainable parameter, and where that state lives.

Sizes were read in the libraries: bitsandbytes keeps 8-bit moments with one float32 scale for each
256 elements (``optim/optimizer.py``; 2048 before 0.44) and leaves tensors under 4096 elements in
32 bits; torchao's blocks are 256 (8 bit) and 128 (4 bit); Adafactor keeps float32 row and column
sums in place of the second moment and no first moment (transformers' defaults).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from qlint.records import Record, replace
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

Family: TypeAlias = (
    "Literal['adam', 'ademamix', 'lion', 'rmsprop', 'adagrad', 'sgd', 'adafactor', 'low-rank', "
    "'fused']"
)
"""``low-rank``: GaLore and Apollo, which keep the state of a projection; how much is not modelled.
``fused``: LOMO, which keeps none."""

_MOMENTS: dict[Family, int] = {"adam": 2, "ademamix": 3, "lion": 1, "rmsprop": 1, "adagrad": 1}
_SCALE_BLOCK = {8: 256, 4: 128}
_SMALLEST_QUANTISED = 4096


class OptimizerKind(Record):
    """How an optimizer stores its state.

    ``bits`` is the width of one moment's element, 0 where there are no moments. ``paged`` state
    lives in memory that can be evicted to the host when the card is full.
    """

    bits: int
    paged: bool
    family: Family
    extra_moments: int = 0
    follows_parameters: bool = False
    """Moments have the dtype of their parameter, as PyTorch makes them (``zeros_like``); all others
    are in float32 where they are not in fewer bits."""

    @property
    def full_precision(self) -> bool:
        """True where the moments are kept in 32 bits for every parameter."""
        return self.bits == 32 and self.family in _MOMENTS

    def bytes_per_parameter(self, size: int = 4) -> float:
        """Bytes of moments and their scales for a parameter of ``size`` bytes; 0 for the factored
        families."""
        moments = _MOMENTS.get(self.family, 0) + self.extra_moments
        if self.bits in _SCALE_BLOCK:
            return moments * (self.bits / 8 + 4 / _SCALE_BLOCK[self.bits])
        return moments * (size if self.follows_parameters else self.bits / 8)

    def state_bytes(self, matrices: Iterable[tuple[int, int]], size: int = 4) -> int:
        """Bytes of state for matrices (rows, columns) of ``size`` bytes an element."""
        return sum(self.state_of(rows, columns, size) for rows, columns in matrices)

    def state_of(self, rows: int, columns: int, size: int = 4) -> int:
        """Bytes of state for one trained matrix of ``size`` bytes an element."""
        elements = rows * columns
        if self.family == "adafactor":
            return 4 * (rows + columns)
        moments = _MOMENTS.get(self.family, 0) + self.extra_moments
        block = _SCALE_BLOCK.get(self.bits)
        if block is None or elements < _SMALLEST_QUANTISED:
            return moments * (size if self.follows_parameters else 4) * elements if self.bits else 0
        return moments * (-(-elements * self.bits // 8) + 4 * -(-elements // block))


def is_modelled(optim: str) -> bool:
    """True where the size of the optimizer's state follows from the trained parameters."""
    kind = optimizer_kind(optim)
    return kind is not None and kind.family != "low-rank"


def optimizer_kind(optim: str) -> OptimizerKind | None:
    """The kind of a transformers ``optim`` name or of a qualified optimizer class.

    Understands ``"paged_adamw_8bit"`` as well as ``"bitsandbytes.optim.PagedAdamW8bit"``; None for
    one that is not known.
    """
    name = optim.rsplit(".", 1)[-1].casefold().replace("_", "")
    kind = _SPECIAL.get(name) or _regular(name)
    if kind is not None and optim.startswith("bitsandbytes."):
        return replace(kind, follows_parameters=False)
    return kind


_REGULAR = re.compile(
    r"(?P<paged>paged)?(?P<family>adamw|adam|ademamix|lion|rmsprop|adagrad|sgd|lamb)"
    r"(?P<build>torch|hf|bnb|apexfused|torchfused|torchxla|torchnpufused|anyprecision)?"
    r"(?P<bits>8bit|4bit|32bit|fp8)?"
)
_FAMILIES: dict[str, Family] = {
    "adamw": "adam",
    "adam": "adam",
    "lamb": "adam",
    "ademamix": "ademamix",
    "lion": "lion",
    "rmsprop": "rmsprop",
    "adagrad": "adagrad",
    "sgd": "sgd",
}
_IN_PYTORCH = frozenset({"adamw", "adam", "rmsprop", "adagrad"})
_BITS = {"8bit": 8, "4bit": 4, "fp8": 8}

_SPECIAL: dict[str, OptimizerKind] = {
    "adafactor": OptimizerKind(32, False, "adafactor"),
    "lomo": OptimizerKind(0, False, "fused"),
    # AdaLomo factors its second moment as Adafactor does (lomo_optim/adalomo.py).
    "adalomo": OptimizerKind(32, False, "adafactor"),
    # Beside Adam's two moments GrokAdamW keeps a slow average of the gradients.
    "grokadamw": OptimizerKind(32, False, "adam", extra_moments=1),
    "stableadamw": OptimizerKind(32, False, "adam"),
    "schedulefreeadamw": OptimizerKind(32, False, "adam"),
    "schedulefreeradam": OptimizerKind(32, False, "adam"),
    "schedulefreesgd": OptimizerKind(32, False, "sgd", extra_moments=1),
    "fusedadam": OptimizerKind(32, False, "adam"),
    # DeepSpeed keeps this state in host memory for good.
    "deepspeedcpuadam": OptimizerKind(32, True, "adam"),
    "sgd": OptimizerKind(0, False, "sgd"),
}


def _regular(name: str) -> OptimizerKind | None:
    if name.startswith(("galore", "apollo", "qgalore")):
        return OptimizerKind(8 if "8bit" in name else 32, False, "low-rank")
    match = _REGULAR.fullmatch(name)
    if match is None:
        return None
    bits = _BITS.get(match["bits"] or "", 32)
    own = match["family"] in _IN_PYTORCH and match["build"] != "bnb"
    return OptimizerKind(
        bits,
        bool(match["paged"]),
        _FAMILIES[match["family"]],
        follows_parameters=own and not (match["paged"] or match["bits"]),
    )
