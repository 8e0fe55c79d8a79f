"""Library versions as a project pins them."""

from __future__ import annotations

from pathlib import Path

import pytest

from qlint.knowledge import libraries
from qlint.readers import read
from qlint.readers.active_environment import active_versions
from qlint.readers.request import Request
from qlint.readers.version_files.pyproject import poetry_specifier
from qlint.recipe import State

TRAIN = """\
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments
model = AutoModelForCausalLM.from_pretrained("some/model")
Trainer(model=model, args=TrainingArguments("out")).train()
"""


def versions(
    folder: Path, script: str = "train.py", text: str = TRAIN
) -> dict[str, tuple[str, str]]:
    path = folder / script
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return Request(root=str(folder)).versions_for(str(path))


def newest_minor(library: str, prefix: str) -> str:
    return [v for v in libraries.known_versions(library) if v.startswith(prefix + ".")][-1]


REQUIREMENTS = [
    ("transformers==4.46.1", "4.46.1"),
    ("transformers == 4.46.1", "4.46.1"),
    ("transformers[torch,sentencepiece]==4.46.1  # pinned", "4.46.1"),
    ('transformers==4.46.1 ; python_version >= "3.8"', "4.46.1"),
    ("transformers==4.46.1 --hash=sha256:abc", "4.46.1"),
    ("transformers==4.46.1 \\", "4.46.1"),
    ("Transformers===4.46.1", "4.46.1"),
    ("transformers~=4.46.0", newest_minor("transformers", "4.46")),
    ("transformers>=4.40,<4.47", newest_minor("transformers", "4.46")),
    ("transformers<4.47", newest_minor("transformers", "4.46")),
    ("transformers<=4.46.1", "4.46.1"),
    ("transformers==4.46.*", newest_minor("transformers", "4.46")),
    ("transformers>=4.40", libraries.newest("transformers")),
    ("transformers>=99.0", "99.0"),
    ("git+ssh://git@host/huggingface/transformers.git@v4.46.1", "4.46.1"),
    ("transformers @ git+ssh://git@host/huggingface/transformers@v4.46.1", "4.46.1"),
    ("-e git+ssh://git@host/huggingface/transformers.git@v4.46.1#egg=transformers", "4.46.1"),
    ("./wheels/transformers-4.46.1-py3-none-any.whl", "4.46.1"),
    ("transformers", None),
    ("# transformers==4.46.1", None),
    ("git+ssh://git@host/huggingface/transformers.git@main", None),
    ('transformers==4.46.1; sys_platform == "win32"', None),
    ("transformers-stream-generator==0.0.5", None),
    ("transformers==", None),
]


@pytest.mark.parametrize(("line", "expected"), REQUIREMENTS)
def test_requirements(tmp_path: Path, line: str, expected: str | None) -> None:
    (tmp_path / "requirements.txt").write_text(f"torch\n\n{line}\n")
    found = versions(tmp_path)
    if expected is None:
        assert found == {}
    else:
        assert found == {"transformers": (expected, "requirements.txt:3")}


def test_requirements_include_others(tmp_path: Path) -> None:
    (tmp_path / "requirements-dev.txt").write_text("-r requirements/base.txt\n-c limits.txt\n")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "base.txt").write_text("trl==0.12.0\n-r ../requirements-dev.txt\n")
    (tmp_path / "limits.txt").write_text("peft==0.13.2\n")
    assert versions(tmp_path) == {
        "trl": ("0.12.0", "requirements/base.txt:1"),
        "peft": ("0.13.2", "limits.txt:1"),
    }


