"""Library models that most scripts do not need, imported when a text speaks of their library.

Importing all of them would cost a small script more than its evaluation. The words are generous: a
model that is imported in vain costs some milliseconds, one that is missing would cost the truth.
"""

from __future__ import annotations

import re
from importlib import import_module

_WORDS: dict[str, str] = {
    "argument_parser": r"arg_?parse|ArgParser|ArgumentParser",
    "dataclass_parser": r"ArgumentParser|TrlParser|make_parser",
    "entry_points": r"click|typer|call_parse|fastcore|hydra|draccus|pyrallis|entrypoint|\.command",
    "click_options": r"click",
    "parameter_options": r"[Ff]ire|CLI|auto_cli|defopt|simple_parsing|typer|cyclopts|fastcore",
    "record_commands": r"tyro|simple_parsing|draccus|pyrallis|chz",
    "programs": r"subprocess|sagemaker|os\.|shlex|launch|distributed",
    "process_starters": r"spawn|start_processes|Process|Thread|launcher|asyncio|absl",
    "files": r"open\(|yaml|json|toml|YAML|load_|read_text|configparser|dotenv",
    "written_files": r"\bdumps?\(|safe_dump|\.write\(|write_text|OmegaConf\.save",
    "sagemaker": r"sagemaker",
    "layered": r"OmegaConf|omegaconf|hydra|ConfigDict|EasyDict|easydict|addict|[Bb]ox|[Mm]unch"
    r"|DictConfig|ml_collections|dacite",
    "pydantic_models": r"pydantic|model_validate|parse_obj",
    "signatures": r"inspect",
    "releases": r"version",
    "lightning": r"lightning",
    "litgpt": r"lit_?gpt|lit_?llama|lit_parrot",
    "fabric": r"Fabric",
    "deepspeed": r"deepspeed|DeepSpeed",
    "unsloth": r"unsloth|Fast\w*Model",
    "trl_helpers": r"trl",
    "paths": r"[Pp]ath",
    "precision": r"autocast|amp|precision|Scaler",
    "accelerators": r"Accelerat|accelerat",
    "model_configs": r"Config\b",
}
_SIGNS = {name: re.compile(words) for name, words in _WORDS.items()}
_loaded: set[str] = set()


def load_for(text: str) -> None:
    """Import the models whose library a text may use."""
    for name, sign in _SIGNS.items():
        if name not in _loaded and sign.search(text):
            _loaded.add(name)
            import_module(f"qlint.readers.python.libraries.{name}")


def is_loaded(name: str) -> bool:
    """Whether any text so far has needed this model."""
    return name in _loaded
