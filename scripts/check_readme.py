#!/usr/bin/env python3
"""Checks that the C++ in README.md and docs/ is code of the samples, which are compiled and run.

A C++ block follows a comment that names a region, <!-- readme:NAME -->. A sample marks the region with
`// [readme:NAME]` and `// [/readme:NAME]`. Both have to be equal, apart from indentation; no C++
block may be without a name or use a helper of the samples, and no link may lead to a file that is not
there.

    check_readme.py              check this checkout
    check_readme.py --fix        rewrite the blocks from the samples
"""

import argparse
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent

REGION = re.compile(r"^[ \t]*// \[readme:([\w-]+)\]\n(.*?)^[ \t]*// \[/readme:\1\]$",
                    re.MULTILINE | re.DOTALL)
MARK = re.compile(r"// \[/?readme:([\w-]+)\]")
NAMED_BLOCK = re.compile(r"(<!-- readme:([\w-]+) -->\n```cpp\n)(.*?)(^```$)",
                         re.MULTILINE | re.DOTALL)
ANY_BLOCK = re.compile(r"^```(?:cpp|c\+\+|cxx)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$|^ {4}[^\n]*$", re.MULTILINE | re.DOTALL)
HELPER = re.compile(r"\bsample::\w+")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def regions_of_samples(problems):
    """{name: (file, text)}"""
    regions = {}
    for path in sorted((ROOT / "samples").rglob("*.cpp")):
        text = path.read_text(encoding="utf-8")
        found = REGION.findall(text)
        if len(MARK.findall(text)) != 2 * len(found):
            problems.append(f"{path.name}: a readme marker without its partner")
        for name, body in found:
            if name in regions:
                problems.append(f"{path.name}: the region {name} exists already")
            regions[name] = (path.name, textwrap.dedent(body))
    return regions


def check(path, text, regions, problems):
    name_of_file = path.relative_to(ROOT)
    blocks = NAMED_BLOCK.findall(text)
    if len(ANY_BLOCK.findall(text)) != len(blocks):
        problems.append(f"{name_of_file}: a C++ block without <!-- readme:NAME --> before it")
    for _, name, body, _ in blocks:
        if name not in regions:
            problems.append(f"{name_of_file}: no sample has a region {name}")
        elif body != regions[name][1]:
            problems.append(f"{name_of_file}: the block {name} differs from {regions[name][0]}; "
                            f"scripts/check_readme.py --fix rewrites it")
    for target in LINK.findall(CODE.sub("", text)):
        if not (path.parent / target).exists():
            problems.append(f"{name_of_file}: link to {target}, which does not exist")
    for helper in sorted(set(HELPER.findall("".join(body for _, _, body, _ in blocks)))):
        problems.append(f"{name_of_file}: {helper} is of samples/sample.h, which no reader has")
    return len(blocks)


def fix(text, regions):
    def replacement(match):
        name = match.group(2)
        body = regions[name][1] if name in regions else match.group(3)
        return match.group(1) + body + match.group(4)
    return NAMED_BLOCK.sub(replacement, text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fix", action="store_true", help="rewrite the blocks from the samples")
    arguments = parser.parse_args()
    problems = []
    regions = regions_of_samples(problems)
    blocks = 0
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        if arguments.fix and text != (fixed := fix(text, regions)):
            text = fixed
            path.write_text(text, encoding="utf-8")
        blocks += check(path, text, regions, problems)
    if blocks == 0:
        problems.append("no C++ block found, so nothing was checked")
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"{blocks} C++ blocks of README.md and docs/ are code of the samples")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
