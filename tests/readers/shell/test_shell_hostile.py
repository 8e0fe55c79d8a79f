"""Scripts that are hard on a reader: deep, long, endless. Each must come to an end by itself."""

import pytest
from launcher_reading import read

pytestmark = pytest.mark.timeout(120)  # a hang is what is looked for

SIZE = 100_000

HOSTILE = {
    "open substitutions": "echo " + "$(" * SIZE,
    "substitutions": "echo " + "$(" * SIZE + ")" * SIZE,
    "open braces": "echo " + "${A:-" * SIZE,
    "parentheses": "(" * SIZE,
    "arithmetic": "echo $((" + "(" * SIZE,
    "sum": "echo $((" + "1+" * SIZE + "1))",
    "backticks": "`" * SIZE,
    "conditions": "if " * SIZE,
    "tests": "[[ " + "( " * SIZE + "]]",
    "braces to expand": "echo " + "{1..9}" * 50,
    "a long sequence": "echo {1..999999999}",
    "nested braces": "echo " + "{" * SIZE + "a,b" + "}" * SIZE,
    "doubling": "A=xx\n" + "A=$A$A\n" * 200 + "python $A",
    "doubling list": "L=(a b)\n" + 'L=("${L[@]}" "${L[@]}")\n' * 200 + 'python "${L[@]}"',
    "fork bomb": ":(){ :|:& };:",
    "recursion": "f(){ f; f; }; f",
    "mutual recursion": "f(){ g; }\ng(){ f; }\nf",
    "nested loops": "".join(f"for a{i} in {{1..40}}; do " for i in range(9))
    + "echo"
    + "; done" * 9,
    "arithmetic of itself": 'x="x+x+x+x"; y=$((x))',
    "stars": "A=" + "a" * 900 + "; python ${A//" + "*a" * 100 + "b/x}",
    "evaluation of itself": 'A=\'eval "$A"\'; eval "$A"',
    "here-document": "cat <<EOF\n" + "x\n" * SIZE,
    "many variables": "".join(f"A{i}=1\n" for i in range(5_000))
    + "if [ -f x ]; then A=1; fi\n" * 2_000,
    "NUL": "\0" * SIZE,
}

HOSTILE_MAKEFILES = {
    "of itself": "A=$(A)\nt:\n\tpython $(A)\n",
    "doubling": "A0=a\n"
    + "".join(f"A{i + 1}=$(A{i}) $(A{i})\n" for i in range(60))
    + "t:\n\tpython $(A60)\n",
    "references": "t:\n\tpython " + "$(" * SIZE,
    "conditionals": "ifdef X\n" * SIZE,
    "including itself": "include Makefile\n" * 1_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_script_hangs_or_crashes(name: str) -> None:
    script = read(HOSTILE[name])
    longest = max((len(w.text) for one in script.commands for w in one.words), default=0)
    assert longest <= 1_000_000


@pytest.mark.parametrize("name", HOSTILE_MAKEFILES)
def test_no_makefile_hangs_or_crashes(name: str) -> None:
    read(HOSTILE_MAKEFILES[name], name="Makefile")


def test_what_is_too_large_is_said() -> None:
    (problem,) = read("a" * 2_000_000).problems
    assert "2.0 MB" in problem.message
    assert problem.fatal


def test_steps_are_bounded_and_it_is_said() -> None:
    script = read("python a\n" + HOSTILE["nested loops"])
    assert len(script.commands) == 1
    assert "steps" in script.problems[0].message


def test_invalid_bytes_cost_nothing_else() -> None:
    from qlint.readers.launch_syntax import read_launcher
    from qlint.readers.request import Request

    script = read_launcher("run.sh", b"python a # \xff\npython \xfe", Request())
    assert [word.text for word in script.commands[0].words] == ["python", "a"]
