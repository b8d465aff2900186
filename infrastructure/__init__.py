"""Packaging, deployment to AWS, and the local AWS of `make run`."""