FILES = {
    "pyproject.toml": (
        '[project]\nname = "x"\ndependencies = [\n  "torch",\n  "trl==0.12.0",\n]\n',
        ("0.12.0", 5),
    ),
    "optional": (
        '[project.optional-dependencies]\ntrain = ["trl==0.12.0"]\n', ("0.12.0", 2),
    ),
    "groups": ('[dependency-groups]\ntrain = [\n  "trl==0.12.0",\n]\n', ("0.12.0", 3)),
    "poetry": ('[tool.poetry.dependencies]\npython = "^3.10"\ntrl = "0.12.0"\n', ("0.12.0", 3)),
    "poetry group": (
        '[tool.poetry.group.gpu.dependencies]\ntrl = {version = "0.12.0", extras = ["peft"]}\n',
        ("0.12.0", 2),
    ),
    "poetry git": ('[tool.poetry.dependencies]\ntrl = {git = "x", tag = "v0.12.0"}\n',
                   ("0.12.0", 2)),
    "pdm": ('[tool.pdm.dev-dependencies]\ntrain = ["trl==0.12.0"]\n', ("0.12.0", 2)),
    "uv": ('[project]\ndependencies = ["trl"]\n[tool.uv.sources]\n'
           'trl = { git = "x", tag = "v0.12.0" }\n', ("0.12.0", 4)),
    "uv.lock": ('version = 1\n\n[[package]]\nname = "torch"\nversion = "2.5"\n\n[[package]]\n'
                'name = "trl"\nversion = "0.12.0"\n', ("0.12.0", 9)),
    "poetry.lock": ('[[package]]\nname = "trl"\nversion = "0.12.0"\n\n[package.dependencies]\n'
                    'peft = ">=0.1"\n', ("0.12.0", 3)),
    "pdm.lock": ('[[package]]\nname = "trl"\nversion = "0.12.0"\n', ("0.12.0", 3)),
    "pixi.lock": ("packages:\n- kind: pypi\n  name: trl\n  version: 0.12.0\n", ("0.12.0", 4)),
    "environment.yml": (
        "dependencies:\n  - python=3.10\n  - trl=0.12.0\n  - pip:\n    - peft==0.13.2\n",
        ("0.12.0", 3),
    ),
    "environment.yaml": ("dependencies:\n- pip\n- pip:\n  - trl==0.12.0\n", ("0.12.0", 4)),
    "Pipfile": ('[packages]\ntrl = "==0.12.0"\n', ("0.12.0", 2)),
    "Pipfile.lock": ('{"default": {\n"peft": {"version": "==0.13.2"},\n"trl": {\n'
                     '"version": "==0.12.0"}}}\n', ("0.12.0", 4)),
    "setup.cfg": ("[options]\ninstall_requires =\n    torch\n    trl==0.12.0\n", ("0.12.0", 4)),
    "Dockerfile": (
        "FROM python:3.11\nARG TRL=0.12.0\nRUN apt-get update && \\\n    pip install --no-cache "
        "\\\n    # the trainer\n    torch \\\n    trl==${TRL} && \\\n    rm -rf /cache\n",
        ("0.12.0", 7),
    ),
    "gpu.Dockerfile": (
        'ENV TRL_VERSION 0.12.0\nRUN pip install "peft>=0.1" \\\n && uv pip install --system '
        '"trl[peft]==$TRL_VERSION"\n', ("0.12.0", 3),
    ),
    "Dockerfile.train": ("RUN conda install -y conda-forge::trl=0.12.0\n", ("0.12.0", 1)),
    "pixi.toml": ('[feature.gpu.pypi-dependencies]\ntrl = "==0.12.0"\n', ("0.12.0", 2)),
    "setup.py": ('from setuptools import setup\nsetup(install_requires=["trl==0.12.0"])\n',
                 ("0.12.0", 2)),
}  # fmt: skip


def test_a_file_that_includes_itself_a_thousand_times_is_read_once(tmp_path: Path) -> None:
    lines = "-r requirements.txt\n-r other.txt\n" * 1000
    (tmp_path / "requirements.txt").write_text(lines + "trl==0.12.0\n")
    (tmp_path / "other.txt").write_text(lines + "peft==0.13.2\n")
    assert versions(tmp_path) == {
        "peft": ("0.13.2", "other.txt:2001"),
        "trl": ("0.12.0", "requirements.txt:2001"),
    }


