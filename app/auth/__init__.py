"""Authentication and authorisation: keys, sessions, limits on wrong keys, checks of a browser's requests."""
