"""A Qdrant server for tests: the part of its API that the store adapter uses, over qdrant-edge.

Several processes can share it, which a segment in process cannot offer. It is a
test asset: the product never imports it.
"""
