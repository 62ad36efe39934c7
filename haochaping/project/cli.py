"""`hcp`: the command line (contract §2). Each command is a few lines over a room's own function."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "haochaping.project.settings")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["manage"]:
        return _manage(words[1:])
    from haochaping.project import commands

    parser = argparse.ArgumentParser(prog="hcp", description="好差评 Haochaping")
    commands.describe(parser)
    given = parser.parse_args(words)
    from haochaping.kit.config import Misconfigured
    from haochaping.kit.errors import Refused

    try:
        status = int(given.run(given) or 0)
        sys.stdout.flush()
        return status  # noqa: TRY300
    except Misconfigured as error:
        print(f"hcp: {error}", file=sys.stderr)
    except Refused as no:
        print(f"hcp: {no.message}", file=sys.stderr)
        for field in no.fields:
            print(f"  {field.field}: {field.message}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `hcp export orders | head`: the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _manage(words: list[str]) -> int:
    from django.core.management import execute_from_command_line

    execute_from_command_line(["hcp manage", *words])
    return 0


if __name__ == "__main__":
    sys.exit(main())
