#!/usr/bin/env python3
"""What the README says of the program is so: the picture is the topology's, the commands, keys and
files that it names are there.

    test_readme.py WEFT"""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main(weft):
    passed, failures = 0, []

    def check(name, good):
        nonlocal passed
        if good:
            passed += 1
        else:
            failures.append(name)

    def output(*arguments):
        return subprocess.run([weft, *arguments], capture_output=True, text=True,
                              check=True).stdout

    with open(os.path.join(ROOT, "README.md")) as file:
        readme = file.read()
    with open(os.path.join(ROOT, "deploy", "topology.dot")) as file:
        check("deploy/topology.dot is what 'weft describe --dot' prints; make it anew, and the "
              "picture with 'dot -Tsvg'", file.read() == output("describe", "--dot"))
    with open(os.path.join(ROOT, "deploy", "topology.svg")) as file:
        picture = file.read()
    for step in re.findall(r"^  (\w+): ", output("describe"), re.M):
        check(f"the picture shows {step}", f">{step}<" in picture)
        check(f"the README tells of {step}", f"*{step}*" in readme)
    commands = set(re.findall(r"^  (\w+) ", output("--help"), re.M))
    for command in sorted(set(re.findall(r"weft ([a-z]+)\b", "\n".join(
            re.findall(r"`([^`]*)`", readme) + re.findall(r"^    (.*)$", readme, re.M))))):
        check(f"there is a command {command}", command in commands)
    keys = set(re.findall(r"^([a-z.]+)=", output("check", "--keys"), re.M))
    named = set(re.findall(r"`([a-z]+(?:\.[a-z]+)+)(?:=[^`]*)?`", readme))
    for key in sorted(named):
        if key.startswith(("events.", "__weft", "isolation.level", "placements.")) or key.endswith((".py", ".md")):
            continue
        check(f"there is a key {key}", key in keys)
    for path in sorted(set(re.findall(r"`((?:tools|tests|schemas|deploy|state|processors)/[\w./-]*)`",
                                      readme))):
        check(f"there is a file {path}", os.path.exists(os.path.join(ROOT, path)))
    check("no figure is missing", "FIGURES" not in readme)
    for failure in failures:
        print(f"FAIL  {failure}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
