"""A local fax carrier with the API of Telnyx, for `make run` and the tests. It sends nothing to a real fax machine."""
