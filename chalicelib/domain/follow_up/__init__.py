"""The follow-up of a document that waits for a signature: its steps, and the moments at which messages may leave."""
