"""Who may do what: keys, sessions, limits on wrong keys, and the guard before every route."""
