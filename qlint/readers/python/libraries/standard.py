"""Python's own functions: builtins, functools, dataclasses, copy, os.environ, sys."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from qlint.readers.python import operators, subscripts
from qlint.readers.python.arguments import Arguments
from qlint.readers.python.attributes import get_attribute, known_attribute
from qlint.readers.python.calls import call_value, run_callbacks
from qlint.readers.python.classes import is_record, record_fields
from qlint.readers.python.containers import sort
from qlint.readers.python.imports import load
from qlint.readers.python.iteration import elements
from qlint.readers.python.libraries.options import literal
from qlint.readers.python.libraries.paths import path_text
from qlint.readers.python.libraries.registry import Call, function, method
from qlint.readers.python.machine import Machine, Raised, trace, unknown
from qlint.readers.python.values import (
    Const,
    Function,
    Instance,
    Library,
    Mapping,
    OneOf,
    Partial,
    Ref,
    Sequence,
    Super,
    Unknown,
    Value,
    known_text,
    same,
)


@function("builtins.bool")
def to_bool(machine: Machine, call: Call) -> Value:
    """``bool(value)``."""
    value = call.arguments.get("object", 0) or Const(False)
    verdict = operators.truth(value)
    if verdict is None:
        return unknown(call.frame, call.node, "the truth of what is not known", value)
    return Const(verdict, trace(call.frame, call.node, "compute", None, value.trace))


@function(
    "builtins.list",
    "builtins.tuple",
    "builtins.set",
    "builtins.sorted",
    "builtins.frozenset",
    "builtins.reversed",
    "builtins.iter",
)
def collection(machine: Machine, call: Call) -> Value:
    """``list(x)``, ``sorted(x)``: the same elements in another container."""
    name = call.name.rsplit(".", 1)[-1]
    made = trace(call.frame, call.node, "compute", None)
    if not call.arguments.positional:
        return Ref(Sequence((), name if name in ("tuple", "set") else "list"), made)
    value = call.arguments.positional[0]
    if isinstance(value, OneOf):
        return operators.lift(
            lambda option: collection(machine, call.with_positional([option])), value
        )
    if (
        isinstance(value, Ref)
        and isinstance(value.target, Sequence)
        and value.target.values is None
    ):
        return Ref(value.target, value.trace)
    inner = elements(machine, value)
    if inner is None:
        return unknown(call.frame, call.node, f"{name}() of what is not known", value)
    values = tuple(inner)
    if name == "sorted":
        ordered = sort(machine, values, call)
        if ordered is None:
            return unknown(call.frame, call.node, "sorted by what is not known", *values)
        values = ordered
    elif name == "reversed":
        values = tuple(reversed(values))
    elif name in ("set", "frozenset"):
        values = tuple(v for i, v in enumerate(values) if not any(same(v, w) for w in values[:i]))
    kind = {"tuple": "tuple", "set": "set", "frozenset": "set"}.get(name, "list")
    return Ref(Sequence(values, kind), trace(call.frame, call.node, "compute", None, value.trace))


@function(
    "builtins.dict",
    "collections.OrderedDict",
    "collections.defaultdict",
    "types.SimpleNamespace",
    "argparse.Namespace",
)
def dictionary(machine: Machine, call: Call) -> Value:
    """``dict(a=1, **other)``; a namespace holds the same by attribute."""
    target = Mapping()
    for value in call.arguments.positional:
        if not isinstance(value, Library | Function):
            operators.merge(machine, target, value)
    for name, value in call.bind().items():
        machine.journal.write(target.slots, name, value)
    if call.arguments.rest is not None:
        target.meta.data["rest"] = call.arguments.rest
    made = trace(call.frame, call.node, "literal")
    if call.arguments.fallbacks:
        target.slots.fallback = _chained(call.arguments.fallbacks)
    if call.name.endswith("Namespace"):
        namespace = Instance("namespace", call.name, slots=target.slots)
        namespace.meta.data.update(target.meta.data)
        return Ref(namespace, made)
    return Ref(target, made)


def _chained(
    fallbacks: list[Callable[[Hashable], Value | None]],
) -> Callable[[Hashable], Value | None]:
    def look_up(key: Hashable) -> Value | None:
        found = (fallback(key) for fallback in fallbacks)
        return next((value for value in found if value is not None), None)

    return look_up


@function("builtins.len")
def length(machine: Machine, call: Call) -> Value:
    """``len(x)``."""
    value = call.arguments.get("obj", 0) or Const(None)
    if isinstance(value, Const) and isinstance(value.value, str):
        return Const(len(value.value), trace(call.frame, call.node, "compute", None, value.trace))
    inner = elements(machine, value)
    if inner is None:
        return unknown(call.frame, call.node, "the length of what is not known", value)
    return Const(len(inner), trace(call.frame, call.node, "compute", None, value.trace))


@function("builtins.range")
def number_range(machine: Machine, call: Call) -> Value:
    """``range(n)``: never expanded unless it is short."""
    made = Instance("range", "builtins.range")
    station = trace(
        call.frame, call.node, "compute", None, *(v.trace for v in call.arguments.positional)
    )
    numbers = [v.value if isinstance(v, Const) else None for v in call.arguments.positional]
    if not all(isinstance(number, int) for number in numbers) or not numbers:
        return unknown(call.frame, call.node, "a range that is not known", *call.arguments.every())
    try:
        made.native = range(*[number for number in numbers if isinstance(number, int)])
    except ValueError:
        return unknown(call.frame, call.node, "a range that is not valid")
    made.slots.data["stop"] = call.arguments.positional[1 if len(numbers) > 1 else 0]
    return Ref(made, station)


@function("builtins.any", "builtins.all")
def quantifier(machine: Machine, call: Call) -> Value:
    """``any(...)`` and ``all(...)``."""
    value = call.arguments.get("iterable", 0) or Const(None)
    inner = elements(machine, value)
    wanted = call.name.endswith("any")
    verdicts = [operators.truth(v) for v in inner] if inner is not None else [None]
    if wanted in verdicts:
        return Const(wanted, trace(call.frame, call.node, "compute"))
    if None in verdicts:
        return unknown(call.frame, call.node, "a test of what is not known", value)
    return Const(not wanted, trace(call.frame, call.node, "compute"))


@function("builtins.filter", "builtins.map")
def lazily(machine: Machine, call: Call) -> Value:
    """``filter(f, model.parameters())`` keeps what is known about the iterable."""
    last = call.arguments.positional[-1] if call.arguments.positional else Const(None)
    if isinstance(last, Ref) and isinstance(last.target, Instance):
        return last
    callback = call.arguments.positional[0] if len(call.arguments.positional) == 2 else None
    inner = elements(machine, last)
    if inner is None or callback is None:
        return unknown(call.frame, call.node, "an iterable that is not known", last)
    if isinstance(callback, Const) and callback.value is None:
        results = inner
    else:
        results = [
            call_value(machine, callback, Arguments([v]), call.node, call.frame) for v in inner
        ]
    if call.name.endswith("filter"):
        verdicts = [operators.truth(result) for result in results]
        if None in verdicts:
            return unknown(call.frame, call.node, "a filter that is not known")
        results = [v for v, verdict in zip(inner, verdicts, strict=True) if verdict]
    return Ref(Sequence(tuple(results)), trace(call.frame, call.node, "compute"))


@function("builtins.next")
def take_next(machine: Machine, call: Call) -> Value:
    """``next(iterator)``."""
    value = call.arguments.get("iterator", 0) or Const(None)
    inner = elements(machine, value)
    return inner[0] if inner else unknown(call.frame, call.node, "the next element", value)


@function("tqdm.tqdm", "tqdm.auto.tqdm", "tqdm.notebook.tqdm", "tqdm.trange", "tqdm.rich.tqdm",
          "rich.progress.track")  # fmt: skip
def progress_bar(machine: Machine, call: Call) -> Value:
    """A progress bar around an iterable is the iterable."""
    if call.name.endswith("trange"):
        return number_range(machine, call)
    value = call.arguments.get("iterable", 0)
    return value or unknown(call.frame, call.node, "a progress bar")


@function(
    "builtins.print", "builtins.input", "builtins.exit", "builtins.quit", "sys.exit", "os._exit"
)
def output(machine: Machine, call: Call) -> Value:
    """Printing does nothing here; exiting ends the program."""
    if call.name.endswith("print"):
        return Const(None)
    if call.name.endswith("input"):
        return unknown(call.frame, call.node, "what is typed in at run time")
    raise Raised(f"{call.name}()")


@function("builtins.isinstance", "builtins.issubclass")
def isinstance_(machine: Machine, call: Call) -> Value:
    """``isinstance(x, str)`` on constants and containers."""
    given = call.arguments.positional
    if len(given) != 2:
        return unknown(call.frame, call.node, "a type test")
    kinds = elements(machine, given[1]) or [given[1]]
    names = [kind.name.rsplit(".", 1)[-1] for kind in kinds if isinstance(kind, Library)]
    value = given[0]
    own = (
        value.target.cls if isinstance(value, Ref) and isinstance(value.target, Instance) else None
    )
    if own is not None and any(kind in own.lineage() for kind in kinds):
        return Const(True, trace(call.frame, call.node, "compute", None, value.trace))
    if own is not None and own.library_base() is None:
        return Const(False, trace(call.frame, call.node, "compute", None, value.trace))
    actual = _type_names(value)
    if actual is None or len(names) != len(kinds):
        return unknown(call.frame, call.node, "a type test of what is not known", value)
    verdict = any(name in actual for name in names)
    return Const(verdict, trace(call.frame, call.node, "compute", None, value.trace))


def _type_names(value: Value) -> set[str] | None:
    if isinstance(value, Const):
        return {cls.__name__ for cls in type(value.value).__mro__} - {"object"}
    if isinstance(value, Ref) and isinstance(value.target, Sequence):
        return {value.target.kind, "Sequence", "Iterable"}
    if isinstance(value, Ref) and isinstance(value.target, Mapping):
        return {"dict", "Mapping", "DictConfig"}
    return None


@function("builtins.hasattr")
def hasattr_(machine: Machine, call: Call) -> Value:
    """``hasattr(x, "name")``."""
    given = call.arguments.positional
    name = known_text(given[1]) if len(given) > 1 else None
    verdict = known_attribute(machine, given[0], name) if name is not None else None
    if verdict is None:
        return unknown(call.frame, call.node, f"whether it has the attribute {name}")
    return Const(verdict, trace(call.frame, call.node, "compute"))


@function("builtins.getattr")
def getattr_(machine: Machine, call: Call) -> Value:
    """``getattr(torch, "bfloat16")``, with its default."""
    given = call.arguments.positional
    if len(given) < 2:
        return unknown(call.frame, call.node, "getattr() of what is not known")

    def one(name_value: Value) -> Value:
        name = known_text(name_value)
        if name is None:
            return unknown(call.frame, call.node, "an attribute that is not known", name_value)
        if len(given) > 2 and known_attribute(machine, given[0], name) is False:
            return given[2]
        found = get_attribute(machine, given[0], name, call.node, call.frame)
        if isinstance(found, Library) and name_value.trace is not None:
            # The name decides the value: getattr(torch, args.dtype) stems from the flag.
            step = trace(call.frame, call.node, "compute", None, name_value.trace)
            return found.traced(step)
        return found

    return operators.lift(one, given[1])


@function("builtins.setattr")
def setattr_(machine: Machine, call: Call) -> Value:
    """``setattr(args, "lr", 1e-4)``."""
    from qlint.readers.python.assignment import set_attribute

    given = call.arguments.positional
    name = known_text(given[1]) if len(given) == 3 else None
    if name is not None:
        set_attribute(machine, given[0], name, given[2])
    elif len(given) == 3:
        _set_any(machine, given[0], given[1], call)
    return Const(None)


_CONFIGURED = frozenset({"namespace", "arguments", "adapter", "quantisation"})


def _set_any(machine: Machine, receiver: Value, name: Value, call: Call) -> None:
    """``setattr(args, key, value)`` with a key that is not known may set any of its fields."""
    if not isinstance(receiver, Ref) or not isinstance(receiver.target, Instance):
        return
    instance = receiver.target
    if instance.role not in _CONFIGURED and not (instance.cls and is_record(instance.cls)):
        return
    cause = unknown(call.frame, call.node, "an attribute whose name is not known", name)
    machine.journal.write(instance.meta, "rest", cause)
    for key in list(instance.slots.data):
        machine.journal.write(instance.slots, key, cause)


@function("builtins.vars")
def vars_(machine: Machine, call: Call) -> Value:
    """``vars(args)`` shares the attributes."""
    value = call.arguments.get("object", 0)
    if isinstance(value, Ref) and isinstance(value.target, Instance):
        shared = Mapping(value.target.slots)
        shared.meta = value.target.meta
        return Ref(shared, value.trace)
    return unknown(call.frame, call.node, "vars() of what is not known", value or Const(None))


@function("operator.itemgetter", "operator.attrgetter")
def getter(machine: Machine, call: Call) -> Value:
    """``itemgetter("lr")``: a callable that takes an item."""
    given = call.arguments.positional
    if len(given) != 1:
        return unknown(call.frame, call.node, "a getter of several items")
    name = "qlint.take_item" if call.name.endswith("itemgetter") else "qlint.take_attribute"
    return Partial(Library(name), Arguments([given[0]]), given[0].trace)


@function("qlint.take_item")
def take_item(machine: Machine, call: Call) -> Value:
    """What ``itemgetter`` does when it is called."""
    index, value = call.arguments.positional
    return subscripts.item(machine, value, index, call.frame, call.node)


@function("qlint.take_attribute")
def take_attribute(machine: Machine, call: Call) -> Value:
    """What ``attrgetter`` does when it is called."""
    name, value = call.arguments.positional
    return getattr_(machine, call.with_positional([value, name]))


@function("builtins.locals", "builtins.globals")
def names_in_force(machine: Machine, call: Call) -> Value:
    """``locals()`` is a snapshot, ``globals()`` the module's names themselves."""
    made = trace(call.frame, call.node, "compute")
    if call.name.endswith("globals"):
        return Ref(Mapping(call.frame.globals.slots), made)
    snapshot = Mapping()
    snapshot.slots.data.update(call.frame.slots.data)
    return Ref(snapshot, made)