def test_conda_reads_the_file_that_pip_is_given(tmp_path: Path) -> None:
    (tmp_path / "deps.txt").write_text("trl==0.12.0\n")
    (tmp_path / "environment.yml").write_text("dependencies:\n- pip:\n  - -r deps.txt\n")
    assert versions(tmp_path) == {"trl": ("0.12.0", "deps.txt:1")}


def test_the_last_installation_of_an_image_counts(tmp_path: Path) -> None:
    (tmp_path / "deps").mkdir()
    (tmp_path / "deps" / "train.txt").write_text("peft==0.13.2\n")
    lines = ("trl==0.9.6", "trl==0.12.0", "-r deps/train.txt")
    (tmp_path / "Dockerfile").write_text("\n".join(f"RUN pip install {line}" for line in lines))
    assert versions(tmp_path) == {
        "trl": ("0.12.0", "Dockerfile:2"),
        "peft": ("0.13.2", "deps/train.txt:1"),
    }


def test_what_an_image_does_not_install_says_nothing(tmp_path: Path) -> None:
    lines = ("RUN echo trl==0.1", "RUN pip uninstall trl==0.1", "LABEL trl==0.1",
             'RUN pip install "trl==$NO"')  # fmt: skip
    (tmp_path / "Dockerfile").write_text("\n".join(lines))
    assert versions(tmp_path) == {}


def test_in_one_folder_an_exact_version_beats_a_range(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["trl>=0.10"]\n')
    (tmp_path / "requirements.txt").write_text("trl==0.12.0\n")
    assert versions(tmp_path) == {"trl": ("0.12.0", "requirements.txt:1")}


ACTIVE = ("0.15.2", "the active environment, /env")


@pytest.mark.parametrize(
    ("pinned", "expected"),
    [
        ("", ACTIVE),
        ("trl\n", ACTIVE),
        ("trl>=0.12\n", ACTIVE),
        ("trl==0.12.0\n", ("0.12.0", "requirements.txt:1")),
        ("trl<0.13\n", ("0.12.2", "requirements.txt:1")),
    ],
)
def test_the_active_environment_counts_where_no_pin_forbids_it(
    tmp_path: Path, pinned: str, expected: tuple[str, str]
) -> None:
    (tmp_path / "requirements.txt").write_text(pinned)
    request = Request(root=str(tmp_path), installed={"trl": ACTIVE})
    assert request.versions_for(str(tmp_path / "train.py")) == {"trl": expected}
    asked = Request(root=str(tmp_path), installed={"trl": ACTIVE}, target_versions={"trl": "1.0.0"})
    assert asked.versions_for(str(tmp_path / "train.py"))["trl"][0] == "1.0.0"


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
@pytest.mark.parametrize("packages", ["lib/python3.11/site-packages", "Lib/site-packages"])
def test_an_activated_environment_is_listed_and_not_run(
    tmp_path: Path, variable: str, packages: str
) -> None:
    folder = tmp_path / packages
    for name in ("trl-0.15.2.dist-info", "PEFT-0.13.2-py3.11.egg-info", "trl_more-1.0.dist-info",
                 "transformers-4.47.0.dev0.dist-info", "numpy-2.0.dist-info"):  # fmt: skip
        (folder / name).mkdir(parents=True)
    where = f"the active environment, {tmp_path}"
    assert active_versions({variable: str(tmp_path)}) == {
        "trl": ("0.15.2", where),
        "peft": ("0.13.2", where),
        "transformers": ("4.47.0.dev0", where),
    }


def test_the_innermost_environment_alone_counts(tmp_path: Path) -> None:
    (tmp_path / "conda/lib/python3.11/site-packages/trl-0.15.2.dist-info").mkdir(parents=True)
    (tmp_path / "hook/lib/python3.11/site-packages").mkdir(parents=True)
    variables = {"VIRTUAL_ENV": str(tmp_path / "hook"), "CONDA_PREFIX": str(tmp_path / "conda")}
    assert active_versions(variables) == {}
    assert active_versions({"VIRTUAL_ENV": str(tmp_path / "gone")}) == {}


def test_without_one_the_interpreter_of_qlint_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site-packages" / "trl-0.15.2.dist-info").mkdir(parents=True)
    monkeypatch.setattr("sys.path", [str(tmp_path / "site-packages"), str(tmp_path)])
    assert active_versions({})["trl"][0] == "0.15.2"


@pytest.mark.parametrize("name", FILES)
def test_files_that_pin(tmp_path: Path, name: str) -> None:
    text, (version, line) = FILES[name]
    file = name if "." in name or name in ("Pipfile", "Dockerfile") else "pyproject.toml"
    (tmp_path / file).write_text(text)
    assert versions(tmp_path)["trl"] == (version, f"{file}:{line}")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("^4.46", ">=4.46,<5"),
        ("^0.12.1", ">=0.12.1,<0.13"),
        ("~4.46", ">=4.46,<4.47"),
        ("~4.46.1", ">=4.46.1,<4.47"),
        ("4.46.1", "==4.46.1"),
        (">=4.40,<5", ">=4.40,<5"),
        ("~=4.46", "~=4.46"),
        ("*", ""),
    ],
)
def test_specifiers_of_poetry(given: str, expected: str) -> None:
    assert poetry_specifier(given) == expected


