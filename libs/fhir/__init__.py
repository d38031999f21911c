"""FHIR R4 as data: JSON, bundles, definitions, validation and the values that search is about. No I/O."""
