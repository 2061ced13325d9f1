"""A run shown in a browser: live pictures, people, counts, events."""
