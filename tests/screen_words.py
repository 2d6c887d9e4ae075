"""Words that the glossary has better ones for, and the text of what a user sees."""

import re

FORBIDDEN = re.compile(
    r"\b(bars?|backgrounds?|tiers?|rungs?|starved|told|tells?|heed\w*|heard|was said|says nothing|crew|desk|rehears\w*|climb\w*|"
    r"ran short|distinct|population|by chance|goes on|go(ing)? on with|begins? anew|foresight|drawn blindly)\b",
    re.IGNORECASE,
)
PUBLIC_NAMES = re.compile(r"`[^`]*`|--[\w-]+|HARDNEG_\w+|\btiers \(fallback levels\)|\w+[:=]\S+")
"""Names of flags, fields and columns, which stay as they are."""
MARKUP = re.compile(r"<style>.*?</style>|<script.*?</script>|<[^>]*>", re.DOTALL)


def wrong_words(text):
    """The forbidden words of a text that a user reads."""
    return [match[0] for match in FORBIDDEN.finditer(PUBLIC_NAMES.sub(" ", text))]


def visible_text(page):
    """The text of an HTML page, and the attributes that are read aloud; without the manifest, which holds stored names."""
    shown = re.sub(r'<section aria-labelledby="manifest">.*?</section>', "", page, flags=re.DOTALL)
    spoken = re.findall(r'(?:aria-label|placeholder|title|alt)="([^"]*)"', shown)
    return " ".join([MARKUP.sub(" ", shown), *spoken])
