import pytest
from launcher_reading import lines, read

BEFORE = "A=foo.tar.gz; B='x y'; E=; L=(one 'two x'); N=12\n"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('$A ${A} "$B" $B', "foo.tar.gz|foo.tar.gz|x y|x|y"),
        ("${E:-d} ${E-d} x${Q:-a b}", "d|xa|b"),
        ("${A%.*} ${A%%.*} ${A#*.} ${A##*.}", "foo.tar|foo|tar.gz|gz"),
        ("${A/o/0} ${A//o/0} ${A^^} ${A^}", "f0o.tar.gz|f00.tar.gz|FOO.TAR.GZ|Foo.tar.gz"),
        ("${#A} ${A:1:2} ${A: -2}", "10|oo|gz"),
        ('"${L[@]}" ${#L[@]} ${L[1]} ${!L[@]}', "one|two x|2|two|x|0|1"),
        ("$((N / 4 + 1)) $(( (2 + 3) * N % 7 )) $((1 << 4))", "4|4|16"),
        ("$(echo $A) `echo b` $(basename /a/b.sh .sh) $(dirname /a/b)", "foo.tar.gz|b|b|/a"),
        ("$(expr 64 / $N) $(seq 1 3)", "5|1|2|3"),
        ("${E:+set} ${A:+set}", "set"),
        ("\\$A '$A' \"\\$A\"", "$A|$A|$A"),
    ],
)
def test_expansions(written: str, words: str) -> None:
    assert lines(read(f"{BEFORE}python {written}")) == [f"python|{words}"]


def test_the_number_of_gpus_is_counted_from_the_visible_ones() -> None:
    text = "G=0,1,2\npython $(echo $G | tr ',' '\\n' | wc -l) $(echo $G | awk -F, '{print NF}')"
    assert lines(read(text)) == ["python|3|3"]


def test_options_kept_in_variables_part_into_words() -> None:
    text = "ARGS='--a 1'\nARGS=\"$ARGS --b 2\"\nMORE=(--c 3)\nMORE+=(--d)\npython $ARGS ${MORE[@]}"
    assert lines(read(text)) == ["python|--a|1|--b|2|--c|3|--d"]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("$MODEL", "environment variable MODEL is not set here"),
        ("$1", "argument 1 of the script is not given here"),
        ("$(nvidia-smi -L | wc -l)", "the output of $(nvidia-smi -L | wc -l)"),
        ("run-$RANDOM", "another one on every run"),
        ("$(date +%s)", "the output of $(date +%s)"),
        ("*.json", "the files that match *.json"),
        ("$((N * 2))", "environment variable N is not set here"),
        ("$((1 / 0))", "a division by zero"),
        ("${!A@}", "not understood"),
    ],
)
def test_what_is_not_known_says_why_and_stays_as_written(written: str, reason: str) -> None:
    word = read(f"python {written}").commands[-1].words[1]
    assert word.unknown is not None
    assert reason in word.unknown
    assert word.text == written


def test_defaults_rest_on_a_premise() -> None:
    script = read('python ${LR:-2e-4} ${1:-x} "$@"')
    assert lines(script) == ["python|2e-4|x"]
    assert script.assumptions == (
        "environment variable LR is not set",
        "started without arguments",
    )


def test_arguments_and_environment_that_are_given_count() -> None:
    script = read("python ${LR:-2e-4} $1 $#", arguments=("a", "b"), environment={"LR": "1e-5"})
    assert lines(script) == ["python|1e-5|a|2"]
    assert not script.assumptions


def test_a_known_text_around_an_unknown_one_is_kept() -> None:
    assert lines(read("D=out\npython --x=$D/$M/a")) == ["python|?--x=out/$M/a"]
