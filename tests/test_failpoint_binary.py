#!/usr/bin/env python3
"""A binary that is shipped has no fail points; one of the test presets has.

    test_failpoint_binary.py BINARY with|without"""

import sys

with open(sys.argv[1], "rb") as file:
    text = file.read()
found = {word: word.encode() + b"\0" in text
         for word in ("WEFT_FAIL_AT", "after_flush", "after_offsets", "after_commit", "mid_batch",
                      "mid_restore")}
failed = 0
for word, is_there in found.items():
    if is_there != (sys.argv[2] == "with"):
        print(f"FAIL  {word} is {'' if is_there else 'not '}in the binary")
        failed += 1
print(f"{len(found) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
