from pathlib import Path

from launcher_reading import lines, only, read


def test_a_file_that_is_written_is_there_with_its_lines() -> None:
    text = "LR=2e-4\ncat > cfg.yaml <<EOF\nlr: $LR\nr: 8\nEOF\npython cfg.yaml"
    file = only(text).written["/nowhere/cfg.yaml"]
    assert file.data == b"lr: 2e-4\nr: 8\n"
    assert [file.places.place(line).line for line in (1, 2)] == [3, 4]


def test_quoted_documents_and_tabs() -> None:
    text = "if true; then\n\tcat <<-'EOF' > a\n\t\tx: $Y\n\tEOF\nfi\npython a"
    file = only(text).written["/nowhere/a"]
    assert file.data == b"x: $Y\n"
    assert file.places.place(1).line == 3


def test_echo_and_tee_write_too() -> None:
    text = "echo 'a: 1' > c\necho \"b: 2\" >> c\necho x | tee d\npython c"
    written = only(text).written
    assert written["/nowhere/c"].data == b"a: 1\nb: 2\n"
    assert [written["/nowhere/c"].places.place(line).line for line in (1, 2)] == [1, 2]
    assert written["/nowhere/d"].data == b"x\n"


def test_a_file_that_a_program_writes_is_not_known() -> None:
    script = read("echo a > c\npython x > c\npython y")
    assert "/nowhere/c" not in script.commands[-1].written


def test_what_a_program_is_fed_is_known() -> None:
    command = only("python - <<'EOF'\nprint(1)\nEOF\n")
    assert command.stdin is not None
    assert command.stdin.data == b"print(1)\n"
    assert command.stdin.places.place(1).line == 2


def test_sourced_files_within_the_project_set_variables(tmp_path: Path) -> None:
    (tmp_path / "env.sh").write_text("export LR=3e-4\nsource env.sh\n")
    script = read('source "$(dirname "$0")/env.sh"\npython $LR', tmp_path)
    assert lines(script) == ["python|3e-4"]
    origin = script.commands[0].words[1].origin[0]
    assert (origin.path, origin.line) == ("env.sh", 1)


def test_a_sourced_file_that_is_not_there_is_a_premise(tmp_path: Path) -> None:
    (tmp_path.parent / "outside.sh").write_text("LR=1\n")
    for name in ("config.sh", "../outside.sh"):
        script = read(f"source {name}\npython ${{LR:-2}}", tmp_path)
        assert lines(script) == ["python|2"]
        assert any(name in one for one in script.assumptions)


def test_folders() -> None:
    text = (
        'cd "$(dirname "$0")/.."\npython a\npushd sub\npython b\npopd\npython c\n'
        "(cd /else && python d)\npython $(pwd)/e\ncd $Q\npython $PWD\n"
    )
    script = read(text, "/nowhere/scripts")
    folders = [command.folder for command in script.commands]
    assert folders[:4] == ["/nowhere", "/nowhere/sub", "/nowhere", "/else"]
    assert (
        lines(script)[4:] == ["python|/nowhere/e", "python|?$(pwd)"]
        or lines(script)[4] == "python|/nowhere/e"
    )


def test_files_that_match_are_listed(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", "c.json"):
        (tmp_path / name).write_text("")
    script = read("for c in *.yaml; do python $c; done", tmp_path)
    assert lines(script) == ["python|a.yaml", "python|b.yaml"]


def test_a_script_that_is_no_text() -> None:
    (problem,) = read("python a\n\0").problems
    assert "NUL byte in line 2" in problem.message
    assert problem.fatal
