from launcher_reading import lines, pointed_at, read

TEXT = """\
FROM nvidia/cuda AS base
ARG TORCH=2.1
ENV LR=2e-4 EPOCHS="3"
ENV MODEL meta/llama 7b
WORKDIR /app
COPY . .
RUN --mount=type=cache,target=/x pip install torch==${TORCH} \\
    # a comment within
    peft==0.6 && echo done
WORKDIR src
ENTRYPOINT ["python", "train.py"]
CMD ["--lr", "1e-4", "$LR", "a\\"b"]
"""


def test_what_is_built_and_what_is_started() -> None:
    script = read(TEXT, name="Dockerfile")
    assert lines(script) == [
        "pip|install|torch==2.1|peft==0.6",
        'python|train.py|--lr|1e-4|$LR|a"b',
    ]
    started = script.commands[-1]
    assert started.folder == "/nowhere/src"
    given = {name: value.text for name, value in started.environment.items()}
    assert given == {"LR": "2e-4", "EPOCHS": "3", "MODEL": "meta/llama 7b"}
    assert pointed_at(TEXT, started.words[3].origin[0]) == "1e-4"


def test_text_for_a_shell() -> None:
    text = 'FROM a\nENV R=8\nENTRYPOINT python train.py --r $R\nCMD ["ignored"]\n'
    script = read(text, name="docker/Dockerfile")
    assert lines(script) == ["python|train.py|--r|8"]
    assert [pointed_at(text, one) for one in script.commands[0].words[3].origin] == ["8", "$R"]


def test_the_last_stage_is_started_and_forgets_the_others() -> None:
    text = (
        "FROM a AS b\nENV X=1\nCMD python old\nFROM c\n"
        "COPY --from=b . /app\nCMD python new ${X:-0}\n"
    )
    assert lines(read(text, name="Dockerfile.gpu")) == ["python|new|0"]


def test_documents() -> None:
    text = (
        "FROM a\nRUN <<EOF\npython one\npython two\nEOF\n"
        "RUN python - <<'EOF'\nprint(1)\nEOF\nRUN b\n"
    )
    script = read(text, name="Dockerfile")
    assert lines(script) == ["python|one", "python|two", "python|-", "b"]
    assert [one.source.line for one in script.commands] == [3, 4, 6, 9]
    fed = script.commands[2].stdin
    assert fed is not None
    assert fed.data == b"print(1)\n"


def test_a_broken_list_is_text_for_a_shell() -> None:
    assert lines(read("FROM a\nCMD ['python', 'x']\n", name="Dockerfile")) == ["[python,|x]"]