@function("builtins.super")
def super_(machine: Machine, call: Call) -> Value:
    """``super()`` inside a method."""
    frame = call.frame
    while frame.parent is not None and (frame.owner is None or frame.receiver is None):
        frame = frame.parent
    if frame.owner is None or frame.receiver is None:
        return unknown(call.frame, call.node, "super() outside a method")
    return Super(frame.receiver, frame.owner)


@function("builtins.type")
def type_(machine: Machine, call: Call) -> Value:
    """``type(x)``."""
    value = call.arguments.get("object", 0)
    if isinstance(value, Ref) and isinstance(value.target, Instance) and value.target.cls:
        return value.target.cls
    made = trace(call.frame, call.node, "compute", None, value.trace if value else None)
    if isinstance(value, Const):
        return Library(f"builtins.{type(value.value).__name__}", made)
    if isinstance(value, Ref) and isinstance(value.target, Sequence):
        return Library(f"builtins.{value.target.kind}", made)
    if isinstance(value, Ref) and isinstance(value.target, Mapping):
        return Library("builtins.dict", made)
    return unknown(call.frame, call.node, "a type that is not known")


@function("builtins.eval", "ast.literal_eval")
def evaluate_text(machine: Machine, call: Call) -> Value:
    """A text that is a literal; anything else is never evaluated."""
    value = call.arguments.get("source", 0)
    text = known_text(value)
    if text is None or value is None:
        return unknown(call.frame, call.node, "a text evaluated at run time")
    result = literal(text, value)
    if result is value:
        return unknown(call.frame, call.node, "a text evaluated at run time")
    return result


