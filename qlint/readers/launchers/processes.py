"""How many processes a launch starts, as far as its words, variables and files tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from qlint.readers.commands import Argument
from qlint.readers.launchers.launch import Launch, Starter
from qlint.readers.launchers.options import Options
from qlint.recipe import Field, Origin

WORLD_SIZE = "WORLD_SIZE"
_DEVICES = "CUDA_VISIBLE_DEVICES"
_LISTED = re.compile(r"[\w-]+(?:,[\w-]+)*\Z")
_HARDWARE = ("gpu", "auto", "cpu", "xpu")
_BY_ENVIRONMENT = ("swift", "megatron", "xtuner", "llamafactory-cli")
"""Tools that start themselves again under torchrun where NPROC_PER_NODE is set."""


def world_size(launch: Launch, configured: Field | None = None) -> Argument | None:
    """The number of processes as the variable WORLD_SIZE; None where it is one.

    ``configured`` is what the configuration of ``accelerate launch`` says.
    """
    if launch.starts == "tool" and not launch.starters:
        return _of_tool(launch)
    for starter in reversed(launch.starters):
        if starter.kind in _COUNTS:
            return _COUNTS[starter.kind](starter, launch.environment, configured)
    return None


def task_variables(launch: Launch) -> dict[str, Argument]:
    """What ``srun`` says to the program that it starts."""
    found: dict[str, Argument] = {}
    for starter in launch.starters:
        if starter.kind != "srun":
            continue
        for variable, names in (
            ("SLURM_NTASKS", ("-n", "--ntasks")),
            ("SLURM_NNODES", ("-N", "--nodes")),
            ("SLURM_NTASKS_PER_NODE", ("--ntasks_per_node",)),
        ):
            value = starter.options.value(*names)
            if value is not None:
                found[variable] = value
    return found


def _torch(
    starter: Starter, environment: Mapping[str, Argument], configured: Field | None
) -> Argument | None:
    options = starter.options
    if options.unknown and not options.has("--nproc_per_node"):
        return _unknown(options.unknown[0], f"{options.unknown[0].text} is not known")
    each = options.value("--nproc_per_node")
    nodes = options.value("--nnodes")
    if each is not None and each.unknown is None and each.text in _HARDWARE:
        devices = _devices(environment) if each.text in ("gpu", "auto") else None
        reason = f"--nproc_per_node {each.text} depends on the machine"
        each = devices if devices is not None else replace(each, unknown=reason)
    if nodes is not None and ":" in nodes.text:
        least, _, most = nodes.text.partition(":")
        reason = f"--nnodes {nodes.text} is known only when nodes have joined"
        nodes = replace(nodes, text=most, unknown=None if least == most else reason)
    return _product(starter, each, nodes)


def _deepspeed(
    starter: Starter, environment: Mapping[str, Argument], configured: Field | None
) -> Argument | None:
    options = starter.options
    each = options.value("--num_gpus", "--num_accelerators")
    nodes = options.value("--num_nodes")
    include = options.value("--include", "-i")
    if include is not None:
        return _product(starter, _included(include), None)
    hosts = options.value("--hostfile", "-H")
    if each is None or (hosts is not None and nodes is None):
        if hosts is None and not options.has("--exclude", "-e"):
            devices = _devices(environment)
            if devices is not None:
                return _product(starter, devices, nodes)
        reason = "deepspeed starts one process for each GPU that it finds"
        return _unknown(hosts or starter.word, reason)
    return _product(starter, each, nodes)


def _included(include: Argument) -> Argument:
    """The devices that ``--include host:0,1@other:2`` lists."""
    count = 0
    if include.unknown is not None:
        return include
    for host in include.text.split("@"):
        _, colon, slots = host.partition(":")
        if not colon:
            reason = f"--include {include.text} takes every GPU of {host}"
            return replace(include, unknown=reason)
        count += len(slots.split(","))
    return replace(include, text=str(count))


def _accelerate(
    starter: Starter, environment: Mapping[str, Argument], configured: Field | None
) -> Argument | None:
    options = starter.options
    given = options.value("--num_processes")
    if given is not None:
        return _product(starter, given, None)
    if options.unknown:
        return _unknown(options.unknown[0], f"{options.unknown[0].text} is not known")
    if configured is not None:
        text = str(configured.value) if configured.known else ""
        reason = None if configured.known else (configured.reason or "not known")
        return _product(starter, Argument(text, configured.origin, reason), None)
    if options.has("--cpu"):
        return None
    devices = _devices(environment)
    if devices is not None:
        return _product(starter, devices, None)
    reason = (
        "accelerate launch is given neither --num_processes nor --config_file: "
        "the machine's own configuration or its GPUs decide"
    )
    return _unknown(starter.word, reason)


def _mpi(
    starter: Starter, environment: Mapping[str, Argument], configured: Field | None
) -> Argument | None:
    given = starter.options.value("-n", "-np", "--n", "--np", "-c")
    return _product(starter, given, None)


def _not_known(
    starter: Starter, environment: Mapping[str, Argument], configured: Field | None
) -> Argument | None:
    return _unknown(starter.word, f"what {starter.word.text} starts is not known")


_COUNTS = {
    "torch": _torch,
    "deepspeed": _deepspeed,
    "accelerate": _accelerate,
    "mpi": _mpi,
    "unknown": _not_known,
}


def _of_tool(launch: Launch) -> Argument | None:
    """Tools that start several processes where variables or their own options say so."""
    name = launch.program.text.rsplit("/", 1)[-1]
    environment = launch.environment
    if name == "trl":
        for position, word in enumerate(launch.arguments[:-1]):
            if word.text in ("--num_processes", "--num-processes"):
                return launch.arguments[position + 1]
        return None
    each, nodes = environment.get("NPROC_PER_NODE"), environment.get("NNODES")
    if name not in _BY_ENVIRONMENT:
        return None
    starter = Starter("torch", launch.program, Options())
    if name == "llamafactory-cli":
        devices = _devices(environment)
        if not _is_on(environment.get("FORCE_TORCHRUN")):
            # It starts torchrun by itself where it sees more than one device.
            return devices if devices is not None and devices.text != "1" else None
        each = each or devices
        if each is None:
            return _unknown(launch.program, "FORCE_TORCHRUN starts a process for each GPU")
    return _product(starter, each, nodes)


def _is_on(argument: Argument | None) -> bool:
    return argument is not None and argument.text.lower() in ("1", "true", "y")


def _devices(environment: Mapping[str, Argument]) -> Argument | None:
    """How many devices CUDA_VISIBLE_DEVICES leaves visible."""
    listed = environment.get(_DEVICES)
    if listed is None:
        return None
    if listed.unknown is not None:
        return listed
    if not _LISTED.match(listed.text):
        return None
    return replace(listed, text=str(len(listed.text.split(","))))


def _product(starter: Starter, each: Argument | None, nodes: Argument | None) -> Argument | None:
    """Processes on each node times nodes, with the words of both as its origin."""
    parts = [part for part in (each, nodes) if part is not None]
    if not parts:
        return None
    origin = tuple(station for part in parts for station in part.origin)
    count = 1
    for part in parts:
        if part.unknown is not None:
            return Argument(part.text, origin, part.unknown)
        if not part.text.isdecimal() or len(part.text) > 6:
            return Argument(part.text, origin, f"{part.text!r} is no number of processes")
        count *= int(part.text)
    said = f"{starter.word.text.rsplit('/', 1)[-1]} starts {count} processes"
    place = starter.word.origin[-1] if starter.word.origin else Origin()
    return Argument(str(count), (*origin, replace(place, via=said)))


def _unknown(word: Argument, reason: str) -> Argument:
    place = word.origin[-1] if word.origin else Origin()
    return Argument(word.text, (*word.origin, replace(place, via=reason)), reason)
