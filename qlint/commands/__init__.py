"""The subcommands. Each is a module whose docstring is its help; only the one called is imported.

A module has ``add_arguments(parser)``, which declares its arguments, and ``run(arguments)``, which
returns the exit status.
"""

from __future__ import annotations

COMMANDS = {
    "check": "lint scripts and folders (the default command)",
    "inspect": "print the effective recipe of every run, each value with where it comes from",
    "plan": "predict memory, say whether it fits and what would make it fit, without a GPU",
    "probe": "measure a live run: what dequantisation, activations and the learning rate do",
    "explain": "print the page of a rule",
    "rules": "list the rules",
    "config": "print the settings in force and where each was read",
    "schema": "print the JSON Schema of the reports",
    "new-rule": "create the two files of a new rule",
}
"""Every subcommand with its one-line help; the module has the same name with underscores."""
