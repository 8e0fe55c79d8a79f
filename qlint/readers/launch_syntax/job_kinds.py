"""The kinds of YAML files that describe jobs, and what each says that a job starts.

Tasks of SkyPilot (``run``) and dstack (``commands``), jobs of Azure ML, MosaicML, Ray and Anyscale
(``command``, ``entrypoint``), stages of DVC (``cmd``), services of Docker Compose, and containers
of Kubernetes (``command``, ``args``, ``env``) in whatever kind of object they stand. Workflows of
continuous integration are left out: what they start is tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from qlint.readers.commands import Argument
from qlint.readers.documents.nodes import Mapping, Node, Scalar, Sequence
from qlint.readers.launch_syntax.yaml_text import YamlText

_DEEPEST = 25


@dataclass(frozen=True, slots=True)
class Job:
    """What one job starts: ``texts`` for one shell, or the words of a command."""

    texts: tuple[Scalar, ...] = ()
    words: tuple[Scalar, ...] = ()
    environment: dict[str, Argument] = field(default_factory=dict)
    folder: Node | None = None
    condition: str | None = None


def jobs_in(root: Mapping, text: YamlText) -> Iterator[Job]:
    """The jobs of a document, of the first kind that it is."""
    for read in (_task, _commands, _line, _stages, _services, _containers):
        found = list(read(root, text))
        if found:
            yield from found
            return


def _task(root: Mapping, text: YamlText) -> Iterator[Job]:
    """A task of SkyPilot."""
    run, setup = root.get("run"), root.get("setup")
    signs = ("resources", "setup", "num_nodes", "workdir", "file_mounts", "envs")
    if not _is_text(run) or not any(name in root for name in signs):
        return
    texts = tuple(one for one in (setup, run) if isinstance(one, Scalar) and _is_text(one))
    environment = {
        "SKYPILOT_NUM_NODES": Argument("1"),
        **_sky_processes(root, text),
        **_mapping(root.get("secrets"), text),
        **_mapping(root.get("envs"), text),
    }
    yield Job(texts, environment=environment, folder=root.get("workdir"))


def _sky_processes(root: Mapping, text: YamlText) -> dict[str, Argument]:
    found: dict[str, Argument] = {}
    nodes = root.get("num_nodes")
    if isinstance(nodes, Scalar):
        found["SKYPILOT_NUM_NODES"] = text.argument(nodes, "num_nodes of the task")
    devices = root.at("resources.accelerators")
    if isinstance(devices, Scalar) and isinstance(devices.value, str) and "," not in devices.text:
        count = devices.value.partition(":")[2] or "1"
        given = text.argument(devices, "accelerators of the task")
        found["SKYPILOT_NUM_GPUS_PER_NODE"] = Argument(count, given.origin, given.unknown)
    elif isinstance(devices, Mapping) and len(devices.entries) == 1:
        (entry,) = devices.entries.values()
        if isinstance(entry.value, Scalar):
            count_of = text.argument(entry.value, "accelerators of the task")
            found["SKYPILOT_NUM_GPUS_PER_NODE"] = count_of
    return found


def _commands(root: Mapping, text: YamlText) -> Iterator[Job]:
    """A task of dstack: a list of lines for one shell."""
    given, kind = root.get("commands"), root.get("type")
    if isinstance(given, Sequence) and isinstance(kind, Scalar):
        texts = tuple(one for one in given.items if isinstance(one, Scalar))
        yield Job(texts, environment=_environment(root, text), folder=root.get("working_dir"))


def _line(root: Mapping, text: YamlText) -> Iterator[Job]:
    """A job with one line for a shell: Azure ML, MosaicML, Ray, Anyscale."""
    for name, signs in (
        ("command", ("code", "compute", "environment", "image", "integrations", "$schema")),
        ("entrypoint", ("compute_config", "image_uri", "runtime_env", "working_dir", "job_id")),
    ):
        line = root.get(name)
        if isinstance(line, Scalar) and _is_text(line) and any(one in root for one in signs):
            folder = root.get("code") or root.get("working_dir")
            yield Job((line,), environment=_environment(root, text), folder=folder)
            return


def _stages(root: Mapping, text: YamlText) -> Iterator[Job]:
    """The stages of a pipeline of DVC."""
    for name, stage in _mappings(root.get("stages")):
        inner = stage.get("do")
        stage = inner if isinstance(inner, Mapping) else stage
        given = stage.get("cmd")
        lines = given.items if isinstance(given, Sequence) else [given]
        texts = tuple(one for one in lines if isinstance(one, Scalar))
        if texts:
            yield Job(texts, folder=stage.get("wdir"), condition=f"dvc repro {name}")


def _services(root: Mapping, text: YamlText) -> Iterator[Job]:
    """The services of Docker Compose."""
    for name, service in _mappings(root.get("services")):
        yield from _container(service, text, "entrypoint", "command", f"service {name}")


def _containers(root: Mapping, text: YamlText) -> Iterator[Job]:
    """The containers of an object of Kubernetes, and of jobs that describe theirs alike."""
    if not any(name in root for name in ("apiVersion", "kind", "workerPoolSpecs", "jobSpec")):
        return
    waiting: list[tuple[Node, int]] = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _DEEPEST:
            continue
        if isinstance(node, Sequence):
            waiting += [(one, depth + 1) for one in reversed(node.items)]
        elif isinstance(node, Mapping):
            if any(name in node for name in ("image", "imageUri", "image_uri")):
                yield from _container(node, text, "command", "args", None)
            else:
                values = [entry.value for entry in node.entries.values()]
                waiting += [(one, depth + 1) for one in reversed(values)]


def _container(
    node: Mapping, text: YamlText, first: str, second: str, condition: str | None
) -> Iterator[Job]:
    environment = _environment(node, text)
    folder = node.get("working_dir") or node.get("workingDir")
    given = [node.get(first), node.get(second)]
    plain = [one for one in given if isinstance(one, Scalar) and _is_text(one)]
    if plain and len(plain) == sum(one is not None for one in given):
        # A line that is split into words as a shell would do it.
        if len(plain) == 1:
            yield Job((plain[0],), (), environment, folder, condition)
        return
    words = [
        word
        for one in given
        for word in (one.items if isinstance(one, Sequence) else [one])
        if isinstance(word, Scalar)
    ]
    if words:
        yield Job((), tuple(words), environment, folder, condition)


def _environment(node: Mapping, text: YamlText) -> dict[str, Argument]:
    """Variables: a mapping, a list of ``NAME=value``, or a list of names with their values."""
    found: dict[str, Argument] = {}
    for key in ("env", "environment", "env_variables", "environment_variables"):
        given = node.get(key)
        found.update(_mapping(given, text))
        for one in given.items if isinstance(given, Sequence) else ():
            if isinstance(one, Scalar):
                name, equals, value = one.text.partition("=")
                argument = text.argument(one, f"environment of the job: {name}")
                if equals:
                    found[name] = Argument(value, argument.origin, argument.unknown)
            elif isinstance(one, Mapping):
                named, value_of = one.get("name"), one.get("value")
                if isinstance(named, Scalar) and isinstance(value_of, Scalar):
                    found[named.text] = text.argument(value_of, f"env {named.text}")
    return found


def _mapping(given: Node | None, text: YamlText) -> dict[str, Argument]:
    if not isinstance(given, Mapping):
        return {}
    return {
        name: text.argument(entry.value, f"env {name}")
        for name, entry in given.entries.items()
        if isinstance(entry.value, Scalar) and entry.value.value is not None
    }


def _mappings(given: Node | None) -> Iterator[tuple[str, Mapping]]:
    if isinstance(given, Mapping):
        for name, entry in given.entries.items():
            if isinstance(entry.value, Mapping):
                yield name, entry.value


def _is_text(node: Node | None) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, str) and bool(node.value.strip())
