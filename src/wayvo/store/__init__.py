"""The database: tables, the threads that read and write them, one query module per noun."""
