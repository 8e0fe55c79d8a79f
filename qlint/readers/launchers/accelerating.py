"""What ``accelerate launch`` is told: its configuration file, with its options on top."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from qlint.readers.commands import Argument
from qlint.readers.companions.loading import NotThere, Read, load_companion
from qlint.readers.launchers.launch import Launch, Starter
from qlint.recipe import Companion, Field, Json, Note, Origin, Recipe, Source, State

_FIELDS: dict[str, tuple[str, Callable[[str], Json]]] = {
    "--gradient_accumulation_steps": ("gradient_accumulation_steps", int),
    "--gradient_clipping": ("max_grad_norm", float),
}
_FACTS: dict[str, tuple[str, Callable[[str], Json]]] = {
    "--zero_stage": ("zero_stage", int),
    "--offload_optimizer_device": ("offload_optimizer", str),
    "--offload_param_device": ("offload_param", str),
    "--deepspeed_config_file": ("deepspeed_config_file", str),
    "--fsdp_version": ("fsdp_version", str),
}
_STRATEGIES = {"--use_deepspeed": "deepspeed", "--use_fsdp": "fsdp",
               "--use_megatron_lm": "megatron", "--tpu": "xla"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What a launch by accelerate is told, and the file that says some of it."""

    companion: Companion | None = None
    named: Field | None = None
    missing: str | None = None
    """Why the file that is named is not read."""
    notes: tuple[Note, ...] = ()
    path: str | None = None

    def named_by(self, recipe: Recipe) -> Recipe:
        """A recipe that names the file."""
        if self.named is None:
            return recipe
        inputs = recipe.inputs if self.path is None else (*recipe.inputs, self.path)
        names = {**recipe.names, "accelerate": self.named}
        return replace(recipe, inputs=tuple(dict.fromkeys(inputs)), names=names)

    @property
    def lost(self) -> tuple[str, Field] | None:
        """Why the file is not read, and how it is named."""
        missing, named = self.missing, self.named
        return None if missing is None or named is None else (missing, named)

    @property
    def processes(self) -> Field | None:
        """How many processes the file says; unknown where it is not there."""
        if self.missing is not None:
            origin = self.named.origin if self.named is not None else ()
            place = origin[-1] if origin else Origin()
            return Field(State.UNKNOWN, None, (*origin, replace(place, via=self.missing)))
        if self.companion is None or self.path is None:
            return None
        return self.companion.fields.get("world_size")


def accelerate_settings(launch: Launch, read: Read, source: Source) -> Told | None:
    """What accelerate is told; None where it does not start the run."""
    starter = next((one for one in launch.starters if one.kind == "accelerate"), None)
    if starter is None:
        return None
    fields, facts = _of_options(starter)
    file = starter.options.value("--config_file")
    named = argument_field(file) if file is not None else None
    if named is None:
        if not fields and not facts:
            return Told()
        return Told(Companion("accelerate", source, fields, facts))
    try:
        companion, notes = load_companion("accelerate", named, read)
    except NotThere as missing:
        made = Companion("accelerate", source, fields, facts) if fields or facts else None
        return Told(made, named, str(missing))
    merged = replace(
        companion, fields={**companion.fields, **fields}, facts={**companion.facts, **facts}
    )
    return Told(merged, named, None, tuple(notes), companion.source.path)


def _of_options(starter: Starter) -> tuple[dict[str, Field], dict[str, Field]]:
    options = starter.options
    fields: dict[str, Field] = {}
    facts: dict[str, Field] = {}
    for target, table in ((fields, _FIELDS), (facts, _FACTS)):
        for option, (name, made) in table.items():
            value = options.value(option)
            if value is not None:
                target[name] = argument_field(value, made)
    precision = options.value("--mixed_precision")
    if precision is not None:
        for name in ("bf16", "fp16"):
            fields[name] = argument_field(precision, name.__eq__)
    for option, name in _STRATEGIES.items():
        if options.has(option):
            said = replace(starter.word, text=name, unknown=None)
            fields["distributed"] = argument_field(said, via=option)
    return fields, facts


def argument_field(
    argument: Argument, made: Callable[[str], Json] = str, via: str | None = None
) -> Field:
    """A word of a command line as a field; unknown where the word is, or where it is no value."""
    origin = argument.origin
    place = origin[-1] if origin else Origin(via=f"{argument.text} on the command line")
    if via is not None:
        origin = (*origin[:-1], replace(place, via=via))
    reason = argument.unknown
    if reason is None:
        try:
            return Field(State.SET, made(argument.text), origin)
        except ValueError:
            reason = f"{argument.text!r} is no number"
    return Field(State.UNKNOWN, None, (*origin, replace(place, via=reason)))
