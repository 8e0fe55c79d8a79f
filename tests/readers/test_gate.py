"""The gate: which files reach a parser, and what a file that must not reach one is told."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlint.readers.gate import check_nesting, check_syntax, check_text, holds_run
from qlint.readers.prefilter import MAXIMUM_BYTES
from qlint.recipe import Problem

pytestmark = pytest.mark.timeout(120)  # a hang is what is looked for

RUNS = {
    "trainer": b"from transformers import Trainer\nTrainer(model=m, args=a).train()\n",
    "prefixed trainer": b"t = transformers.Seq2SeqTrainer(\n    model)\n",
    "own trainer": b"from recipe import QLoRATrainer\nQLoRATrainer(cfg).run()\n",
    "trainer from a sibling": b"from recipe import build\ntrainer = build()\ntrainer.train()\n",
    "arguments": b"args = TrainingArguments (\n output_dir='x')\n",
    "continued call": b"args = TrainingArguments \\\n (output_dir='x')\n",
    "renamed": b"from trl import SFTConfig as C\nC()\n",
    "looked up": b"getattr(trl, 'SFTTrainer')\n",
    "table": b"T = {'sft': trl.SFTTrainer}\n",
    "partial": b"make = partial(SFTTrainer, model)\n",
    "parser": b"p = HfArgumentParser((A, B))\n",
    "trl parser": b"p = TrlParser((A, B))\n",
    "adapter only": b"model = get_peft_model(model, config)\n",
    "dead configuration": b"lora = LoraConfig(r=8)\n",
    "quantisation": b"q = BitsAndBytesConfig(load_in_4bit=True)\n",
    "keyword": b"AutoModel.from_pretrained(n, load_in_4bit = True)\n",
    "key": b"kwargs = {'load_in_8bit': True}\n",
    "unsloth": b"model, tok = FastLanguageModel.from_pretrained('x')\n",
    "bitsandbytes optimizer": b"opt = bnb.optim.AdamW(p)\n",
    "8-bit optimizer": b"from bitsandbytes.optim import AdamW8bit\nAdamW8bit(p)\n",
    "own loop": b"m = X.from_pretrained('x')\nloss.backward()\n",
    "accelerate loop": b"from accelerate import Accelerator\naccelerator.backward(loss)\n",
    "lightning": b"import lightning as L\nm = X.from_pretrained('x')\nL.fabric.Fabric()\n",
    "imported start": b"from src.tune import train\nif __name__ == '__main__':\n    train()\n",
    "imported start at the margin": b"from x import (\n  a,\n  run_sft,\n)\nrun_sft()\n",
    "imported module": b"import finetune\nif __name__ == '__main__':\n    finetune.main()\n",
    "imported main": b"from .train import main\nmain()\n",
    "started by torchrun": b"import subprocess\nsubprocess.run(['torchrun', 'a.py'])\n",
    "started by accelerate": b"import os\nos.system('accelerate launch a.py')\n",
    "accelerate as words": b"subprocess.Popen([\n  'accelerate', 'launch', 'a.py'])\n",
    "started by deepspeed": b"import subprocess as s\nos.system('deepspeed a.py')\n",
    "a module of torch": b"subprocess.call([exe, '-m', 'torch.distributed.run', 'a.py'])\n",
    "a training script": b"from subprocess import run\nrun(['python', 'src/finetune_lora.py'])\n",
    "replaced by a launcher": b"import os\nos.execvp('torchrun', ['torchrun', 'a.py'])\n",
    "accelerate's own launcher": b"launch_command(args)\n",
    "one-line windows file": b"import trl\r\ntrl.SFTTrainer()\r\n",
}

NO_RUNS = {
    "empty": b"",
    "plain": b"print('hello')\n",
    "inference": b"from transformers import pipeline\npipeline('x')('y')\n",
    "class of a library": b"class SFTTrainer(Trainer):\n  def f(self, a: TrainingArguments): ...\n",
    "annotation": b"def f(config: LoraConfig) -> LoraConfig:\n    return config\n",
    "isinstance": b"if isinstance(config, LoraConfig):\n    pass\n",
    "exports": b"from .lora import LoraConfig, get_peft_model\n__all__ = ['LoraConfig']\n",
    "doctest": b"'''\n>>> LoraConfig(r=8)\n'''\n",
    "pytorch loop": b"import torch\nloss.backward()\n",
    "scikit-learn": b"from sklearn.model_selection import train_test_split\ntrain_test_split(x)\n",
    "another program": b"import subprocess\nsubprocess.run(['git', 'clone', 'autotune.py'])\n",
    "a mention of a launcher": b"# use torchrun train.py or 'accelerate launch'\n",
    "pretrained tokenizer": b"AutoTokenizer.from_pretrained('x')\n",
}


@pytest.mark.parametrize("name", RUNS)
def test_what_builds_or_starts_a_run_passes(name: str) -> None:
    assert holds_run(RUNS[name], ".py")


@pytest.mark.parametrize("name", NO_RUNS)
def test_what_only_mentions_training_is_dropped(name: str) -> None:
    assert not holds_run(NO_RUNS[name], ".py")


@pytest.mark.parametrize("suffix", [".ipynb", ".yaml", ".json", ".toml", ".sh"])
def test_other_inputs_get_a_generous_maybe(suffix: str) -> None:
    assert holds_run(b'{"learning_rate": 1e-4}', suffix)
    assert not holds_run(b'{"colour": "red"}', suffix)


def test_the_prefilter_imports_no_parser() -> None:
    code = "import sys, qlint.readers.gate; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"libcst", "rich", "yaml", "torch"} & set(ran.stdout.split())
    assert "qlint.readers.nesting" not in ran.stdout.split()


TRICKY = {
    "many class headers on one line": b"class Trainer(" * 300_000,
    "many imports": b"import " * 500_000,
    "many opened imports": b"from a import (\n" * 200_000,
    "many names": b"from a import " + b",".join(b"train_%d" % n for n in range(300_000)),
    "many endings": b"Trainer" * 500_000,
    "one long word": b"train" + b"a" * 4_000_000,
    "open quotes": b"getattr(a, '" * 300_000,
    "50 MB": b"Trainer\n" * 6_250_000,
}


@pytest.mark.parametrize("name", TRICKY)
def test_the_prefilter_is_linear(name: str) -> None:
    holds_run(TRICKY[name], ".py")


TEXTS = {
    "utf-8": ("x = 'é'\n".encode(), "x = 'é'\n"),
    "byte order mark": (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
    "mark and cookie": (b"\xef\xbb\xbf# coding: utf-8\n", "# coding: utf-8\n"),
    "latin-1": (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "# -*- coding: latin-1 -*-\nx = 'é'\n"),
    "cookie on line two": (b"#!x\n# vim: set fileencoding=cp1252 :\n'\x80'", None),
    "no cookie after code": (b"x = 1\n# coding: nonsense\n", "x = 1\n# coding: nonsense\n"),
    "windows": (b"a = 1\r\nb = 2\r\n", "a = 1\r\nb = 2\r\n"),
    "old mac": (b"a = 1\rb = 2\r", "a = 1\rb = 2\r"),
    "form feed": (b"a = 1\n\x0c\nb = 2\n", "a = 1\n\x0c\nb = 2\n"),
    "empty": (b"", ""),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_decoded_as_python_does(name: str) -> None:
    data, expected = TEXTS[name]
    text = check_text(data, "x.py")
    assert isinstance(text, str)
    assert expected is None or text == expected
    assert check_nesting(text, "x.py") is None
    assert check_syntax(text, "x.py") is None


BAD_TEXTS = {
    "nul": (b"a = 1\nb\0", "NUL byte at offset 7", 2, 2),
    "invalid utf-8": (b"a = 1\nb = '\xff'\n", "byte 0xff at offset 11", 2, 6),
    "invalid after a mark": (b"\xef\xbb\xbf\xff", "byte 0xff at offset 3", 1, 2),
    "invalid ascii": (b"# coding: ascii\n'\xe9'", "not valid ascii", 2, 2),
    "unknown codec": (b"# coding: klingon\n", "unknown encoding 'klingon'", 1, 1),
    "no character set": (b"#!x\n# coding: rot13\n", "'rot13'", 2, 1),
    "slow codec": (b"# coding: punycode\n" + b"a-b" * 99, "'punycode'", 1, 1),
    "contradiction": (b"\xef\xbb\xbf# coding: latin-1\n", "byte order mark", 1, 1),
    "utf-16": ("x = 1\n".encode("utf-16"), "UTF-16", 1, 1),
    "too large": (b"#" * (MAXIMUM_BYTES + 1), "5 MB that qlint reads", 1, 1),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_text_that_cannot_be_read_says_where_and_why(name: str) -> None:
    data, message, line, column = BAD_TEXTS[name]
    problem = check_text(data, "x.py")
    assert isinstance(problem, Problem)
    assert message in problem.message
    assert (problem.path, problem.line, problem.column) == ("x.py", line, column)


BAD_SYNTAX = {
    "python 2": ("x = 1\nprint 'a', b\n", "Python 2", 2),
    "python 2 except": ("try: pass\nexcept A, b: pass\n", "syntax error at line 2", 2),
    "unterminated": ("x = (1,\n", "never closed", 1),
    "indentation": ("if x:\npass\n", "indentation error at line 2", 2),
    "huge number": ("x = " + "1" * 900 + "_\n", "syntax error", 1),
}


@pytest.mark.parametrize("name", BAD_SYNTAX)
def test_syntax_errors_say_where_and_why(name: str) -> None:
    text, message, line = BAD_SYNTAX[name]
    problem = check_syntax(text, "x.py")
    assert isinstance(problem, Problem)
    assert message in problem.message
    assert problem.line == line


@pytest.mark.parametrize(
    "text",
    [
        'x = {}\nprint(f"{x["a"]}")\n',
        "print(f\"{'\\n'.join(x)}\")\n",
        "def first[T](items: list[T]) -> T: ...\n",
        "type Rate = float\n",
    ],
)
def test_what_a_newer_python_allows_is_no_error(text: str) -> None:
    assert check_syntax(text, "x.py") is None


def test_warnings_of_the_compiler_are_not_shown(recwarn: pytest.WarningsRecorder) -> None:
    assert check_syntax("x = '\\d'\nassert x is 'a'\n", "x.py") is None
    assert not recwarn.list


@given(st.binary(max_size=300))
@settings(max_examples=500, deadline=None)
def test_no_bytes_raise(data: bytes) -> None:
    holds_run(data, ".py")
    holds_run(data, ".yaml")
    text = check_text(data, "x.py")
    if isinstance(text, str) and check_nesting(text, "x.py") is None:
        check_syntax(text, "x.py")