@function("functools.partial")
def partial(machine: Machine, call: Call) -> Value:
    """``functools.partial(f, x=1)``."""
    if not call.arguments.positional:
        return unknown(call.frame, call.node, "functools.partial() of nothing")
    callee, *positional = call.arguments.positional
    given = Arguments(positional, call.arguments.keywords, call.arguments.rest)
    given.nodes = {
        key - 1 if isinstance(key, int) else key: node for key, node in call.arguments.nodes.items()
    }
    return Partial(callee, given, trace(call.frame, call.node, "literal"))


@function("dataclasses.field", "pydantic.Field", "attr.ib", "attrs.field", "attr.field",
          "alignment.field", "chz.field")  # fmt: skip
def field(machine: Machine, call: Call) -> Value:
    """``field(default=..., default_factory=..., metadata=...)``."""
    made = Instance("field", "dataclasses.field")
    made.slots.data.update(call.arguments.keywords)
    if call.arguments.positional and "pydantic" in call.name:
        made.slots.data["default"] = call.arguments.positional[0]
    default = made.slots.data.get("default")
    if isinstance(default, Const) and default.value is ...:
        del made.slots.data["default"]
    return Ref(made, trace(call.frame, call.node, "literal"))


@function("transformers.HfArg", "trl.HfArg")
def hf_arg(machine: Machine, call: Call) -> Value:
    """``HfArg(default=...)`` is a field."""
    return field(machine, call)


