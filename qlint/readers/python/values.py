"""The abstract values that configuration code is evaluated to.

A value is known (:class:`Const`, :class:`Library`, a reference to an object), one of several
(:class:`OneOf`), or :class:`Unknown` with its first cause. Values are immutable; everything that
changes lives in :class:`Slots`, so that a fork of the evaluation can be undone and joined.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from qlint.readers.python.source import Trace

if TYPE_CHECKING:
    import libcst as cst

    from qlint.readers.python.frames import Frame

Constant: TypeAlias = Any
"""None, bool, int, float, complex, str, bytes or Ellipsis."""

MAX_ALTERNATIVES = 4


_SLOTS: dict[type, tuple[str, ...]] = {}
"""The slots of each class of values, for copies."""


class Value:
    """Anything an expression can evaluate to, with the trace of where it came from."""

    __slots__ = ("trace",)

    def __init__(self, trace: Trace | None = None) -> None:
        self.trace = trace

    def traced(self, trace: Trace) -> Value:
        """The same value with another trace."""
        cls = type(self)
        slots = _SLOTS.get(cls)
        if slots is None:
            slots = _SLOTS[cls] = tuple(
                slot for base in cls.__mro__ for slot in getattr(base, "__slots__", ())
            )
        twin = object.__new__(cls)
        for slot in slots:
            setattr(twin, slot, getattr(self, slot))
        twin.trace = trace
        return twin


class Const(Value):
    """A known constant."""

    __slots__ = ("value",)

    def __init__(self, value: Constant, trace: Trace | None = None) -> None:
        self.trace = trace
        self.value = value

    def __repr__(self) -> str:
        return f"Const({self.value!r})"


class Unknown(Value):
    """A value that is decided only at run time.

    ``reason`` is its first cause, in words. ``tag`` marks what it is nevertheless known to be made
    of, for example ``"module names"`` for what was collected from ``model.named_modules()``.
    """

    __slots__ = ("reason", "tag")

    def __init__(self, reason: str, trace: Trace | None = None, tag: str | None = None) -> None:
        self.trace = trace
        self.reason = reason
        self.tag = tag

    def __repr__(self) -> str:
        return f"Unknown({self.reason!r})"


class Missing(Unknown):
    """What a dict holds at a key that is set in other cases only."""

    __slots__ = ()


class TooMany(Unknown):
    """One of more values than are kept apart; with others it is still that."""

    __slots__ = ()


class Option:
    """One of the values of a :class:`OneOf`, with the condition under which it holds."""

    __slots__ = ("condition", "value")

    def __init__(self, value: Value, condition: str | None) -> None:
        self.value = value
        self.condition = condition


class OneOf(Value):
    """One of at most :data:`MAX_ALTERNATIVES` values, depending on what is not known."""

    __slots__ = ("options",)

    def __init__(self, options: tuple[Option, ...], trace: Trace | None = None) -> None:
        self.trace = trace
        self.options = options

    def __repr__(self) -> str:
        return f"OneOf({[option.value for option in self.options]})"


class Library(Value):
    """A name of a library, for example ``torch.bfloat16`` or ``transformers.Trainer``."""

    __slots__ = ("name",)

    def __init__(self, name: str, trace: Trace | None = None) -> None:
        self.trace = trace
        self.name = name

    def __repr__(self) -> str:
        return f"Library({self.name})"


class Slots:
    """A mutable mapping of the evaluated program. Written through the journal only.

    ``fallback`` supplies what the mapping holds implicitly, such as a library's defaults.
    """

    __slots__ = ("data", "fallback", "sparse")

    def __init__(self, fallback: Callable[[Hashable], Value | None] | None = None) -> None:
        self.data: dict[Hashable, Value] = {}
        self.fallback = fallback
        self.sparse = False
        """True for a dict: a key that is not there is an answer, not an error."""

    def get(self, key: Hashable) -> Value | None:
        """The value at ``key``, the implicit one where none was written, else None."""
        found = self.data.get(key)
        if found is None and self.fallback is not None:
            return self.fallback(key)
        return found


class Object:
    """Something with an identity on the heap of the evaluated program."""

    __slots__ = ("slots",)

    def __init__(self, slots: Slots | None = None) -> None:
        self.slots = slots or Slots()


class Items(Value):
    """The contents of a list at one moment."""

    __slots__ = ("values",)

    def __init__(self, values: tuple[Value, ...], trace: Trace | None = None) -> None:
        self.trace = trace
        self.values = values


class PartlyKnown(Unknown):
    """The contents of a list of which some pieces are not known, each an unknown in its place."""

    __slots__ = ("values",)

    def __init__(self, cause: Unknown, values: tuple[Value, ...]) -> None:
        super().__init__(cause.reason, cause.trace, cause.tag)
        self.values = values


def pieces(items: Value) -> tuple[Value, ...] | None:
    """The contents of a list, known or with unknown pieces; None where nothing of it is known."""
    return items.values if isinstance(items, Items | PartlyKnown) else None


class Sequence(Object):
    """A list, tuple or set; its contents are the slot ``items``: Items, OneOf of Items, Unknown."""

    __slots__ = ("kind",)

    def __init__(self, values: tuple[Value, ...], kind: str = "list") -> None:
        super().__init__()
        self.kind = kind
        self.slots.data["items"] = Items(values)

    @property
    def values(self) -> tuple[Value, ...] | None:
        """The contents where they are known, else None."""
        found = self.slots.data["items"]
        return found.values if isinstance(found, Items) else None


class Mapping(Object):
    """A dict. ``rest`` is set when further keys may be in it that are not known."""

    __slots__ = ("meta",)

    def __init__(self, slots: Slots | None = None) -> None:
        super().__init__(slots)
        if slots is None:
            self.slots.sparse = True
        self.meta = Slots()

    @property
    def rest(self) -> Unknown | None:
        """Why further keys may be in it, or None when its keys are known."""
        found = self.meta.get("rest")
        return found if isinstance(found, Unknown) else None

    def entries(self) -> Iterator[tuple[Hashable, Value]]:
        """The known keys with their values, in order of insertion."""
        return iter(tuple(self.slots.data.items()))


class Instance(Object):
    """An object of a class of the file or of a library.

    ``role`` says what part it plays in a run: model, trainer, optimizer, arguments, adapter,
    quantisation, accelerator, tokenizer, loader, namespace, parser, or plain ``object``.
    ``library`` is the canonical name of its library class, the nearest one for a class of the file
    that inherits. ``rest`` in ``meta`` is set when arguments may be set that are not known.
    """

    __slots__ = ("cls", "library", "meta", "native", "role")

    def __init__(
        self,
        role: str = "object",
        library: str | None = None,
        cls: UserClass | None = None,
        slots: Slots | None = None,
    ) -> None:
        super().__init__(slots)
        self.role = role
        self.library = library
        self.cls = cls
        self.meta = Slots()
        self.native: Any = None
        """State of the model of a library object that is never mutated after a fork."""


class Ref(Value):
    """A reference to an object on the heap."""

    __slots__ = ("target",)

    def __init__(self, target: Object, trace: Trace | None = None) -> None:
        self.trace = trace
        self.target = target

    def __repr__(self) -> str:
        target = self.target
        if isinstance(target, Instance):
            return f"Ref({target.role}:{target.library or (target.cls and target.cls.name)})"
        return f"Ref({type(target).__name__})"


class Function(Value):
    """A function of the evaluated program, with its closure and its evaluated defaults."""

    __slots__ = ("closure", "decorators", "defaults", "name", "node", "owner", "setter")

    def __init__(
        self,
        node: cst.FunctionDef | cst.Lambda,
        name: str,
        closure: Frame,
        defaults: dict[str, Value],
        decorators: tuple[Value, ...] = (),
        owner: UserClass | None = None,
    ) -> None:
        self.trace = None
        self.node = node
        self.name = name
        self.closure = closure
        self.defaults = defaults
        self.decorators = decorators
        self.owner = owner
        self.setter: Function | None = None
        """The function that assigns to this property."""


class Bound(Value):
    """A method bound to what it is called on: a user's function, or the name of a library's."""

    __slots__ = ("method", "receiver")

    def __init__(self, receiver: Value, method: Function | str, trace: Trace | None = None) -> None:
        self.trace = trace
        self.receiver = receiver
        self.method = method


class Partial(Value):
    """``functools.partial``: a callable with arguments already given."""

    __slots__ = ("arguments", "callee")

    def __init__(self, callee: Value, arguments: Any, trace: Trace | None = None) -> None:
        self.trace = trace
        self.callee = callee
        self.arguments = arguments


class ClassField:
    """A field of a dataclass: its annotation, its default and the keywords of ``field(...)``."""

    __slots__ = ("annotation", "default", "name", "node")

    def __init__(self, name: str, annotation: str, default: Value | None, node: object) -> None:
        self.name = name
        self.annotation = annotation
        self.default = default
        self.node = node


class UserClass(Value):
    """A class of the evaluated program."""

    __slots__ = ("bases", "decorators", "fields", "frame", "name", "node", "slots")

    def __init__(
        self, name: str, node: cst.ClassDef, bases: tuple[Value, ...], frame: Frame
    ) -> None:
        self.trace = None
        self.name = name
        self.node = node
        self.bases = bases
        self.frame = frame
        self.slots = Slots()
        self.decorators: tuple[Value, ...] = ()
        self.fields: dict[str, ClassField] = {}

    def lineage(self) -> tuple[UserClass, ...]:
        """This class and the classes of the program it inherits from, nearest first."""
        order: list[UserClass] = [self]
        for base in self.bases:
            if isinstance(base, UserClass):
                order.extend(cls for cls in base.lineage() if cls not in order)
        return tuple(order)

    def library_base(self) -> str | None:
        """The nearest library class it inherits from."""
        for cls in self.lineage():
            for base in cls.bases:
                if isinstance(base, Library) and not base.name.startswith("builtins."):
                    return base.name
        return None

    def find(self, name: str) -> Value | None:
        """A class attribute or method, looked up along the lineage."""
        for cls in self.lineage():
            found = cls.slots.get(name)
            if found is not None:
                return found
        return None


class ModuleValue(Value):
    """A module of the same project."""

    __slots__ = ("frame", "name")

    def __init__(self, name: str, frame: Frame) -> None:
        self.trace = None
        self.name = name
        self.frame = frame


class Super(Value):
    """``super()``: the attributes of an instance looked up after a given class."""

    __slots__ = ("after", "receiver")

    def __init__(self, receiver: Value, after: UserClass) -> None:
        self.trace = None
        self.receiver = receiver
        self.after = after


def known_text(value: Value | None) -> str | None:
    """The text of a known string, else None."""
    if isinstance(value, Const) and isinstance(value.value, str):
        return value.value
    return None


def same(left: Value, right: Value) -> bool:
    """True when two values cannot be told apart: equal constants, one name, one object."""
    if left is right:
        return True
    if isinstance(left, Const) and isinstance(right, Const):
        return type(left.value) is type(right.value) and bool(left.value == right.value)
    if isinstance(left, Library) and isinstance(right, Library):
        return left.name == right.name
    if isinstance(left, Ref) and isinstance(right, Ref):
        if left.target is right.target:
            return True
        a, b = left.target, right.target
        # Lists with equal contents are told apart: one of them may be changed later.
        if isinstance(a, Sequence) and isinstance(b, Sequence) and a.kind == b.kind == "tuple":
            return same(a.slots.data["items"], b.slots.data["items"])
        return False
    if isinstance(left, Items) and isinstance(right, Items):
        return len(left.values) == len(right.values) and all(map(same, left.values, right.values))
    if isinstance(left, Unknown) and isinstance(right, Unknown):
        return left.reason == right.reason
    return False


def alternatives(value: Value) -> tuple[Option, ...]:
    """The options of a value: several for a OneOf, else the value itself."""
    if isinstance(value, OneOf):
        return value.options
    return (Option(value, None),)


def one_of(options: list[Option], trace: Trace | None = None) -> Value:
    """Join options into one value: equal ones merge, too many become unknown."""
    if len(options) == 1 and options[0].condition is None:
        return options[0].value
    merged: list[Option] = []
    for option in options:
        if isinstance(option.value, TooMany):
            return option.value
        for flat in alternatives(option.value):
            condition = flat.condition or option.condition
            for position, kept in enumerate(merged):
                if same(flat.value, kept.value):
                    if condition is not kept.condition and kept.condition is not None:
                        # It holds in further cases as well: its text alone remains.
                        merged[position] = Option(kept.value, str(kept.condition))
                    break
            else:
                merged.append(Option(flat.value, condition))
    if len(merged) == 1:
        return merged[0].value
    if len(merged) > MAX_ALTERNATIVES:
        return TooMany(f"one of more than {MAX_ALTERNATIVES} values", trace)
    return OneOf(tuple(merged), trace)


DICT_ROLE = "dict"
"""The role of an instance of a class that inherits from dict; its entries are its slots."""


def as_dict(value: Value) -> Value:
    """An instance of a class that inherits from dict as the dict that it is; else the value."""
    target = value.target if isinstance(value, Ref) else None
    if not isinstance(target, Instance) or target.role != DICT_ROLE:
        return value
    shared = Mapping(target.slots)
    shared.meta = target.meta
    return Ref(shared, value.trace)


def decorator_name(value: Value) -> str:
    """The last component of a library decorator's name, called or not; "" for others."""
    if isinstance(value, Partial):
        value = value.callee
    return value.name.rsplit(".", 1)[-1] if isinstance(value, Library) else ""


def decorator_root(value: Value) -> str:
    """The library that a decorator comes from; "" for others."""
    if isinstance(value, Partial):
        value = value.callee
    return value.name.split(".", 1)[0] if isinstance(value, Library) else ""
