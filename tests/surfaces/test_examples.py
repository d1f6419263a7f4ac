"""Each example runs as a user runs it, offline and with warnings as errors, and prints what its docstring promises."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))
LINES = 60
pytestmark = pytest.mark.timeout(180)
Check = Callable[[str], None]
CHECKS: dict[str, Check] = {}


def of(name: str) -> Callable[[Check], Check]:
    """What the example of this name has to print."""

    def named(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return named


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_offline_and_prints_what_it_promises(name: str, tmp_path: Path) -> None:
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
    settings = {**kept, "HOME": str(tmp_path), "OLLAMA_HOST": "127.0.0.1:1", "COLUMNS": "110", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{name}.py"],
        cwd=tmp_path,
        env=settings,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    CHECKS[name](done.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_read_in_one_go(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES
    assert text.startswith('"""')
    scripted = "ScriptedChat" in text
    assert not scripted or re.search(r"(?i)your own pool|meant for", text.split('"""')[1]), "for which real models?"


def test_no_promise_is_left_over() -> None:
    assert sorted(CHECKS) == NAMES


def lines(said: str, *wanted: str) -> None:
    """Each is a line of it, in this order, maybe with others between."""
    left = iter(said.splitlines())
    for pattern in wanted:
        assert any(re.search(pattern, line) for line in left), f"{pattern} is not there, or not in its place:\n{said}"


@of("as_a_node")
def as_a_node(said: str) -> None:
    assert said == "85\n"


@of("compound_task")
def compound_task(said: str) -> None:
    lines(said, r"^1 Reverse lantern needs \[\] -> nretnal", r"needs \['1'\] ->", r"-> 85$", "^Total .*billed \\$0;")


@of("lcel_chain")
def lcel_chain(said: str) -> None:
    first = [
        r"^Add 47 and 38: 85$",
        r"pocket:maths, \$0\.0000\d+: best estimated",
        r"lantern: nretnal$",
        "pocket:text, ",
    ]
    lines(said, *first, r"^As a stream: e\|l\|d\|n\|a\|c$")


@of("tiers")
def tiers(said: str) -> None:
    lines(said, r"^ann .* 85  \[pocket:maths, accepted\]", r"^ann .* nretnal  \[pocket:medium", r"^ann cost \$0.0000")
    lines(
        said, r"^bob .* \[pocket:(small|text), ", r"^bob .* nretnal  \[pocket:text", r"^Not for bob: pocket:maths \(not"
    )
    cost = dict(re.findall(r"^(ann|bob) cost \$([\d.]+)$", said, re.MULTILINE))
    assert float(cost["bob"]) < float(cost["ann"])


@of("retrieval")
def retrieval(said: str) -> None:
    small = [
        r"^When was",
        "1871 by Ida Holm",
        r"scriptedchat:small, \$0\.0000\d+: .*of its cost",
        r"\('search', True\)",
    ]
    large = [r"^How do", "1904.* 1871", r"scriptedchat:large, \$0\.000\d+: rule analysis asks", r"\('search', True\)"]
    lines(said, *small, *large)


@of("rag")
def rag(said: str) -> None:
    lines(
        said,
        "from 7 to 10",
        r"scriptedchat:cloud, private: False, ",
        "2,700 euro",
        r"scriptedchat:local, private: True",
    )
    lines(said, "^The cloud was shown the porter's pay: False$")


@of("support_agent")
def support_agent(said: str) -> None:
    lines(said, "^    We are open", "scriptedchat:cloud", "two lamps, sent on 4 May", "scriptedchat:local, ")
    lines(said, "^Please call", "scriptedchat:local, ", r"^The cloud saw: \['A customer asks: When are you open\?'\]$")


@of("coding_helper")
def coding_helper(said: str) -> None:
    lines(said, r"'-'\.join\(title", "^accepted, by scriptedchat:large after 2 tries", "unit tests: passed: 2 tests")
    lines(said, "execute  scriptedchat:large +1 ", "execute  scriptedchat:small +1 ", r"^Total \$0\.0007")


@of("research_and_write")
def research_and_write(said: str) -> None:
    lines(
        said,
        r"^1\. Look up Sandby",
        "scriptedchat:small, tools: 1",
        r"^2\. Write .*\(needs \['1'\]\)",
        "^   Whoever.* 1871 ",
    )
    lines(
        said, "scriptedchat:large, tools: 0, calls: 2: first scriptedchat:small: .*: accepted$", r"^3\. Look up Norder"
    )
    lines(
        said,
        r"execute  scriptedchat:large +1 ",
        r"execute  scriptedchat:small +5 ",
        r"tool     look_up +2 ",
        "^Saving ",
    )


@of("middleware_agent")
def middleware_agent(said: str) -> None:
    sums = r"That is 21\.6 and 226\.0$"
    small = [r"step 1: scriptedchat:small, \$0\.0000\d+: ", r"step 2: scriptedchat:small, "]
    lines(
        said,
        rf"cheap.*{sums}",
        *small,
        rf"0\.9.*{sums}",
        "step 1: scriptedchat:large, ",
        "step 2: scriptedchat:large, ",
    )


@of("openai_client")
def openai_client(said: str) -> None:
    lines(
        said,
        "^orchestrator: nretnal$",
        "pocket:text, ",
        "^orchestrator:best: nretnal$",
        "pocket:medium, .*: best estimated",
    )
    lines(said, "^orchestrator:local: nretnal$", "pocket:text, ", r"^As a stream: n\|r\|e\|t\|n\|a\|l$")


@of("certify_own_data")
def certify_own_data(said: str) -> None:
    refused = [
        "certify ",
        r"^No promise: 60 paired labels, about \d+ more are needed",
        r"needed: about \d+ more pairs: pocket",
    ]
    granted = [
        "certify ",
        "^Promised: at most 2 points below pocket:medium with 95 %",
        r"saves \d\d% of what pocket:medium",
    ]
    lines(said, *refused, *granted, r"orchestrator run Add 47 and 38", r"^Saving .*, proved \(certificate ", "^85")
