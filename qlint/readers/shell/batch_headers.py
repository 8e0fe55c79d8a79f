"""What the ``#SBATCH`` lines of a batch script say: Slurm sets variables by them."""

from __future__ import annotations

import re

from qlint.readers.shell.source import SourceText
from qlint.readers.shell.state import Variable
from qlint.readers.shell.values import Segment, Value

_DIRECTIVE = re.compile(r"^#SBATCH[ \t]+(?P<options>[^\n]*)", re.MULTILINE)
_OPTION = re.compile(r"(?P<name>--?[\w-]+?)(?:=|[ \t]+|(?<=-[a-zA-Z])(?=\d))(?P<value>[^ \t#]+)")
_COMMENT = re.compile(r"[ \t]#")

_VARIABLES: dict[str, tuple[str, ...]] = {
    "--nodes": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "-N": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "--ntasks": ("SLURM_NTASKS", "SLURM_NPROCS"),
    "-n": ("SLURM_NTASKS", "SLURM_NPROCS"),
    "--ntasks-per-node": ("SLURM_NTASKS_PER_NODE",),
    "--cpus-per-task": ("SLURM_CPUS_PER_TASK",),
    "-c": ("SLURM_CPUS_PER_TASK",),
    "--gpus-per-node": ("SLURM_GPUS_PER_NODE",),
    "--gres": ("SLURM_GPUS_ON_NODE",),
    "--gpus": ("SLURM_GPUS",),
    "-G": ("SLURM_GPUS",),
    "--job-name": ("SLURM_JOB_NAME",),
    "-J": ("SLURM_JOB_NAME",),
}
"""Options of sbatch and the variables that Slurm sets by them (sbatch(1), output environment)."""

_COUNTED = re.compile(r"(?:gpu:)?(?:[A-Za-z][\w.-]*:)?(?P<count>\d+)(?:-\d+)?\Z")


def batch_variables(source: SourceText) -> dict[str, Variable]:
    """The variables that Slurm sets for the script, by the options in its head."""
    found: dict[str, Variable] = {}
    for directive in _DIRECTIVE.finditer(source.text):
        options = directive["options"]
        comment = _COMMENT.search(options)
        end = directive.end("options") - (len(options) - comment.start() if comment else 0)
        for option in _OPTION.finditer(source.text, directive.start("options"), end):
            _set(found, source, option)
    nodes, each = found.get("SLURM_NNODES"), found.get("SLURM_NTASKS_PER_NODE")
    if "SLURM_NTASKS" not in found and nodes is not None and each is not None:
        text = str(int(nodes.value.text) * int(each.value.text))
        stations = (*nodes.value.origins, *each.value.origins)
        found["SLURM_NTASKS"] = Variable(Value((Segment(text, stations=stations),)), None, True)
    return found


def _set(found: dict[str, Variable], source: SourceText, option: re.Match[str]) -> None:
    name, value = option["name"], option["value"]
    start = option.start("value")
    if name not in ("--job-name", "-J"):
        counted = _COUNTED.match(value)
        if counted is None or (name == "--gres" and not value.startswith("gpu")):
            return
        start += counted.start("count")
        value = counted["count"]
        if len(value) > 6:
            return
    segment = Segment(value, source, start, f"#SBATCH {name}")
    for variable in _VARIABLES.get(name, ()):
        found[variable] = Variable(Value((segment,)), None, True)
