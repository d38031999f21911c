"""Benchmarks and chaos: what the system does under load, measured, never asserted by a timed test."""
