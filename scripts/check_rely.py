#!/usr/bin/env python3
"""Checks that every sentence of "What you can rely on" in README.md names its tests in docs/RELY.md.

There, each sentence is quoted, word by word and in the same order, and followed by the tests that show
it: `Suite.Name` of a GoogleTest, or ctest `name`. A test that is not in the sources is an error.

    check_rely.py                check this checkout
    check_rely.py --self-test    check that every rule is able to fail
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

SECTION = re.compile(r"^## What you can rely on\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BULLET = re.compile(r"^- (.*(?:\n  .*)*)", re.MULTILINE)
SENTENCE_END = re.compile(r"(?<=\.) (?=[A-Z`])")
QUOTE = re.compile(r"^(?:> .*\n)+", re.MULTILINE)
NAMED = re.compile(r"^- (ctest )?`([^`]+)`$", re.MULTILINE)
GTEST = re.compile(r"^\s*(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
CTEST = re.compile(r"add_test\(\s*NAME (\w+)")


def in_one_line(text):
    return " ".join(text.split())


def sentences_of(readme):
    section = SECTION.search(readme)
    if section is None:
        return []
    return [sentence for bullet in BULLET.findall(section.group(1))
            for sentence in SENTENCE_END.split(in_one_line(bullet))]


def statements_of(rely):
    """[(sentence, [(kind, test)])]"""
    quotes = list(QUOTE.finditer(rely))
    ends = [quote.start() for quote in quotes[1:]] + [len(rely)]
    return [(in_one_line(quote.group(0).replace("\n> ", " ")[2:]),
             NAMED.findall(rely[quote.end():end])) for quote, end in zip(quotes, ends)]


def check(readme, rely, gtests, ctests):
    """What is wrong, as a list of texts."""
    problems = []
    sentences = sentences_of(readme)
    statements = statements_of(rely)
    if not sentences:
        problems.append("README.md: no sentence found, so nothing was checked")
    told = [sentence for sentence, _ in statements]
    problems += [f"README.md: docs/RELY.md does not have: {each}" for each in sentences if each not in told]
    problems += [f"docs/RELY.md: README.md does not say: {each}" for each in told if each not in sentences]
    if not problems and told != sentences:
        problems.append("docs/RELY.md: the sentences are in another order than in README.md")
    for sentence, tests in statements:
        if not tests:
            problems.append(f"docs/RELY.md: no test for: {sentence}")
        problems += [f"docs/RELY.md: there is no test {test}" for kind, test in tests
                     if test not in (ctests if kind else gtests)]
    return problems


def tests_of_sources():
    gtests, ctests = set(), set()
    for folder in ("tests", "integration_tests"):
        for path in (ROOT / folder).rglob("*.cpp"):
            gtests |= {f"{suite}.{name}" for suite, name in GTEST.findall(path.read_text(encoding="utf-8"))}
        for path in (ROOT / folder).rglob("CMakeLists.txt"):
            ctests |= set(CTEST.findall(path.read_text(encoding="utf-8")))
    return gtests, ctests


def self_test():
    readme = "## What you can rely on\n\n- It works. `that` too,\n  on two lines.\n- More.\n\n## Next\n"
    rely = ("text\n\n> It works.\n\n- `A.b`\n\n> `that` too, on\n> two lines.\n\n- ctest `c`\n- `A.b`\n\n"
            "> More.\n\n- `A.b`\n")
    cases = [
        ("as it should be", readme, rely, 0),
        ("a sentence without statement", readme.replace("More.", "More. And more."), rely, 1),
        ("a sentence that has changed", readme.replace("too", "also"), rely, 2),
        ("another order", readme, rely.replace("> More.\n\n- `A.b`\n", "").replace(
            "> It works.", "> More.\n\n- `A.b`\n\n> It works."), 1),
        ("a statement without tests", readme, rely.replace("- ctest `c`\n- `A.b`\n\n>", ">"), 1),
        ("a test that is not there", readme, rely.replace("A.b", "A.c", 1), 1),
        ("a ctest that is not there", readme, rely.replace("`c`", "`d`"), 1),
        ("no section", "", "", 1),
    ]
    failed = [name for name, text, statements, wanted in cases
              if len(check(text, statements, {"A.b"}, {"c"})) != wanted]
    for name in failed:
        print(f"self-test: {name}", file=sys.stderr)
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--self-test", action="store_true", help="check the checks")
    if parser.parse_args().self_test:
        return self_test()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rely = (ROOT / "docs" / "RELY.md").read_text(encoding="utf-8")
    problems = check(readme, rely, *tests_of_sources())
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"{len(sentences_of(readme))} sentences have their tests")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
