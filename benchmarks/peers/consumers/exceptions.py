"""Where linter and loaders differ, and why each difference is right."""

STRICTER = {
    "*": {
        "repeated_row": "no loader looks for rows that are there twice: they are trained on twice",
        "duplicate_negative": "nor for a negative that is there twice in a row",
        "score_order": "nor for a negative whose teacher's score is above its positive's",
        "string_for_number": "some loaders drop or cast quoted numbers; whoever reads the scores gets strings",
        "unusable_id": "who needs no ids does not look at them",
        "true_number": "torch casts true to 1, which is no teacher's score",
    },
    "sentence_transformers": {"byte_order_mark": "datasets skips it"},
    "flagembedding": {
        "byte_order_mark": "datasets skips it",
        "part_scores": "without knowledge distillation the loader drops the columns of scores",
    },
    "pylate": {"byte_order_mark": "datasets skips it"},
    "tevatron": {"byte_order_mark": "datasets skips it"},
    "ms_swift": {
        "byte_order_mark": "datasets skips it",
        "key_twice": "its reader keeps one of them and says nothing",
        "no_messages": "its preprocessor leaves out a row without a query and says nothing",
    },
}
"""{consumer: {rule of the linter, or kind of unusable row: why the linter finds what the loader lets pass}}."""

KINDS = {
    "an id is a string": "unusable_id",
    "is there twice": "key_twice",
    "holds true or false": "true_number",
    "there is no 'messages'": "no_messages",
}
"""Kinds of unusable rows, by what the linter says of them."""

LENIENT = {
    ("sentence_transformers", "number_in_list"): "labels of a list may be grades, which are no fault",
    ("sentence_transformers", "number"): "the label of a pair may be a degree, which is no fault",
    ("sentence_transformers", "true_number"): "true is a label as good as 1: that the passage is none, no file can tell",
}
"""{(consumer, way): why the loader stops at what the linter passes}."""
