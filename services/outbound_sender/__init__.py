"""Sends HL7 v2 messages to other systems over MLLP, each destination in order, until they are taken."""
