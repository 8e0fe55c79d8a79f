"""No text brings a parser down: the gate refuses it, or libcst reads it on a small stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hostile_texts import HOSTILE, Text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parser_process import ParserProcess

from qlint.readers.gate import check_nesting, check_syntax, check_text

pytestmark = [pytest.mark.skipif("sys.platform == 'win32'"), pytest.mark.timeout(120)]

HUGE = 400_000


@pytest.fixture(scope="module")
def parser() -> Iterator[ParserProcess]:
    with ParserProcess() as process:
        yield process


def _admitted(text: str) -> bool:
    """Whether a text passes the whole gate; every check must end soon and none may raise."""
    decoded = check_text(text.encode(), "x.py")
    return (
        isinstance(decoded, str)
        and check_nesting(decoded, "x.py") is None
        and check_syntax(decoded, "x.py") is None
    )


def _largest_admitted(text: Text) -> int:
    low, high = 0, HUGE
    while low < high:
        middle = (low + high + 1) // 2
        if check_nesting(text(middle), "x.py") is None:
            low = middle
        else:
            high = middle - 1
    return low


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("size", [5, 80, 2_000, HUGE])
def test_a_hostile_text_is_refused_or_parsed(name: str, size: int) -> None:
    text = HOSTILE[name](size)
    if _admitted(text):
        with ParserProcess() as process:
            assert process.parse(text) == "ok"


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_the_largest_text_that_is_let_pass_is_parsed(name: str) -> None:
    text = HOSTILE[name](_largest_admitted(HOSTILE[name]))
    if _admitted(text):
        with ParserProcess() as process:
            assert process.parse(text) == "ok"


ORDINARY = {
    "sixty elif branches": HOSTILE["elif"](60),
    "a prompt of two hundred lines": HOSTILE["string lines"](200),
    "ten nested calls": HOSTILE["calls"](10),
    "twelve blocks": HOSTILE["if blocks"](12),
    "a method chain": HOSTILE["methods"](40),
    "five thousand statements": HOSTILE["statements"](5_000),
    "a class pattern": HOSTILE["class pattern"](4),
    "two thousand f-string fields": "x = f'{a.b(c)!r:>{width}} of {d[1]}'\n" * 1_000,
    "literals in a dictionary of lambdas": "{" + "'a': lambda x, y: x.a + y,\n" * 300 + "}\n",
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_code_is_let_pass(name: str) -> None:
    assert _admitted(ORDINARY[name])


def test_a_refusal_names_the_place() -> None:
    problem = check_nesting("x = 1\r\ny = " + "[" * 100 + "\r\n", "x.py")
    assert problem is not None
    assert (problem.line, problem.column) == (2, 69)
    assert "64 brackets" in problem.message


FRAGMENTS = (
    *(
        "a",
        "1",
        "'s'",
        "f'{a}'",
        "+",
        "-",
        "**",
        ".b",
        "()",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
    ),
    *("not ", " and ", " if ", " else ", "lambda ", " for ", " in ", "await ", "=", ":=", ";", "*"),
    *("\n", "\n ", "\n  ", "\nelif a:", "\nif a:\n ", "\ncase ", "\nmatch a:\n ", "\\\n", "#", "'"),
    *(
        'f"{',
        '}"',
        "'''",
        '"""',
        "\r",
        "\f",
        "\t",
        "é",
        "...",
        "@",
        "with ",
        "def f",
        "class A",
        "x",
    ),
)


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=6), st.integers(1, 300)
        ),
        max_size=6,
    )
)
@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_random_repetitions_are_refused_or_parsed(
    parser: ParserProcess, parts: list[tuple[list[str], int]]
) -> None:
    text = "".join("".join(fragments) * times for fragments, times in parts)
    if _admitted(text):
        assert parser.parse(text) not in (None, "RecursionError", "PanicException")
