"""Coverage, who answers for the bill, and what a payor authorized."""

from libs.mapping.tests.messages import PID, Json, event, mapped, only, resources, segment

ACCOUNT = segment("PID", {3: "48213^^^NORTH", 5: "Okafor^Amara", 18: "ACC-1^^^NORTH"})
IN1 = segment("IN1", {1: "1", 2: "GOLD", 3: "C-9", 4: "Alpine Insurance", 16: "Okafor^Emeka", 17: "SPO"})


def by_reference(found: object, reference: Json) -> Json:
    entries = found.entries  # type: ignore[attr-defined]
    return next(entry.resource for entry in entries if entry.full_url == reference["reference"])


def test_guarantors_are_those_of_the_account() -> None:
    gt1 = segment(
        "GT1",
        {
            1: "1",
            2: "G-1",
            3: "Okafor^Emeka",
            11: "SPO",
            12: "123",
            19: "E-5^^^WORKS",
            21: "Okafor Ltd",
            36: "ig",
        },
    )
    found = mapped(*event("A04", ACCOUNT, gt1))

    person, company = (by_reference(found, one["party"]) for one in only(found, "Account")["guarantor"])
    assert [one["value"] for one in person["identifier"]] == ["G-1", "E-5", "123"]
    assert person["communication"][0]["preferred"] is True
    assert (company["resourceType"], company["name"]) == ("Organization", "Okafor Ltd")


def test_without_an_account_a_guarantor_is_a_related_person() -> None:
    found = mapped(*event("A04", PID, segment("GT1", {1: "1", 3: "Okafor^Emeka", 11: "SPO"})))

    assert [one["name"][0]["family"] for one in resources(found, "RelatedPerson")] == ["Okafor"]
    assert resources(found, "Account") == []


def test_an_authorization_is_a_payors_answer() -> None:
    aut = segment(
        "AUT", {2: "C-9", 3: "Alpine Insurance", 4: "20260310", 5: "20260410", 6: "AUTH-1", 10: "20260309"}
    )
    found = mapped(*event("A04", PID, IN1, aut))

    answer = only(found, "ClaimResponse")
    assert by_reference(found, answer["insurer"])["name"] == "Alpine Insurance"
    assert {name: answer[name] for name in ("use", "created", "preAuthRef", "preAuthPeriod")} == {
        "use": "preauthorization",
        "created": "2026-03-09",
        "preAuthRef": "AUTH-1",
        "preAuthPeriod": {"start": "2026-03-10", "end": "2026-04-10"},
    }


def test_a_certification_is_one_of_the_insurance_it_follows_and_has_a_case_manager() -> None:
    in3 = segment("IN3", {1: "1", 2: "CERT-3^^^ALPINE", 9: "20260310", 10: "20260320", 21: "Ada Gruber"})
    found = mapped(*event("A04", PID, IN1, in3))

    answer = only(found, "ClaimResponse")
    assert answer["preAuthRef"] == "CERT-3"
    assert answer["insurer"] == only(found, "Coverage")["payor"][0]
    (manager,) = only(found, "CareTeam")["participant"]
    assert manager["member"]["display"] == "Ada Gruber"


def test_an_authorization_that_says_nothing_is_no_resource() -> None:
    assert resources(mapped(*event("A04", PID, "AUT|PPO")), "ClaimResponse") == []


def test_who_verified_a_coverage_and_when() -> None:
    in1 = segment("IN1", {1: "1", 4: "Alpine Insurance", 29: "20260301", 30: "77^Huber^Eva"})
    found = mapped(*event("A04", PID, in1))

    coverage = next(one for one in found.entries if one.resource["resourceType"] == "Coverage")
    verified = next(
        one for one in resources(found, "Provenance") if one["target"] == [{"reference": coverage.full_url}]
    )
    assert verified["occurredDateTime"] == "2026-03-01"
    assert by_reference(found, verified["agent"][0]["who"])["name"][0]["family"] == "Huber"


def test_the_relationship_to_the_insured_may_stand_in_in2() -> None:
    in1 = segment("IN1", {1: "1", 4: "Alpine Insurance"})
    itself, child = (
        only(mapped(*event("A04", PID, in1, segment("IN2", {72: code}))), "Coverage") for code in ("01", "04")
    )

    assert [one["relationship"]["coding"][0]["code"] for one in (itself, child)] == ["01", "04"]
    assert itself["subscriber"] == itself["beneficiary"]
    assert "subscriber" not in child
