"""What the services share, in layers: a package imports only those named before it.

errors, settings, log, metrics, health < hl7v2, fhir, terminology < mapping < models, lanes < store
< embedded < testing. The import linter (pyproject.toml) holds it.
"""
