"""Stand-ins for a trial of the portal: a small EMR (`clinic`), a provider's mailbox, and a local fax carrier.

The stand-ins use only the portal's public contracts and the local AWS. They import nothing from the portal."""
