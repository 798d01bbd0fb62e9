"""What is presented as ``Authorization: Bearer …``: its format, its digest, its life."""
