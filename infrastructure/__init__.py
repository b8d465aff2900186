"""From a bare machine to a running portal: packaging, deployment to AWS, and the local AWS of `make run`."""
