import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Call
from scripts import BAD, CLEAN, GOOD


def report(output: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(output)
    return document


def test_the_exit_status_follows_fail_on(qlint: Call) -> None:
    Path("bad.py").write_text(BAD)
    Path("good.py").write_text(GOOD)
    assert qlint("good.py")[0] == 0
    assert qlint("bad.py")[0] == 1
    assert qlint("bad.py", "--fail-on", "error")[0] == 0
    assert qlint("bad.py", "--select", "QL902")[0] == 0
    assert qlint("bad.py", "--select", "QL902", "--fail-on", "info")[0] == 1


def test_check_is_the_default_and_so_is_the_current_folder(qlint: Call) -> None:
    Path("bad.py").write_text(BAD)
    expected = qlint("check", "bad.py")
    assert expected[0] == 1
    assert qlint("bad.py") == qlint(".") == qlint() == expected


def test_no_run_is_said_and_is_no_failure(qlint: Call) -> None:
    Path("clean.py").write_text(CLEAN)
    assert qlint() == (0, "No training run found in 1 file.\n", "")


def test_full_text(qlint: Call) -> None:
    Path("bad.py").write_text(BAD)
    golden = Path(__file__).parent.parent / "golden/full.txt"
    assert qlint("bad.py", "--gpu", "24GB")[1] == golden.read_text(encoding="utf-8")


def test_concise_text(qlint: Call) -> None:
    Path("bad.py").write_text(BAD)
    assert qlint("bad.py", "--output-format", "concise", "--quiet")[1] == (
        "bad.py:3:11: QL902 info 32-bit optimizer [slow-optimizer]\n"
        "bad.py:4:19: QL901 warning learning rate 0.0002 is over 0.0001 [high-rate]\n"
    )


def test_colour_changes_nothing_but_colour(qlint: Call) -> None:
    from rich.text import Text

    Path("bad.py").write_text(BAD)
    plain = qlint("bad.py")[1]
    coloured = qlint("bad.py", "--color")[1]
    assert "\x1b[" in coloured
    assert "\x1b[" not in plain
    assert Text.from_ansi(coloured).plain == plain


def test_statistics(qlint: Call) -> None:
    Path("bad.py").write_text(BAD + BAD)
    output = qlint("bad.py", "--statistics", "--output-format", "concise")[1]
    assert output.splitlines()[-3:] == [
        "    2  QL901  high-rate",
        "    2  QL902  slow-optimizer",
        "Found 2 warnings, 2 info (2 runs in 1 file).",
    ]


def test_quiet_and_verbose(qlint: Call) -> None:
    Path("clean.py").write_text(CLEAN)
    Path("good.py").write_text(GOOD)
    assert qlint("--quiet") == (0, "", "")
    assert qlint("--verbose")[2] == "clean.py: holds no run\ngood.py: read\n"


def test_json_lines_are_the_findings(qlint: Call) -> None:
    Path("bad.py").write_text(BAD)
    lines = qlint("bad.py", "--output-format", "json-lines")[1].splitlines()
    whole = report(qlint("bad.py", "--output-format", "json")[1])
    assert [json.loads(line) for line in lines] == whole["findings"]


def test_the_output_file_holds_what_would_be_printed(qlint: Call) -> None:
    Path("bad.py").write_text(BAD)
    printed = qlint("bad.py")[1]
    assert qlint("bad.py", "--output-file", "report.txt") == (1, "", "")
    assert Path("report.txt").read_text(encoding="utf-8") == printed
    status, output, error = qlint("bad.py", "--output-file", "nowhere/report.txt")
    assert (status, output) == (2, "")
    assert error == "qlint: cannot write nowhere/report.txt: No such file or directory.\n"


def test_arguments_after_the_separator_reach_the_script(qlint: Call) -> None:
    Path("bad.py").write_text(BAD)
    assert qlint("bad.py", "--", "--learning_rate", "1e-5")[0] == 0


def test_standard_input(qlint: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def feed() -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))

    feed()
    status, output, _ = qlint("-", "--stdin-filename", "src/train.py")
    assert status == 1
    assert "src/train.py:4:19" in output
    assert "4 |     learning_rate=2e-4," in output
    feed()
    assert "<stdin>.py:4:19" in qlint("-")[1]


def test_a_file_that_does_not_parse_is_reported_and_the_run_goes_on(qlint: Call) -> None:
    Path("bad.py").write_text(BAD)
    Path("broken.py").write_text("SFTTrainer((\n")
    status, output, error = qlint("--output-format", "json")
    document = report(output)
    assert (status, error) == (2, "")
    assert [skipped["path"] for skipped in document["skipped"]] == ["broken.py"]
    assert {finding["code"] for finding in document["findings"]} == {"QL001", "QL901", "QL902"}


def test_a_crash_of_the_reader_is_a_finding_of_that_file(qlint: Call) -> None:
    Path("a.py").write_text("SFTTrainer()  # crash the reader\n")
    Path("bad.py").write_text(BAD)
    status, output, error = qlint("--output-format", "concise")
    assert (status, error) == (2, "")
    assert "a.py:1:1: QL001 error" in output
    assert "internal error in the reader: RuntimeError: toy crash (toy_reader.py:" in output
    assert "QL901" in output


def test_a_crash_of_a_rule_leaves_the_other_rules(qlint: Call) -> None:
    Path("a.py").write_text('SFTTrainer(learning_rate=1, optim="crash")\n')
    status, output, _ = qlint("--output-format", "concise")
    assert status == 2
    assert "internal error in QL903: ZeroDivisionError: toy (broken.py:" in output
    assert "QL901" in output


