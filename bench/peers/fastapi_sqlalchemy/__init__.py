"""Keys in a table, asked for by one indexed query per request: FastAPI and SQLAlchemy's ORM with a pool."""
