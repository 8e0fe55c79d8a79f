from launcher_reading import lines, pointed_at, read

TEXT = """\
{
  // written by hand
  "configurations": [
    {"name": "Train", "type": "debugpy", "program": "${workspaceFolder}/train.py",
     "args": ["--lr", "2e-4", "--url=//x", /* not */ "${input:r}",],
     "env": {"CUDA_VISIBLE_DEVICES": "0"}, "cwd": "${workspaceFolder}/sub"},
    {"name": "Module", "type": "python", "module": "axolotl.cli.train", "args": "cfg.yml --a 'b c'"
    },
    {"name": "Other", "type": "node", "program": "a.js"},
  ],
}
"""


def test_configurations_are_commands() -> None:
    script = read(TEXT, name=".vscode/launch.json")
    assert lines(script) == [
        "python|/nowhere/train.py|--lr|2e-4|--url=//x|?${input:r}",
        "python|-m|axolotl.cli.train|cfg.yml|--a|b c",
    ]
    first, second = script.commands
    assert first.folder == "/nowhere/sub"
    assert first.environment["CUDA_VISIBLE_DEVICES"].text == "0"
    assert (first.condition, second.condition) == (
        'configuration "Train"',
        'configuration "Module"',
    )
    assert pointed_at(TEXT, first.words[3].origin[0]) == "2e-4"


def test_what_is_no_json_is_said() -> None:
    (problem,) = read('{"configurations": [', name=".vscode/launch.json").problems
    assert "JSON" in problem.message


def test_what_is_no_list_of_configurations_starts_nothing() -> None:
    for text in ("[]", "{}", '{"configurations": {}}', '{"configurations": [1, {"type": []}]}'):
        assert read(text, name="launch.json").commands == ()
