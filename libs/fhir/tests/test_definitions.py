import json
from typing import Any

import pytest

from libs.fhir.definitions import (
    Composite,
    Element,
    SearchParameter,
    Walk,
    codes,
    elements,
    main_date,
    patient_compartment,
    search_parameters,
    types,
)
from libs.fhir.tests.corpora import DEFINITIONS, files

ABSTRACT = {"Resource", "DomainResource", "Element", "BackboneElement"}  # their elements stand in each type


def walk(path: str, kind: str, **facts: Any) -> Walk:
    return Walk(
        path=tuple(path.split(".")),
        type=kind,
        system=facts.get("system"),
        target=facts.get("target"),
        where=facts.get("where"),
        first=facts.get("first", False),
    )


def test_there_are_145_types() -> None:
    assert len(types()) == 145
    assert {"Patient", "Bundle", "OperationOutcome", "Binary"} <= types()
    assert (
        not {"Parameters", "Resource", "DomainResource", "SubscriptionStatus", "MetadataResource"} & types()
    )


def test_an_element_has_its_cardinality_types_binding_and_targets() -> None:
    patient = {element.name: element for element in elements("Patient")}

    assert patient["gender"] == Element(
        name="gender",
        min=0,
        many=False,
        types=("code",),
        choice=False,
        binding="http://hl7.org/fhir/ValueSet/administrative-gender",
        targets=(),
        summary=True,
    )
    assert patient["contact"].types == ("Patient.contact",)
    assert patient["deceased"].choice
    assert patient["deceased"].types == ("boolean", "dateTime")
    assert patient["managingOrganization"].targets == ("Organization",)
    assert elements("Wizard") == ()


def test_a_required_binding_lists_its_codes() -> None:
    assert codes("http://hl7.org/fhir/ValueSet/administrative-gender") == {
        "http://hl7.org/fhir/administrative-gender": frozenset({"male", "female", "other", "unknown"})
    }
    assert codes("http://hl7.org/fhir/ValueSet/mimetypes") is None


def test_what_the_source_package_added_to_r4_is_not_there() -> None:
    names = {
        path: {element.name for element in elements(path)} for path in ("Meta", "Binary", "ResearchStudy")
    }

    assert names["Meta"] == {
        "id",
        "extension",
        "versionId",
        "lastUpdated",
        "source",
        "profile",
        "security",
        "tag",
    }
    assert "url" not in names["Binary"]
    assert not {"label", "recruitment", "outcomeMeasure"} & names["ResearchStudy"]
    assert {"definition", "participantEffective", "groupMeasure"} <= {
        element.name for element in elements("EvidenceVariable.characteristic")
    }
    assert "order-detail" not in search_parameters("ServiceRequest")


def test_search_parameters_are_walks_with_choices_and_conditions_resolved() -> None:
    observation = search_parameters("Observation")

    assert observation["patient"] == SearchParameter(
        code="patient",
        kind="reference",
        url="http://hl7.org/fhir/SearchParameter/clinical-patient",
        targets=("Patient", "Group"),
        walks=(walk("subject", "Reference", target="Patient"),),
        composites=(),
        system=None,
    )
    assert observation["status"].system == "http://hl7.org/fhir/observation-status"
    assert observation["date"].walks == (
        walk("effectiveDateTime", "dateTime"),
        walk("effectivePeriod", "Period"),
        walk("effectiveTiming", "Timing"),
        walk("effectiveInstant", "instant"),
    )
    assert observation["component-code-value-quantity"].composites == (
        Composite(
            path=("component",),
            parts=(
                ("component-code", (walk("code", "CodeableConcept"),)),
                ("component-value-quantity", (walk("valueQuantity", "Quantity"),)),
            ),
        ),
    )
    assert search_parameters("Patient")["phone"].walks == (
        walk("telecom", "ContactPoint", where=(0, "system", "phone")),
    )
    assert observation["_tag"].walks == (walk("meta.tag", "Coding"),)
    assert search_parameters("Wizard") == {}


def test_every_type_has_the_parameters_of_every_resource() -> None:
    everywhere = {"_id", "_lastUpdated", "_profile", "_security", "_source", "_tag"}

    assert set(search_parameters("OperationOutcome")) == everywhere
    assert all(search_parameters(name).keys() >= everywhere for name in types())


@pytest.mark.parametrize(
    ("resource_type", "code"),
    [
        ("Observation", "date"),
        ("MedicationRequest", "authoredon"),
        ("Patient", "birthdate"),
        ("Location", None),
    ],
)
def test_a_type_has_one_date_that_matters_most(resource_type: str, code: str | None) -> None:
    assert main_date(resource_type) == code


@pytest.mark.skipif(not DEFINITIONS.is_dir(), reason="the corpus is not there")
def test_the_search_parameters_are_the_1375_published_ones() -> None:
    bundle = json.loads((DEFINITIONS / "search-parameters.json").read_text("utf-8-sig"))
    published = {
        (base, parameter["code"]): (parameter["url"], parameter["type"], tuple(parameter.get("target", ())))
        for parameter in (entry["resource"] for entry in bundle["entry"])
        for base in parameter["base"]
    }

    ours = {
        (base, parameter.code): (parameter.url, parameter.kind, parameter.targets)
        for base in types()
        for parameter in search_parameters(base).values()
    }

    no_path = {("DomainResource", "_text"), ("Resource", "_content"), ("Resource", "_query")}
    everywhere = {key for key in published if key[0] == "Resource"} - no_path
    assert len(bundle["entry"]) == 1375
    assert published.keys() - no_path - everywhere == {
        key for key in ours if ("Resource", key[1]) not in everywhere
    }
    assert all(ours[key] == published[key if key in published else ("Resource", key[1])] for key in ours)


@pytest.mark.skipif(not DEFINITIONS.is_dir(), reason="the corpus is not there")
def test_the_patient_compartment_is_the_published_one() -> None:
    bundle = json.loads((DEFINITIONS / "compartment.json").read_text("utf-8-sig"))
    patient = next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["code"] == "Patient")

    published = {member["code"]: set(member["param"]) for member in patient["resource"] if "param" in member}

    assert {code: set(listed) for code, listed in patient_compartment().items()} == published


@pytest.mark.parametrize("path", files("fhir-definitions/us-core-6.1.0"))
def test_the_base_elements_under_us_core_are_ours(path: Any) -> None:
    """A profile's snapshot repeats each base element with its base cardinality: an independent source."""
    profile = json.loads(path.read_text("utf-8-sig"))
    if profile.get("kind") not in ("resource", "complex-type"):
        return
    differing = {}
    for element in profile["snapshot"]["element"]:
        base_path = element["base"]["path"]
        node, _, name = base_path.rpartition(".")
        if node[:1].isupper() and node not in ABSTRACT:
            ours = next((each for each in elements(node) if each.name == name.removesuffix("[x]")), None)
            base = (element["base"]["min"], element["base"]["max"] != "1")
            if ours is None or (ours.min, ours.many) != base:
                differing[base_path] = (ours, base)
    assert differing == {}
