"""Cedar Clinic EMR, a small sample EMR (a clinic's records system) that shows how to use the portal's API and
webhooks."""
