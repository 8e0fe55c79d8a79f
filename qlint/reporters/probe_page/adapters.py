"""The section on what is trained, counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qlint.reporters.probe_figures import Row
from qlint.reporters.probe_page.elements import bars
from qlint.reporters.probe_value import Probed
from qlint.rulebook.wording import size


def adapters(values: Mapping[str, Any], probed: Probed) -> Iterator[str]:
    """The section."""
    yield f"<p>{values['parameters'] / 1e6:.3g} million numbers are trained.</p>"
    names = {
        "parameter_bytes": "adapters",
        "gradient_bytes": "gradients",
        "optimizer_bytes": f"state of {values['optimizer']}",
    }
    rows = [Row(words, values[name], size(values[name])) for name, words in names.items()]
    yield from bars("", rows)
