"""Putting an adapter on a model: PEFT's functions and classes."""

from __future__ import annotations

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.libraries.model_objects import (
    find_model,
    is_model,
    module_or_unseen,
    unseen_model,
)
from qlint.readers.python.libraries.objects import construct
from qlint.readers.python.libraries.registry import Call, function, method
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.values import (
    Const,
    Instance,
    Mapping,
    Ref,
    Unknown,
    Value,
    alternatives,
    known_text,
)


def apply_adapter(machine: Machine, model: Value, adapter: Value, call: Call) -> None:
    """Put an adapter on a model. It is changed in place, as PEFT does.

    Of several models it is put on whichever it is. In a loop over the modules of the model a
    condition on their names holds for some of them, so that the adapter is put on for good.
    """
    for option in alternatives(model):
        if not isinstance(option.value, Ref):
            continue
        slots = option.value.target.slots
        held = find_model(option.value) or _behind_module(machine, option.value)
        if held is not None and held is not option.value.target:
            # PEFT puts it on the modules of a module of the program: on those of the model in it.
            machine.journal.write(held.slots, "adapter", adapter)
        if any(_over_modules(state.iterable) for state in machine.loops):
            with machine.journal.detached():
                machine.journal.write(slots, "adapter", adapter)
        else:
            machine.journal.write(slots, "adapter", adapter)
    for option in alternatives(adapter):
        if isinstance(option.value, Ref) and isinstance(option.value.target, Instance):
            machine.emit("applied", option.value.target, call.node, call.frame)


def _behind_module(machine: Machine, value: Ref) -> Instance | None:
    """The model of which a module of the program holds a part, ``model.bert``: the last loaded."""
    module = value.target
    if not isinstance(module, Instance) or module.cls is None or module.role != "object":
        return None
    return next((one.target for one in reversed(machine.events) if one.kind == "loaded"), None)


def _over_modules(value: Value | None) -> bool:
    return isinstance(value, Unknown) and value.tag == "module names"


@function("peft.get_peft_model", "peft.inject_adapter_in_model")
def get_peft_model(machine: Machine, call: Call) -> Value:
    """``get_peft_model(model, peft_config)``."""
    first = "peft_config" if call.name.endswith("inject_adapter_in_model") else "model"
    second = "model" if first == "peft_config" else "peft_config"
    bound = call.bind(first, second)
    model = bound.get("model")
    adapter = bound.get("peft_config") or unknown(call.frame, call.node, "no adapter is given")
    if model is None or not any(is_model(option.value) for option in alternatives(model)):
        model = module_or_unseen(machine, call, model)
    apply_adapter(machine, model, adapter, call)
    if second == "peft_config":
        _wrap(machine, model)
    return model


def _wrap(machine: Machine, model: Value) -> None:
    """The model is a PeftModel from here on."""
    if isinstance(model, Ref) and isinstance(model.target, Instance):
        machine.journal.write(model.target.meta, "wrapped", Const(True))


def is_wrapped(model: Value) -> bool:
    """Whether a model is a PeftModel in every case."""
    if not isinstance(model, Ref) or not isinstance(model.target, Instance):
        return False
    return "wrapped" in model.target.meta.data


@function(
    "peft.PeftModel",
    "peft.PeftModelForCausalLM",
    "peft.PeftModelForSequenceClassification",
    "peft.PeftModelForSeq2SeqLM",
)
def peft_model(machine: Machine, call: Call) -> Value:
    """``PeftModel(model, peft_config)``."""
    bound = call.bind("model", "peft_config")
    return get_peft_model(machine, _like(call, bound))


def _like(call: Call, bound: dict[str, Value]) -> Call:
    return Call("peft.get_peft_model", Arguments([], bound), call.node, call.frame)


