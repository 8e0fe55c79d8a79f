"""Words of argv that know where they stand: they are parsed like the plain texts that they are."""

from __future__ import annotations

import shlex
from dataclasses import replace

from command_reading import LAUNCHER
from hypothesis import given, settings
from hypothesis import strategies as st
from script_reading import only_recipe, read_started, training_script

from qlint.readers.commands import Argument
from qlint.readers.python.words import Word
from qlint.recipe import Origin, State

OPTIONS = {
    "--lr": ("learning_rate", "2e-5"),
    "--rank": ("lora_r", "16"),
    "--steps": ("max_steps", "7"),
    "--batch": ("per_device_train_batch_size", "3"),
}
SCRIPT = training_script(
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1)
    args, rest = parser.parse_known_args()
    """,
    "learning_rate=args.lr, max_steps=args.steps, per_device_train_batch_size=args.batch",
    "r=args.rank",
)


def written(text: str, column: int = 1, unknown: str | None = None) -> Argument:
    """A word of a launcher."""
    return Argument(text, (Origin(LAUNCHER, 1, column),), unknown)


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[list[Argument], dict[str, bool]]:
    """Options in any order, each once, with a value that is known or not; and which are known."""
    words: list[Argument] = []
    known: dict[str, bool] = {}
    for flag in draw(st.permutations(sorted(OPTIONS)))[: draw(st.integers(1, len(OPTIONS)))]:
        known[flag] = draw(st.booleans())
        text = OPTIONS[flag][1] if known[flag] else "$VALUE"
        reason = None if known[flag] else "VALUE is not set"
        if draw(st.booleans()):
            words.append(written(f"{flag}={text}", len(words), reason))
        else:
            words += [written(flag, len(words)), written(text, len(words), reason)]
        if draw(st.booleans()):
            words.append(written(draw(st.sampled_from(["$MORE", "--$NAME=1"])), 99, "not set"))
    return words, known


@settings(max_examples=40, deadline=None)
@given(command_lines())
def test_what_is_not_known_never_shifts_what_is(
    line: tuple[list[Argument], dict[str, bool]],
) -> None:
    words, known = line
    recipe = only_recipe(read_started(SCRIPT, words))
    for flag, (name, text) in OPTIONS.items():
        field = recipe[name]
        if flag not in known:
            assert field.state is State.SET
            assert all(origin.path != LAUNCHER for origin in field.origin)
        elif known[flag]:
            assert (field.state, field.value) == (State.SET, float(text))
            assert field.origin[0].path == LAUNCHER
        else:
            assert field.state is State.UNKNOWN
            assert field.origin[0].path == LAUNCHER


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=6), st.data())
def test_any_words_are_read_as_plain_texts_are(texts: list[str], data: st.DataObject) -> None:
    plain = [Argument(text) for text in texts]
    placed = [written(text, at + 1) for at, text in enumerate(texts)]
    first, second = (only_recipe(read_started(SCRIPT, words)) for words in (plain, placed))
    assert {name: (field.state, field.value) for name, field in first.fields.items()} == {
        name: (field.state, field.value) for name, field in second.fields.items()
    }
    lost = [
        replace(word, unknown="not set") if data.draw(st.booleans()) else word for word in placed
    ]
    read_started(SCRIPT, lost)  # Whatever is not known, reading ends with an answer.


@given(st.text(), st.text(min_size=1, max_size=2))
def test_a_word_is_cut_like_a_text(text: str, separator: str) -> None:
    word = Word(text, None, "why")
    assert word == text
    assert hash(word) == hash(text)
    assert word.partition(separator) == text.partition(separator)
    assert word.split(separator, 1) == text.split(separator, 1)
    assert word[1:] == text[1:]
    assert word.lstrip(separator) == text.lstrip(separator)
    parts = [word[1:], word.partition(separator)[2], word.lstrip(separator)]
    assert all(isinstance(part, Word) and part.unknown == "why" for part in parts)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_a_text_for_a_shell_never_makes_reading_raise(text: str) -> None:
    from test_programs import commands

    for command in commands(f"os.system({text!r})"):
        assert len(command.words) <= len(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.from_regex(r"[\w./=-]{1,8}", fullmatch=True), min_size=1, max_size=6))
def test_a_plain_text_for_a_shell_is_its_words(words: list[str]) -> None:
    from test_programs import commands, texts

    if words[0] == "cd":
        return
    (command,) = commands(f"os.system({shlex.join(words)!r})")
    assert texts(command) == words
