"""Right training files, and ways to spoil them. Every text begins with its role (Q, P, N), so that a loader's own view can be checked.

Standard library only. What the linter and a loader judge differently is in exceptions.py.
"""

import copy
import json
import random

ROWS, NEGATIVES = 6, 3
SEPARATORS = "\u2028\u2029\x85\x0b"


def q(i):
    """The text of a query."""
    return f"Q {i} what is it"


def p(i, j=0):
    """Of a positive."""
    return f"P {i}.{j} this is it"


def n(i, j):
    """Of a negative."""
    return f"N {i}.{j} this is not"


def negatives(i):
    """All negatives of a query."""
    return [n(i, j) for j in range(NEGATIVES)]


def passage(text):
    """As Tevatron nests it."""
    return {"docid": text.split(" this")[0], "title": "", "text": text}


def said(text):
    """As ms-swift nests it."""
    return [{"role": "user", "content": text}]


def _tuple(i):
    return {"anchor": q(i), "positive": p(i), **{f"negative_{j + 1}": n(i, j) for j in range(NEGATIVES)}}


SCORES = [0.9, 0.5, 0.4, 0.3]
RIGHT = {
    "triplet": lambda i: {"anchor": q(i), "positive": p(i), "negative": n(i, 0)},
    "n-tuple": _tuple,
    "n-tuple-scores": lambda i: {**_tuple(i), "scores": SCORES},
    "labeled-pair": lambda i: {"anchor": q(i // 2), "positive": n(i // 2, 0) if i % 2 else p(i // 2), "label": (i + 1) % 2},
    "labeled-list": lambda i: {"anchor": q(i), "positive": [p(i), *negatives(i)], "labels": [1, 0, 0, 0]},
    "flagembedding": lambda i: {"query": q(i), "pos": [p(i), p(i, 1)], "neg": negatives(i)},
    "flagembedding-scores": lambda i: {
        "query": q(i),
        "pos": [p(i), p(i, 1)],
        "neg": negatives(i),
        "pos_scores": [0.9, 0.8],
        "neg_scores": SCORES[1:],
    },
    "tevatron-v1": lambda i: {
        "query_id": str(i),
        "query": q(i),
        "positive_passages": [passage(p(i))],
        "negative_passages": [passage(text) for text in negatives(i)],
    },
    "ms-swift": lambda i: {
        "messages": said(q(i)),
        "positive_messages": [said(p(i))],
        "negative_messages": [said(text) for text in negatives(i)],
    },
    "nemo": lambda i: {
        "question_id": str(i),
        "question": q(i),
        "corpus_id": "corpus",
        "pos_doc": [{"id": p(i)}],
        "neg_doc": [{"id": text} for text in negatives(i)],
    },
    "pylate": lambda i: {"query_id": q(i), "document_ids": [p(i), *negatives(i)], "scores": SCORES},
}
"""One right row of each format; of formats by ids, a text's id is the text."""

FORMAT = {"n-tuple-scores": "n-tuple", "flagembedding-scores": "flagembedding"}
"""Files that are the same format with more columns."""

CONSUMERS = {
    "sentence_transformers": ("triplet", "n-tuple", "n-tuple-scores", "labeled-pair", "labeled-list"),
    "flagembedding": ("flagembedding", "flagembedding-scores"),
    "pylate": ("triplet", "n-tuple", "pylate"),
    "tevatron": ("tevatron-v1",),
    "nemo": ("nemo",),
    "ms_swift": ("ms-swift",),
}


class Draft:
    """A file in the making: its rows, and what is done to its bytes at the end."""

    def __init__(self, name, rng):
        self.rows, self.rng = [copy.deepcopy(RIGHT[name](i)) for i in range(ROWS)], rng
        self.head, self.tail, self.line_end, self.doubled = b"", b"", b"\n", None

    def some(self):
        """One row, and one of its columns."""
        row = self.rng.choice(self.rows)
        return row, self.rng.choice(list(row))

    def items(self):
        """A list in some row; None where the row has none."""
        row = self.rng.choice(self.rows)
        names = [name for name, value in row.items() if isinstance(value, list) and value]
        return row, self.rng.choice(names) if names else None

    def lines(self):
        """The rows as JSON, one each."""
        told = [json.dumps(row, ensure_ascii=False).encode() for row in self.rows]
        if self.doubled is not None:
            place, name = self.doubled
            told[place] = b"{" + json.dumps(name).encode() + b': "Q other", ' + told[place][1:]
        return told


def _set(value):
    def change(draft):
        row, name = draft.some()
        row[name] = value

    return change


def _items(change):
    def inside(draft):
        row, name = draft.items()
        if name is None:
            return False
        row[name] = change(row[name], draft.rng)
        return None

    return inside


def _without(value, place):
    return value[:place] + value[place + 1 :]


def drop_column(draft):
    """One column of one row."""
    row, name = draft.some()
    del row[name]


def drop_column_everywhere(draft):
    """One column of all rows."""
    name = draft.some()[1]
    for row in draft.rows:
        row.pop(name, None)


def shuffle_columns(draft):
    """The columns in another order, in all rows."""
    names = list(draft.rows[0])
    draft.rng.shuffle(names)
    draft.rows = [{name: row[name] for name in names if name in row} for row in draft.rows]


def shuffle_columns_once(draft):
    """The columns in another order, in a later row."""
    names = list(draft.rows[-1])
    draft.rng.shuffle(names)
    draft.rows[-1] = {name: draft.rows[-1][name] for name in names}


def add_column(draft):
    """A column of texts."""
    for row in draft.rows:
        row["note"] = "from the handbook"


def add_column_once(draft):
    """The same in one row."""
    draft.rng.choice(draft.rows)["note"] = "from the handbook"


def quote_number(draft):
    """A number, or those of a list, as strings."""
    for row in draft.rng.sample(draft.rows, len(draft.rows)):
        for name, value in row.items():
            if isinstance(value, int | float):
                row[name] = str(value)
                return None
            if isinstance(value, list) and all(isinstance(item, int | float) for item in value):
                row[name] = [str(item) for item in value]
                return None
    return False


def number_is(value):
    """One number is something else."""

    def change(draft):
        for row in draft.rng.sample(draft.rows, len(draft.rows)):
            for name, old in row.items():
                if isinstance(old, int | float):
                    row[name] = value
                    return None
                if isinstance(old, list) and old and all(isinstance(item, int | float) for item in old):
                    row[name] = [*old[:-1], value]
                    return None
        return False

    return change


def separators(draft):
    """Line separators of Unicode inside texts."""
    draft.rows = json.loads(json.dumps(draft.rows).replace(" this is", f" this{json.dumps(SEPARATORS)[1:-1]} is"))


def mark(draft):
    """A byte order mark."""
    draft.head = b"\xef\xbb\xbf"


def carriage_returns(draft):
    """Line ends as on Windows."""
    draft.line_end = b"\r\n"


def blank_lines(draft):
    """Empty lines at the end."""
    draft.tail = b"\n\n"


def broken_line(draft):
    """A last line that was cut off."""
    draft.tail = b'{"anchor": "Q cut'


def twice(draft):
    """A key that is there twice."""
    draft.doubled = draft.rng.randrange(ROWS), next(iter(draft.rows[0]))


def repeat_row(draft):
    """A row twice."""
    draft.rows.append(copy.deepcopy(draft.rng.choice(draft.rows)))


def nothing(draft):
    """As it is right."""


MUTATIONS = {
    "nothing": nothing,
    "drop_column": drop_column,
    "drop_column_everywhere": drop_column_everywhere,
    "null": _set(None),
    "empty_string": _set(""),
    "empty_list": _set([]),
    "number": _set(5),
    "object": _set({"text": "x"}),
    "string_for_list": _items(lambda value, rng: value[0]),
    "shorter_list": _items(lambda value, rng: _without(value, rng.randrange(len(value)))),
    "longer_list": _items(lambda value, rng: [*value, value[-1]]),
    "null_in_list": _items(lambda value, rng: [*value[:-1], None]),
    "empty_in_list": _items(lambda value, rng: [*value[:-1], ""]),
    "number_in_list": _items(lambda value, rng: [*value[:-1], 7]),
    "shuffle_columns": shuffle_columns,
    "shuffle_columns_once": shuffle_columns_once,
    "add_column": add_column,
    "add_column_once": add_column_once,
    "quote_number": quote_number,
    "nan": number_is(float("nan")),
    "infinity": number_is(float("inf")),
    "null_number": number_is(None),
    "true_number": number_is(True),
    "separators": separators,
    "byte_order_mark": mark,
    "carriage_returns": carriage_returns,
    "blank_lines": blank_lines,
    "broken_line": broken_line,
    "key_twice": twice,
    "repeat_row": repeat_row,
}


def draft_of(name, seed):
    """A file of that format, spoilt in one way or two, and the ways."""
    rng = random.Random(f"{name} {seed}")
    while True:
        draft, ways = Draft(name, rng), rng.sample(list(MUTATIONS), rng.choice((1, 1, 1, 2)))
        if all(MUTATIONS[way](draft) is not False for way in ways):
            return draft, ways
