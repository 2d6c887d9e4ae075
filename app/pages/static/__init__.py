"""What the browser gets as it is."""
