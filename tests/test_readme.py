#!/usr/bin/env python3
"""The READMEs are readable, and what they say of the program is so.

    test_readme.py WEFT

Readable: sentences, table cells and files have a maximum length. True: commands, options, keys,
paths, links, steps, topics and fields that a README names exist; those that must be named are; the
pictures show the topology; a table of figures has a command beside it."""

import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

READMES = ("README.md", "schemas/README.md", "state/README.md", "processors/README.md",
           "processors/recommend/README.md", "deploy/README.md", "tests/README.md",
           "tools/README.md", "tools/serve/README.md", "CONTRIBUTING.md", "CHANGELOG.md")
WORDS_MAX = {"README.md": 30}  # of a sentence; in the other files:
WORDS_MAX_ELSEWHERE = 35
LINES_MAX = {"README.md": 160, "CONTRIBUTING.md": 40}
CELL_MAX = 120

# Names with dots in code that are no keys of the configuration.
NO_KEYS = re.compile(r"events\.|kind\.|catalog\.product|recommendations\.(early|item)$|__weft|"
                     r"isolation\.level|quality\.PLACEMENT|placements\.|diversity\.percent$|"
                     r"delete\.retention\.ms$|kafka\.|"
                     r"instance\.id$|topic\.partitioner$|"
                     r".*\.(py|md|c|h|js|ts|avsc|properties|sh|csv|html)$")
A_COMMAND = re.compile(r"\bweft [a-z]+|tools/|build/|tests/|python3|WEFT_[A-Z]+=|--[a-z]+")
A_FIGURE = re.compile(r"^[-+~]?(p50 )?[\d.]*\d")


class Page:
    """A README in its parts."""

    def __init__(self, name, text):
        self.name = name
        self.lines = text.splitlines()
        self.paragraphs, self.code, self.tables, self.sections = [], [], [], []
        self.anchors = set()
        self.split()
        self.spans = re.findall(r"`([^`\n]+)`", "\n".join(
            line for line in self.lines if not line.startswith("    ")))
        self.links = re.findall(r"\]\(([^)\s]+)\)", text)

    def split(self):
        paragraph, section, table = [], [], None

        def end():
            if paragraph:
                self.paragraphs.append(" ".join(paragraph))
                paragraph.clear()

        for line in self.lines + [""]:
            text = line.strip()
            if line.startswith("#"):
                end()
                self.anchors.add(anchor(text.lstrip("# ")))
                section = []
                self.sections.append(section)
            section.append(line)
            if line.startswith("|"):
                end()
                if table is None:
                    table = []
                    self.tables.append((table, section))
                table.append([cell.strip() for cell in text.strip("|").split("|")])
                continue
            table = None
            if line.startswith("    ") and not paragraph:
                self.code.append(text)
            elif not text or line.startswith("#") or line.startswith("!["):
                end()
            elif re.match(r"([-*]|\d+\.) ", text):
                end()
                paragraph.append(re.sub(r"^([-*]|\d+\.) ", "", text))
            else:
                paragraph.append(text)


def anchor(heading):
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def sentences(paragraph):
    """Code and links are a word each; a list item ends with its line."""
    plain = re.sub(r"`[^`]*`", "Code", paragraph)
    plain = re.sub(r"\[[^\]]*\]\([^)]*\)", "Link", plain)
    return re.split(r"(?<=[.!?])[\"')*]*\s+(?=[\"'(*]*[A-Z0-9])|(?<=[:;])\s+$", plain)


def words(sentence):
    return len(re.findall(r"[\w'’.,+/%±-]*\w[\w'’.,+/%±-]*", sentence))


def check_style(page, check):
    longest = WORDS_MAX.get(page.name, WORDS_MAX_ELSEWHERE)
    for paragraph in page.paragraphs:
        for sentence in sentences(paragraph):
            check(f"{page.name}: a sentence of {words(sentence)} words, at most {longest}: "
                  f"{sentence}", words(sentence) <= longest)
    for table, _ in page.tables:
        for row in table:
            for cell in row:
                check(f"{page.name}: a cell of {len(cell)} characters: {cell}",
                      len(cell) <= CELL_MAX)
            check(f"{page.name}: a row of {len(row)} cells in a table of {len(table[0])}: {row}",
                  len(row) == len(table[0]))
    for line in page.lines:
        check(f"{page.name}: code runs over the end of the line: {line}",
              line.startswith("    ") or line.count("`") % 2 == 0)
    most = LINES_MAX.get(page.name)
    if most:
        check(f"{page.name} has {len(page.lines)} lines, at most {most}", len(page.lines) <= most)


def check_figures(page, check):
    """A table in which every third cell is a figure needs a command in its section."""
    for table, section in page.tables:
        cells = [cell for row in table[2:] for cell in row[1:] if cell]
        figures = [cell for cell in cells if A_FIGURE.match(cell)]
        if len(figures) * 3 < len(cells) or not figures:
            continue
        code = re.findall(r"`([^`]+)`", "\n".join(section)) + \
            [line for line in section if line.startswith("    ")]
        check(f"{page.name}: figures without a command: {' | '.join(table[0])}",
              any(A_COMMAND.search(text) for text in code))


def help_of(output, commands):
    return {command: output(command, "--help") for command in sorted(commands)}


def check_commands(page, helps, check):
    for text in page.spans + page.code:
        for command, rest in re.findall(r"\bweft ([a-z]+(?:-[a-z]+)*)\b([^|]*)", text):
            check(f"{page.name}: there is no command {command}", command in helps)
            for option in re.findall(r"(?<![\w-])--[a-z-]+", rest):
                check(f"{page.name}: weft {command} has no option {option}",
                      option in helps.get(command, "") or option == "--help")


