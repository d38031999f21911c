"""The value sets that US Core's profiles bind as required and that the table of R4 does not list.

Its structure definitions only name them. Source: US Core 6.1.0, "Terminology"; FHIR R4, the value sets of
vital signs' units. Of LOINC, any code stands for those whose scale is a document's. Those for detailed race
and ethnicity (900 codes) and for sex are not listed, and so not checked.
"""

from typing import Any

_US_CORE = "http://hl7.org/fhir/us/core/ValueSet/"
_R4 = "http://hl7.org/fhir/ValueSet/"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"
_OBSERVATION = _TERMINOLOGY + "observation-category"
_LOINC = "http://loinc.org"
_UCUM = "http://unitsofmeasure.org"
_RACE = "urn:oid:2.16.840.1.113883.6.238"
_NULL = _TERMINOLOGY + "v3-NullFlavor"
_STATUSES = ["sdoh", "functional-status", "disability-status", "cognitive-status"]
_RESULTS = ["laboratory", "imaging", "procedure", "exam", "therapy", "activity"]

CODES: dict[str, dict[str, list[str] | None]] = {
    _US_CORE + "birthsex": {
        _TERMINOLOGY + "v3-AdministrativeGender": ["F", "M"],
        _NULL: ["ASKU", "OTH", "UNK"],
    },
    _US_CORE + "omb-race-category": {
        _RACE: ["1002-5", "2028-9", "2054-5", "2076-8", "2106-3", "2131-1"],
        _NULL: ["ASKU", "UNK"],
    },
    _US_CORE + "omb-ethnicity-category": {_RACE: ["2135-2", "2186-5"], _NULL: ["ASKU", "UNK"]},
    _US_CORE + "us-core-narrative-status": {
        "http://hl7.org/fhir/narrative-status": ["additional", "generated"]
    },
    _US_CORE + "us-core-problem-or-health-concern": {
        _TERMINOLOGY + "condition-category": ["problem-list-item"],
        "http://hl7.org/fhir/us/core/CodeSystem/condition-category": ["health-concern"],
    },
    _US_CORE + "us-core-screening-assessment-condition-category": {_CATEGORY: _STATUSES},
    _US_CORE + "us-core-screening-assessment-observation-category": {_CATEGORY: _STATUSES},
    _US_CORE + "us-core-simple-observation-category": {_CATEGORY: _STATUSES},
    _US_CORE + "us-core-clinical-result-observation-category": {_OBSERVATION: [*_RESULTS, "vital-signs"]},
    _US_CORE + "us-core-diagnosticreport-category": {_LOINC: ["LP29684-5", "LP29708-2", "LP7839-6"]},
    _US_CORE + "us-core-documentreference-category": {
        "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category": ["clinical-note"]
    },
    _US_CORE + "us-core-documentreference-type": {_LOINC: None, _NULL: ["UNK"]},
    _US_CORE + "us-core-servicerequest-category": {
        "http://snomed.info/sct": ["108252007", "363679005", "387713003", "409063005", "409073007"],
        _CATEGORY: _STATUSES,
    },
    _US_CORE + "us-core-observation-smoking-status-status": {
        "http://hl7.org/fhir/observation-status": ["entered-in-error", "final"]
    },
    _R4 + "medicationrequest-category": {
        _TERMINOLOGY + "medicationrequest-category": ["community", "discharge", "inpatient", "outpatient"]
    },
    _R4 + "ucum-bodylength": {_UCUM: ["[in_i]", "cm"]},
    _R4 + "ucum-bodytemp": {_UCUM: ["Cel", "[degF]"]},
    _R4 + "ucum-bodyweight": {_UCUM: ["[lb_av]", "g", "kg"]},
}

# What makes a resource a candidate where a profile's structure does not tell: the codes of the guide's text.
MARKS: dict[str, dict[str, Any]] = {
    "us-core-smokingstatus": {"code": [[_LOINC, "72166-2"]]},
    "us-core-observation-clinical-result": {"category": [[_OBSERVATION, code] for code in _RESULTS]},
    "us-core-observation-screening-assessment": {"category": [[_OBSERVATION, "survey"]]},
    "us-core-implantable-device": {"has": "udiCarrier"},
    "us-core-diagnosticreport-note": {"unless": [[_TERMINOLOGY + "v2-0074", "LAB"]]},
}
