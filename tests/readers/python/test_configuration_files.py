"""Values that reach a run through files beside the script, and through the environment."""

from __future__ import annotations

import pytest
from script_reading import assert_set, read_recipe, training_script

from qlint.recipe import State

YAML = """\
lora:
  r: 16
  targets: [q_proj, v_proj]
training:
  lr: 2.0e-4
  optim: adamw_8bit
"""
JSON = """\
{
\t"lora": {"r": 16, "targets": ["q_proj", "v_proj"]},
\t"training": {"lr": 2e-4, "optim": "adamw_8bit"}
}
"""
TOML = """\
[lora]
r = 16
targets = ["q_proj", "v_proj"]

[training]
lr = 2e-4
optim = "adamw_8bit" # saves memory
"""
ARGUMENTS = 'learning_rate=cfg["training"]["lr"], optim=cfg["training"].get("optim", "sgd")'
ADAPTER = 'r=cfg["lora"]["r"], target_modules=cfg["lora"]["targets"]'
LOADS = {
    "with open": ("c.yaml", 'with open("c.yaml") as f:\n    cfg = yaml.safe_load(f)'),
    "text": ("c.yaml", 'cfg = yaml.safe_load(Path("c.yaml").read_text())'),
    "read": ("c.yaml", 'cfg = yaml.load(open("c.yaml").read(), Loader=yaml.FullLoader)'),
    "beside": ("c.yaml", 'cfg = yaml.safe_load((Path(__file__).parent / "c.yaml").open())'),
    "dirname": ("c.yaml", 'cfg = yaml.safe_load(open(os.path.join(os.path.dirname('
                'os.path.abspath(__file__)), "c.yaml")))'),
    "function": ("c.yaml", "def load(path):\n    with open(path, 'r') as f:\n"
                 "        return yaml.safe_load(f)\ncfg = load('c.yaml')"),
    "ruamel": ("c.yaml", "from ruamel.yaml import YAML\n"
               'cfg = YAML(typ="safe").load(Path("c.yaml"))'),
    "omegaconf": ("c.yaml", 'from omegaconf import OmegaConf\ncfg = OmegaConf.load("c.yaml")'),
    "json": ("c.json", 'with open("c.json") as f:\n    cfg = json.load(f)'),
    "json text": ("c.json", 'cfg = json.loads(Path("c.json").read_text())'),
    "toml": ("c.toml", "import tomllib\n"
             'with open("c.toml", "rb") as f:\n    cfg = tomllib.load(f)'),
    "toml text": ("c.toml", 'import tomllib\ncfg = tomllib.loads(Path("c.toml").read_text())'),
    "folder": ("conf/c.yaml", 'HERE = Path(__file__).resolve().parent\n'
               'cfg = yaml.safe_load(open(HERE / "conf" / "c.yaml"))'),
}  # fmt: skip
TEXTS = {"yaml": YAML, "json": JSON, "toml": TOML}
LINES = {"yaml": 2, "json": 2, "toml": 2}


@pytest.mark.parametrize(("name", "load"), LOADS.values(), ids=LOADS)
def test_a_file_beside_the_script(name: str, load: str) -> None:
    suffix = name.rsplit(".", 1)[-1]
    script = training_script(load, ARGUMENTS, ADAPTER)
    recipe = read_recipe(script, files={name: TEXTS[suffix]})
    assert_set(recipe, lora_r=16, target_modules=["q_proj", "v_proj"], learning_rate=2e-4,
               optim="adamw_8bit")  # fmt: skip
    first = recipe["lora_r"].origin[0]
    assert (first.path, first.line) == (name, LINES[suffix])


@pytest.mark.parametrize(("name", "load"), LOADS.values(), ids=LOADS)
def test_a_file_that_is_not_there(name: str, load: str) -> None:
    recipe = read_recipe(training_script(load, ARGUMENTS, ADAPTER))
    assert recipe["lora_r"].state is State.UNKNOWN
    assert "is not there" in str(recipe["lora_r"].reason)


