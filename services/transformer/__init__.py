"""Drains the inbound lanes: HL7 messages in, FHIR resources in PostgreSQL out."""
