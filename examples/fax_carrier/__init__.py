"""A local fax carrier: it replaces Telnyx, the service that sends the portal's faxes, in `make run` and the tests.

It has the API of Telnyx, and sends nothing to a real fax machine."""
