"""The mailbox: a provider's emails, faxes and text messages, read from the local AWS, for a trial of the portal."""
