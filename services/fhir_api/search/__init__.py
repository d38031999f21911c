"""From a query string to the search that the store runs, and back to links."""
