"""No input makes the API fail: whatever comes, the answer is a resource or an OperationOutcome below 500."""

import json
from typing import Any
from urllib.parse import quote, quote_from_bytes

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.fhir_api.tests.conftest import Client
from services.fhir_api.tests.resources import observation, patient

MODERATE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3),
    max_leaves=10,
)
names = st.sampled_from(
    [*patient("p"), *observation("o", "p"), "meta", "contained", "extension", "_birthDate"]
)


def json_of(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@MODERATE
@given(body=st.binary(max_size=200) | values.map(json_of))
def test_any_body(client: Client, body: bytes) -> None:
    assert client.send("POST", "Patient", body).status_code in (400, 422)


@MODERATE
@given(
    elements=st.dictionaries(names | texts, values, max_size=4),
    kind=st.sampled_from(["Patient", "Observation"]),
)
def test_any_elements_in_a_resource(client: Client, elements: dict[str, Any], kind: str) -> None:
    whole = patient("p") if kind == "Patient" else observation("o", "p")

    answer = client.send("PUT", f"{kind}/{whole['id']}", json_of(whole | elements))

    assert answer.status_code in (200, 201, 400, 422)


parameters = st.sampled_from(
    ["_id", "_lastUpdated", "_tag", "_profile", "_count", "_sort", "_total", "_summary", "_page", "_format",
     "identifier", "name", "birthdate", "general-practitioner", "phonetic", "active", "_has", "nonsense"]
)  # fmt: skip
modifiers = st.sampled_from(
    ["", ":exact", ":contains", ":missing", ":not", ":text", ":of-type", ":identifier", ":Patient", ":below",
     ":above", ":nonsense"]
)  # fmt: skip
awkward = st.sampled_from(
    ["|", "||", "a|b|c", "\\", ",", "a,,b", "$", "ge", "ge2026", "2026-02-30", "'", '"', "%", "_", "*", ":*",
     "a & b", "true", "1e999", "NaN", "\0", "0001", "9999-12-31"]
)  # fmt: skip


@MODERATE
@given(query=st.lists(st.tuples(parameters, modifiers, awkward | texts), max_size=4), lenient=st.booleans())
def test_any_search(client: Client, query: list[tuple[str, str, str]], lenient: bool) -> None:
    text = "&".join(
        f"{name}{modifier}={quote_from_bytes(value.encode('utf-8', 'surrogatepass'))}"
        for name, modifier, value in query
    )
    headers = {"Prefer": "handling=lenient"} if lenient else {}

    answer = client.get(f"Patient?{text}", headers=headers)

    assert answer.status_code in (200, 400, 406)
    assert answer.json()["resourceType"] in ("Bundle", "OperationOutcome")


@MODERATE
@given(path=st.lists(texts, max_size=4))
def test_any_path(client: Client, path: list[str]) -> None:
    answer = client.get("/".join(quote(part.encode("utf-8", "surrogatepass"), safe="") for part in path))

    assert answer.status_code in (200, 400, 404)
