"""HL7 clients of the npm registry, which nobody here wrote, against the whole system."""
