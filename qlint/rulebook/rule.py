"""A rule: its metadata, read from the front matter of its page, and its check, imported on use."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from qlint.findings import Confidence, Finding, Severity
from qlint.rulebook.options import Option, merge_options

Scope: TypeAlias = Literal["recipe", "reading", "linter"]
"""What a rule looks at: one recipe, all that was read from one input, or the linter's own work."""

SCOPES: tuple[Scope, ...] = ("recipe", "reading", "linter")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Listing rules reads pages only; options and checks import the rule's module.

    ``pitfall`` is the number (1 to 5) of qlint's pitfall this rule is about, or None. ``page``
    is the Markdown file that explains the rule; the module of the same name holds its check.
    """

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    pitfall: int | None
    since: str
    summary: str
    scope: Scope
    page: Path

    @property
    def module_name(self) -> str:
        """The module that holds the check, ``qlint.rules.<page name>``."""
        return f"qlint.rules.{self.page.stem}"

    @property
    def options(self) -> Mapping[str, Option]:
        """The options the rule declares; a rule of the linter has none."""
        if self.scope == "linter":
            return {}
        module = importlib.import_module(self.module_name)
        return cast("Mapping[str, Option]", getattr(module, "OPTIONS", {}))

    @property
    def check(self) -> Callable[[Any, Context], Iterator[Finding]]:
        """The check: takes a Recipe or a Reading, by ``scope``, and a Context."""
        if self.scope == "linter":
            raise TypeError(f"{self.code} is reported by the linter itself and has no check")
        module = importlib.import_module(self.module_name)
        return cast("Callable[[Any, Context], Iterator[Finding]]", module.check)

    def context(
        self,
        options: Mapping[str, object] | None = None,
        *,
        gpu: str | None = None,
        model: str | None = None,
    ) -> Context:
        """The context for this rule under the given settings.

        Raises ``ValueError`` with one sentence where ``options`` has an unknown name or a value of
        the wrong type.
        """
        return Context(self, merge_options(self.options, options or {}, self.code), gpu, model)


@dataclass(frozen=True, slots=True)
class Context:
    """What a check may know beside the recipe: its own rule and the settings in force.

    ``gpu`` and ``model`` are those of the settings, as written there (``"24GB"``, ``"rtx4090"``;
    a model id), or None.
    """

    rule: Rule
    options: Mapping[str, Any] = field(default_factory=dict)
    gpu: str | None = None
    model: str | None = None
