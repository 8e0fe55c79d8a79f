"""The first noun of qlint: a Recipe, what one training run really does.

A reader turns an input (script, notebook, configuration, launcher) into recipes. A recipe has one
:class:`Field` for each name in :data:`FIELD_NAMES`. A field never guesses: its :class:`State` says
whether the input decided it, a library's default decided it, it is known only at run time, or it
has no meaning for this run. Names and states are those of the published report schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, TypeAlias

Json: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, list or dict of such."""

NEWEST_KNOWN = "the newest known to qlint"
"""The source of a version that nothing decides: it is assumed."""

FIELD_NAMES: tuple[str, ...] = (
    "quant_method",
    "load_in_4bit",
    "load_in_8bit",
    "quant_type",
    "double_quant",
    "compute_dtype",
    "quant_storage",
    "lora_r",
    "lora_alpha",
    "lora_dropout",
    "use_rslora",
    "use_dora",
    "target_modules",
    "modules_to_save",
    "learning_rate",
    "optim",
    "lr_scheduler_type",
    "warmup",
    "max_grad_norm",
    "weight_decay",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "num_train_epochs",
    "max_steps",
    "gradient_checkpointing",
    "use_reentrant",
    "max_seq_length",
    "packing",
    "bf16",
    "fp16",
    "kbit_prepare",
    "trainer",
    "framework",
    "model_name",
    "attn_implementation",
    "distributed",
    "world_size",
    "effective_batch_size",
)

Kind: TypeAlias = Literal["python", "notebook", "yaml", "json", "toml", "shell"]


