"""Parameter expansion: ``$X``, ``${X:-default}``, ``${X%.*}``, ``${ARGS[@]}`` and their kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qlint.readers.shell.arithmetic import NotANumber, evaluate
from qlint.readers.shell.patterns import Pattern
from qlint.readers.shell.pieces import BREAK, Piece, short
from qlint.readers.shell.syntax import Parameter, Word
from qlint.readers.shell.values import EMPTY, Segment, Value, known, unknown
from qlint.recipe import Origin

if TYPE_CHECKING:
    from qlint.readers.shell.expansion import Expander

_CHANGING = frozenset(
    {"RANDOM", "SRANDOM", "SECONDS", "EPOCHSECONDS", "EPOCHREALTIME", "BASHPID", "PPID", "LINENO",
     "$", "!", "-", "_"}
)  # fmt: skip
_DEFAULTS = frozenset({":-", "-", ":=", "="})


def expand_parameter(expander: Expander, part: Parameter, via: str) -> list[Piece | None]:
    """The pieces that a parameter makes."""
    if part.operator == "bad":
        reason = f"{_written(expander, part)} is not understood"
        return [_piece(part, _unknown(expander, part, reason).segments[0])]
    if part.operator == "placeholder":
        reason = f"{_written(expander, part)} is to be filled in"
        return [_piece(part, _unknown(expander, part, reason).segments[0])]
    elements = _elements(expander, part)
    if elements is not None:
        return _list(expander, part, elements, via)
    value = _scalar(expander, part)
    if part.prefix == "!" and part.index is None:
        if value is not None and value.unknown is None:
            value = _find(expander, value.text)
        elif value is None:
            value = _unset(expander, part, part.name)
    if part.prefix == "#":
        return _pieces(part, _length(expander, part, value))
    if part.operator in _DEFAULTS or part.operator in (":+", "+"):
        return _conditional(expander, part, value, via)
    if value is None:
        return _pieces(part, _unset(expander, part, part.name))
    if part.operator and part.operator not in (":?", "?"):
        value = _transformed(expander, part, value)
    return _pieces(part, value)


def read_variable(expander: Expander, name: str) -> Value:
    """A variable by its name, as arithmetic asks for it; ``ARRAY[1]`` too."""
    base, bracket, index = name.partition("[")
    if bracket:
        variable = expander.state.variables.get(base)
        if variable is not None and variable.elements is not None:
            return variable.elements.get(index.rstrip("]"), EMPTY)
    value = _find(expander, base)
    if value is None:
        expander.machine.premise_unset(base)
        reason = _reason_unset(base)
        return unknown(f"${base}", reason, presumed="")
    return value


# Finding


def _find(expander: Expander, name: str) -> Value | None:
    """The text of a parameter; None where nobody has set it."""
    state = expander.state
    if name in _CHANGING:
        return unknown(f"${name}", f"${name} is another one on every run")
    if name == "0":
        return state.name
    if name.isdigit():
        arguments = state.arguments
        if arguments is None:
            return None
        number = int(name[:6])
        return arguments[number - 1] if number <= len(arguments) else EMPTY
    if name == "#":
        if state.arguments is None:
            reason = "the number of arguments of the script is not given here"
            return unknown("$#", reason, presumed="0")
        return known(str(len(state.arguments)))
    if name == "?":
        return unknown("$?", "the exit status of a command", presumed="0")
    variable = state.variables.get(name)
    if variable is not None:
        if variable.elements is not None:
            return variable.elements.get("0", EMPTY)
        return variable.value
    if name == "PWD":
        return known(state.folder) if state.lost is None else unknown("$PWD", state.lost)
    if name == "BASH_SOURCE":
        return state.name
    return None


def _scalar(expander: Expander, part: Parameter) -> Value | None:
    if part.index is None:
        return _find(expander, part.name)
    variable = expander.state.variables.get(part.name)
    if variable is None:
        return _find(expander, part.name) if part.name == "BASH_SOURCE" else None
    index = expander.value(part.index, "index")
    if index.unknown is not None:
        return _unknown(expander, part, index.unknown)
    if variable.elements is None:
        return variable.value if index.text.strip() in ("0", "") else EMPTY
    if index.text in variable.elements:
        return variable.elements[index.text]
    try:
        number = evaluate(
            index.text, lambda name: read_variable(expander, name).text, lambda *_: None
        )
    except NotANumber as problem:
        return _unknown(expander, part, problem.reason)
    if number < 0:
        keys = list(variable.elements)
        return variable.elements[keys[number]] if -number <= len(keys) else EMPTY
    return variable.elements.get(str(number), EMPTY)


def _elements(expander: Expander, part: Parameter) -> list[tuple[str, Value]] | None:
    """The elements that ``$@`` or ``${ARRAY[@]}`` lists, None for what is one text."""
    state = expander.state
    if part.name in ("@", "*"):
        if state.arguments is None:
            expander.machine.assume("started without arguments")
            return []
        return [(str(number), one) for number, one in enumerate(state.arguments, 1)]
    if part.index is None or part.index.literal not in ("@", "*"):
        return None
    variable = state.variables.get(part.name)
    if variable is None:
        return [] if part.name != "BASH_SOURCE" else None
    if variable.elements is None:
        return [("0", variable.value)]
    return list(variable.elements.items())


# Lists


def _list(
    expander: Expander, part: Parameter, elements: list[tuple[str, Value]], via: str
) -> list[Piece | None]:
    if part.prefix == "#":
        return _pieces(part, known(str(len(elements)), [_place(expander, part)]))
    if part.prefix == "!":
        values = [known(key) for key, _ in elements]
    elif part.operator == ":":
        values = _some(expander, part, [one for _, one in elements])
    else:
        values = [one for _, one in elements]
        if part.operator in _DEFAULTS and not values and part.operand is not None:
            return _operand(expander, part, f"default of {short(_written(expander, part))}")
        if part.operator in (":+", "+"):
            return _operand(expander, part, via) if values and part.operand else []
        if part.operator and part.operator not in (*_DEFAULTS, ":?", "?"):
            values = [_transformed(expander, part, one) for one in values]
    joined = part.quoted and (part.name == "*" or _star(part.index))
    pieces: list[Piece | None] = []
    for number, value in enumerate(values):
        expander.machine.spend()
        if number:
            pieces.append(Piece(Segment(" "), True) if joined else BREAK)
        pieces += _pieces(part, value)
    return pieces


def _star(index: Word | None) -> bool:
    return index is not None and index.literal == "*"


def _some(expander: Expander, part: Parameter, values: list[Value]) -> list[Value]:
    """``${@:2:3}``: arguments count from 1, elements from 0."""
    bounds = _bounds(expander, part)
    if isinstance(bounds, Value):
        return [bounds]
    offset, length = bounds
    if part.name in ("@", "*"):
        offset = max(offset - 1, 0) if offset >= 0 else offset
    chosen = values[offset:] if offset >= -len(values) else []
    return chosen if length is None else chosen[: max(length, 0)]


def _bounds(expander: Expander, part: Parameter) -> tuple[int, int | None] | Value:
    found: list[int | None] = []
    for word in (part.operand, part.replacement):
        if word is None:
            found.append(None)
            continue
        number = expander.number(word, expander.written(word), part.start, part.end)
        if number.unknown is not None:
            return _unknown(expander, part, number.unknown)
        found.append(int(number.text))
    return found[0] or 0, found[1]


# Operators


def _conditional(
    expander: Expander, part: Parameter, value: Value | None, via: str
) -> list[Piece | None]:
    """``:-``, ``-``, ``:=``, ``=``, ``:+`` and ``+``."""
    assert part.operand is not None
    counts_empty = part.operator.startswith(":")
    if value is None:
        if part.operand.parts:  # That it is empty otherwise presumes nothing.
            expander.machine.premise_unset(part.name)
        filled = False
    elif value.unknown is not None:
        if value.presumed is None or part.name == "#":
            return _pieces(part, value)
        filled = bool(value.presumed) or not counts_empty
        if filled:
            return _pieces(part, value)
    else:
        filled = bool(value.text) or not counts_empty
    if part.operator in (":+", "+"):
        return _operand(expander, part, via) if filled else _pieces(part, EMPTY)
    if filled and value is not None:
        return _pieces(part, value)
    written = short(_written(expander, part))
    if not part.operand.parts:
        return [_piece(part, Segment("", presumed=""))]
    pieces = _operand(expander, part, f"default of {written}")
    if part.operator in (":=", "="):
        segments = [piece.segment for piece in pieces if piece is not BREAK]
        expander.state.assign(part.name, Value(tuple(segments)))
    return pieces


def _operand(expander: Expander, part: Parameter, via: str) -> list[Piece | None]:
    """The pieces of an operand; its unquoted blanks part words, as those of a variable do."""
    assert part.operand is not None
    pieces = expander.pieces(part.operand.parts, via)
    if part.quoted:
        return [one and Piece(one.segment, True) for one in pieces] or _pieces(part, EMPTY)
    return [one and Piece(one.segment, one.quoted, not one.quoted) for one in pieces]


def _length(expander: Expander, part: Parameter, value: Value | None) -> Value:
    if value is None:
        return _unset(expander, part, part.name)
    if value.unknown is not None:
        return _unknown(expander, part, value.unknown)
    return known(str(len(value.text)), (*value.origins, _place(expander, part)))


def _transformed(expander: Expander, part: Parameter, value: Value) -> Value:
    """``#``, ``%``, ``/``, ``^``, ``,`` and ``:`` on a text."""
    if value.unknown is not None:
        return _unknown(expander, part, value.unknown)
    text = value.text
    expander.machine.spend(1 + len(text) // 20)
    sign = part.operator
    if sign == ":":
        bounds = _bounds(expander, part)
        if isinstance(bounds, Value):
            return bounds
        return _substring(value, *bounds)
    if sign[0] in "^,":
        change: Callable[[str], str] = str.upper if sign[0] == "^" else str.lower
        result = change(text) if len(sign) == 2 else change(text[:1]) + text[1:]
        return known(result, (*value.origins, _place(expander, part)))
    if sign[0] == "@" or part.operand is None:
        return value if sign == "@Q" else _unknown(expander, part, "it is not understood")
    pattern, reason = expander.pattern(part.operand)
    if reason is None and pattern.is_costly(text, sign[0] == "/"):
        reason = "a pattern that takes too long on so long a text"
    if reason is not None:
        return _unknown(expander, part, reason)
    if sign[0] == "#":
        return value.slice(pattern.prefix(text, sign == "##"), len(text))
    if sign[0] == "%":
        return value.slice(0, pattern.suffix(text, sign == "%%"))
    return _replaced(expander, part, value, pattern)


def _substring(value: Value, offset: int, length: int | None) -> Value:
    size = len(value.text)
    if size + offset < 0:
        return EMPTY
    start = size + offset if offset < 0 else min(offset, size)
    end = size if length is None else size + length if length < 0 else min(start + length, size)
    return value.slice(start, max(end, start))


def _replaced(expander: Expander, part: Parameter, value: Value, pattern: Pattern) -> Value:
    replacement = (
        expander.value(part.replacement, "replacement") if part.replacement is not None else EMPTY
    )
    if replacement.unknown is not None:
        return _unknown(expander, part, replacement.unknown)
    text, sign = value.text, part.operator
    place = (*value.origins, *replacement.origins, _place(expander, part))
    if sign == "/#":
        end = pattern.prefix(text, True)
        return known(replacement.text + text[end:], place) if end else value
    if sign == "/%":
        start = pattern.suffix(text, True)
        return known(text[:start] + replacement.text, place) if start < len(text) else value
    if not text:
        return known(replacement.text, place) if pattern.matches(text) else value
    result: list[str] = []
    position = 0
    while position < len(text):
        end = pattern.longest_at(text, position)
        if end == position:
            result.append(text[position])
            position += 1
            continue
        result.append(replacement.text)
        position = end
        if sign == "/":
            break
    result.append(text[position:])
    return known("".join(result), place)


# Pieces and reasons


def _written(expander: Expander, part: Parameter) -> str:
    return expander.source.written(part.start, part.end)


def _place(expander: Expander, part: Parameter) -> Origin:
    written = short(_written(expander, part))
    return expander.source.origin(part.start, part.end, written)


def _unknown(expander: Expander, part: Parameter, reason: str) -> Value:
    return unknown(_written(expander, part), reason, [_place(expander, part)])


def _reason_unset(name: str) -> str:
    if name.isdigit():
        return f"argument {name} of the script is not given here"
    return f"environment variable {name} is not set here"


def _unset(expander: Expander, part: Parameter, name: str) -> Value:
    """What nobody has set: given by who starts the script, or empty."""
    return unknown(
        _written(expander, part), _reason_unset(name), [_place(expander, part)], presumed=""
    )


def _piece(part: Parameter, segment: Segment) -> Piece:
    return Piece(segment, part.quoted, not part.quoted)


def _pieces(part: Parameter, value: Value) -> list[Piece | None]:
    found: list[Piece | None] = [_piece(part, segment) for segment in value.segments]
    return found or [_piece(part, Segment(""))]
