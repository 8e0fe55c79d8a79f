"""Small programs whose output follows from their words: ``dirname``, ``seq``, ``tr``, ``wc``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TypeAlias

from qlint.readers.shell.arithmetic import NotANumber, evaluate
from qlint.readers.shell.escapes import unescape

Filter: TypeAlias = Callable[[list[str], str | None, str], str | None]
"""Arguments, standard input (None where not known) and folder to output, None if not known."""

_FORMAT = re.compile(
    r"%(?P<flags>[-0 +#]*)(?P<width>\d{0,3})(?:\.(?P<precision>\d{1,3}))?(?P<kind>.)"
)
_LONGEST = 100_000
_MOST_NUMBERS = 1_000


def echo(words: list[str], stdin: str | None, folder: str) -> str | None:
    """``echo``, with ``-n`` and ``-e``."""
    ending, escapes = "\n", False
    while words and re.fullmatch(r"-[neE]+", words[0]):
        ending = "" if "n" in words[0] else ending
        escapes |= "e" in words[0]
        words = words[1:]
    text = " ".join(words)
    return (unescape(text) if escapes else text) + ending


def printf(words: list[str], stdin: str | None, folder: str) -> str | None:
    """``printf`` with ``%s``, ``%d``, ``%f`` and their widths; the format is used again as long
    as words are left.
    """
    if not words or words[0].startswith("-"):
        return None
    form, rest = words[0], words[1:]
    result: list[str] = []
    while True:
        left = len(rest)
        position = 0
        for found in _FORMAT.finditer(form):
            result.append(unescape(form[position : found.start()]))
            position = found.end()
            kind = found["kind"]
            if kind == "%":
                result.append("%")
                continue
            word = rest.pop(0) if rest else ""
            text = _formatted(found, kind, word)
            if text is None:
                return None
            result.append(text)
        result.append(unescape(form[position:]))
        if not rest or len(rest) == left:
            return "".join(result)


def _formatted(found: re.Match[str], kind: str, word: str) -> str | None:
    precision = f".{found['precision']}" if found["precision"] else ""
    try:
        if kind == "s":
            return f"%{found['flags']}{found['width']}{precision}s" % word
        if kind in "dixX":
            kind = "d" if kind == "i" else kind
            return f"%{found['flags']}{found['width']}{precision}{kind}" % int(word or "0")
        if kind in "feg":
            return f"%{found['flags']}{found['width']}{precision}{kind}" % float(word or "0")
    except ValueError:
        return None
    return None


def _dirname(words: list[str], stdin: str | None, folder: str) -> str | None:
    if len(words) != 1:
        return None
    text = words[0].rstrip("/") or ("/" if words[0] else "")
    head, slash, _ = text.rpartition("/")
    return (head.rstrip("/") or ("/" if slash else ".")) + "\n"


def _basename(words: list[str], stdin: str | None, folder: str) -> str | None:
    if not 1 <= len(words) <= 2 or words[0].startswith("-"):
        return None
    text = words[0].rstrip("/").rpartition("/")[2]
    if len(words) == 2 and text != words[1]:
        text = text.removesuffix(words[1])
    return text + "\n"


def _real_path(words: list[str], stdin: str | None, folder: str) -> str | None:
    names = [word for word in words if not word.startswith("-")]
    if len(names) != 1:
        return None
    return os.path.normpath(os.path.join(folder, names[0])) + "\n"


def _seq(words: list[str], stdin: str | None, folder: str) -> str | None:
    if not all(re.fullmatch(r"-?\d{1,9}", word) for word in words) or not 1 <= len(words) <= 3:
        return None
    numbers = [int(word) for word in words]
    first = numbers[0] if len(numbers) > 1 else 1
    step = numbers[1] if len(numbers) == 3 else 1
    if not step or abs(numbers[-1] - first) // abs(step) > _MOST_NUMBERS:
        return None
    found = range(first, numbers[-1] + (1 if step > 0 else -1), step)
    return "".join(f"{number}\n" for number in found)


def _expr(words: list[str], stdin: str | None, folder: str) -> str | None:
    if not all(re.fullmatch(r"-?\d{1,18}|[-+*/%()]", word) for word in words):
        return None
    return _computed(" ".join(words))


def _computed(text: str) -> str | None:
    def refuse(name: str) -> str:
        raise NotANumber(name)

    try:
        return f"{evaluate(text, refuse, lambda *_: None)}\n"
    except NotANumber:
        return None


def _bc(words: list[str], stdin: str | None, folder: str) -> str | None:
    if stdin is None or not re.fullmatch(r"[\d\s()+*/%-]{1,200}", stdin):
        return None
    return _computed(re.sub(r"\b0+(?=\d)", "", stdin))


def _cat(words: list[str], stdin: str | None, folder: str) -> str | None:
    return stdin if words in ([], ["-"]) else None


def _tr(words: list[str], stdin: str | None, folder: str) -> str | None:
    if stdin is None or len(words) != 2:
        return None
    if words[0] == "-d":
        removed = _set(words[1])
        return None if removed is None else "".join(one for one in stdin if one not in removed)
    first, second = _set(words[0]), _set(words[1])
    if not first or not second:
        return None
    second += second[-1] * (len(first) - len(second))
    return stdin.translate({ord(one): two for one, two in zip(first, second, strict=False)})


def _set(text: str) -> str | None:
    """The characters that ``tr`` means by a text."""
    text = (
        text.replace("[:upper:]", "A-Z").replace("[:lower:]", "a-z").replace("[:space:]", " \n\t")
    )
    if "[:" in text:
        return None
    text = unescape(text)
    return re.sub(
        "([A-Za-z0-9])-([A-Za-z0-9])",
        lambda found: "".join(chr(one) for one in range(ord(found[1]), ord(found[2]) + 1)),
        text,
    )


def _wc(words: list[str], stdin: str | None, folder: str) -> str | None:
    if stdin is None or len(words) != 1:
        return None
    counts = {"-l": stdin.count("\n"), "-w": len(stdin.split()), "-c": len(stdin.encode())}
    return f"{counts[words[0]]}\n" if words[0] in counts else None


def _cut(words: list[str], stdin: str | None, folder: str) -> str | None:
    given = re.fullmatch(r"-d ?(.) ?-f ?(\d{1,3})|-f ?(\d{1,3}) ?-d ?(.)", " ".join(words))
    if stdin is None or given is None:
        return None
    mark, number = given[1] or given[4], int(given[2] or given[3])
    lines: list[str] = []
    for line in stdin.splitlines():
        fields = line.split(mark)
        lines.append(
            line if len(fields) == 1 else fields[number - 1] if number <= len(fields) else ""
        )
    return "".join(f"{line}\n" for line in lines)


def _awk(words: list[str], stdin: str | None, folder: str) -> str | None:
    """How many fields there are, which is how scripts count GPUs, or one of them."""
    given = re.fullmatch(r"(?:-F ?(\S) ?)?\{ ?print (NF|\$\d) ?;? ?\}", " ".join(words))
    if stdin is None or given is None:
        return None
    lines: list[str] = []
    for line in stdin.splitlines():
        fields = line.split(given[1]) if given[1] else line.split()
        if given[2] == "NF":
            lines.append(str(len(fields)))
            continue
        number = int(given[2][1:])
        lines.append(line if not number else fields[number - 1] if number <= len(fields) else "")
    return "".join(f"{line}\n" for line in lines)


def _grep(words: list[str], stdin: str | None, folder: str) -> str | None:
    """``grep -o ,``: every occurrence on a line of its own."""
    if stdin is None or words[:1] != ["-o"] or words[1:] not in ([","], [";"], [":"], [" "]):
        return None
    return f"{words[1]}\n" * stdin.count(words[1])


FILTERS: dict[str, Filter] = {
    "awk": _awk,
    "basename": _basename,
    "bc": _bc,
    "cat": _cat,
    "cut": _cut,
    "dirname": _dirname,
    "echo": echo,
    "expr": _expr,
    "grep": _grep,
    "printf": printf,
    "readlink": _real_path,
    "realpath": _real_path,
    "seq": _seq,
    "tr": _tr,
    "wc": _wc,
}
