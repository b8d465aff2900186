"""Cedar Clinic EMR (sample): a small stand-in EMR that shows how to work with the portal's contracts."""
