"""Calling abstract values: functions and classes of the program, bound methods, libraries."""

from __future__ import annotations

import libcst as cst

from qlint.readers.python import containers
from qlint.readers.python.arguments import Arguments
from qlint.readers.python.escapes import escape
from qlint.readers.python.evaluator import evaluate
from qlint.readers.python.frames import Frame
from qlint.readers.python.machine import (
    MAX_CALL_DEPTH,
    MAX_DESCENTS,
    MAX_DOUBTFUL_STEPS,
    MAX_RECURSION,
    Machine,
    Raised,
    trace,
    unknown,
)
from qlint.readers.python.values import (
    Bound,
    Const,
    Function,
    Instance,
    Library,
    Mapping,
    OneOf,
    Option,
    Partial,
    Ref,
    Sequence,
    Unknown,
    UserClass,
    Value,
    alternatives,
    decorator_name,
    one_of,
)

UNKNOWN_ARGUMENTS = "the arguments of a callback"


def call_value(
    machine: Machine, callee: Value, arguments: Arguments, node: cst.CSTNode, frame: Frame
) -> Value:
    """The result of calling a value, with all its effects on the evaluated program."""
    machine.step()
    if isinstance(callee, Function):
        return call_function(machine, callee, arguments, None, node, frame)
    if isinstance(callee, UserClass):
        from qlint.readers.python.classes import instantiate

        return instantiate(machine, callee, arguments, node, frame)
    if isinstance(callee, Bound):
        return _call_bound(machine, callee, arguments, node, frame)
    from qlint.readers.python.libraries import (
        Call,
        call_library,
        note_truncation,
        passes_through,
    )

    if isinstance(callee, Library):
        return call_library(machine, Call(callee.name, arguments, node, frame))
    if isinstance(callee, Partial):
        return call_value(machine, callee.callee, _together(callee, arguments), node, frame)
    if isinstance(callee, OneOf):
        return _call_several(machine, callee, arguments, node, frame)
    if isinstance(callee, Ref) and isinstance(callee.target, Instance):
        return _call_instance(machine, callee, callee.target, arguments, node, frame)
    run_callbacks(machine, arguments, node, frame)
    note_truncation(machine, None, Call("", arguments, node, frame))
    handed_back = passes_through(Call(_last_name(node), arguments, node, frame))
    return handed_back or unknown(frame, node, "the result of what is not known", callee)


def _last_name(node: cst.CSTNode) -> str:
    """``prepare_model`` of ``accelerator.prepare_model(...)``: all that is known of the callee."""
    function = node.func if isinstance(node, cst.Call) else None
    name = function.attr if isinstance(function, cst.Attribute) else function
    return name.value if isinstance(name, cst.Name) else ""


def _together(partial: Partial, arguments: Arguments) -> Arguments:
    given: Arguments = partial.arguments
    joined = Arguments(
        [*given.positional, *arguments.positional],
        {**given.keywords, **arguments.keywords},
        given.rest or arguments.rest,
    )
    joined.nodes = {**given.nodes}
    for key, node in arguments.nodes.items():
        shifted = key + len(given.positional) if isinstance(key, int) else key
        joined.nodes[shifted] = node
    return joined


def _call_several(
    machine: Machine, callee: OneOf, arguments: Arguments, node: cst.CSTNode, frame: Frame
) -> Value:
    results: list[Option] = []
    outcomes = []
    for option in callee.options:
        condition = option.condition or "one of several"

        def call(one: Value = option.value) -> Value:
            return call_value(machine, one, arguments, node, frame)

        result, outcome = machine.fork(call, condition)
        results.append(Option(result, condition))
        outcomes.append((condition, outcome))
    machine.journal.join(outcomes)
    return one_of(results)


def _call_instance(
    machine: Machine,
    callee: Ref,
    target: Instance,
    arguments: Arguments,
    node: cst.CSTNode,
    frame: Frame,
) -> Value:
    if target.cls is not None:
        method = target.cls.find("__call__")
        if isinstance(method, Function):
            return call_function(machine, method, arguments, callee, node, frame)
        forward = target.cls.find("forward")
        if isinstance(forward, Function):
            return call_function(machine, forward, arguments, callee, node, frame)
    from qlint.readers.python.libraries import Call, call_method

    return call_method(machine, callee, target, "__call__", Call("", arguments, node, frame))


