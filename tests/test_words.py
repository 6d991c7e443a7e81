#!/usr/bin/env python3
"""Private words and phrases that newcomers stumble over stay out of code, scripts and READMEs.

    test_words.py [FILE]...

Without FILEs all files of the repository are checked. processors/README.md has the words to use
instead. Prints each place and 'N passed, N failed', in files. Exit code 1: a word was found."""

import io
import os
import re
import subprocess
import sys
import tokenize

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Parts of identifiers and of file names, with what to use instead.
NAMES = {
    "asked": "query_history, or the name of the thing",
    "kept": "stored, survivors, count, cache",
    "shelf": "category_popularity",
    "shelves": "category_popularity",
    "given": "former, wanted, or the name of the thing",
    "licence": "lease",
    "licences": "leases",
    "facts": "product features, attributes",
    "anew": "again",
}
# Structures, the functions that start with their names, and files.
STRUCTURES = {"pages": "clickstream", "published": "topic_contents", "waiting": "pending_sample",
              "best": "top_k", "rules_shop": "merchandising"}
# Whole identifiers.
WHOLE_NAMES = {"is_answer": "outcome of a click", "online_metrics_answer": "online_metrics_click"}

# In comments, strings and texts. A space stands for any white space.
PHRASES = {
    r"\bof what\b": "name the thing",
    r"\bof whom\b": "name the visitor",
    r"\bthose who\b": "name them: visitors, readers",
    r"\bwho is none\b": "who is not one",
    r"\bwhat is not\b": "name the thing",
    r"\bof late\b": "recently, in the last days",
    r"\bas good as\b": "almost, or say how good",
    r"\banew\b": "again",
    r"\bwhosoever\b": "any visitor, any process",
    r"\bshel(f|ves)\b": "category popularity",
    r"\b[Ll]icences?\b": "lease",
    r"\b[Ff]acts\b": "product features, attributes",
    r"\browe?s? of rules\b|\brules of (co-?occurrence|views|carts)\b": "co-occurrence rows",
}
# At the start of a sentence in a comment.
OPENINGS = {r"Of\b": "name the subject first", r"What\b(?![^.]*\?)": "name the thing",
            r"Whoever\b": "name the reader or process"}

# Path, what the line must have, and the reason. An exception that nothing needs is an error.
EXCEPTIONS = (
    ("tests/test_words.py", r"", "names the words"),
    ("LICENSE", r"", "the text of the licence"),
    ("README.md", r"Licence: Apache", "of the software"),
    ("CHANGELOG.md", r"was shelves", "tells the former names"),
    ("processors/runtime/config.c", r'"shelves"', "former names are still accepted"),
    ("tests/test_config.c", r"shelves", "tries the former names"),
)

TEXTS = (".md", ".avsc", ".properties", ".example", ".yml", ".cmake", ".txt")


def spaced(pattern):
    return pattern.replace(" ", r"[\s*#]+(?:\"\s*\")?")


class Text:
    """A file as three texts of the same length, blank where the others are: code, comments and
    strings."""

    def __init__(self, path, content):
        self.path, self.content = path, content
        blank = re.sub(r"[^\n]", " ", content)
        self.code = self.comments = self.strings = blank
        if path.endswith((".c", ".h")):
            self.split_c()
        elif path.endswith(".py") or content.startswith("#!/usr/bin/env python"):
            self.split_python()
        else:
            self.comments = content

    def put(self, field, start, end):
        text = getattr(self, field)
        setattr(self, field, text[:start] + self.content[start:end] + text[end:])

    def split_c(self):
        parts = {"code": [], "comments": [], "strings": []}
        at = 0
        for match in re.finditer(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'",
                                 self.content, re.S):
            parts["code"].append((at, match.start()))
            parts["comments" if match.group()[0] == "/" else "strings"].append(match.span())
            at = match.end()
        parts["code"].append((at, len(self.content)))
        self.join(parts)

    def split_python(self):
        starts = [0]
        for line in self.content.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        parts = {"code": [], "comments": [], "strings": []}
        for token in tokenize.generate_tokens(io.StringIO(self.content).readline):
            span = (starts[token.start[0] - 1] + token.start[1],
                    starts[token.end[0] - 1] + token.end[1])
            kind = {tokenize.COMMENT: "comments", tokenize.STRING: "strings",
                    tokenize.NAME: "code"}.get(token.type)
            if kind == "strings" and self.content[span[0]:span[1]].startswith('"""'):
                kind = "comments"
            if kind:
                parts[kind].append(span)
        self.join(parts)

    def join(self, parts):
        for field, spans in parts.items():
            text = list(getattr(self, field))
            for start, end in spans:
                text[start:end] = self.content[start:end]
            setattr(self, field, "".join(text))


