"""One module a segment, one function a target resource; each names its map in the guide."""
