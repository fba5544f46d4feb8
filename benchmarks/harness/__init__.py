"""What all measurements share: databases, servers, load, results, tables and charts."""
