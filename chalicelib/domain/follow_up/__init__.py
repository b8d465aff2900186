"""The follow-up of a document that waits for a signature: reminders to the provider and requests to the clinic's staff.

The package has the steps of the follow-up, and the hours in which messages may be sent."""