def _call_bound(
    machine: Machine, callee: Bound, arguments: Arguments, node: cst.CSTNode, frame: Frame
) -> Value:
    receiver, method = callee.receiver, callee.method
    if isinstance(method, Function):
        return call_function(machine, method, arguments, receiver, node, frame)
    from qlint.readers.python.libraries import Call, call_library, call_method

    call = Call(method, arguments, node, frame)
    if isinstance(receiver, Const):
        return containers.call_on_constant(machine, receiver, call)
    if isinstance(receiver, Ref):
        target = receiver.target
        if isinstance(target, Sequence):
            return containers.call_on_sequence(machine, receiver, target, call)
        if isinstance(target, Mapping):
            return containers.call_on_mapping(machine, receiver, target, call)
        if isinstance(target, Instance):
            return call_method(machine, receiver, target, method, call)
    if isinstance(receiver, UserClass):
        base = receiver.library_base()
        if base is not None:
            call = Call(f"{base}.{method}", arguments, node, frame)
            call.cls = receiver
            return call_library(machine, call)
    if isinstance(receiver, Function) and method in ("remote", "local", "spawn", "call"):
        return call_function(machine, receiver, arguments, None, node, frame)
    run_callbacks(machine, arguments, node, frame)
    return unknown(frame, node, f"the result of {method}()", receiver)


def call_function(
    machine: Machine,
    function: Function,
    arguments: Arguments,
    receiver: Value | None,
    node: cst.CSTNode,
    frame: Frame,
) -> Value:
    """Run a function of the program with these arguments."""
    wrapped = _entry_arguments(machine, function, arguments, node, frame)
    if wrapped is not None:
        arguments = wrapped
    if _is_too_deep(machine, function, arguments, frame):
        reason = f"{function.name}() is nested too deeply to follow"
        return unknown(frame, node, reason, *arguments.every())
    patience = _patience(machine, function)
    if patience == 0:
        escape(machine, arguments, node, frame)
        reason = f"{function.name}() is called in too many cases to follow it in all of them"
        return unknown(frame, node, reason, *arguments.every())
    inner = Frame(function.closure.file, function.closure, function, function.owner)
    inner.receiver = receiver
    inner.doubts = machine.doubts
    _bind_parameters(machine, function, arguments, receiver, inner, frame)
    machine.stack.append(function.node)
    machine.called.add(id(function.node))
    machine.depth += 1
    before = machine.steps
    try:
        return _run_body(machine, function, inner, node, frame)
    finally:
        machine.stack.pop()
        machine.depth -= 1
        if patience is not None:
            machine.patience[function.node] = patience - (machine.steps - before)


def _patience(machine: Machine, function: Function) -> int | None:
    """How many steps more a function may take that is only perhaps called; None for no limit.

    Functions that call each other from several places each, behind conditions that are not known,
    are followed as often as there are ways through them all.
    """
    if not machine.doubts or function.node in machine.stack:
        return None
    return max(machine.patience.get(function.node, MAX_DOUBTFUL_STEPS), 0)


def _is_too_deep(machine: Machine, function: Function, arguments: Arguments, frame: Frame) -> bool:
    """Whether a call is nested deeper than is followed.

    A function that calls itself goes deeper where it walks data that is known and nothing that is
    not known has decided to call it: that ends, and what it costs is counted.
    """
    if machine.depth >= MAX_CALL_DEPTH:
        return True
    depth = sum(1 for open_node in machine.stack if open_node is function.node)
    if depth < MAX_RECURSION:
        return False
    caller = frame
    while caller.comprehension and caller.parent is not None:
        caller = caller.parent
    machine.descents += 1
    return (
        machine.descents > MAX_DESCENTS
        or machine.doubts > caller.doubts
        or arguments.rest is not None
        or not any(map(_is_data, arguments.every()))
        or any(isinstance(value, Unknown | OneOf) for value in arguments.every())
    )


def _is_data(value: Value) -> bool:
    return isinstance(value, Const) or (
        isinstance(value, Ref) and isinstance(value.target, Sequence | Mapping)
    )


def _entry_arguments(
    machine: Machine, function: Function, arguments: Arguments, node: cst.CSTNode, frame: Frame
) -> Arguments | None:
    """A function that a decorator turned into a command takes its arguments from argv."""
    if not function.decorators or arguments.positional or arguments.keywords:
        return None
    from qlint.readers.python.libraries import entry_arguments

    return entry_arguments(machine, function, node, frame)


