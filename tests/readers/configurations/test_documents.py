from __future__ import annotations

import pytest

from qlint.readers.documents import Refusal, load
from qlint.readers.documents.nodes import Mapping, Node, Opaque, Scalar, Sequence
from qlint.readers.documents.scalars import resolve, resolve_loosely


def root_of(text: str, suffix: str = ".yaml") -> Mapping:
    (document,) = load(text.encode(), suffix)
    assert isinstance(document.root, Mapping)
    return document.root


def value_of(node: Node | None) -> object:
    assert isinstance(node, Scalar)
    return node.value


@pytest.mark.parametrize(
    ("text", "strict", "loose"),
    [
        ("1e-4", "1e-4", 1e-4),
        ("2.0e-4", 2e-4, 2e-4),
        ("1.0e4", "1.0e4", 1e4),
        ("5.e-5", 5e-5, 5e-5),
        ("0.1", 0.1, 0.1),
        ("010", 8, 8),
        ("0x10", 16, 16),
        ("1_000", 1000, 1000),
        ("1:30", 90, 90),
        ("yes", True, True),
        ("Off", False, False),
        ("~", None, None),
        ("", None, None),
        ("none", "none", "none"),
        ("-.inf", float("-inf"), float("-inf")),
        ("2024-01-01", "2024-01-01", "2024-01-01"),
        ("v1.0", "v1.0", "v1.0"),
        ("1" * 5_000, "1" * 5_000, "1" * 5_000),
    ],
)
def test_plain_scalars_as_loaders_read_them(text: str, strict: object, loose: object) -> None:
    assert resolve(text) == strict
    assert resolve_loosely(text) == loose


def test_positions_count_code_points_from_one() -> None:
    root = root_of("# é\nname: 'ü𝄞' # c\nlist:\n  - a\n")
    name = root.get("name")
    assert name is not None
    assert name.span == (2, 7, 2, 11)
    assert root.entries["list"].key == (3, 1, 3, 5)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_of_json(newline: str) -> None:
    text = newline.join(["{", '  "a": [1, {"b": 2e-4}],', '  "c": "x\\ny"', "}"])
    root = root_of(text, ".json")
    assert root.entries["c"].key == (3, 3, 3, 6)
    inner = root.get("a")
    assert isinstance(inner, Sequence)
    second = inner.items[1]
    assert isinstance(second, Mapping)
    assert value_of(second.get("b")) == 2e-4


def test_toml_says_where_a_key_stands() -> None:
    root = root_of('[training]\nlr = 1e-4\nname = "a"\n[training.lora]\nr = 8\n', ".toml")
    rate = root.at("training.lr")
    assert rate is not None
    assert (value_of(rate), rate.span.line, rate.span.column) == (1e-4, 2, 6)
    rank = root.at("training.lora.r")
    assert rank is not None
    assert rank.span.line == 5


def test_anchors_and_merges_without_copies() -> None:
    root = root_of("base: &b {r: 8, alpha: 16}\nrun:\n  <<: *b\n  r: 64\n")
    run = root.get("run")
    assert isinstance(run, Mapping)
    assert (value_of(run.get("r")), value_of(run.get("alpha"))) == (64, 16)


def test_what_contains_itself_is_opaque() -> None:
    root = root_of("a: &a\n  b: *a\n  <<: *a\n")
    inner = root.at("a.b")
    assert isinstance(inner, Opaque)
    assert "*a" in inner.reason


def test_tags_are_never_constructed() -> None:
    root = root_of("a: !!python/object/apply:os.system ['true']\nb: !!str 5\nc: !!float 1e-4\n")
    tagged = root.get("a")
    assert isinstance(tagged, Opaque)
    assert "!!python/object/apply:os.system" in tagged.reason
    assert value_of(root.get("b")) == "5"
    assert value_of(root.get("c")) == 1e-4


def test_a_placeholder_without_quotes() -> None:
    root = root_of("rate: {{ rate }}\n")
    rate = root.get("rate")
    assert isinstance(rate, Opaque)
    assert "placeholder" in rate.reason


def test_repeated_keys_are_told() -> None:
    (document,) = load(b"a: 1\nb: 2\na: 3\n", ".yaml")
    (repeated,) = document.repeated
    assert (repeated.key, repeated.first.line, repeated.second.line) == ("a", 1, 3)
    assert isinstance(document.root, Mapping)
    assert value_of(document.root.get("a")) == 3


@pytest.mark.parametrize("suffix", [".yaml", ".json", ".toml"])
@pytest.mark.parametrize("text", ["{", "[1,", "a: b: c: [", "\t- x: [", '"'])
def test_broken_texts_are_refused_with_a_place(text: str, suffix: str) -> None:
    with pytest.raises(Refusal) as caught:
        load(text.encode(), suffix)
    assert caught.value.line >= 1
    assert caught.value.message


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb:\n\tc: 1\n", 3, "a tab"),
        ("a: 1\n{% if x %}\nb: 1\n{% endif %}\n", 2, "a template's block"),
        ("a: 1\nb: @c\n", 2, "cannot start with @"),
        ("a: 1\nb: `c`\n", 2, "backtick"),
        ("a: 1\nb: ***\n", 2, "put a text that starts with * in quotes"),
        ("a: 1\nb: 'c\n", 3, "not valid YAML"),
    ],
)
def test_a_common_slip_is_named(text: str, line: int, said: str) -> None:
    with pytest.raises(Refusal) as caught:
        load(text.encode(), ".yaml")
    assert said in caught.value.message
    assert caught.value.line == line
