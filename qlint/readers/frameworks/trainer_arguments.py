"""Keys that are fields of TrainingArguments, or of a class derived from it.

Many frameworks hand their file to a parser of such classes. What they do not write has the default
of the library's release, which `qlint.knowledge.libraries` knows.
"""

from __future__ import annotations

from collections.abc import Mapping

from qlint.knowledge import libraries
from qlint.readers.frameworks import common
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import ABSENT, Field, Json, Origin, State

SAME_NAMES = (
    "learning_rate", "optim", "lr_scheduler_type", "max_grad_norm", "weight_decay",
    "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs", "max_steps",
)  # fmt: skip
_SHORTENED = {"per_gpu_train_batch_size": "per_device_train_batch_size"}


class Arguments:
    """One class of arguments at the versions in force, and what a sheet writes of it."""

    def __init__(
        self, sheet: Sheet, library: str, name: str, versions: Mapping[str, str] | None = None
    ) -> None:
        self.sheet = sheet
        self.name = name
        self.library = library
        self.versions = {**(versions or {}), **sheet.versions}
        self.parameters = libraries.parameters(library, name, self.versions)

    def field(self, key: str) -> Field | None:
        """A field as written, else the class's default; None where it has no such parameter."""
        written = self.sheet.written(key)
        return written if written is not None else self.default(key)

    def default(self, key: str) -> Field | None:
        """The default of a parameter; None where the class does not have it."""
        parameter = self.parameters.get(key)
        if parameter is None or parameter.required:
            return None
        via = f"default of {self.name} in {parameter.library} {parameter.version}"
        return self.sheet.by_default(parameter.value, via)

    def fill(self) -> None:
        """The fields that every trainer of transformers has."""
        fields = self.sheet.fields
        for name in SAME_NAMES:
            self.sheet.take(name)
            if fields[name].state is State.ABSENT:
                written = self.sheet.written(name)
                found = written or self.default(name) or ABSENT
                self.sheet.check_number(name, found)
                fields[name] = found
        fields["lr_scheduler_type"] = _lowered(fields["lr_scheduler_type"])
        fields["warmup"] = self._warmup()
        self._precision()
        self._checkpointing()
        self._distributed()

    def _warmup(self) -> Field:
        steps, ratio = self.default("warmup_steps"), self.default("warmup_ratio")
        value = {
            "steps": steps.value if steps is not None and steps.value else 0,
            "ratio": float(ratio.value) if ratio is not None and ratio.value else 0.0,
        }
        decisive = ratio if ratio is not None and ratio.value else steps
        origin = decisive.reason if decisive is not None else None
        default = self.sheet.by_default(value, origin)
        return common.warmup(self.sheet, "warmup_steps", "warmup_ratio", default)

    def _precision(self) -> None:
        fields = self.sheet.fields
        brain, half = self.field("bf16"), self.field("fp16")
        half = half if half is not None else self.sheet.by_default(False)
        if brain is None:
            brain = self.sheet.by_default(False)
        if brain.known and brain.value is None:
            if half.state is State.UNKNOWN:
                brain = self.sheet.unknown(f"on unless fp16 is: {half.reason}")
            else:
                via = brain.origin[-1].via if brain.origin else None
                brain = self.sheet.by_default(not half.value, via)
        fields["bf16"], fields["fp16"] = brain, half

    def _checkpointing(self) -> None:
        fields, sheet = self.sheet.fields, self.sheet
        old, new = "gradient_checkpointing", "activation_checkpointing"
        switch = sheet.written(old, common.boolean) or sheet.written(new, common.boolean)
        if switch is None:
            found = self.default(old) or self.default(new)
            if found is not None:
                switch = Field(found.state, bool(found.value), found.origin)
        fields[old] = switch or sheet.by_default(False)
        if common.checkpointing_off(sheet):
            fields["use_reentrant"] = ABSENT
            return
        written = None
        for name in (old, new):
            written = written or sheet.written(f"{name}_kwargs.use_reentrant")
        fields["use_reentrant"] = written or self.reentrant()

    def reentrant(self) -> Field:
        """The default of checkpointing in transformers: reentrant before 5.0."""
        asked = self.versions.get("transformers", "")
        version = libraries.resolve_version("transformers", asked)
        old = int(version.split(".", 1)[0]) < 5
        via = f"default of gradient checkpointing in transformers {version}"
        return self.sheet.by_default(old, via)

    def _distributed(self) -> None:
        for name in ("deepspeed", "fsdp"):
            written = self.sheet.written(name)
            if written is None:
                continue
            if written.state is State.UNKNOWN:
                self.sheet.fields["distributed"] = written
                return
            if written.value:
                self.sheet.fields["distributed"] = Field(State.SET, name, written.origin)
                return


def _lowered(field: Field) -> Field:
    """``SchedulerType.COSINE`` is "cosine"."""
    value: Json = field.value
    if isinstance(value, str) and value.startswith("SchedulerType."):
        return Field(field.state, value.rsplit(".", 1)[-1].lower(), field.origin)
    return field


def attention(sheet: Sheet, *keys: str) -> Field:
    """The attention implementation as written, else what transformers picks."""
    for key in keys:
        written = sheet.written(key)
        if written is not None:
            return written
    origin = Origin(via="default of transformers: sdpa where the model has it")
    return Field(State.DEFAULT, "sdpa", (origin,))
