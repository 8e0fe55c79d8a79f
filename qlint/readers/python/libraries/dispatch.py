"""Picking what a call of a library does: a registered function, a pattern, or plain data."""

from __future__ import annotations

import libcst as cst

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.call_arguments import evaluate_arguments
from qlint.readers.python.calls import run_callbacks
from qlint.readers.python.evaluator import evaluate
from qlint.readers.python.frames import Frame
from qlint.readers.python.libraries import (  # noqa: F401 - they register what they know
    adapters,
    arithmetic,
    checkpointing,
    copies,
    dict_classes,
    introspection,
    iterables,
    loops,
    models,
    process,
    records,
    scopes,
    standard,
    tokenizers,
    trainers,
    wrappers,
)
from qlint.readers.python.libraries.data_callbacks import run_data
from qlint.readers.python.libraries.lengths import note_holder
from qlint.readers.python.libraries.model_objects import is_model
from qlint.readers.python.libraries.objects import construct, from_dict, initialise_instance
from qlint.readers.python.libraries.optional import is_loaded
from qlint.readers.python.libraries.registry import FUNCTIONS, METHODS, Call
from qlint.readers.python.libraries.roles import is_model_class, library_role
from qlint.readers.python.machine import Machine, unknown
from qlint.readers.python.names import canonical
from qlint.readers.python.values import (
    DICT_ROLE,
    Bound,
    Const,
    Function,
    Instance,
    Library,
    Partial,
    Ref,
    Unknown,
    Value,
)

__all__ = [
    "attribute_of",
    "call_library",
    "call_method",
    "decorator_value",
    "element_of",
    "entry_arguments",
    "initialise",
    "passes_through",
]


def call_library(machine: Machine, call: Call) -> Value:
    """The result of calling a name of a library."""
    name = canonical(call.name)
    handler = FUNCTIONS.get(name)
    if handler is not None:
        return handler(machine, call)
    parts = name.split(".")
    if len(parts) > 2 and parts[-1] in ("from_pretrained", "from_config", "load_from_checkpoint"):
        return _from_pretrained(machine, call, parts)
    if parts[-1] == "from_dict" and library_role(".".join(parts[:-1])) in _CONFIGURATIONS:
        return from_dict(machine, call.renamed(".".join(parts[:-1])))
    if parts[-1] == "__init__":
        return Unknown("a constructor called by name")
    role = library_role(name)
    if role == "trainer":
        return trainers.construct_trainer(machine, call)
    if role == "model" and len(parts) <= 3 and parts[0] not in ("torch", "sklearn"):
        return models.load_model(machine, call)
    if role != "object" or parts[-1][:1].isupper():
        run_callbacks(machine, call.arguments, call.node, call.frame)
        note_holder(machine, call)
        if role == "loader":
            run_data(machine, call)
        return construct(machine, call)
    run_callbacks(machine, call.arguments, call.node, call.frame)
    loops.note_clipping(machine, name, call)
    passed = passes_through(call)
    if passed is not None:
        return passed
    return unknown(call.frame, call.node, f"the result of {call.name}()")


_CONFIGURATIONS = ("quantisation", "adapter", "arguments")


def _from_pretrained(machine: Machine, call: Call, parts: list[str]) -> Value:
    cls = parts[-2]
    if is_model_class(cls) or (
        call.cls is not None and library_role(".".join(parts[:-1])) == "model"
    ):
        return models.load_model(machine, call)
    name = ".".join(parts[:-1])
    if cls.endswith("Config") and parts[0] == "transformers" and library_role(name) == "object":
        from qlint.readers.python.libraries import model_configs

        return model_configs.configuration_of(machine, call, name)
    return construct(machine, call.renamed(name))


def passes_through(call: Call) -> Value | None:
    """Helpers of unknown libraries that take one model or trainer mostly hand it back."""
    last = call.name.rsplit(".", 1)[-1]
    if not last.startswith(
        ("prepare", "wrap", "compile", "replace", "convert", "patch", "apply", "train_on")
    ):
        return None
    for value in call.arguments.every()[:1]:
        if is_model(value) or trainers.is_trainer(value):
            return value
    return None


def call_method(
    machine: Machine, receiver: Ref, instance: Instance, method: str, call: Call
) -> Value:
    """The result of calling a method that a library object has."""
    if method == "__init__":
        initialise(machine, receiver, call, True)
        return Const(None)
    handler = METHODS.get((instance.role, method)) or METHODS.get(("*", method))
    if handler is not None:
        result = handler(machine, receiver, instance, call)
        if result is not None:
            return result
    run_callbacks(machine, call.arguments, call.node, call.frame)
    what = (instance.library or "an object").rsplit(".", 1)[-1]
    if instance.role == "model":
        return unknown(call.frame, call.node, f"the result of a call of the model ({method})")
    return unknown(call.frame, call.node, f"the result of {what}.{method}()")


def initialise(machine: Machine, made: Ref, call: Call, overwrite: bool = True) -> None:
    """``super().__init__(...)`` of a class that inherits from a library's."""
    instance = made.target
    assert isinstance(instance, Instance)
    name = instance.library
    if instance.role == DICT_ROLE:
        dict_classes.fill_dict(machine, instance, call)
        return
    if name is None:
        return
    if instance.role == "trainer":
        trainers.initialise_trainer(machine, made, call.renamed(name))
    elif instance.role in ("object", "model") and not call.arguments.every():
        return
    else:
        initialise_instance(machine, made, call.renamed(name), overwrite)


def attribute_of(
    machine: Machine,
    receiver: Ref,
    instance: Instance,
    name: str,
    node: cst.CSTNode,
    frame: Frame,
) -> Value | None:
    """An attribute that a library object has without its being set; None where it has none."""
    handler = METHODS.get((instance.role, f".{name}"))
    if handler is not None:
        return handler(machine, receiver, instance, Call(name, Arguments(), node, frame))
    return None


def element_of(machine: Machine, iterable: Value, node: cst.For, frame: Frame) -> Value | None:
    """One element standing for all that a library object yields; None where nothing is known."""
    if isinstance(iterable, Unknown) and iterable.tag is not None:
        return Unknown(iterable.reason, iterable.trace, iterable.tag)
    return None


def decorator_value(machine: Machine, node: cst.BaseExpression, frame: Frame) -> Value:
    """A decorator as a value: a library's name, called or not, or a function of the program."""
    if not isinstance(node, cst.Call):
        return _named(evaluate(machine, node, frame))
    callee = _named(evaluate(machine, node.func, frame))
    arguments = evaluate_arguments(machine, node.args, frame)
    return Partial(callee, arguments) if isinstance(callee, Library) else callee


def _named(value: Value) -> Value:
    """``app.command`` of a command-line application is known by its class."""
    if isinstance(value, Bound) and isinstance(value.method, str):
        receiver = value.receiver
        if isinstance(receiver, Ref) and isinstance(receiver.target, Instance):
            return Library(f"{receiver.target.library}.{value.method}")
        if isinstance(receiver, Function):
            return Library(f"click.group.{value.method}")
    return value


def entry_arguments(
    machine: Machine, function: Function, node: cst.CSTNode, frame: Frame
) -> Arguments | None:
    """The arguments that a command-line decorator gives to a function, from argv."""
    if not is_loaded("entry_points"):
        return None
    from qlint.readers.python.libraries import entry_points

    return entry_points.from_decorators(machine, function, node, frame)
