"""What runs beside the requests: small steps, again and again."""
