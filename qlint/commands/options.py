"""The options that linting commands share, and the session they add up to."""

from __future__ import annotations

import argparse

from qlint import __version__
from qlint.errors import UsageError
from qlint.linting.session import EVIDENCE_FILE, Session, common_folder
from qlint.settings.file import load_settings
from qlint.settings.in_force import SEVERITIES, Settings
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, NoReturn

PLANNED_FORMATS = ("sarif", "github", "gitlab", "junit", "html")
PLANNED_FLAGS = ("--fix", "--unsafe-fixes", "--diff")
PLANNED_FILES = ("--baseline", "--write-baseline")


def add_input_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the paths, and the options that say which settings hold."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, folders, or - for stdin")
    add = parser.add_argument_group("inputs and settings").add_argument
    add("--stdin-filename", metavar="PATH", help="the name of what - reads")
    add("--force-exclude", action="store_true", help="leave out excluded files even when named")
    add("--config", metavar="FILE", help="read settings from FILE and from nowhere else")
    add("--isolated", action="store_true", help="read no settings file and no environment")
    add("--target-versions", metavar="LIST", help="such as transformers=4.46,trl=0.12")
    add("--jobs", type=_positive, metavar="N", help="processes to use")
    add("--no-cache", action="store_true", help="read everything afresh")


def add_output_arguments(parser: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    """Add the options that say how to print, and where to."""
    add = parser.add_argument_group("output").add_argument
    add("--output-format", type=_format(formats), metavar="FORMAT", help=", ".join(formats))
    add("--output-file", metavar="FILE", help="write the report to FILE")
    add("--color", action=argparse.BooleanOptionalAction, help="colours; default: on a terminal")
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument("--quiet", "-q", action="store_true", help="print findings only")
    volume.add_argument("--verbose", "-v", action="store_true", help="say what is looked at")


def add_rule_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose rules and decide what fails."""
    add = parser.add_argument_group("rules").add_argument
    add("--select", type=_list, metavar="CODES", help="run these rules only, such as QL1,QL201")
    add("--extend-select", type=_list, metavar="CODES", help="run these rules as well")
    add("--ignore", type=_list, metavar="CODES", help="do not run these rules")
    add("--fail-on", choices=SEVERITIES, help="exit with 1 from this severity on")
    add("--gpu", metavar="GPU", help="the card to train on, such as 24GB or rtx4090")
    add("--model", metavar="ID", help="the base model, where the script does not say")
    add(
        "--evidence",
        metavar="FILE",
        help="measurements of qlint probe; default: "
        f"{EVIDENCE_FILE} of the project, where there is one",
    )


def add_planned_arguments(parser: argparse.ArgumentParser) -> None:
    """Add options that are promised and not there yet, so that using one says so."""
    for flag in PLANNED_FLAGS:
        parser.add_argument(flag, nargs=0, action=_Planned, help=argparse.SUPPRESS)
    for option in PLANNED_FILES:
        parser.add_argument(option, action=_Planned, help=argparse.SUPPRESS)


def make_session(arguments: argparse.Namespace) -> Session:
    """Combine settings file and command line."""
    paths = tuple(arguments.paths) or (".",)
    settings = load_settings(
        common_folder(paths), config=arguments.config, isolated=arguments.isolated
    )
    _override(settings, arguments)
    if settings.origins:
        check_settings(settings)
    return Session(
        paths=paths,
        settings=settings,
        script_arguments=arguments.script_arguments,
        stdin_filename=arguments.stdin_filename,
        force_exclude=arguments.force_exclude,
        jobs=arguments.jobs,
        isolated=arguments.isolated,
        evidence=getattr(arguments, "evidence", None),
    )


def check_settings(settings: Settings) -> None:
    """Check what names rules against the rules there are; costs nothing where nothing does."""
    if not settings.origins.keys().isdisjoint(
        ("select", "extend-select", "ignore", "per-file-ignores", "rules")
    ):
        from qlint.settings.of_rules import check_rule_settings

        check_rule_settings(settings)


def _override(settings: Settings, arguments: argparse.Namespace) -> None:
    from qlint.settings.values import card

    given = vars(arguments)
    for name in ("select", "extend-select", "ignore", "fail-on", "output-format", "gpu", "model"):
        value = given.get(name.replace("-", "_"))
        if value is not None:
            settings.override(name, card("--gpu", value) if name == "gpu" else value)
    if arguments.target_versions is not None:
        from qlint.settings.values import parse_versions

        versions = parse_versions("--target-versions", arguments.target_versions)
        settings.override("target-versions", {**settings.target_versions, **versions})


class _Planned(argparse.Action):
    """Refuse an option that this version does not have yet."""

    def __call__(self, *_: Any) -> NoReturn:
        raise UsageError(f"{self.option_strings[0]} is not implemented in qlint {__version__}.")


def _format(formats: tuple[str, ...]) -> Any:
    def convert(text: str) -> str:
        if text in PLANNED_FORMATS and text not in formats:
            raise UsageError(f"output format {text} is not implemented in qlint {__version__}.")
        if text not in formats:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(formats)}")
        return text

    return convert


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)