def test_a_process_that_dies_costs_its_own_file_only(qlint: Call) -> None:
    Path("a.py").write_text('SFTTrainer(optim="die")\n')
    for name in "bcd":
        Path(f"{name}.py").write_text(BAD)
    status, output, _ = qlint("--output-format", "concise", "--quiet", "--jobs", "2")
    assert status == 2
    assert "a.py:1:1: QL001" in output
    assert output.count("QL901") == 3


def test_processes_change_nothing(qlint: Call) -> None:
    for number in range(25):
        Path(f"{number}.py").write_text(BAD)
    assert qlint("--jobs", "1") == qlint("--jobs", "3") == qlint()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_reported(qlint: Call) -> None:
    Path("a.py").write_text(BAD)
    Path("a.py").chmod(0)
    status, output, _ = qlint("a.py")
    assert status == 2
    assert "cannot be read: Permission denied" in output


def test_suppressions(qlint: Call) -> None:
    Path("a.py").write_text(BAD.replace("2e-4,", "2e-4,  # qlint: ignore[QL901]"))
    assert "QL901" not in qlint("a.py")[1]
    Path("a.py").write_text(BAD.replace("2e-4,", "2e-4,  # qlint: ignore[QL901, QL902, QL999]"))
    status, output, _ = qlint("a.py", "--output-format", "concise", "--quiet")
    assert status == 1
    assert [line.split(" ")[1] for line in output.splitlines()] == ["QL902", "QL002", "QL002"]
    assert "a.py:4:26: QL002" in output


def test_an_unused_suppression_of_a_rule_that_is_off_is_no_finding(qlint: Call) -> None:
    Path("a.py").write_text(GOOD.replace("\n", "  # qlint: ignore[QL901]\n"))
    assert "QL002" in qlint("a.py")[1]
    assert qlint("a.py", "--ignore", "QL901")[0] == 0
    Path("a.py").write_text(GOOD.replace("\n", "  # qlint: ignore\n"))
    assert "QL002" in qlint("a.py")[1]
    assert qlint("a.py", "--ignore", "QL901")[0] == 0


def test_a_suppression_without_a_run_counts_where_the_whole_folder_is_seen(qlint: Call) -> None:
    Path("a.py").write_text("RATE = 2e-4  # qlint: ignore[QL901]\n")
    assert qlint("a.py")[0] == 0
    assert "QL002" in qlint(".")[1]


def test_no_comment_hides_an_input_that_was_not_analysed(qlint: Call) -> None:
    Path("a.py").write_text("# qlint: ignore-file\nSFTTrainer((  # qlint: ignore[QL001]\n")
    status, output, _ = qlint("a.py", "--ignore", "QL0")
    assert status == 2
    assert "QL001" in output


def test_per_file_ignores(qlint: Call) -> None:
    Path("old").mkdir()
    Path("old/a.py").write_text(BAD)
    Path("b.py").write_text(BAD)
    Path("qlint.toml").write_text('per-file-ignores = { "old/**" = ["high-rate"] }')
    output = qlint("--output-format", "concise")[1]
    assert "b.py:4:19: QL901" in output
    assert "old/a.py:4:19" not in output
    assert "old/a.py:3:11: QL902" in output


def test_options_of_rules(qlint: Call) -> None:
    Path("a.py").write_text(BAD)
    Path("qlint.toml").write_text("[rules.QL901]\nmaximum = 1e-3")
    assert qlint("a.py")[0] == 0
    Path("qlint.toml").write_text("[rules.high-rate]\nmaximum = 1e-3")
    assert qlint("a.py")[0] == 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("[rules.QL901]\nmaximun = 1e-3", "QL901 has no option 'maximun'; did you mean maximum?"),
        ("[rules.QL999]\nmaximum = 1e-3", "rules.QL999: no such rule; did you mean QL9"),
        ('select = ["QL8"]', "no rule is called 'QL8'"),
        ('per-file-ignores = { "a" = ["QL8"] }', "per-file-ignores of 'a': no rule is called"),
    ],
)
def test_a_setting_about_no_rule_is_refused_even_over_clean_files(
    qlint: Call, settings: str, sentence: str
) -> None:
    Path("a.py").write_text(CLEAN)
    Path("qlint.toml").write_text(settings)
    status, output, error = qlint("a.py")
    assert (status, output) == (2, "")
    assert sentence in error
    assert error.count("\n") == 1
    assert qlint("a.py", "--isolated")[0] == 0


def test_select_on_the_command_line_starts_afresh(qlint: Call) -> None:
    Path("a.py").write_text(BAD)
    Path("qlint.toml").write_text('ignore = ["QL901"]')
    assert qlint("a.py")[0] == 0
    assert qlint("a.py", "--select", "QL901")[0] == 1


def test_a_value_that_two_inputs_read_is_one_finding(qlint: Call) -> None:
    Path("a.py").write_text(BAD)
    os.link("a.py", "b.py")
    assert qlint("a.py", "./a.py", "--output-format", "concise")[1].count("QL901") == 1


def test_an_unreadable_kind_is_a_clear_diagnostic(qlint: Call) -> None:
    Path("notes.md").write_text("")
    status, output, _ = qlint("notes.md")
    assert status == 2
    assert "notes.md:1:1: QL001 error" in output
    assert "no reader for .md files" in output
    assert qlint("notes.md", "--force-exclude")[0] == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_far_a_long_check_is(
    qlint: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bad.py").write_text(BAD)
    monkeypatch.setattr("qlint.reporters.progress._QUIET_SECONDS", 0.0)
    plain = qlint("bad.py")
    assert plain[2] == ""
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    assert qlint("bad.py", "--quiet")[0] == 1
    assert terminal.getvalue() == ""
    assert qlint("bad.py")[:2] == plain[:2]
    assert "read 1 of 1 files" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
