"""Tells from its bytes alone whether a file may hold a training run.

This runs on every file of a tree, so it imports nothing but ``re``, starts every search with a
literal, and is linear in the size of the file whatever the file contains.

For Python the question is whether a file *uses* what builds a run, not whether it mentions a
library: thousands of library and inference files import transformers, few call a trainer. A script
that keeps its recipe in a sibling module passes too, as long as it builds a trainer of any name,
tells one to train, or imports a function whose name speaks of training and starts it.
"""

from __future__ import annotations

import re

from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAXIMUM_BYTES = 5_000_000
"""Larger inputs are reported, not read: no training script comes near, generated tables do."""

_PYTHON_SUFFIXES = frozenset({".py", ".pyw", ".pyi", ""})

_CONFIGURATION_FAMILIES = (
    *(b"SFT", b"DPO", b"ORPO", b"KTO", b"CPO", b"GRPO", b"RLOO", b"PPO", b"PPOv2", b"GKD"),
    *(b"Reward", b"XPO", b"BCO", b"PRM", b"SFTScript", b"Training", b"Finetuning", b"FineTuning"),
    *(b"Lora", b"LoRA", b"LoHa", b"LoKr", b"OFT", b"IA3", b"Vera", b"LoraFA", b"Peft", b"QLoRA"),
    *(b"BitsAndBytes", b"GPTQ", b"Awq", b"Hqq", b"TorchAo", b"Quanto", b"AWQ", b"HQQ"),
)

# How a name that builds a run ends, with what may stand before that ending (nothing: anything).
# Endings, so that subclasses and variants (Seq2SeqTrainer, QLoRATrainer, AdaLoraConfig) count.
_BUILDERS: tuple[tuple[bytes, tuple[bytes, ...]], ...] = (
    (b"Trainer", ()),
    (b"Arguments", (b"Training", b"Training_")),
    (b"Config", _CONFIGURATION_FAMILIES),
    (b"Parser", (b"HfArgument", b"Trl")),
    (b"peft_model", (b"get_",)),
    (b"bit_training", (b"prepare_model_for_k",)),
    (b"int8_training", (b"prepare_model_for_",)),
)
_CALLED = re.compile(rb"[ \t]{0,8}(?:\\\r?\n[ \t]{0,80})?\(")
_RENAMED = re.compile(rb"[ \t]+as[ \t]")
_HANDED_ON = re.compile(
    rb"(?:[\"'][ \t]?:|\b(?:partial|Parser|type|cls|_class)[=(]\(?)[ \t]*[\w.]*\Z"
)
_LOOKED_UP = re.compile(rb"\bgetattr\([^()\n]*[\"']\w*\Z")
_NO_USE = re.compile(rb"[ \t]*(?:class[ \t]|def[ \t]|async[ \t]+def[ \t]|>>>|\.\.\.)")

# What only training (or a 4-bit load) has: settings, optimizers, loaders, a trainer told to train.
# Each with a literal that it contains, tested first.
_SIGNS: tuple[tuple[bytes, bytes], ...] = (
    (b"load_in_", rb"load_in_[48]bit[\"']?[ \t]*[=:]"),
    (b"bnb_4bit_", rb"bnb_4bit_\w{1,40}[\"']?[ \t]*[=:]"),
    (b"Fast", rb"Fast(?:Language|Vision|Text|Sentence)?Model[ \t]*\."),
    (b"run_exp", rb"run_exp[ \t]*\("),
    (b".optim", rb"(?:bnb|bitsandbytes)\.optim\b"),
    (b"8bit", rb"(?:AdamW?|Lion|adamw(?:_bnb)?_?|paged_\w{1,10}_?)8bit\b[\"' \t]*[(,)\r\n:]"),
    (b"paged_", rb"paged_(?:adam|lion|ademamix)\w{0,20}"),
    (b"PagedAdam", rb"PagedAdamW?(?:8bit|32bit)?[ \t]*\("),
    (b"rainer", rb"rainer(?:\(\))?\.(?:train|fit)[ \t]*\("),
    (b"lora_", rb"lora_[a-z]{1,12}\d?_\d{1,3}b[ \t]*\("),
)

# A loop written by hand. ``backward`` alone is any PyTorch program, so it takes something that
# brings a pretrained model or an adapter beside it.
_LOOPS = (b".backward(", b".backward (", b"lightning", b".manual_backward(")
_PRETRAINED = (b"from_pretrained", b"peft", b"bitsandbytes", b"torchtune", b"accelerat", b"lora")

