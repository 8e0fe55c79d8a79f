"""Target modules: the default of a model's family, and names collected from the model."""

from __future__ import annotations

import re

import libcst as cst

from qlint.knowledge import libraries, models
from qlint.readers.python.machine import Machine
from qlint.readers.python.nodes import walk
from qlint.readers.python.recipes.conversion import spread
from qlint.readers.python.source import SourceFile, Trace
from qlint.readers.python.values import (
    Const,
    Instance,
    Items,
    OneOf,
    Option,
    Ref,
    Sequence,
    Unknown,
    Value,
    alternatives,
    known_text,
    one_of,
)

_FAMILIES = (
    (re.compile(r"^gpt2(?:-|$)"), "gpt2"),
    (re.compile(r"^(?:pythia|gpt-neox|dolly-v2)\b"), "gpt_neox"),
    (re.compile(r"^falcon-\d+b"), "falcon"),
    (re.compile(r"^opt-"), "opt"),
    (re.compile(r"^bloomz?(?:-|$)"), "bloom"),
    (re.compile(r"^gpt-j\b"), "gptj"),
    (re.compile(r"^(?:flan-)?t5-"), "t5"),
    (re.compile(r"^mt[05]-"), "mt5"),
)
_ALL = "collects the names of all Linear modules"
_SOME = "the names of some of the model's modules, chosen by the script as it runs"
_SPARED = re.compile(r"attn|attention|mlp|ffn|proj|query|key|value|gate|dense|fc|^[qkvo]_?$", re.I)


def default_targets(machine: Machine, model: Instance, value: Value) -> Value:
    """PEFT's own choice for the model's family, where the target modules are left out."""
    if not (isinstance(value, Const) and value.value is None):
        return value
    name = model.slots.get("name")
    text = known_text(name) if name is not None else None
    family = _family(text) if text is not None else None
    chosen = libraries.lora_target_modules(family, machine.versions) if family else None
    if chosen is None:
        return value
    version = libraries.resolve_version("peft", machine.versions.get("peft", ""))
    via = f"default of PEFT {version} for models of the type {family}"
    return Ref(Sequence(tuple(Const(part) for part in chosen)), Trace("library", via=via))


def _family(name: str) -> str | None:
    """The model type behind a name, None where that is not certain."""
    known = models.find_model(name)
    if known is not None:
        return known.architecture
    last = name.rstrip("/").rsplit("/", 1)[-1].casefold()
    return next((family for pattern, family in _FAMILIES if pattern.search(last)), None)


def collected_targets(value: Value) -> Value:
    """Names collected from the model's own Linear modules are all of them."""
    source = _collected(value)
    if source is not None:
        if source.trace is not None and _chosen_by_name(source.trace):
            return Unknown(_SOME, source.trace)
        station = Trace("compute", via=_ALL)
        if value.trace is not None:
            station = Trace("compute", value.trace.file, value.trace.node, _ALL, (value.trace,))
        elif source.trace is not None:
            station = Trace("compute", source.trace.file, source.trace.node, _ALL)
        return Const("all-linear", station)
    if isinstance(value, OneOf):
        options = [Option(collected_targets(o.value), o.condition) for o in value.options]
        return one_of(options, value.trace)
    return value


def _collected(value: Value) -> Unknown | None:
    """The part that stems from ``model.named_modules()``, None where there is none."""
    if isinstance(value, Unknown):
        return value if value.tag == "module names" else None
    value = spread(value)
    if isinstance(value, OneOf):
        return next((u for o in value.options if (u := _collected(o.value))), None)
    if isinstance(value, Ref) and isinstance(value.target, Sequence):
        for option in alternatives(value.target.slots.data["items"]):
            if isinstance(option.value, Unknown) and option.value.tag == "module names":
                return option.value
            if isinstance(option.value, Items):
                found = next((u for part in option.value.values if (u := _collected(part))), None)
                if found is not None:
                    return found
    return None


def _chosen_by_name(station: Trace) -> bool:
    """Whether the loop over the model's modules keeps only some of their names."""
    while station.parents:
        station = station.parents[0]
    if not isinstance(station.file, SourceFile) or not isinstance(station.node, cst.CSTNode):
        return False
    finder = _Loops(station.node)
    station.file.module.visit(finder)
    return any(map(_is_subset, finder.tests))


class _Loops(cst.CSTVisitor):
    """The conditions of the loops and comprehensions that run over a node."""

    def __init__(self, wanted: cst.CSTNode) -> None:
        super().__init__()
        self.wanted = wanted
        self.tests: list[tuple[cst.BaseExpression, bool]] = []

    def _runs_over(self, node: cst.CSTNode) -> bool:
        return any(part is self.wanted for part in _parts(node))

    def visit_For(self, node: cst.For) -> None:  # noqa: N802 - libcst's naming
        if self._runs_over(node.iter):
            for part in _parts(node.body):
                if isinstance(part, cst.If):
                    self.tests.append((part.test, _skips(part)))

    def visit_ListComp(self, node: cst.ListComp) -> None:  # noqa: N802 - libcst's naming
        self._take(node, node.for_in)

    def visit_SetComp(self, node: cst.SetComp) -> None:  # noqa: N802 - libcst's naming
        self._take(node, node.for_in)

    def visit_GeneratorExp(self, node: cst.GeneratorExp) -> None:  # noqa: N802 - libcst's naming
        self._take(node, node.for_in)

    def _take(self, node: cst.CSTNode, loop: cst.CompFor) -> None:
        if node is self.wanted:
            self.tests.extend((condition.test, False) for condition in loop.ifs)

    def visit_CompFor(self, node: cst.CompFor) -> None:  # noqa: N802 - libcst's naming
        if self._runs_over(node.iter):
            self.tests.extend((condition.test, False) for condition in node.ifs)


def _parts(node: cst.CSTNode) -> list[cst.CSTNode]:
    return list(walk(node))


def _skips(node: cst.If) -> bool:
    """``if ...: continue``."""
    return any(isinstance(part, cst.Continue) for part in _parts(node.body))


def _is_subset(test: tuple[cst.BaseExpression, bool]) -> bool:
    """True where a test keeps names for what they contain, or drops those of inner layers."""
    condition, skips = test
    for part in _parts(condition):
        keeps = not skips
        if isinstance(part, cst.Comparison):
            operator = part.comparisons[0].operator
            if not isinstance(operator, cst.In | cst.NotIn):
                continue
            keeps = isinstance(operator, cst.In) != skips
        elif not isinstance(part, cst.CompFor) and not _tests_text(part):
            continue
        if _decides([_text(p) for p in _parts(part) if isinstance(p, cst.SimpleString)], keeps):
            return True
    return False


def _decides(texts: list[str], keeps: bool) -> bool:
    named = [text for text in texts if text and "Linear" not in text and text not in ".,"]
    return bool(named) if keeps else any(_SPARED.search(text) for text in named)


def _text(node: cst.SimpleString) -> str:
    value = node.evaluated_value
    return value if isinstance(value, str) else ""


def _tests_text(node: cst.CSTNode) -> bool:
    function = node.func if isinstance(node, cst.Call) else None
    name = function.attr.value if isinstance(function, cst.Attribute) else ""
    return name in ("endswith", "startswith", "search", "match", "fullmatch", "findall")
