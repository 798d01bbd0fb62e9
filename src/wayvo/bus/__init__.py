"""How processes tell each other what changed."""
