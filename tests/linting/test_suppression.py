import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlint.findings import Finding, Location, Severity
from qlint.linting.suppression import Suppression, find_suppressions


def finding(line: int, code: str = "QL101", end_line: int | None = None) -> Finding:
    return Finding(code, "a-rule", Severity.WARNING, "m", Location("a.py", line, 1, end_line))


def found(source: str, suffix: str = ".py") -> list[Suppression]:
    return find_suppressions(source.encode(), suffix)


def silenced(source: str, line: int, code: str = "QL101", suffix: str = ".py") -> bool:
    return any(s.silences(finding(line, code)) for s in found(source, suffix))


@pytest.mark.parametrize(
    "comment",
    [
        "# qlint: ignore[QL101]",
        "#qlint:ignore[QL105, ql101]",
        "# qlint: ignore[QL101] measured: it converges",
        "# qlint: ignore",
        "# noqa",
        "# NOQA: QL101",
        "# noqa: E501,QL101",
        "# noqa: E501 QL101",
        "# type: ignore  # qlint: ignore[QL101]",
    ],
)
def test_spellings_that_silence(comment: str) -> None:
    assert silenced(f"x = 1\nlr = 2e-4  {comment}\n", 2)
    assert not silenced(f"x = 1\nlr = 2e-4  {comment}\n", 1)


@pytest.mark.parametrize(
    "comment",
    [
        "# qlint: ignore[QL102]",
        "# qlint: ignore[]",
        "# noqa: E501",
        "# noqa:",
        "# qlint: ignored",
        "# noqalike",
        "# qlint ignore[QL101]",
    ],
)
def test_spellings_that_do_not(comment: str) -> None:
    assert not silenced(f"lr = 2e-4  {comment}\n", 1)


def test_a_string_with_the_text_is_no_comment() -> None:
    assert found('s = "# qlint: ignore"\nt = """\n# qlint: ignore-file\n"""\n') == []


def test_a_comment_for_the_file_may_stand_anywhere() -> None:
    source = "a = 1\nb = 2\n# qlint: ignore-file[QL101]\n"
    assert silenced(source, 1)
    assert not silenced(source, 1, "QL102")


STATEMENT = """\
args = TrainingArguments(  {first}
    learning_rate=2e-4,
    optim="adamw_torch",  {middle}
)  {last}
"""


@pytest.mark.parametrize("place", ["first", "last"])
def test_either_end_of_a_statement_speaks_for_all_of_it(place: str) -> None:
    texts = {"first": "", "middle": "", "last": "", place: "# qlint: ignore"}
    assert silenced(STATEMENT.format(**texts), 2)


def test_the_middle_of_a_statement_speaks_for_its_own_line() -> None:
    source = STATEMENT.format(first="", middle="# qlint: ignore", last="")
    assert silenced(source, 3)
    assert not silenced(source, 2)


def test_a_finding_over_many_lines_is_silenced_on_each() -> None:
    (suppression,) = found("x = 1\ny = 2  # qlint: ignore\n")
    assert suppression.silences(finding(1, end_line=3))


def test_unused_codes_are_told_apart() -> None:
    (suppression,) = found("lr = 2e-4  # qlint: ignore[QL101,QL105]\n")
    assert suppression.silences(finding(1))
    assert list(suppression.unused()) == ["QL105"]


def test_a_bare_noqa_is_never_unused() -> None:
    (suppression,) = found("lr = 2e-4  # noqa\n")
    assert list(suppression.unused()) == []


def test_source_that_cannot_be_tokenized_is_searched_line_by_line() -> None:
    source = 'ok = 1  # qlint: ignore[QL101]\n%pip install x\nbad = "open\nlr = 2  # noqa: QL105\n'
    assert silenced(source, 1)
    assert silenced(source, 4, "QL105")
    assert len(found(source)) == 2


def test_yaml_and_shell_comments_count() -> None:
    assert silenced("lr: 2e-4 # qlint: ignore[QL101]\n", 1, suffix=".yaml")
    assert not silenced("name: 'a # qlint: ignore'\n", 1, suffix=".yaml")
    assert not silenced("url: http://x#qlint: ignore\n", 1, suffix=".yaml")


@given(st.text())
def test_no_text_breaks_the_search(text: str) -> None:
    for suffix in (".py", ".yaml"):
        find_suppressions(f"{text}# qlint: ignore".encode("utf-8", "surrogatepass"), suffix)


@given(st.lists(st.from_regex(r"QL[0-9]{3}", fullmatch=True), min_size=1), st.booleans())
def test_every_code_listed_is_read(codes: list[str], spaced: bool) -> None:
    separator = ", " if spaced else ","
    (suppression,) = found(f"x = 1  # qlint: ignore[{separator.join(codes)}]\n")
    assert suppression.codes == list(dict.fromkeys(codes))
