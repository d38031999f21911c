"""HL7 v2 to FHIR R4.

The order of authority: HL7's v2-to-FHIR implementation guide 1.0.0, then our own rule where the guide is
silent or contradicts itself (../README.md), then what a FHIR developer would expect.
"""