@function("dataclasses.asdict", "attr.asdict", "attrs.asdict")
def asdict(machine: Machine, call: Call) -> Value:
    """A dataclass as a dict of its own."""
    value = call.arguments.get("obj", 0)
    if not isinstance(value, Ref) or not isinstance(value.target, Instance):
        return unknown(call.frame, call.node, "asdict() of what is not known", value or Const(None))
    target = Mapping()
    names = list(value.target.slots.data)
    if value.target.cls is not None and is_record(value.target.cls):
        names = [name for name in record_fields(value.target.cls) if name in names] or names
    for name in names:
        target.slots.data[name] = value.target.slots.data[name]
    rest = value.target.meta.get("rest")
    if rest is not None:
        target.meta.data["rest"] = rest
    return Ref(target, trace(call.frame, call.node, "compute"))


@function("dataclasses.replace", "copy.replace", "attr.evolve", "attrs.evolve")
def replace(machine: Machine, call: Call) -> Value:
    """``replace(config, lr=1e-4)``: a changed copy."""
    copied = _copied(call.arguments.get("obj", 0), call)
    if copied is not None:
        for name, value in call.bind().items():
            if name != "obj":
                copied.target.slots.data[name] = value
        return copied
    return unknown(call.frame, call.node, "replace() of what is not known")