def _run_body(
    machine: Machine, function: Function, inner: Frame, node: cst.CSTNode, frame: Frame
) -> Value:
    from qlint.readers.python.blocks import run_block
    from qlint.readers.python.ways import Return, replaced

    if isinstance(function.node, cst.Lambda):
        return evaluate(machine, function.node.body, inner)
    try:
        signal = run_block(machine, function.node.body, inner)
    except Raised as raised:
        if machine.stack.count(function.node) == 1 and not _is_stub(function):
            raise
        return unknown(frame, node, raised.reason)
    if inner.yields is not None:
        return _generated(machine, function, inner, node, frame)
    nothing = Return(Const(None))
    signal = replaced(machine, signal, lambda part: part if part is not None else nothing)
    return signal.value if isinstance(signal, Return) else Const(None)


def _generated(
    machine: Machine, function: Function, inner: Frame, node: cst.CSTNode, frame: Frame
) -> Value:
    """What a generator yields, as a list; of a context manager the one value."""
    if inner.yields is None or any(isinstance(value, Unknown) for value in inner.yields):
        return unknown(frame, node, f"what {function.name}() yields")
    if any(decorator_name(d).endswith("contextmanager") for d in function.decorators):
        return inner.yields[0]
    return Ref(Sequence(tuple(inner.yields)), trace(frame, node, "compute"))


def _is_stub(function: Function) -> bool:
    """``raise NotImplementedError`` as the whole body: it is overridden elsewhere."""
    return isinstance(function.node, cst.FunctionDef) and len(function.node.body.body) <= 2


def _bind_parameters(
    machine: Machine,
    function: Function,
    arguments: Arguments,
    receiver: Value | None,
    inner: Frame,
    caller: Frame,
) -> None:
    params = function.node.params
    positional = [p.name.value for p in (*params.posonly_params, *params.params)]
    keyword_only = [p.name.value for p in params.kwonly_params]
    data = inner.slots.data
    shift = 0
    if receiver is not None and positional:
        data[positional[0]] = receiver
        shift = 1
    extra: list[Value] = []
    for index, value in enumerate(arguments.positional):
        if index + shift < len(positional):
            name = positional[index + shift]
            value = _given(value, name, function)
            data[name] = _passed(arguments, index, name, value, function, caller)
        else:
            extra.append(value)
    surplus = Mapping()
    for name, value in arguments.keywords.items():
        if name in positional or name in keyword_only:
            value = _given(value, name, function)
            data[name] = _passed(arguments, name, name, value, function, caller)
        else:
            surplus.slots.data[name] = value
    for name in (*positional, *keyword_only):
        if name in data:
            continue
        if arguments.rest is not None:
            data[name] = Unknown(arguments.rest.reason, arguments.rest.trace)
        elif name in function.defaults:
            data[name] = function.defaults[name]
        else:
            reason = f"parameter {name} of {function.name}() is given by no caller in this file"
            data[name] = Unknown(reason, trace(inner, function.node, "unknown", reason))
    if isinstance(params.star_arg, cst.Param):
        data[params.star_arg.name.value] = Ref(Sequence(tuple(extra), "tuple"))
    if params.star_kwarg is not None:
        if arguments.rest is not None:
            surplus.meta.data["rest"] = arguments.rest
        data[params.star_kwarg.name.value] = Ref(surplus)


def _given(value: Value, name: str, function: Function) -> Value:
    """What is passed; the default in the cases where a splat does not hold it."""
    default = function.defaults.get(name)
    return containers.present(value, default) if default is not None else value


def _passed(
    arguments: Arguments,
    key: int | str,
    name: str,
    value: Value,
    function: Function,
    caller: Frame,
) -> Value:
    node = arguments.nodes.get(key)
    if node is None or function.name == "<lambda>":
        return value
    via = f"argument {name} of {function.name}()"
    return value.traced(trace(caller, node, "pass", via, value.trace))


def run_callbacks(machine: Machine, arguments: Arguments, node: cst.CSTNode, frame: Frame) -> None:
    """Functions handed to code that is not followed, such as ``dataset.map(tokenize)``.

    They are run once on unknown arguments, for what they do to library objects; their writes to
    the program's memory are dropped.
    """
    escape(machine, arguments, node, frame)
    for value in (one.value for given in arguments.every() for one in alternatives(given)):
        callback = value.callee if isinstance(value, Partial) else value
        if not isinstance(callback, Function | Bound):
            continue
        if isinstance(callback, Bound) and not isinstance(callback.method, Function):
            continue
        given = Arguments(rest=Unknown(UNKNOWN_ARGUMENTS))

        def run(target: Value = value, empty: Arguments = given) -> None:
            try:
                call_value(machine, target, empty, node, frame)
            except Raised:
                return

        machine.fork(run, "called back")
