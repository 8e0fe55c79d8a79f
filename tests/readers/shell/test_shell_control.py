import pytest
from launcher_reading import lines, read

CASES = "case $M in a) X=1;; b|c) X=2;; *) X=3;; esac\npython $X"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("if [ 1 = 1 ]; then python a; else python b; fi", ["python|a"]),
        ("N=3\nif [[ $N -gt 4 && -n x ]]; then python a; elif ((N == 3)); then python b; fi",
         ["python|b"]),
        ("[ a = b ] || python c", ["python|c"]),
        ("[[ abc == a* ]] && python d", ["python|d"]),
        ("M=c\n" + CASES, ["python|2"]),
        ("M=q\n" + CASES, ["python|3"]),
        ("for r in 8 16; do python $r; done", ["python|8", "python|16"]),
        ("for ((i=0;i<2;i++)); do python $i; done", ["python|0", "python|1"]),
        ("i=0\nwhile [ $i -lt 2 ]; do python $i; i=$((i+1)); done", ["python|0", "python|1"]),
        ("for a in 1 2 3; do [ $a = 2 ] && continue; python $a; done", ["python|1", "python|3"]),
        ("for a in 1 2; do python $a; break; done", ["python|1"]),
        ("f() { local X=$1; python $X $#; }; X=9; f a b; python $X", ["python|a|2", "python|9"]),
        ("python a\nexit\npython b", ["python|a"]),
        ("set -- a b\nshift\npython $1", ["python|b"]),
        ("( X=2; python $X ); python ${X:-0}", ["python|2", "python|0"]),
        ("IFS=, read -ra G <<< 0,1,2\npython ${#G[@]}", ["python|3"]),
    ],
)  # fmt: skip
def test_what_is_decided_is_decided(text: str, expected: list[str]) -> None:
    assert lines(read(text)) == expected


def test_both_ways_are_taken_where_it_is_not_known() -> None:
    script = read(
        'if [ "$1" = full ]; then LR=1e-5; python a; else LR=2e-4; python b; fi\npython $LR'
    )
    first, second, last = script.commands
    assert first.condition == '"$1" = full'
    assert second.condition == 'not ("$1" = full)'
    assert last.condition is None
    unknown = last.words[1].unknown or ""
    assert '1e-5 if "$1" = full, 2e-4 if not ("$1" = full)' in unknown
    assert "line 1" in unknown


def test_each_choice_of_an_unknown_case_is_read() -> None:
    script = read("case $1 in train) python a;; eval|test) python b;; esac")
    assert [one.condition for one in script.commands] == ["$1 is train", "$1 is eval|test"]


def test_a_variable_that_is_asked_for_gets_its_default() -> None:
    script = read('if [ -z "$LR" ]; then LR=2e-4; fi\npython $LR')
    assert lines(script) == ["python|2e-4"]
    assert script.assumptions == ("environment variable LR is not set",)


def test_a_script_that_wants_arguments_is_read_as_if_given() -> None:
    for check in ("[ $# -lt 1 ]", '[ -z "$1" ]', '[[ -z "${DATA:-}" ]]', '[ "x$1" = x ]'):
        script = read(f"if {check}; then echo usage; exit 1; fi\npython a\n")
        assert lines(script) == ["python|a"]
        assert script.commands[0].condition is None


def test_options_of_the_script_are_taken_not_to_be_given() -> None:
    text = (
        "LR=1e-4\nwhile [[ $# -gt 0 ]]; do case $1 in --lr) LR=$2; shift 2;; esac; done\n"
        "while getopts 'l:' o; do LR=$OPTARG; done\npython $LR"
    )
    assert lines(read(text)) == ["python|1e-4"]
    assert lines(read(text, arguments=("--lr", "2e-5"))) == ["python|2e-5"]


def test_a_loop_over_what_is_not_known_is_read_once() -> None:
    script = read("n=0\nfor f in *.yaml; do n=$((n+1)); python $f $n; done\npython $n")
    assert lines(script) == ["python|?$f|?$((n+1))", "python|?$((n+1))"]
    assert script.commands[0].condition == "for f in *.yaml"


def test_an_endless_loop_is_read_once() -> None:
    assert lines(read("while true; do python a; sleep 1; done")) == ["python|a"]


def test_a_loop_of_many_rounds_ends() -> None:
    script = read("for i in {1..900}; do python $i; done")
    assert len(script.commands) == 50
    assert any("50 rounds" in one for one in script.assumptions)