def test_toml_values_have_their_own_place() -> None:
    script = training_script(LOADS["toml"][1], ARGUMENTS, ADAPTER)
    recipe = read_recipe(script, files={"c.toml": TOML})
    first = recipe["optim"].origin[0]
    assert (first.line, first.column, first.end_column) == (7, 9, 21)


@pytest.mark.parametrize(
    ("load", "value"),
    [
        ('cfg = yaml.safe_load(open("c.yaml"))', "1e-4"),
        ('cfg = yaml.load(open("c.yaml"), Loader=yaml.SafeLoader)', "1e-4"),
        ('from omegaconf import OmegaConf\ncfg = OmegaConf.load("c.yaml")', 1e-4),
        ('from ruamel.yaml import YAML\ncfg = YAML().load(open("c.yaml"))', 1e-4),
        ('cfg = {"lr": float(yaml.safe_load(open("c.yaml"))["lr"])}', 1e-4),
    ],
)
def test_a_number_that_yaml_1_1_takes_for_text(load: str, value: object) -> None:
    script = training_script(load, 'learning_rate=cfg["lr"]')
    assert_set(read_recipe(script, files={"c.yaml": "lr: 1e-4\n"}), learning_rate=value)


HOLDERS = {
    "easydict": "from easydict import EasyDict as edict\ncfg = edict({load})",
    "namespace": "from types import SimpleNamespace\ncfg = SimpleNamespace(**{load})",
    "argparse": "cfg = argparse.Namespace(**{load})",
    "munch": "from munch import munchify\ncfg = munchify({load})",
    "box": "from box import Box\ncfg = Box({load})",
    "addict": "from addict import Dict\ncfg = Dict({load})",
    "omegaconf": "from omegaconf import OmegaConf\ncfg = OmegaConf.create({load})",
    "class": "class Config:\n    def __init__(self, **kw):\n        self.__dict__.update(kw)\n"
             "cfg = Config(**{load})",
    "setattr": "class Config:\n    def __init__(self, d):\n        for k, v in d.items():\n"
               "            setattr(self, k, v)\ncfg = Config({load})",
    "dataclass": "@dataclass\nclass Config:\n    lr: float = 1.0\n    r: int = 64\n"
                 "cfg = Config(**{load})",
    "pydantic": "from pydantic import BaseModel\nclass Config(BaseModel):\n    lr: float\n"
                "    r: int = 64\ncfg = Config(**{load})",
    "validated": "from pydantic import BaseModel\nclass Config(BaseModel):\n    lr: float\n"
                 "    r: int = 64\ncfg = Config.model_validate({load})",
    "dacite": "from dacite import from_dict\n@dataclass\nclass Config:\n    lr: float = 1.0\n"
              "    r: int = 64\ncfg = from_dict(data_class=Config, data={load})",
    "subclass": "class Attributes(dict):\n    __getattr__ = dict.__getitem__\n"
                "cfg = Attributes({load})",
    "its own start": "class Attributes(dict):\n    def __init__(self, *args, **kwargs):\n"
                     "        super().__init__(*args, **kwargs)\n        self.__dict__ = self\n"
                     "cfg = Attributes(**{load})",
    "its own getattr": "class Attributes(dict):\n    def __getattr__(self, name):\n"
                       "        return self.get(name)\ncfg = Attributes()\ncfg.update({load})",
}  # fmt: skip


@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
def test_a_file_as_attributes(holder: str) -> None:
    body = holder.format(load='yaml.safe_load(open("c.yaml"))')
    script = training_script(body, "learning_rate=cfg.lr", "r=cfg.r")
    recipe = read_recipe(script, files={"c.yaml": "lr: 0.0001\nr: 8\n"})
    assert_set(recipe, learning_rate=1e-4, lora_r=8)
    assert recipe["lora_r"].origin[0].path == "c.yaml"


