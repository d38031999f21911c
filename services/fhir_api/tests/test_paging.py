"""The signature of `next` links."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.http.errors import BadRequest
from libs.store.organizations import Principal
from services.fhir_api.search.paging import Pages

NURSE = Principal("here", "1", "nurse")
PAGES = Pages(b"key")

texts = st.text(max_size=30)


@given(query=texts, position=st.binary(max_size=60))
def test_a_token_gives_its_position_back(query: str, position: bytes) -> None:
    token = PAGES.token(NURSE, query, position)

    assert PAGES.position(NURSE, query, token) == position


@given(query=texts, position=st.binary(max_size=60), bit=st.integers(0), other=texts)
def test_a_token_that_was_changed_in_any_bit_is_refused(
    query: str, position: bytes, bit: int, other: str
) -> None:
    token = PAGES.token(NURSE, query, position)
    signed = bytearray(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    signed[bit // 8 % len(signed)] ^= 1 << bit % 8
    changed = urlsafe_b64encode(signed).decode()

    with pytest.raises(BadRequest):
        PAGES.position(NURSE, query, changed)
    if other != query:
        with pytest.raises(BadRequest):
            PAGES.position(NURSE, other, token)


@pytest.mark.parametrize(
    "principal",
    [
        pytest.param(Principal("elsewhere", "1", "nurse"), id="another organization"),
        pytest.param(Principal("here", "2", "nurse"), id="another client"),
        pytest.param(Principal("her", "e1", "nurse"), id="the same letters cut elsewhere"),
    ],
)
def test_a_token_is_of_one_client(principal: Principal) -> None:
    token = PAGES.token(NURSE, "q", b"position")

    with pytest.raises(BadRequest):
        PAGES.position(principal, "q", token)


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(BadRequest):
        Pages(b"other").position(NURSE, "q", PAGES.token(NURSE, "q", b"position"))


@given(token=st.text(max_size=60))
def test_no_text_is_taken_for_a_token(token: str) -> None:
    with pytest.raises(BadRequest):
        PAGES.position(NURSE, "q", token)
