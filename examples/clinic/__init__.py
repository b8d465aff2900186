"""Cedar Clinic EMR, a small sample EMR that shows how to use the portal's contracts."""