def check_keys(page, keys, check):
    for text in page.spans + page.code:
        for name in re.findall(r"(?<![\w./-])[a-z]+(?:\.[a-z]+)+(?![\w/(])", text):
            if not NO_KEYS.match(name) and "http" not in text and "_" not in name:
                check(f"{page.name}: there is no key {name}", name in keys)


def check_paths(page, pages, check):
    folders = "tools|tests|schemas|deploy|state|processors|build"
    for text in page.spans + page.code:
        for path in re.findall(rf"(?<![\w./-])(?:{folders})/[\w./*-]*", text):
            if path.startswith("build/") or "*" in path or "NAME" in path:
                continue
            check(f"{page.name}: there is no file {path}",
                  os.path.exists(os.path.join(ROOT, path.rstrip("."))))
        for name in re.findall(r"\bbuild(?:-\w+)?/tests/(\w+)", text):
            check(f"{page.name}: there is no program {name}",
                  os.path.exists(os.path.join(ROOT, "tests", name + ".c")))
    for link in page.links:
        if link.startswith("http"):
            continue
        path, _, part = link.partition("#")
        target = os.path.normpath(os.path.join(os.path.dirname(page.name), path)) if path \
            else page.name
        check(f"{page.name}: the link {link} leads nowhere",
              os.path.exists(os.path.join(ROOT, target)))
        if part:
            check(f"{page.name}: there is no heading {link}",
                  target in pages and part in pages[target].anchors)


def fields_of(schema):
    """All names of fields in a schema, nested ones too."""
    if isinstance(schema, list):
        return set().union(*(fields_of(each) for each in schema))
    if not isinstance(schema, dict):
        return set()
    names = {field["name"] for field in schema.get("fields", ())}
    for part in [field["type"] for field in schema.get("fields", ())] + \
            [schema[key] for key in ("type", "items", "values") if key in schema]:
        names |= fields_of(part)
    return names


def check_topology(pages, output, check):
    """describe's steps and topics are in the pictures and in the pages that explain them."""
    described = output("describe")
    with open(os.path.join(ROOT, "deploy", "topology.dot")) as file:
        check("deploy/topology.dot is not what 'weft describe --dot' prints: write it again, and "
              "the picture with 'dot -Tsvg'", file.read() == output("describe", "--dot"))
    with open(os.path.join(ROOT, "deploy", "topology.svg")) as file:
        generated = file.read()
    with open(os.path.join(ROOT, "deploy", "architecture.svg")) as file:
        drawn = file.read()
    for step in re.findall(r"^  (\w+): ", described, re.M):
        check(f"deploy/topology.svg lacks the step {step}", f">{step}<" in generated)
        check(f"deploy/architecture.svg lacks the step {step}", f">{step}<" in drawn)
        check(f"processors/README.md lacks the step *{step}*",
              f"*{step}*" in "\n".join(pages["processors/README.md"].lines))
    for topic in re.findall(r"^  ([\w.-]+) +(?:input|output) ", described, re.M):
        check(f"deploy/architecture.svg lacks the topic {topic}",
              re.search(rf">{re.escape(topic)}[<:]", drawn) is not None)
        check(f"schemas/README.md lacks the topic {topic}",
              topic in pages["schemas/README.md"].spans)


def check_reference(pages, helps, check):
    tools = pages["tools/README.md"].spans
    for command in helps:
        check(f"tools/README.md lacks weft {command}", f"weft {command}" in tools)
    for script in sorted(os.listdir(os.path.join(ROOT, "tools"))):
        path = os.path.join(ROOT, "tools", script)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            check(f"tools/README.md lacks tools/{script}", f"tools/{script}" in tools)
    with open(os.path.join(ROOT, "processors", "runtime", "metrics.c")) as file:
        for metric in re.findall(r'(?:ONE|COUNT)\("(\w+)"', file.read()):
            check(f"deploy/README.md lacks the metric {metric}",
                  metric in pages["deploy/README.md"].spans)
    schemas = "\n".join(pages["schemas/README.md"].lines)
    for name in ("view", "search", "cart", "purchase", "impression", "click", "user", "product",
                 "recommendation", "ranking", "item_lists"):
        with open(os.path.join(ROOT, "schemas", name + ".avsc")) as file:
            for field in sorted(fields_of(json.load(file))):
                check(f"schemas/README.md lacks the field {field} of {name}.avsc",
                      f"`{field}`" in schemas)


def check_rights(page, output, check):
    """The script of deploy/README.md grants what 'weft check --acls' prints, and no more."""
    printed = [line.split("User:NAME ")[1] for line in output("check", "--acls").splitlines()
               if "User:NAME " in line]
    written = [text[4:] for text in page.code if text.startswith("acl ")]
    check(f"{page.name}: the rights are not those of 'weft check --acls'", written == printed)


def main(weft):
    passed, failures = 0, []

    def check(failure, good):
        nonlocal passed
        if good:
            passed += 1
        elif failure not in failures:
            failures.append(failure)

    def output(*arguments):
        return subprocess.run([weft, *arguments], capture_output=True, text=True,
                              check=True).stdout

    pages = {}
    for name in READMES:
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            pages[name] = Page(name, file.read())
    helps = help_of(output, re.findall(r"^  ([\w-]+) ", output("--help"), re.M))
    keys = set(re.findall(r"^([a-z.]+)=", output("check", "--keys"), re.M))
    for page in pages.values():
        check_style(page, check)
        check_figures(page, check)
        check_commands(page, helps, check)
        check_keys(page, keys, check)
        check_paths(page, pages, check)
    check_topology(pages, output, check)
    check_reference(pages, helps, check)
    check_rights(pages["deploy/README.md"], output, check)
    for failure in failures:
        print(f"FAIL  {failure}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