@pytest.mark.parametrize("holder", ["dataclass", "subclass", "its own start", "its own getattr"])
def test_a_file_that_is_not_there_as_attributes(holder: str) -> None:
    body = HOLDERS[holder].format(load='yaml.safe_load(open("c.yaml"))')
    recipe = read_recipe(training_script(body, "learning_rate=cfg.lr", "r=cfg.r"))
    assert recipe["lora_r"].state is State.UNKNOWN


OMEGACONF = """
from omegaconf import OmegaConf

base = OmegaConf.create({"lr": 1e-3, "lora": {"r": 64, "alpha": 16}, "scaled": "${lora.r}"})
cfg = OmegaConf.merge(base, OmegaConf.load("c.yaml"), OmegaConf.from_cli())
"""


def test_layers_of_omegaconf() -> None:
    script = training_script(
        OMEGACONF, "learning_rate=cfg.lr", "r=cfg.scaled, lora_alpha=cfg.lora.alpha"
    )
    files = {"c.yaml": "lr: 1e-4\nlora:\n  r: 8\n"}
    assert_set(read_recipe(script, files=files), learning_rate=1e-4, lora_r=8, lora_alpha=16)
    given = read_recipe(script, files=files, argv=["lora.r=4", "lr=2e-5"])
    assert_set(given, learning_rate=2e-5, lora_r=4)
    missing = read_recipe(script)
    assert missing["lora_r"].state is State.UNKNOWN
    assert missing["learning_rate"].state is State.UNKNOWN


def test_a_structured_configuration() -> None:
    script = training_script(
        """
        from omegaconf import OmegaConf

        @dataclass
        class Config:
            lr: float = 1e-4
            r: int = 64

        cfg = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.from_cli())
        """,
        "learning_rate=cfg.lr",
        "r=cfg.r",
    )
    assert_set(read_recipe(script, argv=["r=8"]), learning_rate=1e-4, lora_r=8)


def test_the_path_of_a_file_on_the_command_line() -> None:
    script = training_script(
        'cfg = json.load(open(sys.argv[1] if len(sys.argv) > 1 else "small.json"))',
        "",
        'r=cfg["r"]',
    )
    files = {"small.json": '{"r": 8}', "large.json": '{"r": 64}'}
    assert_set(read_recipe(script, files=files), lora_r=8)
    assert_set(read_recipe(script, files=files, argv=["large.json"]), lora_r=64)


ENVIRONMENT = {
    "get": 'lr = float(os.environ.get("LR", "1e-4"))',
    "getenv": 'lr = float(os.getenv("LR", default="1e-4"))',
    "or": 'lr = float(os.environ.get("LR") or "1e-4")',
    "in": 'lr = float(os.environ["LR"]) if "LR" in os.environ else 1e-4',
    "imported": "from os import environ, getenv\n"
                'lr = float(environ.get("LR", getenv("X", 1e-4)))',
    "written": 'os.environ["LR"] = "1e-4"\nlr = float(os.environ["LR"])',
    "written twice": 'os.environ["LR"] = "1e-4"\nos.environ.setdefault("LR", "1")\n'
                     'lr = float(os.getenv("LR"))',
    "updated": 'os.environ.update({"LR": "1e-4"})\nlr = float(os.environ.get("LR", "1"))',
    "tested": 'os.environ["LR"] = "1e-4"\n'
                      'lr = float(os.environ["LR"]) if "LR" in os.environ else 1.0',
}  # fmt: skip


@pytest.mark.parametrize("body", ENVIRONMENT.values(), ids=ENVIRONMENT)
def test_environment_variables(body: str) -> None:
    assert_set(read_recipe(training_script(body, "learning_rate=lr")), learning_rate=1e-4)


