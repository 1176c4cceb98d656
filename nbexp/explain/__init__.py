"""Why variants ran or did not, and how long runs take: what any front-end tells of it."""
