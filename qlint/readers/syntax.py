"""Asks the standard library whether a text is Python at all, in a sentence that helps."""

from __future__ import annotations

import ast
import warnings

from qlint.recipe import Problem

_TYPED = ("def ", "async def ", "class ", "type ")


def find_error(text: str, path: str) -> Problem | None:
    """The problem of a text that is no Python: its place and what the interpreter says of it.

    What a newer Python than this one allows is no problem. Call it only on what
    :func:`qlint.readers.nesting.find_excess` let pass: the interpreter's own parser uses quadratic
    time on some long chains and, in some versions, all of the stack.
    """
    try:
        with warnings.catch_warnings():
            # Invalid escapes and ``is`` with a literal are the user's business, not an error.
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        newer = _may_be_newer(error) and _is_newer(text)
        return None if newer else _from_syntax_error(error, text, path)
    except (RecursionError, MemoryError):
        return Problem(path, "the code is nested too deeply for Python's own parser")
    except ValueError as error:
        return Problem(path, f"Python cannot parse this text: {error}")
    return None


def _may_be_newer(error: SyntaxError) -> bool:
    """F-strings with quotes of their own kind, type parameters and ``type`` came with 3.12."""
    line = (error.text or "").lstrip()
    return "f-string" in (error.msg or "") or line.startswith(
        ("def ", "async def ", "class ", "type ")
    )


def _is_newer(text: str) -> bool:
    """libcst knows the syntax of every Python, whichever it runs on."""
    import libcst

    try:
        libcst.parse_module(text)
    except (libcst.ParserSyntaxError, RecursionError):
        return False
    return True


def _from_syntax_error(error: SyntaxError, text: str, path: str) -> Problem:
    said = (error.msg or "invalid syntax").rstrip(".")
    line = error.lineno or 1
    column = max(error.offset or 1, 1)
    hint = "; this looks like Python 2" if _python_two(said, error.text or "") else ""
    kind = "indentation error" if isinstance(error, IndentationError) else "syntax error"
    return Problem(path, f"{kind} at line {line}, column {column}: {said}{hint}", line, column)


def _python_two(said: str, line: str) -> bool:
    old_statement = line.lstrip().startswith(("print ", "exec ", "raise ")) and "," in line
    return old_statement or said.startswith(("Missing parentheses in", "multiple exception types"))
