"""What the measurements share: databases, servers, load, results, tables and charts; it imports none of them."""