def names_in(text):
    for match in re.finditer(r"[A-Za-z_]\w*", text.code):
        parts = match.group().lower().split("_")
        for part in parts:
            if part in NAMES:
                yield match.start(), match.group(), NAMES[part]
        if match.group() in WHOLE_NAMES:
            yield match.start(), match.group(), WHOLE_NAMES[match.group()]
    for match in re.finditer(rf"\bstruct ({'|'.join(STRUCTURES)})\b|"
                             rf"\b({'|'.join(STRUCTURES)})_\w+(?= *\()", text.code):
        name = match.group(1) or match.group(2)
        yield match.start(), match.group(), STRUCTURES[name]


def phrases_in(text):
    for field in ("comments", "strings"):
        for pattern, instead in PHRASES.items():
            for match in re.finditer(spaced(pattern), getattr(text, field), re.I):
                yield match.start(), " ".join(match.group().split()), instead


def openings_in(text):
    if not text.path.endswith((".c", ".h", ".py")):
        return
    for pattern, instead in OPENINGS.items():
        for match in re.finditer(rf"(?:/\*+|\"\"\"|#|[.!?:])[\s*#]+({pattern})", text.comments):
            yield match.start(1), f"a sentence begins with {match.group(1)}", instead


def found_in(path, content):
    text = Text(path, content)
    stem = os.path.splitext(os.path.basename(path))[0]
    for part in re.split(r"[_-]", stem):
        if part in NAMES:
            yield 1, part, NAMES[part]
    if stem in STRUCTURES:
        yield 1, stem, STRUCTURES[stem]
    for find in (names_in, phrases_in, openings_in):
        for at, word, instead in find(text):
            yield content.count("\n", 0, at) + 1, word, instead


def self_test():
    for path, content, good in (
            ("a.c", "int kept;", False), ("a.c", "int kept_count;", False),
            ("a.c", "int pages;", True), ("a.c", "struct pages pages;", False),
            ("a.c", "pages_read();", False), ("best.c", "", False),
            ("a.c", "/* it is kept */ int count;", True), ("a.c", 'puts("\\"asked\\"");', True),
            ("a.c", "/* those\n * who buy */", False), ("a.c", "/* Of all rows */", False),
            ("a.c", "/* One. What it is. */", False),
            ("a.c", 'puts("all "\n     "of late");', False),
            ("a.c", "/* all of them */", True), ("a.py", "asked = 1\n", False),
            ("a.md", "popular of late", False), ("shelves.c", "", False)):
        if (not list(found_in(path, content))) != good:
            sys.exit(f"self-test: {path}: {content}")


def files():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return listed.stdout.split()
    return [os.path.relpath(os.path.join(folder, name), ROOT)
            for top in ("schemas", "state", "processors", "tools", "tests", "deploy")
            for folder, _, names in os.walk(os.path.join(ROOT, top)) for name in names]


def is_text(path):
    full = os.path.join(ROOT, path)
    return path.endswith((".c", ".h", ".py", *TEXTS)) or (
        os.path.isfile(full) and os.access(full, os.X_OK) and "." not in os.path.basename(path))


def main(chosen):
    self_test()
    passed, failed, used = 0, 0, set()
    for path in chosen or files():
        if not is_text(path) or not os.path.exists(os.path.join(ROOT, path)):
            continue
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            content = file.read()
        lines = content.splitlines() or [""]
        wrong = 0
        for line, word, instead in sorted(set(found_in(path, content))):
            exception = next((each for each in EXCEPTIONS if each[0] == path and
                              re.search(each[1], lines[line - 1])), None)
            used.add(exception)
            if exception is None:
                print(f"{path}:{line}: '{word}': {instead}")
                wrong += 1
        passed += wrong == 0
        failed += wrong > 0
    for exception in EXCEPTIONS if not chosen else ():
        if exception not in used and exception[0] != "LICENSE":
            print(f"FAIL  no line needs the exception {exception}")
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
