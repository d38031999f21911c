"""One module a family of HL7 data types: a field value in, a FHIR element out."""
