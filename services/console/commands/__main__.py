"""`ehrconnect COMMAND ...`"""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module

from libs.errors import Permanent, Transient
from services.console.commands.output import CommandError

COMMANDS = {
    "convert": "turn HL7 v2 files into FHIR bundles; needs no running service",
    "validate": "whether HL7 v2 and FHIR files are as the standards have them; needs no running service",
    "send": "send HL7 v2 files over MLLP and count the answers",
    "listen": "receive HL7 v2 over MLLP and acknowledge it, to test senders",
    "message": "the messages that were received, and what became of each",
    "dlq": "dead letters: messages that could not be applied or delivered",
    "lanes": "what waits to be processed, and for how long",
    "destination": "the systems that messages are sent to",
    "mapping": "how an organization's messages become FHIR: layers of configuration, in versions",
    "org": "organizations, whose data are apart from each other",
    "client": "API keys",
    "user": "who may log in to the console, and as what",
}


def main() -> None:
    options = _parser().parse_args()
    try:
        code: int = options.run(options)
    except (CommandError, Permanent, Transient) as error:
        code = _fail(str(error))
    except OSError as error:
        code = _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ehrconnect",
        description="HL7 v2 to FHIR R4, at the command line. Settings are EHR_* variables; without them, "
        "those of the `make run` of this folder.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == asked:
            module = import_module(f"services.console.commands.{name}")
            module.arguments(command)
            command.set_defaults(run=getattr(module, "run", _act))
    return parser


def _act(options: argparse.Namespace) -> int:
    """Do the action (`list`, `show` ...) of a command that is nothing but its actions."""
    action: Callable[[argparse.Namespace], None] = options.action
    action(options)
    return 0


def _fail(text: str) -> int:
    print(f"ehrconnect: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    main()
