"""HTTP, alike for every resource: reading requests, writing answers, documenting both. It knows no resource by name."""
