from launcher_reading import only, pointed_at, read


def stations(text: str, number: int) -> list[tuple[str, str | None]]:
    """What the stations of a word of the only command point at, with what they say."""
    word = only(text).words[number]
    return [(pointed_at(text, one), one.via) for one in word.origin]


def test_a_written_word_has_one_station() -> None:
    assert stations("python --lr '2e-4'", 2) == [("2e-4", "written in the command")]


def test_a_variable_leads_from_its_assignment_to_its_use() -> None:
    text = 'LR="2e-4"\npython train.py \\\n  --lr=$LR\n'
    assert stations(text, 2) == [("2e-4", "variable LR"), ("--lr=$LR", "passed as --lr=$LR")]


def test_a_default_is_decided_where_it_is_written() -> None:
    assert stations("LR=${LR:-2e-4}\npython $LR", 1) == [
        ("2e-4", "default of ${LR:-2e-4}"),
        ("${LR:-2e-4}", "variable LR"),
        ("$LR", "passed as $LR"),
    ]


def test_a_word_of_many_points_at_its_own_characters() -> None:
    text = 'ARGS=\'--lr 2e-4\'\nL=(--r "8")\npython $ARGS "${L[@]}"'
    assert stations(text, 2) == [("2e-4", "variable ARGS"), ("$ARGS", "passed as $ARGS")]
    assert stations(text, 4)[0] == ("8", "element of L")


def test_a_part_of_a_value_points_at_that_part() -> None:
    assert stations("M=meta/llama\npython ${M##*/}", 1)[0] == ("llama", "variable M")


def test_a_computed_value_names_what_it_was_computed_from() -> None:
    assert stations("A=64; B=8\npython $((A / B))", 1) == [
        ("64", "variable A"),
        ("8", "variable B"),
        ("$((A / B))", "computed by $((A / B))"),
        ("$((A / B))", "passed as $((A / B))"),
    ]


def test_loops_and_functions_are_stations() -> None:
    text = "f() {\n  python --r $1\n}\nfor r in 8; do\n  f $r\ndone\n"
    assert stations(text, 2) == [
        ("8", "r of the loop"),
        ("$r", "argument 1 of f"),
        ("$1", "passed as $1"),
    ]


def test_text_that_is_evaluated_keeps_where_it_was_decided() -> None:
    text = 'LR=2e-4\nCMD="python --lr $LR"\neval $CMD\n'
    assert ("2e-4", "variable LR") in stations(text, 2)
    assert only(text).source.line == 3


def test_slurm_variables_come_from_the_head_of_the_script() -> None:
    text = (
        "#!/bin/bash\n#SBATCH --nodes=2 # two\n#SBATCH --ntasks-per-node 4\n"
        "#SBATCH --gres=gpu:a100:8\n"
        "python $SLURM_NNODES $SLURM_NTASKS $SLURM_GPUS_ON_NODE"
    )
    assert [word.text for word in only(text).words[1:]] == ["2", "8", "8"]
    assert stations(text, 1)[0] == ("2", "#SBATCH --nodes")


def test_an_origin_names_the_script() -> None:
    (command,) = read("python a", name="scripts/run.sh").commands
    assert command.source.path == "scripts/run.sh"
    assert command.words[0].origin[0].path == "scripts/run.sh"
