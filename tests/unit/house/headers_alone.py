#!/usr/bin/env python3
"""Checks that every header of src/ compiles alone.

usage: headers_alone.py SOURCE_DIR COMPILER

A source file includes its own header first, so building it has already proved that header:
here only the order is checked. A header without a source file, or in a folder that is built with
a precompiled header (which would hide what is missing), is compiled by itself.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys


def first_include(source):
    match = re.search(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', source, re.MULTILINE)
    return match.group(1) if match else ""


def compile_alone(compiler, top, name):
    """The compiler's complaint about the header `name`, or nothing."""
    done = subprocess.run(
        [compiler, "-std=c++20", "-fsyntax-only", "-w", "-DBOOST_ASIO_SEPARATE_COMPILATION", "-I", top,
         "-x", "c++", "-"],
        input=f'#include "{name}"\n#include "{name}"\n', text=True, capture_output=True, check=False)
    return done.stderr if done.returncode else ""


def main():
    top, compiler = pathlib.Path(sys.argv[1]) / "src", sys.argv[2]
    faults, to_compile = [], []
    headers = sorted(top.glob("*/**/*.h"))
    for header in headers:
        name = str(header.relative_to(top))
        recipe = header.parent / "CMakeLists.txt"
        precompiled = recipe.exists() and re.search(r"project_module\(\w+ ASIO", recipe.read_text())
        source = header.with_suffix(".cc")
        if source.exists():
            if first_include(source.read_text(encoding="utf-8")) != name:
                faults.append(f"{source}: its first include isn't its own header, {name}")
        if precompiled or not source.exists():
            to_compile.append(name)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, complaint in zip(to_compile, pool.map(
                lambda name: compile_alone(compiler, top, name), to_compile)):
            if complaint:
                faults.append(f"{name} doesn't compile alone:\n{complaint}")
    print("\n".join(faults))
    print(f"{len(headers)} headers, {len(to_compile)} compiled here, {len(faults)} faults")
    return 1 if faults or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
