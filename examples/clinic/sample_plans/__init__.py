"""Sample plans of care, as data and as PDFs. Every person in them is fictional."""
