"""Use cases. Each asks first whether the actor may, and answers with a result or a refusal; both are values."""
