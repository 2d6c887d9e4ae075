"""What others wrote and we hand on, unchanged: version, licence and hashes in vendored.json."""