@function("copy.copy", "copy.deepcopy")
def copy(machine: Machine, call: Call) -> Value:
    """A copy: later changes do not reach the original."""
    value = call.arguments.get("x", 0)
    return _copied(value, call) or value or Const(None)


def _copied(value: Value | None, call: Call) -> Ref | None:
    if not isinstance(value, Ref):
        return None
    target = value.target
    if isinstance(target, Instance):
        twin = Instance(target.role, target.library, target.cls)
        twin.slots.data.update(target.slots.data)
        twin.slots.fallback = target.slots.fallback
        twin.meta.data.update(target.meta.data)
        twin.native = target.native
        return Ref(twin, value.trace)
    if isinstance(target, Mapping):
        mapping = Mapping()
        mapping.slots.data.update(target.slots.data)
        mapping.meta.data.update(target.meta.data)
        return Ref(mapping, value.trace)
    if isinstance(target, Sequence) and target.values is not None:
        return Ref(Sequence(target.values, target.kind), value.trace)
    return None


@function("typing.cast")
def cast(machine: Machine, call: Call) -> Value:
    """``cast(T, x)`` is x."""
    return call.arguments.get("val", 1) or Const(None)


@function("enum.auto")
def auto(machine: Machine, call: Call) -> Value:
    """Members numbered by the library differ from each other, no more is needed."""
    return Const(f"auto:{id(call.node)}")


