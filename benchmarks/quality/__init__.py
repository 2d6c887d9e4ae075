"""False negatives, where hidden positives are known."""
