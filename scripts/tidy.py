#!/usr/bin/env python3
"""Runs clang-tidy over the files that have changed since they last passed; see check_tidy.sh.

The list .ci/tidy.hashes holds, for each file that has passed, a digest of everything the result depends
on: the file, the project headers it includes, directly or not, the .clang-tidy files above it, and the
compiler's options. It is committed, because CI begins with a fresh clone.

    tidy.py --build DIR             what has changed
    tidy.py --build DIR --all       everything
    tidy.py --build DIR FILE...     these files, changed or not
    tidy.py --self-test             checks that every part of a digest counts

Where a header that many include has changed, sources are looked at in groups, as in a unity build: most of
the time goes into the standard library's headers, which a group includes once. Clang's analyzer skips files
that are included, so that `--all` looks at each file by itself.

What passes enters the list; what is gone leaves it.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-16"

# Where an include is looked for, beside the directory of the file that includes.
INCLUDE_DIRECTORIES = ("include", "src", "tests", "samples", "integration_tests")
# Generated while configuring, from these.
GENERATED = {"network_system/config.h": "cmake/config.h.in"}
INCLUDE = re.compile(rb'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)
# Of a compiler's command, what has no path in it and changes what clang-tidy sees.
OPTION = re.compile(r"-(D|U|std=|f|m|O|W)")
# As many sources as in a file of a unity build; so many have to have changed for that.
GROUP = 8
MANY = 24
NOISE = re.compile(r"^(\d+ warnings? (generated|treated)|Suppressed |Use -header-filter)")


class Project:
    """The files of a checkout, and what each depends on."""

    def __init__(self, root):
        self.root = root
        self._contents = {}
        self._includes = {}

    def content(self, path):
        if path not in self._contents:
            self._contents[path] = path.read_bytes()
        return self._contents[path]

    def _resolve(self, includer, name):
        if name in GENERATED:
            return self.root / GENERATED[name]
        for place in (includer.parent, *(self.root / each for each in INCLUDE_DIRECTORIES)):
            if (place / name).is_file():
                return (place / name).resolve()
        return None

    def includes(self, path):
        if path not in self._includes:
            found = (self._resolve(path, name.decode()) for name in INCLUDE.findall(self.content(path)))
            self._includes[path] = sorted({each for each in found if each is not None})
        return self._includes[path]

    def dependencies(self, path):
        """The file and every project header it includes, directly or not."""
        seen, waiting = set(), [path]
        while waiting:
            each = waiting.pop()
            if each not in seen:
                seen.add(each)
                waiting.extend(self.includes(each))
        return sorted(seen)

    def digest(self, path, options):
        total = hashlib.sha256(" ".join(options).encode())
        inputs = self.dependencies(path)
        for directory in (self.root, *path.parents):
            if (directory / ".clang-tidy").is_file() and self.root in (directory, *directory.parents):
                inputs.append(directory / ".clang-tidy")
        for each in inputs:
            total.update(hashlib.sha256(self.content(each)).digest())
        return total.hexdigest()[:32]


def files_to_check(build):
    """{name in the list: (file, options of its compiler)}: sources, samples, all public headers.

    Sources are in the order of the build, in which neighbours can be compiled together."""
    checked = {}
    headers = build / "tests" / "compile" / "all_public_headers.cpp"
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        options = sorted({each for each in shlex.split(entry["command"]) if OPTION.match(each)})
        if path == headers.resolve():
            checked["include"] = (path, options)
        elif path.is_relative_to(ROOT / "src") or path.is_relative_to(ROOT / "samples"):
            checked[path.relative_to(ROOT).as_posix()] = (path, options)
    return checked


def read_list(path):
    if not path.is_file():
        return {}
    pairs = (line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, name in pairs}


def write_list(path, digests):
    lines = [f"{digest}  {name}\n" for name, digest in sorted(digests.items())]
    path.write_text("".join(lines), encoding="utf-8")


def run(command):
    """(passed, what it printed)"""
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout


def run_tidy(build, path):
    return run([TIDY, "-quiet", "-p", str(build), str(path)])


def compiler_arguments(build, path):
    """Those of the compilation of a source, without its input and output."""
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        if pathlib.Path(entry["directory"], entry["file"]).resolve() == path:
            arguments = shlex.split(entry["command"])[1:]
            return [each for each in arguments if OPTION.match(each) or each.startswith("-I")]
    return []


def tidy_group(build, files):
    """[(name, passed, what it printed)] of {name: (file, options)}."""
    results = []
    if len(files) > 1:
        paths = [path for path, _ in files.values()]
        together = build / "tidy" / f"{hashlib.sha256(str(paths).encode()).hexdigest()[:16]}.cpp"
        together.parent.mkdir(exist_ok=True)
        together.write_text("".join(f'#include "{path}"\n' for path in paths), encoding="utf-8")
        is_clean, text = run([TIDY, "-quiet", f"-config-file={ROOT / '.clang-tidy'}",
                           "-checks=-bugprone-suspicious-include",
                           f"-header-filter={ROOT}/(include/network_system|src)/.*", str(together),
                           "--",
                           *compiler_arguments(build, paths[0])])
        if is_clean or "clang-diagnostic-error" not in text:
            return [(name, is_clean, text) for name in files]
    # Alone, or not to be compiled together.
    for name, (path, _) in files.items():
        results.append((name, *run_tidy(build, path)))
    return results


def groups_of(files, is_grouped):
    """Up to eight sources in the order of the build, as in its unity builds; others by themselves."""
    sources = [name for name in files if name.startswith("src/")] if is_grouped else []
    groups = [sources[i:i + GROUP] for i in range(0, len(sources), GROUP)]
    groups += [[name] for name in files if name not in sources]
    return [{name: files[name] for name in group} for group in groups]


def tidy_all(build, files, is_grouped, on_result):
    """Runs clang-tidy over {name: (file, options)}, as many at once as there are processors."""
    workers = int(os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", os.cpu_count() or 2))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(tidy_group, build, group) for group in groups_of(files, is_grouped)]
        try:
            for job in concurrent.futures.as_completed(jobs):
                for result in job.result():
                    on_result(*result)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise


def check(build, wanted, may_group=True):
    """Prints what is wrong; returns how many were looked at, how many not, and whether all passed."""
    project = Project(ROOT)
    checked = files_to_check(build)
    digests = {name: project.digest(*file) for name, file in checked.items()}
    path = ROOT / ".ci" / "tidy.hashes"
    listed = read_list(path)
    chosen = {name: file for name, file in checked.items()
              if wanted(name, listed.get(name) == digests[name])}
    passed = {name: digest for name, digest in listed.items() if name in checked}
    failed = []
    said = {}

    def on_result(name, is_clean, text):
        if is_clean:
            passed[name] = digests[name]
            return
        failed.append(name)
        passed.pop(name, None)
        # What is wrong in a header is found once for every file.
        for line in text.splitlines():
            if not NOISE.match(line) and said.setdefault(line, name) == name:
                print(line, file=sys.stderr, flush=True)

    try:
        tidy_all(build, chosen, may_group and len(chosen) >= MANY, on_result)
    finally:  # interrupted, too: what has passed has passed
        if passed != listed:
            write_list(path, passed)
            print("==> .ci/tidy.hashes has changed; commit it, so that CI need not look again")
    if failed:
        print(f"clang-tidy found something in {len(failed)} files: {' '.join(sorted(failed))}",
              file=sys.stderr)
    return len(chosen), len(checked) - len(chosen), not failed


def self_test():
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory).resolve()
        files = {
            ".clang-tidy": "a", "src/.clang-tidy": "b", "cmake/config.h.in": "c",
            "src/core/a.cpp": '#include "core/a.h"\n#include <vector>\n',
            "src/core/a.h": "# include <network_system/b.h>\n",
            "include/network_system/b.h": "#include <network_system/config.h>\n#include \"c.h\"\n",
            "include/network_system/c.h": "",
        }
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        path = root / "src/core/a.cpp"
        (root / "src/core/other.h").write_text("", encoding="utf-8")
        before = Project(root).digest(path, ["-DA"])
        assert Project(root).digest(path, ["-DA"]) == before
        assert Project(root).digest(path, ["-DB"]) != before, "the options count"
        for name, text in files.items():
            (root / name).write_text(text + " ", encoding="utf-8")
            assert Project(root).digest(path, ["-DA"]) != before, f"{name} counts"
            (root / name).write_text(text, encoding="utf-8")
        (root / "src/core/other.h").write_text(" ", encoding="utf-8")
        assert Project(root).digest(path, ["-DA"]) == before, "what is not included does not count"
    print("every part of a digest counts")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, help="a build tree of Clang with its commands")
    parser.add_argument("--all", action="store_true", help="also what has not changed")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        return 0
    named = {pathlib.Path(each).resolve() for each in arguments.files}
    if named:
        def wanted(name, _):
            return (ROOT / name).resolve() in named
    else:
        def wanted(_, is_known):
            return arguments.all or not is_known
    looked, skipped, is_clean = check(arguments.build.resolve(), wanted, not arguments.all)
    if named and looked != len(named):
        print("clang-tidy looks at files of src/ and samples/ and at include as a whole", file=sys.stderr)
        return 1
    print(f"{looked} tidied, {skipped} unchanged")
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
