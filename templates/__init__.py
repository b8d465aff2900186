"""Templates of pages, mails, faxes and certificates: a package, so that it is deployed with the code."""
