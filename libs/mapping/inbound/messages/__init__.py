"""One module a message structure: which segments make which resources."""