def test_a_lock_file_beats_a_specifier(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["trl>=0.10"]\n')
    (tmp_path / "uv.lock").write_text('[[package]]\nname = "trl"\nversion = "0.12.0"\n')
    assert versions(tmp_path) == {"trl": ("0.12.0", "uv.lock:3")}


def test_the_nearest_folder_decides_for_each_library(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("trl==0.9.6\npeft==0.13.2\n")
    nested = tmp_path / "examples" / "sft"
    nested.mkdir(parents=True)
    (nested / "requirements.txt").write_text("trl==0.12.0\n")
    assert versions(tmp_path, "examples/sft/train.py") == {
        "trl": ("0.12.0", "examples/sft/requirements.txt:1"),
        "peft": ("0.13.2", "requirements.txt:2"),
    }


def test_nothing_above_the_root_is_read(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("trl==0.9.6\n")
    inner = tmp_path / "project"
    inner.mkdir()
    assert versions(inner) == {}


def test_the_block_of_the_script_itself(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("trl==0.9.6\n")
    block = '# /// script\n# dependencies = [\n#   "trl==0.12.0",\n# ]\n# ///\n'
    assert versions(tmp_path, text=block + TRAIN) == {"trl": ("0.12.0", "train.py:3")}
    comment = "# pip install trl==0.12.0\n"
    assert versions(tmp_path, text=comment + TRAIN)["trl"][0] == "0.9.6"


def test_versions_decide_defaults_and_stand_in_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("transformers==4.50.0\n")
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    request = Request(root=str(tmp_path), display_path="train.py")
    (recipe,) = read(str(script), TRAIN.encode(), request).recipes
    assert recipe.versions["transformers"] == {"version": "4.50.0", "source": "requirements.txt:1"}
    assert "peft" not in recipe.versions
    optim = recipe["optim"]
    assert (optim.state, optim.value) == (State.DEFAULT, "adamw_torch")
    assert "4.50" in str(optim.reason)
    asked = Request(root=str(tmp_path), target_versions={"transformers": "4.56.0"})
    (newer,) = read(str(script), TRAIN.encode(), asked).recipes
    assert newer.versions["transformers"]["source"] == "--target-versions"
    assert newer["optim"].value == "adamw_torch_fused"


@pytest.mark.parametrize("name", ["pyproject.toml", "uv.lock", "Pipfile.lock", "requirements.txt",
                                  "environment.yml", "setup.cfg", "setup.py", "Dockerfile",
                                  "pixi.toml"])  # fmt: skip
@pytest.mark.parametrize("data", [b"\xff\xfetrl", b"[" * 5000 + b"trl", b"trl = {{{\n" * 50, b""])
def test_broken_files_say_nothing(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert versions(tmp_path) == {}
