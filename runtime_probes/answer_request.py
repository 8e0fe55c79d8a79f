"""The process of ``fresh_process``: one file says what to measure, another is the answer."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from qlint.errors import UsageError

from .silence import import_libraries


def main(asked: str, answered: str) -> None:
    """Do what the file ``asked`` says, and write what came of it."""
    with open(asked, encoding="utf-8") as file:
        request = json.load(file)
    import_libraries()
    answer = _answer(request)
    with open(answered, "w", encoding="utf-8") as file:
        json.dump(answer, file)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    from .live_script import measure_live
    from .probes import Wanted
    from .progress import Progress
    from .script_probe import capture_and_measure

    path, arguments, unsuited = request["path"], request["arguments"], request["unsuited"]
    values = request["wanted"]
    wanted = Wanted(**{**values, "only": tuple(values["only"])})
    progress = Progress(quiet=request["quiet"])
    try:
        if unsuited is None:
            result = capture_and_measure(path, arguments, wanted, progress)
        else:
            result = measure_live(path, arguments, wanted, progress, *unsuited)
    except UsageError as error:
        return {"error": str(error)}
    return asdict(result)


if __name__ == "__main__":
    main(*sys.argv[1:])