_STARTER = re.compile(
    rb"(?!train_test_split\b)(?:[a-z]+_)?(?:train|training|fine_?tune|fine_?tuning|sft|dpo|qlora"
    rb"|lora)(?:_\w+)?\Z"
)
_STARTED = re.compile(rb"(?:\.\w{1,40})?[ \t]{0,8}\(")
_STARTER_LITERALS = (b"train", b"tun", b"sft", b"dpo", b"lora")
_IMPORTING_LINE = re.compile(rb"[ \t]*(?:from[ \t]+([\w.]+)[ \t]+)?\Z")

_LAUNCHED = re.compile(rb"(?m)^[ \t]*from[ \t]+[\w.]+[ \t]+import[ \t]+(?:main|run|cli)\b")
_LARGEST_JOB = 200_000
_LARGEST_LAUNCHER = 10_000

# A script that starts the training in a program of its own: a call that starts one, and beside it
# the word of a launcher, or of a script whose name speaks of training. Each with its literal.
_STARTS = re.compile(
    rb"subprocess\.(?:run|call|check_call|check_output|Popen)[ \t]*\(|from subprocess import"
    rb"|os\.(?:system|popen|exec[lv]p?e?)[ \t]*\(|create_subprocess_"
    rb"|launch_command\(|distributed\.run\b"
)
_STARTS_LITERALS = (b"subprocess", b"os.system", b"os.popen", b"os.exec", b"launch_command",
                    b"distributed.run")  # fmt: skip
_PROGRAMS: tuple[tuple[bytes, bytes], ...] = (
    (b"torchrun", rb"[\"' /]torchrun[\"' ]"),
    (b"accelerate", rb"accelerate(?:[\"'][ \t]{0,4},[ \t\r\n]{0,40}[\"']|[ \t]+)launch\b"),
    (b"deepspeed", rb"[\"']deepspeed(?: |[\"'],)"),
    (b"distributed.", rb"torch\.distributed\.(?:run|launch)\b"),
    (b"launch_command", rb"launch_command\("),
    (b"llamafactory", rb"llamafactory-cli[\"' ]"),
    (b"axolotl", rb"[\"']axolotl(?: |[\"'],)|axolotl\.cli\."),
    (b"tune", rb"[\"']tune(?: |[\"'],[ \t\r\n]{0,40}[\"'])run\b"),
    (b".py", rb"(?<![A-Za-z])(?:pre|fine)?_?(?:train|tun(?:e|ing)|sft|dpo|q?lora)\w{0,40}\.py\b"),
)

_REMOTE_SCRIPT = re.compile(rb"\bentry_(?:point|script)[ \t]*=")

_LONGEST_LINE = 500
_MANY_NAMES = 50
"""More imported names that speak of training than this are not searched one by one."""

_CONFIGURES = re.compile(
    rb"(?i)lora|load_in_[48]bit|quanti[sz]|learning_rate|\"lr\"|lr:|TrainingArguments|fine_?-?tun"
    rb"|torchrun|accelerate[ \t]+launch|deepspeed|torchtune|axolotl|llamafactory|trl[ \t]|sft|train"
    rb"|get_peft_model|base_model|bitsandbytes|unsloth"
)

# What a launcher that is worth reading holds: a program that starts one, and a word of training.
_COMMANDS = re.compile(
    rb"python|torchrun|accelerate|deepspeed|debugpy|llamafactory-cli|axolotl|tune[ \t]+run|trl[ \t]"
    rb"|litgpt|swift[ \t]|xtuner|autotrain|ludwig|unsloth|\.py\b|\b(?:ba)?sh[ \t\"']|sbatch|srun"
    rb"|qsub"
)
_SPEAKS_OF_TRAINING = re.compile(
    rb"(?i)train|tun(?:e|ing)\b|sft|dpo|lora|axolotl|accelerate[ \t]|torchrun|deepspeed|--lr\b"
    rb"|epoch|batch|learning.rate|sh[\"', \t]{1,9}\S{1,200}\.sh\b|sbatch[ \t]"
)
_JOB = re.compile(rb"(?m)(?:^[ \t-]*|[{,][ \t]*)(?:run|cmd|commands?|args|entrypoint)[ \t]*:")


_MM_CONFIGURATION = re.compile(
    rb"(?m)^(?:optim_wrapper|train_cfg|training_args)[ \t]*=[ \t]*dict\("
    rb"|^with[ \t]+read_base\(\)"
)


def configures_by_assignment(data: bytes) -> bool:
    """Whether a Python file is a configuration of xtuner: names that are assigned tables."""
    return b"xtuner" in data and _MM_CONFIGURATION.search(data) is not None


