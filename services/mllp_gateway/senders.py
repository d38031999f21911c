"""Who a message is from: its organization, and what the gateway does for that sender.

The rules are read from a TOML file; the first whose fields all match decides:

    [[sender]]
    name = "lab"
    application = "LABSYS"            # MSH-3; likewise facility, receiving_application, receiving_facility
    organization = "north"
    priority = 2                      # 1 is worked off first
    charset = "8859/1"                # what MSH-18 means when it is empty
    timezone = "Europe/Berlin"        # of times, when neither they nor MSH-7 state an offset
    when_storage_is_down = "AE"

A message that no rule matches is from the default sender of the default organization.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from libs.errors import Permanent
from libs.hl7v2.character_sets import UnsupportedCharset, character_sets
from libs.hl7v2.charset import decode_part
from libs.hl7v2.header import Header
from libs.hl7v2.timestamp import zone_name
from libs.lanes.contracts import DEFAULT_PRIORITY
from libs.log import get_logger

_REMEMBERED = 10_000  # senders whose rule is known without a search

log = get_logger(__name__)

StorageDown = Literal["close", "AR", "AE"]


def _known(charset: str) -> str:
    try:
        if character_sets(charset).is_known:
            return charset
    except UnsupportedCharset as error:
        raise ValueError(str(error)) from error
    raise ValueError("not in table 0211; write one like 8859/1 or UNICODE UTF-8")


CharacterSet = Annotated[str, AfterValidator(_known)]  # as in MSH-18; "" for none
TimeZone = Annotated[str, AfterValidator(lambda name: name and zone_name(name))]  # "" for none


class UnknownSender(Permanent):
    """No rule matches and there is no default organization."""


class BadSendersFile(Exception):
    """The file of sender rules cannot be used; the text is one line that says why."""


class Sender(BaseModel):
    """One rule: what it matches (empty matches anything), and what follows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "default"
    application: str = ""
    facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""

    organization: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    priority: int = Field(default=DEFAULT_PRIORITY, ge=1, le=5)
    charset: CharacterSet = ""  # what an empty MSH-18 means
    timezone: TimeZone = ""  # of times, when neither they nor MSH-7 state an offset
    # `close` leaves the sender to send it again; a negative answer makes some senders drop it.
    when_storage_is_down: StorageDown = "close"
    types: frozenset[str] = frozenset()  # accepted MSH-9, `ADT` or `ADT^A01`; empty: all that HL7 defines
    unknown_types: Literal["refuse", "accept"] = "refuse"  # types that HL7 does not define
    versions: frozenset[str] = frozenset()  # accepted MSH-12; empty: 2.1 to 2.9 and none given
    processing_ids: frozenset[str] = frozenset()  # accepted MSH-11.1; empty: any
    strict: bool = False  # refuse what is not as the standard has the message's structure
    sequence_numbers: bool = False  # MSH-13 must count up on a connection
    required: frozenset[int] = frozenset()  # MSH fields that must be valued besides MSH-10

    def matches(self, parties: Sequence[str]) -> bool:
        """Whether MSH-3 to MSH-6 are this sender's: by the whole field or its first component."""
        wanted = (self.application, self.facility, self.receiving_application, self.receiving_facility)
        return all(
            not want or want in (got, got.partition("^")[0])
            for want, got in zip(wanted, parties, strict=True)
        )


class Senders:
    """The rules in order, and the sender that a message without a rule is from (None: refused)."""

    def __init__(self, rules: Sequence[Sender], default: Sender | None) -> None:
        self._rules = tuple(rules)
        self._default = default
        self._known: dict[tuple[str, str, str, bytes, bytes, bytes, bytes, bytes], Sender] = {}

    def identify(self, header: Header, organization: str, charset: str) -> Sender:
        """The sender of a message.

        `organization` is what the connection stands for, "" when it is for any; `charset` is what an empty
        MSH-18 means on it. Raises UnknownSender.
        """
        component = header.delimiters.component
        key = (
            organization, charset, component, header.charset,
            header.application, header.facility, header.receiving_application, header.receiving_facility,
        )  # fmt: skip
        sender = self._known.get(key)
        if sender is None:
            parties = [_text(party, header, charset).replace(component, "^") for party in key[4:]]
            sender = self._search(parties, organization)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = sender
        return sender

    def _search(self, parties: Sequence[str], organization: str) -> Sender:
        for rule in self._rules:
            if rule.organization == (organization or rule.organization) and rule.matches(parties):
                return rule
        if organization:
            return (self._default or Sender(organization=organization)).model_copy(
                update={"organization": organization}
            )
        if self._default is None:
            raise UnknownSender("no sender rule matches MSH-3 to MSH-6")
        return self._default


class SendersFile:
    """The rules that are in force: those of a file, read again when it changes."""

    def __init__(self, file: Path | None, default_organization: str) -> None:
        """Raises BadSendersFile."""
        self._file = file
        self._default_organization = default_organization
        self._read = self._time()
        self.senders = read_senders(file, default_organization)

    def refresh(self) -> None:
        """Read the file again if it has changed; what cannot be used changes nothing."""
        time = self._time()
        if time == self._read:
            return
        self._read = time
        try:
            self.senders = read_senders(self._file, self._default_organization)
        except BadSendersFile as error:
            log.warning("sender rules not renewed", reason=str(error))
        else:
            log.info("sender rules renewed", file=str(self._file))

    def _time(self) -> float:
        return self._file.stat().st_mtime if self._file and self._file.exists() else 0.0


def read_senders(file: Path | None, default_organization: str) -> Senders:
    """The rules of `file` (none without a file). Raises BadSendersFile."""
    default = Sender(organization=default_organization) if default_organization else None
    if file is None:
        return Senders([], default)
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadSendersFile(f"{file}: {error}") from error
    if unknown := sorted(content.keys() - {"sender", "default"}):
        raise BadSendersFile(f"{file}: {unknown[0]} is neither [default] nor [[sender]]")
    if "default" in content:
        default = _sender(file, "default", {"organization": default_organization, **content["default"]})
    rules = [
        _sender(
            file,
            f"sender {number}",
            {"name": f"sender-{number}", "organization": default_organization, **table},
        )
        for number, table in enumerate(content.get("sender", []), 1)
    ]
    return Senders(rules, default)


def _sender(file: Path, where: str, table: Mapping[str, Any]) -> Sender:
    try:
        return Sender(**table)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise BadSendersFile(f"{file}: {where}: {field}: {problem['msg']}") from error


def _text(party: bytes, header: Header, charset: str) -> str:
    try:
        return decode_part(party, header, charset)
    except UnsupportedCharset:  # the message is refused for it, once its sender is known
        return party.decode("latin-1")
