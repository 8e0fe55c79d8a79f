"""Check the values of a settings file; each setting has one converter."""

from __future__ import annotations

from collections.abc import Callable

from qlint.errors import UsageError
from qlint.near_names import did_you_mean
from qlint.settings.in_force import OUTPUT_FORMATS, SEVERITIES
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def strings(name: str, value: Any) -> tuple[str, ...]:
    """Accept a list of strings."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise _wrong(name, value, "a list of strings")


def string(name: str, value: Any) -> str:
    """Accept a string that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise _wrong(name, value, "a string")


def card(name: str, value: Any) -> str:
    """Accept a card, or several, that are known by name or size."""
    from qlint.knowledge.gpus import parse_cards

    text = string(name, value)
    try:
        parse_cards(text)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None
    return text


def one_of(*choices: str) -> Callable[[str, Any], str]:
    """Make a converter that accepts one of ``choices``."""

    def convert(name: str, value: Any) -> str:
        if value in choices and isinstance(value, str):
            return value
        raise _wrong(name, value, "one of " + ", ".join(choices))

    return convert


def versions(name: str, value: Any) -> dict[str, str]:
    """Accept a table of library to version, or the text that ``--target-versions`` takes."""
    if isinstance(value, str):
        return parse_versions(name, value)
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return dict(value)
    raise _wrong(name, value, 'a table of versions in quotes, such as { trl = "0.12" }')


def parse_versions(name: str, text: str) -> dict[str, str]:
    """Read ``transformers=4.46,trl=0.12``."""
    found: dict[str, str] = {}
    for part in text.split(","):
        library, equals, version = (piece.strip() for piece in part.partition("="))
        version = version.removeprefix("=").strip()
        if not (library and equals and version):
            raise UsageError(
                f"{name} takes library=version pairs such as transformers=4.46,trl=0.12, "
                f"not {text!r}."
            )
        found[library.lower()] = version
    return found


def ignores(name: str, value: Any) -> dict[str, tuple[str, ...]]:
    """Accept a table of pattern to list of codes."""
    if isinstance(value, dict):
        return {pattern: strings(f"{name}.{pattern!r}", codes) for pattern, codes in value.items()}
    raise _wrong(name, value, 'a table such as { "tests/**" = ["QL101"] }')


def rule_options(name: str, value: Any) -> dict[str, dict[str, Any]]:
    """Accept a table of code to table of options; the registry checks the options themselves."""
    if isinstance(value, dict) and all(isinstance(item, dict) for item in value.values()):
        return value
    raise _wrong(name, value, "a table of tables such as [tool.qlint.rules.QL101]")


CONVERTERS: dict[str, Callable[[str, Any], Any]] = {
    "select": strings,
    "extend-select": strings,
    "ignore": strings,
    "fail-on": one_of(*SEVERITIES),
    "output-format": one_of(*OUTPUT_FORMATS),
    "exclude": strings,
    "extend-exclude": strings,
    "per-file-ignores": ignores,
    "gpu": card,
    "model": string,
    "probe-run": string,
    "target-versions": versions,
    "rules": rule_options,
}
"""Every setting a file may hold, in the order in which ``qlint config`` shows them."""


def convert(name: str, value: Any, path: str) -> Any:
    """Check ``value`` as that of setting ``name`` in the file ``path``.

    Raises UsageError when either is wrong.
    """
    converter = CONVERTERS.get(name)
    if converter is None:
        near = did_you_mean(name, CONVERTERS)
        raise UsageError(f"{path}: unknown setting {name!r}{near or '.'}")
    return converter(f"{path}: {name}", value)


def _wrong(name: str, value: Any, expected: str) -> UsageError:
    return UsageError(f"{name} must be {expected}, not {value!r}.")