# -- the environment ----------------------------------------------------------------------------


@function("os.environ.get", "os.getenv", "environ.get")
def environment(machine: Machine, call: Call) -> Value:
    """No environment variable is set: the default holds."""
    name = known_text(call.arguments.get("key", 0))
    machine.assume("no environment variables are set")
    written = machine.environment.get(name or "")
    if written is not None:
        return written
    default = call.arguments.get("default", 1)
    if default is None:
        return Const(None, trace(call.frame, call.node, "literal"))
    station = trace(
        call.frame, call.node, "pass", f"default of environment variable {name}", default.trace
    )
    return default.traced(station)


@function("os.environ.setdefault", "os.putenv")
def set_environment(machine: Machine, call: Call) -> Value:
    """The script sets a variable itself."""
    name = known_text(call.arguments.get("key", 0))
    value = call.arguments.get("value", 1)
    if name is None or value is None:
        return Const(None)
    if call.name.endswith("putenv"):
        machine.environment[name] = value
    return machine.environment.setdefault(name, value)


@function("os.environ.update")
def update_environment(machine: Machine, call: Call) -> Value:
    """The script sets several variables."""
    given = Mapping()
    for value in call.arguments.positional:
        operators.merge(machine, given, value)
    given.slots.data.update(call.arguments.keywords)
    machine.environment.update({str(name): value for name, value in given.entries()})
    return Const(None)


@function(
    "torch.cuda.is_available",
    "torch.cuda.is_bf16_supported",
    "unsloth.is_bfloat16_supported",
    "unsloth.is_bf16_supported",
    "torch.cuda.device_count",
    "torch.cuda.get_device_capability",
    "transformers.is_torch_bf16_gpu_available",
    "torch.cuda.get_device_name",
    "torch.backends.mps.is_available",
    "transformers.is_torch_bf16_available",
    "torch.cuda.get_device_properties",
    "transformers.is_torch_cuda_available",
    "torch.cuda.current_device",
)
def hardware(machine: Machine, call: Call) -> Value:
    """What the card is and can do is known at run time only."""
    reason = f"hardware-dependent: {call.name}()"
    return Unknown(reason, trace(call.frame, call.node, "unknown", reason))


@function("torch.distributed.get_rank", "torch.distributed.get_world_size",
          "torch.distributed.is_initialized", "torch.distributed.is_available")  # fmt: skip
def distributed(machine: Machine, call: Call) -> Value:
    """One process is a premise of the reading."""
    machine.assume("one process")
    last = call.name.rsplit(".", 1)[-1]
    return Const(
        {"get_rank": 0, "get_world_size": 1}.get(last, False),
        trace(call.frame, call.node, "compute"),
    )


@function("importlib.import_module", "builtins.__import__")
def import_by_name(machine: Machine, call: Call) -> Value:
    """A module imported by its name."""
    name = known_text(call.arguments.get("name", 0))
    if not name:
        return unknown(call.frame, call.node, "a module not known")
    level = len(name) - len(name.lstrip("."))
    return load(machine, name.lstrip("."), level, call.frame) or Library(name)


@function("sys.path.append", "sys.path.insert")
def search_path(machine: Machine, call: Call) -> Value:
    """A folder in which the script looks for its modules."""
    given = call.arguments.positional
    value = given[-1] if given else Const(None)
    text = known_text(value) or path_text(value)
    if text:
        machine.project.search(text)
    return Const(None)


@method("*", "__enter__")
def enter(machine: Machine, receiver: Ref, holder: Instance, call: Call) -> Value:
    """A context manager hands itself out."""
    return receiver


@method("object", "map", "filter", "with_transform", "set_transform")
def dataset_method(machine: Machine, receiver: Ref, holder: Instance, call: Call) -> Value:
    """Datasets apply functions: they are looked at once."""
    run_callbacks(machine, call.arguments, call.node, call.frame)
    return receiver
