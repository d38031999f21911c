"""HL7 v2 to FHIR R4 and back: pure functions, no I/O, no clock, no randomness."""
