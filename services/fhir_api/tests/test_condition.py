"""Conditions of conditional creates and updates."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.http.errors import RequestError
from libs.store.identity import condition_of
from services.fhir_api.interactions.write import condition

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@given(system=texts, value=texts.filter(bool))
def test_a_condition_means_to_the_store_what_the_client_wrote(system: str, value: str) -> None:
    written = "|".join(part.replace("\\", "\\\\").replace("|", "\\|") for part in (system, value))

    assert condition_of("Patient", condition(f"identifier={quote(written, safe='')}")) == (
        "Patient", system, value,
    )  # fmt: skip


@pytest.mark.parametrize(
    "query",
    ["", "identifier", "identifier=", "identifier=a", "identifier=a|", "identifier=a|b|c", "name=a",
     "identifier=a|b&name=c", "identifier=a|b&identifier=a|b", "identifier:of-type=a|b|c", "_id=a",
     "%ff=%fe"],
)  # fmt: skip
def test_what_does_not_name_one_resource_is_no_condition(query: str) -> None:
    with pytest.raises(RequestError):
        condition(query)
