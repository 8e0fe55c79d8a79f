from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlint.errors import UsageError
from qlint.settings.file import load_settings
from qlint.settings.values import CONVERTERS, convert


def test_the_nearest_file_upwards_counts(folder: Path) -> None:
    Path("qlint.toml").write_text('gpu = "24GB"')
    Path("deep/er").mkdir(parents=True)
    settings = load_settings("deep/er")
    assert settings.gpu == "24GB"
    assert settings.origins == {"gpu": str(folder / "qlint.toml")}
    assert settings.folder == str(folder)


def test_a_pyproject_without_our_table_is_passed_over(folder: Path) -> None:
    Path("pyproject.toml").write_text('[tool.qlint]\nfail-on = "error"')
    Path("package").mkdir()
    Path("package/pyproject.toml").write_text('[project]\nname = "about-qlint"')
    assert load_settings("package").fail_on == "error"


def test_qlint_toml_comes_before_pyproject(folder: Path) -> None:
    Path("pyproject.toml").write_text('[tool.qlint]\ngpu = "16GB"')
    Path("qlint.toml").write_text('gpu = "24GB"')
    assert load_settings(".").gpu == "24GB"


def test_a_broken_pyproject_that_is_not_ours_is_left_alone(folder: Path) -> None:
    Path("pyproject.toml").write_text("[[[")
    assert load_settings(".").origins == {}


def test_isolated_reads_nothing(folder: Path) -> None:
    Path("qlint.toml").write_text("[[[")
    assert load_settings(".", isolated=True).origins == {}


@pytest.mark.parametrize("name", ["mine.toml", "pyproject.toml"])
def test_a_named_file_may_have_either_form(folder: Path, name: str) -> None:
    Path("other").mkdir()
    Path("other", name).write_text('[tool.qlint]\ngpu = "24GB"')
    assert load_settings(".", config=f"other/{name}").gpu == "24GB"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("slect = []", "qlint.toml: unknown setting 'slect'; did you mean select?"),
        ("zzz = 1", "qlint.toml: unknown setting 'zzz'."),
        ('select = "QL101"', "qlint.toml: select must be a list of strings, not 'QL101'."),
        ('fail-on = "never"', "qlint.toml: fail-on must be one of error, warning, info, not"),
        ("gpu = 24", "qlint.toml: gpu must be a string, not 24."),
        ('gpu = "toaster"', "qlint.toml: gpu: the card 'toaster' is not known"),
        ('target-versions = "trl"', "takes library=version pairs"),
        ("target-versions = { trl = 0.12 }", "must be a table of versions in quotes"),
        ('per-file-ignores = ["a"]', "must be a table such as"),
        ("rules = { QL101 = 1 }", "must be a table of tables"),
        ("gpu = ", "qlint.toml is not valid TOML"),
    ],
)
def test_a_wrong_setting_is_one_sentence(folder: Path, text: str, sentence: str) -> None:
    Path("qlint.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load_settings(".")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_settings_file_that_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read settings file none\.toml"):
        load_settings(".", config="none.toml")


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(CONVERTERS)), VALUES)
def test_any_value_is_taken_or_refused_in_a_sentence(name: str, value: Any) -> None:
    # Any other exception would end the run without a word about the settings file.
    with suppress(UsageError):
        convert(name, value, "qlint.toml")