class State(str, Enum):
    """How the value of a field came about."""

    SET = "set"
    """The input decides it: written, computed or selected there."""
    DEFAULT = "default"
    """A library's default, passed through unchanged; ``value`` is that default."""
    UNKNOWN = "unknown"
    """Decided only at run time; the origin's ``via`` says why."""
    ABSENT = "absent"
    """Has no meaning for this run."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One station on the way of a value: where it stood and what happened to it there.

    Lines and columns count from 1, in code points. In a notebook ``line`` counts within the cell
    and ``physical_line`` within the file. ``via`` says in words what this station did, for example
    ``"default of --learning_rate"`` or ``"argument learning_rate of TrainingArguments"``.
    """

    path: str | None = None
    line: int | None = None
    column: int | None = None
    cell: int | None = None
    physical_line: int | None = None
    via: str | None = None
    end_line: int | None = None
    end_column: int | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of several values a field may take, with the condition under which it does."""

    value: Json
    condition: str | None = None
    origin: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """The value of one recipe field.

    ``origin`` is the chain of stations from the place where the value was decided (first: the
    literal, the library's default) to the place where the run uses it (last).
    """

    state: State
    value: Json = None
    origin: tuple[Origin, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    condition: str | None = None
    open_ended: bool = False
    """Besides the alternatives it may take values that are not known."""

    @property
    def known(self) -> bool:
        """True when ``value`` is the value in force, set or by default."""
        return self.state in (State.SET, State.DEFAULT)

    @property
    def possible(self) -> tuple[Json, ...]:
        """All values the field may take: one when known, the alternatives when not, else none."""
        if self.known:
            return (self.value,)
        return tuple(alternative.value for alternative in self.alternatives)

    @property
    def reason(self) -> str | None:
        """Why the value is unknown or absent, or what its last station did."""
        return self.origin[-1].via if self.origin else None


ABSENT = Field(State.ABSENT)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a run stands: ``line`` is that of the call that trains, 1 for a whole-file config."""

    path: str
    line: int = 1
    column: int = 1
    cell: int | None = None
    physical_line: int | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """What a feature that is off by default would change: the changed fields only.

    A run that a command starts has none: the command decides which switches it is given.
    """

    condition: str
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Start:
    """The command that starts a run, as far as it is known.

    ``starts`` says what ``program`` is: the path of a "script", or the name of a "module" or of a
    "tool", which is a framework's command line. ``words`` is the whole command, with the programs
    in front (``accelerate launch``), whose kinds ``starters`` are. ``environment`` holds the
    variables with known values. ``open`` says what of the command is known only when it runs.
    """

    starts: Literal["script", "module", "tool"]
    program: str
    arguments: tuple[str, ...]
    words: tuple[str, ...]
    folder: str
    environment: Mapping[str, str] = field(default_factory=dict)
    starters: tuple[str, ...] = ()
    open: str | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one training run does, as far as it can be known without running it.

    ``assumptions`` are the premises under which it was read (empty argv, no environment variables,
    one process). ``versions`` maps a library to ``{"version", "source"}``: the version whose
    defaults were used and where that version was read.
    """

    id: str
    source: Source
    kind: Kind
    framework: str
    fields: Mapping[str, Field]
    variants: Sequence[Variant] = ()
    assumptions: Sequence[str] = ()
    versions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    """The files that the run was read from besides its source, as shown in the report: the script
    and the configuration that a launcher starts, and configurations that those name."""
    trains_at: Source | None = None
    """Where the script or the configuration itself trains, where ``source`` is a launcher's."""
    facts: Mapping[str, Field] = field(default_factory=dict)
    """What else was read of the run, beside the published fields: ``load_dtype``,
    ``eval_strategy``, ``per_device_eval_batch_size``, ``use_liger_kernel`` and the like, by the
    names of the libraries. One that is missing here was not read, whatever the run does."""
    names: Mapping[str, Field] = field(default_factory=dict)
    """Configurations that the run names, by format: "deepspeed", "accelerate", "fsdp". The value
    is the path as written, or the table itself where it is written in place."""
    start: Start | None = None
    """The command of a launcher that starts the run; None where no launcher does."""

    def __getitem__(self, name: str) -> Field:
        return self.fields.get(name, ABSENT)

    def value(self, name: str) -> Json:
        """The value in force of field ``name``, or None where it is not known."""
        found = self[name]
        return found.value if found.known else None

    def fact(self, name: str) -> Json:
        """The value of fact ``name``, or None where it is not known."""
        found = self.facts.get(name, ABSENT)
        return found.value if found.known else None


@dataclass(frozen=True, slots=True)
class DeadConfiguration:
    """A configuration object that is built and never reaches a run."""

    what: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Problem:
    """An input, or a part of one, that could not be analysed: what, where, what to do."""

    path: str
    message: str
    line: int = 1
    column: int = 1
    cell: int | None = None
    physical_line: int | None = None
    fatal: bool = True
    """The whole input was skipped; otherwise only a part of it was."""


NoteKind: TypeAlias = Literal[
    "unknown-key",
    "number-as-text",
    "duplicate-key",
    "ignored-key",
    "several-documents",
    "conflict",
    "adapter-twice",
]


@dataclass(frozen=True, slots=True)
class Note:
    """Something odd that a reader saw and that a rule may report: the recipe is readable still."""

    kind: NoteKind
    key: str
    message: str
    origin: Origin
    suggestion: str | None = None
    """What is probably meant: the known name nearest to an unknown key, the number of a text, what
    would make an ignored key count."""
    other: Origin | None = None
    """The second place that the note is about: what a conflict is with, the first of two keys."""
    framework: str = ""
    """Whose loader reads the file, by the name in :mod:`qlint.knowledge.frameworks`; empty where
    none is at hand."""


@dataclass(frozen=True, slots=True)
class Companion:
    """A configuration that trains nothing by itself and that a run names or is started with.

    ``format`` is "deepspeed", "accelerate", "fsdp" or "peft". ``fields`` are the recipe fields that
    it decides where a run uses it; ``facts`` what else it says ("zero_stage").
    """

    format: str
    source: Source
    fields: Mapping[str, Field]
    facts: Mapping[str, Field] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """All that a reader found in one input."""

    path: str
    recipes: tuple[Recipe, ...] = ()
    dead: tuple[DeadConfiguration, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()
    companions: tuple[Companion, ...] = ()
