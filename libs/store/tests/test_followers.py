"""References in JSON that become references to another resource."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.fhir.json import dumps
from libs.store.followers import patients_of, repointed

OLD, NEW, OTHER = ({"reference": f"Patient/{one}"} for one in ("old", "new", "other"))
WAS = frozenset({"Patient/old", "Patient/older"})

references = st.sampled_from(
    ["Patient/old", "Patient/older", "Patient/new", "Patient/old/_history/1", "#old"]
)
json = st.recursive(
    st.one_of(
        st.booleans(), st.text(max_size=3), references, st.builds(lambda r: {"reference": r}, references)
    ),
    lambda below: st.one_of(
        st.lists(below, max_size=4),
        st.dictionaries(
            st.sampled_from(["reference", "subject", "url", "valueReference"]), below, max_size=3
        ),
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"subject": OLD}, {"subject": NEW}, id="an element"),
        pytest.param({"a": [{"b": {"c": OLD}}]}, {"a": [{"b": {"c": NEW}}]}, id="deep below"),
        pytest.param(
            {"subject": OLD | {"display": "x"}}, {"subject": NEW | {"display": "x"}}, id="its words stay"
        ),
        pytest.param({"a": [OLD, OTHER, OLD]}, {"a": [NEW, OTHER]}, id="twice the same"),
        pytest.param({"a": [OLD, NEW]}, {"a": [NEW]}, id="it was there already"),
        pytest.param({"a": [OTHER, OTHER, OLD]}, {"a": [OTHER, OTHER, NEW]}, id="others may stand twice"),
        pytest.param({"text": "Patient/old"}, {"text": "Patient/old"}, id="a text is no reference"),
        pytest.param({"reference": {"value": "1"}}, {"reference": {"value": "1"}}, id="nor is an identifier"),
    ],
)
def test_references_become_others(before: Any, after: Any) -> None:
    assert repointed(before, WAS, "Patient/new") == after


@given(json)
def test_none_is_left_and_nothing_else_is_touched(value: Any) -> None:
    found = repointed(value, WAS, "Patient/new")

    assert not any(f'"reference":"{one}"' in dumps(found).decode() for one in WAS)
    assert repointed(found, WAS, "Patient/new") is found
    if not any(f'"reference":"{one}"' in dumps(value).decode() for one in WAS):
        assert found is value


def test_an_account_is_of_its_patients_and_of_nobody_elsewhere() -> None:
    elsewhere = {"reference": "https://elsewhere.example/Patient/1"}
    group = {"reference": "Group/1"}

    assert patients_of({"subject": [OLD, elsewhere, group, NEW]}) == {"old", "new"}
    assert patients_of({"subject": OLD}) == {"old"}
    assert patients_of({}) == set()
