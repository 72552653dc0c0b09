"""README and the guides tell the truth: Python in them runs, commands exist, tables agree."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_cl import settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "examples" / "guides").glob("*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES)
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [
    command.strip()
    for language, text in BLOCKS
    if language == "sh"
    for line in text.splitlines()
    for command in line.split("&&")
]

COMMAND_LINE = [shlex.split(line) for line in COMMANDS if line.startswith("tinygrad-cl ")]


def run(text: str, tmp_path: Path) -> str:
    """Runs a program from another folder, warnings as errors; returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_training_run_learns(tmp_path: Path) -> None:
    assert len([line for line in PYTHON[0].splitlines() if line.strip()]) <= 20
    printed = run(PYTHON[0], tmp_path)
    losses = [float(loss) for loss in re.findall(r"loss (\d+\.\d+)", printed)]
    assert losses[-1] < losses[0] / 3
    found = re.search(r"([\d.]+)% of the test digits", printed)
    assert found
    assert float(found[1]) > 90


@pytest.mark.parametrize("text", PYTHON[1:])
def test_other_blocks_print_what_they_say(text: str, tmp_path: Path) -> None:
    expected = re.findall(r"^print\(.*\)  # (.*)$", text, re.MULTILINE)
    assert run(text, tmp_path).splitlines() == expected


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_exist(command: str) -> None:
    words = shlex.split(command)
    if words[:2] == ["pip", "install"]:
        project = (ROOT / "pyproject.toml").read_text()
        extras = re.search(r"\[(.*)\]", words[-1])
        assert extras
        for extra in extras[1].split(","):
            assert re.search(rf"^{extra} = \[", project, re.MULTILINE), f"no extra {extra}"
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file()
    elif words[0] == "tinygrad-cl":
        assert words in COMMAND_LINE  # is run below
    else:
        assert words == ["pytest"]


def test_the_command_line_runs(tmp_path: Path) -> None:
    """The commands one after the other, in an empty folder."""
    assert len(COMMAND_LINE) >= 5
    for words in COMMAND_LINE:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "tinygrad_cl", *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
        # doctor finds a problem where there is no OpenCL device
        assert done.returncode in ((0, 1) if words[1] == "doctor" else (0,)), done.stderr
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 361
    assert (tmp_path / "digits.safetensors").is_file()


@pytest.mark.parametrize("name", re.findall(r"`((?:tools|tests|ops|examples|docs)/[\w./]*)`", TEXT))
def test_named_files_exist(name: str) -> None:
    assert (ROOT / name).exists()


def test_the_settings_table_is_complete() -> None:
    rows = [
        f"| `{row.name}` | {f'`{row.default}`' if row.default else 'empty'} | {row.meaning} |"
        for row in settings.TABLE
    ]
    given = re.findall(r"^\| `TINYGRAD_CL_.*$", TEXT, re.MULTILINE)
    assert given == rows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_first_page_is_short_and_leads_to_the_others() -> None:
    for page in PAGES[1:]:
        assert f"](examples/guides/{page.name})" in README
    prose = re.sub(r"^```.*?^```|^\|.*$", "", README, flags=re.MULTILINE | re.DOTALL)
    assert len(prose.split()) < 1100
