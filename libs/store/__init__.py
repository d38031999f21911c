"""What is kept in PostgreSQL: written synchronously, read asynchronously, each query in one place."""
