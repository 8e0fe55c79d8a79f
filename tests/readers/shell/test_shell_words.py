import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from launcher_reading import lines, only, pointed_at, read


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("python 'a b' \"c d\" e\\ f", "python|a b|c d|e f"),
        ("python $'a\\tb' \"\" x", "python|a\tb||x"),
        ("python a \\\n  b # a comment\n", "python|a|b"),
        ("python a \\\r\n  b\r\n", "python|a|b"),
        ("python a#b", "python|a#b"),
        ("python {a,b}{1..2} x{03..1} {x}", "python|a1|a2|b1|b2|x03|x02|x01|{x}"),
        ("python --x=[a,b] '*'", "python|--x=[a,b]|*"),
        ("time python a > log 2>&1 &", "python|a"),
        ("exec python a < /dev/null", "python|a"),
        ("python --model <your model> --r 8", "python|--model|?<your model>|--r|8"),
        ("python ~/a", "python|?~/a"),
    ],
)
def test_words_are_those_that_the_program_receives(text: str, words: str) -> None:
    assert lines(read(text)) == [words]


def test_commands_are_told_apart() -> None:
    text = "python a && python b || exit 1; python c | tee log\n(python d)\n{ python e; } &\n"
    assert lines(read(text)) == ["python|a", "python|b", "python|c", "python|d", "python|e"]


def test_a_command_that_runs_if_another_fails_says_so() -> None:
    first, second = read("python a.py || python b.py").commands
    assert first.condition is None
    assert second.condition == "python a.py fails"


def test_a_command_knows_its_environment_and_folder() -> None:
    command = only("export A=1\nB=2\ncd sub\nCUDA_VISIBLE_DEVICES=0,1 X=$B python a\n")
    given = {name: value.text for name, value in command.environment.items()}
    assert given == {"A": "1", "CUDA_VISIBLE_DEVICES": "0,1", "X": "2"}
    assert command.folder == "/nowhere/sub"
    assert (command.source.line, command.source.column) == (4, 1)


@pytest.mark.parametrize("text", ["bash -c 'python a $0'", "sbatch --wrap 'python a' x.sh"])
def test_text_for_another_shell_is_read_too(text: str) -> None:
    assert lines(read(text))[0].startswith("python|a")


def test_what_cannot_be_read_names_its_line_and_keeps_what_stands_before() -> None:
    script = read("python a\npython 'b\n")
    assert lines(script) == ["python|a"]
    (problem,) = script.problems
    assert problem.line == 2
    assert "single quote" in problem.message
    assert not problem.fatal


plain_words = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=1)


@given(plain_words)
def test_quoted_words_come_back_and_point_at_themselves(words: list[str]) -> None:
    text = shlex.join(["python", *words])
    command = only(text)
    assert [word.text for word in command.words[1:]] == words
    for word in command.words:
        assert word.unknown is None
        (origin,) = word.origin
        written = pointed_at(text, origin)
        assert written == word.text or shlex.split(written) == [word.text]


@given(st.lists(st.from_regex(r"[a-z0-9=./-]{1,8}", fullmatch=True), min_size=1), st.data())
def test_continued_lines_change_no_word(words: list[str], data: st.DataObject) -> None:
    joints = [data.draw(st.sampled_from([" ", " \\\n", "\\\n ", "  \\\r\n\t"])) for _ in words]
    text = "python" + "".join(joint + word for joint, word in zip(joints, words, strict=True))
    assert [word.text for word in only(text).words[1:]] == words


@given(st.text(st.sampled_from("ab $(){}[]'\"`\\\n;&|<>#=!*?~-+,.:%/@0 1ifdonetchs"), max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    for command in read(text).commands:
        assert command.words
