"""What Wayvo is measured against: each written as its own documentation or a good team would have it."""