@function(
    "peft.PeftModel.from_pretrained",
    "peft.PeftModelForCausalLM.from_pretrained",
    "peft.PeftModelForSequenceClassification.from_pretrained",
    "peft.PeftModelForSeq2SeqLM.from_pretrained",
)
def peft_from_pretrained(machine: Machine, call: Call) -> Value:
    """``PeftModel.from_pretrained(model, path, is_trainable=...)``."""
    bound = call.bind("model", "model_id", "adapter_name", "is_trainable", "config")
    model = bound.get("model")
    if model is None or not any(is_model(option.value) for option in alternatives(model)):
        model = unseen_model(machine, call, model)
    load_adapter(machine, model, call, bound.get("is_trainable"))
    _wrap(machine, model)
    return model


def load_adapter(
    machine: Machine, model: Value, call: Call, trainable: Value | None = None
) -> None:
    """A saved adapter: its configuration lies with its weights. It trains only if told to."""
    if trainable is None:
        trainable = call.arguments.get("is_trainable")
    if not isinstance(model, Ref):
        return
    if trainable is None or (isinstance(trainable, Const) and not trainable.value):
        machine.journal.write(model.target.slots, "frozen_adapter", Const(True))
        return
    reason = "the configuration saved with the adapter that is loaded"
    saved = Instance("adapter", "peft.LoraConfig")
    saved.meta.data["rest"] = Unknown(reason, trace(call.frame, call.node, "unknown", reason))
    apply_adapter(machine, model, Ref(saved, trace(call.frame, call.node, "literal")), call)


@method("model", "merge_and_unload", "unload")
def without_adapter(machine: Machine, receiver: Ref, model: Instance, call: Call) -> Value:
    """``model.merge_and_unload()``: a model without its adapter."""
    plain = Instance("model", model.library)
    plain.slots.data.update(model.slots.data)
    plain.slots.data.pop("adapter", None)
    return Ref(plain, trace(call.frame, call.node, "literal"))


@method("model", "add_adapter")
def add_adapter(machine: Machine, receiver: Ref, model: Instance, call: Call) -> Value:
    """``model.add_adapter(config)``, or ``(name, config)`` on a PeftModel."""
    for value in call.arguments.every():
        if _is_adapter(value):
            apply_adapter(machine, receiver, value, call)
    return Const(None)


_BY_TYPE = {
    "LORA": "LoraConfig", "ADALORA": "AdaLoraConfig", "LOHA": "LoHaConfig", "LOKR": "LoKrConfig",
    "IA3": "IA3Config", "PROMPT_TUNING": "PromptTuningConfig", "P_TUNING": "PromptEncoderConfig",
    "PREFIX_TUNING": "PrefixTuningConfig", "OFT": "OFTConfig", "VERA": "VeraConfig",
}  # fmt: skip


@function("peft.get_peft_config")
def config_of_dict(machine: Machine, call: Call) -> Value:
    """``get_peft_config({"peft_type": "LORA", "r": 8})``."""
    given = call.arguments.get("config_dict", 0)
    if not isinstance(given, Ref) or not isinstance(given.target, Mapping):
        return unknown(call.frame, call.node, "get_peft_config() of what is not known")
    kind = known_text(given.target.slots.get("peft_type")) or "LORA"
    entries = {str(key): v for key, v in given.target.entries() if key != "peft_type"}
    arguments = Arguments([], entries, given.target.rest)
    name = f"peft.{_BY_TYPE.get(kind, 'LoraConfig')}"
    return construct(machine, Call(name, arguments, call.node, call.frame))


@function("peft.LoraModel", "peft.PeftMixedModel")
def lora_model(machine: Machine, call: Call) -> Value:
    """``LoraModel(model, config, "default")`` and ``LoraModel(config, module)`` of early PEFT."""
    given = call.arguments.every()
    adapter = next((value for value in given if _is_adapter(value)), None)
    model = next((value for value in given if is_model(value)), None)
    if model is None:
        loaded = [event.target for event in machine.events if event.kind == "loaded"]
        model = Ref(loaded[-1]) if loaded and loaded[-1] is not None else None
    if model is None:
        model = unseen_model(machine, call, None)
    if adapter is not None:
        apply_adapter(machine, model, adapter, call)
    return model


def _is_adapter(value: Value) -> bool:
    return (
        isinstance(value, Ref)
        and isinstance(value.target, Instance)
        and (value.target.role == "adapter")
    )
