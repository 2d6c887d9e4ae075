"""What routes call: from a request to the library or the queue, and from what is stored to an answer."""
