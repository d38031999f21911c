"""The FHIR R4 API: a Starlette application over the store."""
