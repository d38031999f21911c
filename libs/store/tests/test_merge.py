from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libs.fhir.parts import part_of
from libs.store.merge import dropped, merge, same

ELEMENTS = (
    "gender",
    "birthDate",
    "identifier",
    "extension",
    "period",
    "name",
    "hospitalization",
    "_birthDate",
)
keys = st.sampled_from("abc")
part = st.dictionaries(st.sampled_from(["start", "end"]), keys)
identifier = st.fixed_dictionaries({"system": keys, "value": keys}, optional={"use": keys})
extension = st.fixed_dictionaries({"url": keys, "valueString": keys})
resources: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "gender": keys,
        "birthDate": keys,
        "_birthDate": part,
        "identifier": st.lists(identifier, max_size=4, unique_by=lambda i: (i["system"], i["value"])),
        "extension": st.lists(extension, max_size=4),
        "period": part,
        "hospitalization": part,
        "name": st.lists(keys, min_size=1, max_size=3),
    },
)
removals = st.sets(st.sampled_from(ELEMENTS), max_size=2)


def test_the_rules_by_example() -> None:
    stored: dict[str, Any] = {
        "gender": "male",
        "birthDate": "1970-01-31",
        "_birthDate": {"extension": []},
        "identifier": [{"system": "a", "value": "1"}, {"system": "a", "value": "2"}],
        "extension": [{"url": "x", "valueString": "1"}, {"url": "y", "valueString": "2"}],
        "period": {"start": "2026-01-01"},
        "telecom": [{"value": "1"}, {"value": "2"}],
        "active": True,
    }
    stated: dict[str, Any] = {
        "birthDate": "1970-02-01",
        "identifier": [{"system": "b", "value": "1"}, {"system": "a", "value": "2", "use": "old"}],
        "extension": [{"url": "x", "valueString": "3"}, {"url": "x", "valueString": "4"}],
        "period": {"end": "2026-01-09"},
        "telecom": [{"value": "2"}],
        "active": False,
    }

    merged = merge(stored, stated, remove=("gender",), keep=("active",))

    assert merged == {
        "birthDate": "1970-02-01",
        "identifier": [
            {"system": "a", "value": "1"},
            {"system": "a", "value": "2", "use": "old"},
            {"system": "b", "value": "1"},
        ],
        "extension": [
            {"url": "x", "valueString": "3"},
            {"url": "y", "valueString": "2"},
            {"url": "x", "valueString": "4"},
        ],
        "period": {"start": "2026-01-01", "end": "2026-01-09"},
        "telecom": [{"value": "2"}],
        "active": True,
    }
    assert dropped(stored, merged) == ("gender", "_birthDate", "identifier", "extension", "telecom")


@given(resources, resources, removals)
def test_what_is_stated_is_there_and_what_is_not_stays(
    stored: dict[str, Any], stated: dict[str, Any], remove: set[str]
) -> None:
    merged = merge(stored, stated, remove, ())

    for name, value in stated.items():
        if isinstance(value, list):
            assert all(item in merged[name] for item in value)
        elif isinstance(value, dict) and name != "_birthDate":
            assert value.items() <= merged[name].items()
        else:
            assert merged[name] == value
    untouched = set(stored) - set(stated) - remove - {f"_{name}" for name in {*stated, *remove}}
    assert {name: merged.get(name) for name in untouched} == {name: stored[name] for name in untouched}
    assert not (remove - set(stated)) & set(merged)
    numbers = [(i["system"], i["value"]) for i in merged.get("identifier", ())]
    assert len(numbers) == len(set(numbers))


@example({}, {"extension": [{"url": u, "valueString": "a"} for u in "bab"]}, set())
@given(resources, resources, removals)
def test_the_same_message_twice_changes_nothing_more(
    stored: dict[str, Any], stated: dict[str, Any], remove: set[str]
) -> None:
    once = merge(stored, stated, remove, ())

    assert same(once, merge(once, stated, remove, ()))
    assert dropped(once, merge(once, stated, remove, ())) == ()


telecoms = st.lists(
    st.fixed_dictionaries(
        {"value": keys},
        optional={
            "use": st.sampled_from(["home", "work"]),
            "id": st.sampled_from(["any-1", "work-2", "x-1"]),
        },
    ),
    max_size=5,
)


@given(telecoms, telecoms, st.sampled_from(["telecom:home", "telecom:work", "telecom:any", "telecom"]))
def test_a_part_that_is_stated_replaces_its_part_alone(
    stored: list[Any], stated: list[Any], removed: str
) -> None:
    def patient(telecom: list[Any]) -> dict[str, Any]:
        return {"resourceType": "Patient", **({"telecom": telecom} if telecom else {})}

    def parts(items: list[Any]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for item in items:
            found.setdefault(part_of("Patient", "telecom", item), []).append(item)
        return found

    merged = merge(patient(stored), patient(stated), (removed,), ())

    gone = ["home", "work", "any"] if removed == "telecom" else [removed.partition(":")[2]]
    left = {part: items for part, items in parts(stored).items() if part not in gone}
    assert parts(merged.get("telecom", [])) == left | parts(stated)
    assert same(merge(merged, patient(stated), (removed,), ()), merged)


@given(resources, resources, removals)
def test_the_inputs_are_left_alone(stored: dict[str, Any], stated: dict[str, Any], remove: set[str]) -> None:
    before = repr((stored, stated))

    merge(stored, stated, remove, ())

    assert repr((stored, stated)) == before


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"a": [1, "x", None]}, {"a": [1, "x", None]}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": Decimal("1.10")}, {"a": Decimal("1.1")}, False),
        ({"a": Decimal("1.10"), "b": 1}, {"b": 1, "a": Decimal("1.10")}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": Decimal("1.0")}, {"a": 1}, False),
    ],
)
def test_equal_means_equal_to_the_digit(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal
