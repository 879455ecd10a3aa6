# SPDX-License-Identifier: BSD-3-Clause
"""Puts known mistakes into a copy of the code and shows that a test finds each of them.

    scripts/mutants.py --check [NAME...]    the patches apply and name tests that exist
    scripts/mutants.py [NAME...]            build each mutant and run its test

A mutant is a patch in tests/mutants/, behind a head of lines

    Mistake: what is wrong
    Shipped: who shipped it, where somebody did
    Test: a program of tests/unit and one of its tests; the latter may be a pattern

The tests of a mistake that somebody shipped are named after it, so a patch with "Shipped" is called
as its test is: x.patch, or x.2.patch if there are several, for a test with x in its name. A patch
names old lines that stand in its file just once; it does not apply by lines' numbers.
"""

import fnmatch
import os
import re
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
MUTANTS = REPO / "tests" / "mutants"
WORK = REPO / "build" / "mutants"
TREE, BUILD = WORK / "tree", WORK / "build"
TIMEOUT = 60  # of a test program, in seconds; most take less than one


class MutantError(Exception):
    """A patch that is none, does not apply, or names no test."""


class Mutant:
    def __init__(self, path):
        self.path, self.name = path, path.stem
        head, mark, body = path.read_text().partition("\n--- a/")
        fields = dict(re.findall(r"^(\w+): (.*)$", head, re.M))
        if not mark or not {"Mistake", "Test"} <= set(fields) <= {"Mistake", "Shipped", "Test"}:
            raise MutantError(f"{self.name}: expected Mistake, Test and a diff")
        self.mistake, self.shipped = fields["Mistake"], fields.get("Shipped")
        self.program, _, self.test = fields["Test"].partition(" ")
        self.changes = [(file, old, new) for file, text in self._files(body)
                        for old, new in self._hunks(text)]
        self.files = sorted({file for file, _, _ in self.changes})

    @staticmethod
    def _files(body):
        for part in re.split(r"^--- a/", body, flags=re.M):
            file, _, text = part.partition("\n")
            yield file.strip(), text

    @staticmethod
    def _hunks(text):
        for hunk in re.split(r"^@@.*\n", text, flags=re.M)[1:]:
            lines = hunk.splitlines(keepends=True)
            yield ("".join(x[1:] for x in lines if x[0] in " -"),
                   "".join(x[1:] for x in lines if x[0] in " +"))

    def apply(self, tree):
        """{file: its text with the mistake}"""
        texts = {}
        for file, old, new in self.changes:
            path = tree / file
            if file not in texts:
                if not path.exists():
                    raise MutantError(f"{self.name}: there is no {file}")
                texts[file] = path.read_text()
            found = texts[file].count(old)
            if found != 1:
                raise MutantError(f"{self.name}: does not apply: its lines stand in {file} "
                                  f"{found} times:\n{old}")
            texts[file] = texts[file].replace(old, new)
        return texts

    def check_test(self):
        source = REPO / "tests" / "unit" / f"{self.program}.c"
        if not source.exists():
            raise MutantError(f"{self.name}: there is no {self.program}")
        # test_aead makes its names of an implementation and a case.
        word = self.test.rpartition(".")[2]
        if len(re.findall(rf"\b{re.escape(word)}\b", source.read_text())) < 2:
            raise MutantError(f"{self.name}: {self.program} has no test {self.test}")
        if self.shipped and self.name.partition(".")[0] not in self.test:
            raise MutantError(f"{self.name}: its test is to be named after the mistake")

    def caught(self, results):
        mine = {t: ok for t, ok in results.items() if fnmatch.fnmatchcase(t, self.test)}
        return bool(mine) and not all(mine.values())


def load(names):
    mutants = []
    for path in sorted(MUTANTS.glob("*.patch")):
        mutants.append(Mutant(path))
    unknown = set(names) - {m.name for m in mutants}
    if unknown:
        raise MutantError(f"there is no mutant {', '.join(sorted(unknown))}")
    return [m for m in mutants if not names or m.name in names]


# ---- the copy -----------------------------------------------------------------------------------

def sources():
    for top in sorted(REPO.iterdir()):
        if top.name.startswith((".", "build")):
            continue
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(REPO)


def copy_tree():
    """As cp, but what has not changed keeps its time, so that it is not compiled anew."""
    wanted = set(sources())
    for file in wanted:
        data, to = (REPO / file).read_bytes(), TREE / file
        if not to.exists() or to.read_bytes() != data:
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(data)
            to.chmod((REPO / file).stat().st_mode & 0o777)
    for path in sorted(TREE.rglob("*")):
        if path.is_file() and path.relative_to(TREE) not in wanted:
            path.unlink()


def sh(*argv, **kw):
    return subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", **kw)


def build(programs):
    """None; or what the compiler said."""
    if not (BUILD / "build.ninja").exists():
        # Little optimisation: what counts here is the time to compile.
        done = sh("meson", "setup", BUILD, TREE, "-Dbuildtype=debug", "-Ddebug=false",
                  "-Doptimization=1", "-Dwerror=false")
        if done.returncode != 0:
            return done.stdout
    done = sh("ninja", "-C", BUILD, *[f"tests/unit/{p}" for p in programs])
    return None if done.returncode == 0 else done.stdout


def run_tests(program):
    """{test: passed}; one that has not ended has failed."""
    with subprocess.Popen([BUILD / "tests" / "unit" / program], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL) as child:
        try:
            said = child.communicate(timeout=TIMEOUT)[0]
        except subprocess.TimeoutExpired:
            child.kill()
            said = child.communicate()[0]
    said = said.decode(errors="replace")
    results = dict.fromkeys(re.findall(r"^\[ RUN      \] (\S+)", said, re.M), False)
    failed = set(re.findall(r"^\[  FAILED  \] (\S+)", said, re.M))
    for test in re.findall(r"^\[       OK \] (\S+)", said, re.M):
        results[test] = test not in failed
    return results


# ---- all of it ----------------------------------------------------------------------------------

def check(mutants):
    for m in mutants:
        m.apply(REPO)
        m.check_test()


def baseline(mutants):
    """Each test passes on the code as it is; else its failure would show nothing."""
    programs = sorted({m.program for m in mutants})
    said = build(programs)
    if said is not None:
        raise MutantError(f"the code without mutants does not build:\n{said}")
    results = {p: run_tests(p) for p in programs}
    for m in mutants:
        mine = [ok for t, ok in results[m.program].items() if fnmatch.fnmatchcase(t, m.test)]
        if not mine or not all(mine):
            raise MutantError(f"{m.name}: {m.program} {m.test} fails without the mutant")


def try_one(m):
    """The verdict on a mutant, in a word or two."""
    texts = m.apply(TREE)
    whole = {file: (TREE / file).read_text() for file in texts}
    try:
        for file, text in texts.items():
            (TREE / file).write_text(text)
        said = build([m.program])
        if said is not None:
            print(said)
            return "does not build"
        return "caught" if m.caught(run_tests(m.program)) else "SURVIVED"
    finally:
        for file, text in whole.items():
            (TREE / file).write_text(text)


def run(mutants):
    """How many were not caught."""
    start = time.monotonic()
    copy_tree()
    baseline(mutants)
    print(f"{len(mutants)} mutants; the code without them is built and tested in "
          f"{time.monotonic() - start:.0f} s")
    print(f"{'mutant':44} {'test':66} verdict")
    bad = 0
    # Those of one file one after the other: the next mistake and the end of this one cost one
    # compilation.
    for m in sorted(mutants, key=lambda m: (m.files, m.name)):
        verdict = try_one(m)
        bad += verdict != "caught"
        print(f"{m.name:44} {m.program + ' ' + m.test:66} {verdict}", flush=True)
    print(f"{len(mutants) - bad} of {len(mutants)} mutants caught in "
          f"{time.monotonic() - start:.0f} s")
    return bad


def main():
    words = sys.argv[1:]
    only_check = words[:1] == ["--check"]
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    try:
        mutants = load(words[only_check:])
        check(mutants)
        if only_check:
            print(f"{len(mutants)} mutants apply, and their tests exist")
            return 0
        return 1 if run(mutants) else 0
    except MutantError as e:
        print(f"mutants: {e}")
        return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