def holds_run(data: bytes, suffix: str) -> bool:
    """Whether a file with this content and suffix may hold a run or a training configuration.

    False means that no parser needs to see the file. For Python True means that it uses something
    that builds a run; for notebooks, configurations and launchers it is a generous maybe, and
    their readers decide.
    """
    if suffix.lower() not in _PYTHON_SUFFIXES:
        return _CONFIGURES.search(data) is not None
    if len(data) > MAXIMUM_BYTES:
        # It will be reported as too large if it passes; so a mention is enough to let it pass.
        return any(ending in data for ending, _ in _BUILDERS)
    return (
        any(literal in data and re.search(sign, data) for literal, sign in _SIGNS)
        or _uses_builder(data)
        or (any(word in data for word in _LOOPS) and any(word in data for word in _PRETRAINED))
        or _starts_imported_training(data)
        or _starts_program(data)
        or _starts_remotely(data)
        or configures_by_assignment(data)
    )


def holds_launch(data: bytes) -> bool:
    """Whether a launcher (shell script, Makefile, Dockerfile, launch.json) may start a training."""
    return _COMMANDS.search(data) is not None and _SPEAKS_OF_TRAINING.search(data) is not None


def describes_job(data: bytes, suffix: str) -> bool:
    """Whether a YAML file may describe a job that starts a training: its commands stand in it."""
    if suffix.lower() not in (".yaml", ".yml") or len(data) > _LARGEST_JOB:
        return False
    return _JOB.search(data) is not None and holds_launch(data)


def launches(data: bytes, suffix: str) -> bool:
    """Whether a Python file does little but start the ``main`` of another module.

    Such a launcher says nothing of training. It is worth a look where a user names it alone.
    """
    if suffix.lower() not in _PYTHON_SUFFIXES or len(data) > _LARGEST_LAUNCHER:
        return False
    return (
        _LAUNCHED.search(data) is not None and re.search(rb"\b(?:main|run|cli)\(", data) is not None
    )


def _starts_program(data: bytes) -> bool:
    """Whether a program that trains is started here."""
    if not any(literal in data for literal in _STARTS_LITERALS) or not _STARTS.search(data):
        return False
    return any(literal in data and re.search(sign, data) for literal, sign in _PROGRAMS)


def _starts_remotely(data: bytes) -> bool:
    """Whether a script is started by SageMaker, with hyperparameters of training."""
    return (
        b"sagemaker" in data
        and b"hyperparameters" in data
        and _REMOTE_SCRIPT.search(data) is not None
    )


def _uses_builder(data: bytes) -> bool:
    """Whether a builder is called, renamed or handed on as a value.

    Library sources are full of these names in class headers, annotations, isinstance tests,
    imports and doctests; those do not count.
    """
    for ending, befores in _BUILDERS:
        for start in _occurrences(ending, data):
            if befores and not data.endswith(befores, 0, start):
                continue
            end = start + len(ending)
            if _CALLED.match(data, end):
                if not _NO_USE.match(data, _line_start(data, start)):
                    return True
            elif _RENAMED.match(data, end):
                return True
            else:
                before = data[max(0, start - 80) : start]
                if _HANDED_ON.search(before) or _LOOKED_UP.search(before):
                    return True
    return False


def _starts_imported_training(data: bytes) -> bool:
    """Whether a function imported under a name that speaks of training is started here."""
    if not any(literal in data for literal in _STARTER_LITERALS):
        return False
    guarded = b"__main__" in data
    names = _imported_starters(data)
    if len(names) > _MANY_NAMES:
        return True
    for name in names:
        for start in _occurrences(name, data):
            if not _STARTED.match(data, start + len(name)):
                continue
            if start == _line_start(data, start) or (guarded and data[start - 1] in b" \t.=("):
                return True
    return False


def _imported_starters(data: bytes) -> set[bytes]:
    names: set[bytes] = set()
    position = 0
    while (found := data.find(b"import", position)) >= 0:
        position = found + len(b"import")
        importing = _IMPORTING_LINE.match(data, _line_start(data, found), found)
        if importing is None:
            continue
        opened = data[position : position + 8].lstrip().startswith(b"(")
        end = data.find(b")" if opened else b"\n", position)
        imported = re.findall(rb"\w+", data[position : end if end >= 0 else len(data)])
        position = end if end >= 0 else len(data)
        names.update(name for name in imported if _STARTER.match(name))
        module = importing.group(1)
        if module and _STARTER.match(module.rpartition(b".")[2]):
            names.update(name for name in imported if name in (b"main", b"run"))
    return names


def _line_start(data: bytes, position: int) -> int:
    """Where the line of ``position`` starts, or a window's start: no walk along endless lines."""
    window = max(0, position - _LONGEST_LINE)
    return max(data.rfind(b"\n", window, position) + 1, window)


def _occurrences(word: bytes, data: bytes) -> Iterator[int]:
    position = data.find(word)
    while position >= 0:
        yield position
        position = data.find(word, position + len(word))
