"""The provider's inbox, fax machine and phone, read from the local AWS, for a trial of the portal."""
