"""SageMaker: a script that is started on another machine, with hyperparameters for arguments.

``HuggingFace(entry_point="train.py", source_dir="scripts", hyperparameters={...}).fit()`` starts
``python train.py --name value ...`` there, or torchrun with one process for each of its cards.
"""

from __future__ import annotations

import os
from dataclasses import replace

from qlint.readers.commands import Argument
from qlint.readers.python.libraries.paths import path_text
from qlint.readers.python.libraries.programs import as_word, start_program
from qlint.readers.python.libraries.registry import Call, function, method
from qlint.readers.python.machine import Machine, trace
from qlint.readers.python.source import origins
from qlint.readers.python.values import Const, Instance, Mapping, Ref, Value

_ESTIMATORS = ("sagemaker.huggingface.HuggingFace", "sagemaker.pytorch.PyTorch",
               "sagemaker.huggingface.estimator.HuggingFace",
               "sagemaker.pytorch.estimator.PyTorch")  # fmt: skip
_CHANNELS = "/opt/ml/input/data/"
_CARDS = "one process for each card of the instance"
_SPREAD = ("torch_distributed", "pytorchddp", "smdistributed")


@function(*_ESTIMATORS, "sagemaker.modules.train.ModelTrainer", "sagemaker.train.ModelTrainer")
def estimator(machine: Machine, call: Call) -> Value:
    """An estimator: what it starts is told by ``fit`` or ``train``."""
    made = Instance("remote_job", call.name)
    made.slots.data.update(call.arguments.keywords)
    return Ref(made, trace(call.frame, call.node, "literal"))


@function(
    "sagemaker.modules.configs.SourceCode",
    "sagemaker.train.configs.SourceCode",
    "sagemaker.modules.distributed.Torchrun",
    "sagemaker.train.distributed.Torchrun",
)
def part(machine: Machine, call: Call) -> Value:
    """A part of an estimator: where the script lies, or how it is spread."""
    made = Instance("remote_part", call.name)
    made.slots.data.update(call.arguments.keywords)
    return Ref(made, trace(call.frame, call.node, "literal"))


@method("remote_job", "fit", "train")
def start(machine: Machine, receiver: Ref, job: Instance, call: Call) -> Value | None:
    """``estimator.fit(data)``: the script starts with the hyperparameters as its arguments."""
    program = _program(job)
    if program is not None:
        here = origins(trace(call.frame, call.node, "literal"))
        starter = [Argument("python", here)]
        if _is_spread(job):
            count = Argument("{...}", here, _CARDS)
            starter = [Argument("torchrun", here), Argument("--nproc_per_node", here), count]
        words = (_here(machine, one) for one in _arguments(job))
        start_program(machine, call, (*starter, program, *words))
    return Const(None)


def _program(job: Instance) -> Argument | None:
    source = job.slots.get("source_code")
    holder = source.target if isinstance(source, Ref) else job
    if not isinstance(holder, Instance):
        return None
    name = holder.slots.get("entry_point") or holder.slots.get("entry_script")
    text, folder = path_text(name), path_text(holder.slots.get("source_dir"))
    if name is None or text is None or not text.endswith(".py"):
        return None
    whole = os.path.join(folder, text) if folder and "://" not in folder else text
    return Argument(whole, origins(name.trace))


def _here(machine: Machine, argument: Argument) -> Argument:
    """A file of a channel is one of the project's of the same name, from where it was uploaded."""
    text, project = argument.text, machine.project
    if not text.startswith(_CHANNELS):
        return argument
    found = project.resolve(os.path.basename(text))
    if found is None:
        return argument
    return replace(argument, text=os.path.relpath(found, project.folder))


def _is_spread(job: Instance) -> bool:
    """Whether several processes run the script, one for each card."""
    given = job.slots.get("distribution") or job.slots.get("distributed")
    if not isinstance(given, Ref):
        return False
    if isinstance(given.target, Instance):
        return True
    return isinstance(given.target, Mapping) and any(
        given.target.slots.get(name) is not None for name in _SPREAD
    )


def _arguments(job: Instance) -> list[Argument]:
    """Hyperparameters as words: a text for each name and for each value."""
    given = job.slots.get("hyperparameters")
    if given is None:
        return []
    if not isinstance(given, Ref) or not isinstance(given.target, Mapping):
        return [as_word(given)]
    words: list[Argument] = []
    for name, value in given.target.entries():
        words += [Argument(f"--{name}", origins(value.trace)), as_word(value)]
    rest = given.target.rest
    return [*words, as_word(rest)] if rest is not None else words