def test_no_environment_is_assumed_and_said() -> None:
    recipe = read_recipe(training_script(ENVIRONMENT["get"], "learning_rate=lr"))
    assert "no environment variables are set" in recipe.assumptions
    unknown = read_recipe(training_script('lr = float(os.environ["LR"])', "learning_rate=lr"))
    assert unknown["learning_rate"].state is State.UNKNOWN
    assert "environment variable LR" in str(unknown["learning_rate"].reason)


def test_a_dotenv_file() -> None:
    body = 'from dotenv import load_dotenv\nload_dotenv()\nlr = float(os.getenv("LR", "1"))'
    script = training_script(body, "learning_rate=lr")
    files = {".env": '# secrets\nexport LR="1e-4"\nOTHER=x # y\n'}
    recipe = read_recipe(script, files=files)
    assert_set(recipe, learning_rate=1e-4)
    assert (recipe["learning_rate"].origin[0].path, recipe["learning_rate"].origin[0].line) == (
        ".env",
        2,
    )
    assert_set(read_recipe(script), learning_rate=1.0)


def test_nothing_outside_the_project_is_read() -> None:
    body = 'cfg = yaml.safe_load(open("/etc/hostname"))'
    recipe = read_recipe(training_script(body, 'learning_rate=cfg["lr"]'))
    assert recipe["learning_rate"].state is State.UNKNOWN


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, "a: &a [*a, *a]\nb: *a", "lr: !!python/name:os.system", "{", "\x00", "- 1\n- 2"],
)
def test_hostile_and_broken_files(text: str) -> None:
    script = training_script('cfg = yaml.safe_load(open("c.yaml"))', 'learning_rate=cfg["lr"]')
    recipe = read_recipe(script, files={"c.yaml": text})
    assert recipe["learning_rate"].state is State.UNKNOWN


def _bomb() -> str:
    lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    return "\n".join(["lr: 1.0e-4", "a0: &a0 [x]", *lines])


HOSTILE = {
    "alias bomb": (_bomb(), 1e-4),
    "cyclic merge": ("lr: 1.0e-4\na: &a\n  <<: *a\n  b: *a\n", 1e-4),
    "cyclic list": ("lr: 1.0e-4\na: &a [*a]\n", 1e-4),
    "a tag": ("lr: 1.0e-4\nx: !!python/object/apply:os.system [ls]\n", 1e-4),
    "brackets": ("lr: 1.0e-4\nx: " + "[" * 200_000, None),
    "dashes": ("lr: 1.0e-4\nx:\n" + "- " * 200_000, None),
    "questions": ("? " * 200_000, None),
    "braces": ('{"lr": ' * 100_000, None),
    "tabs": ("lr: 1.0e-4\nx:\n\ty: 1\n", None),
    "several documents": ("lr: 1.0e-4\n---\nlr: 2.0e-4\n", None),
}


@pytest.mark.parametrize("load", ["yaml.safe_load(open('c.yaml'))", "OmegaConf.load('c.yaml')"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_what_stands_in_it_only(name: str, load: str) -> None:
    text, rate = HOSTILE[name]
    body = f"from omegaconf import OmegaConf\ncfg = {load}"
    recipe = read_recipe(training_script(body, 'learning_rate=cfg["lr"]'), files={"c.yaml": text})
    assert recipe.value("learning_rate") == rate
    assert rate is not None or recipe["learning_rate"].state is State.UNKNOWN


def test_a_json_file_is_json_where_json_reads_it() -> None:
    files = {"c.json": '{"lr": 1e-4, "1": {"r": 8}}'}
    body = "import json\ncfg = json.load(open('c.json'))"
    recipe = read_recipe(training_script(body, 'learning_rate=cfg["lr"]'), files=files)
    assert_set(recipe, learning_rate=1e-4)
    as_yaml = body.replace("json.load", "yaml.safe_load")
    text = read_recipe(training_script(as_yaml, 'learning_rate=cfg["lr"]'), files=files)
    assert text.value("learning_rate") == "1e-4"
