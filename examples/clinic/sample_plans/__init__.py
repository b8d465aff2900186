"""Sample plans of care that the sample EMR can send, as data and as PDFs. Every person in them is fictional."""
