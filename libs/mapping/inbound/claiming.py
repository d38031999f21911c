"""Which profiles the resources of a message claim, and what keeps the others from it."""

import re
from collections.abc import Sequence

from libs.fhir.bundle import Entry
from libs.fhir.claims import checked
from libs.mapping.inbound import us_core
from libs.mapping.inbound.report import Profiled

_INDEX = re.compile(r"\[\d+\]")


def claiming(entries: Sequence[Entry], guides: tuple[str, ...]) -> tuple[list[Entry], dict[str, Profiled]]:
    """The entries with the claims that hold for what they state, and the account of it by profile.

    Where one updates what is stored, the writer looks again (Entry.claim).
    """
    entries = us_core.said(entries)
    types = {entry.full_url: entry.resource["resourceType"] for entry in entries}
    account: dict[str, Profiled] = {}
    claimed = []
    for stated in entries:
        resource, found = checked(stated.resource, guides, types)
        entry = us_core.with_absent(stated, found)
        if entry is not stated:
            resource, found = checked(entry.resource, guides, types)
        for profile, issues in found.items():
            counts = account.setdefault(profile.rpartition("/")[2], Profiled())
            counts.claimed += not issues
            counts.lacking.update(sorted({_INDEX.sub("", issue.expression) for issue in issues}))
        claimed.append(entry._replace(resource=resource, claim=guides))
    return claimed, account
