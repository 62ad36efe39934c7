"""The commands of `hcp`."""

from __future__ import annotations

import argparse
from typing import Any

Given = argparse.Namespace


def describe(parser: argparse.ArgumentParser) -> None:
    """Add every command to the parser; each sets `run`."""
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, run: Any, summary: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(run=run)
        return command

    add("migrate", migrate, "bring the tables up to date (as owner) and grant the application role its rights")


def setup() -> None:
    import django

    django.setup()


def migrate(given: Given) -> None:  # noqa: ARG001
    """Tables, rights, master data that ships with the program."""
    setup()
    from django.conf import settings
    from django.core.management import call_command

    from haochaping.project.database import grant

    call_command("migrate", database="owner", verbosity=0, interactive=False, skip_checks=True)
    grant(settings.DATABASES["default"]["USER"])
