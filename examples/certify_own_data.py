"""A promise on tasks of your own: "at most 2 points worse than the best model", or what is missing to make it.

Writes labelled tasks into a file, has the models answer them, and asks for a certificate: with 60 labels, then 400.
The same commands take your own file and models in place of `pocket:medium`, `pocket:maths` and `pocket:text`.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

COMMAND = Path(sys.executable).parent / "orchestrator"
REFERENCE, CHEAPER = "pocket:medium", ("pocket:maths", "pocket:text")


def labelled(count: int) -> list[dict[str, str]]:
    """Tasks with right answers: half of them sums, half of them words to turn round."""
    dice = random.Random(4)  # noqa: S311 - nothing secret
    rows = []
    for number in range(count):
        a, b = dice.randint(10, 99), dice.randint(10, 99)
        word = "".join(dice.sample("abcdefghiklmnoprstu", dice.randint(4, 7)))
        sums, turned = (f"Add {a} and {b}", str(a + b)), (f"Reverse the word {word}", word[::-1])
        task, answer = sums if number % 2 else turned
        rows.append({"task": task, "answer": answer})
    return rows


def run(folder: str, *words: str) -> int:
    """One command of ours; prints it and its last lines, and gives its exit code."""
    print("$ orchestrator", *words)
    command = [str(COMMAND), *words, "--memory", "remembered"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    print("\n".join(done.stdout.rstrip().splitlines()[-6:]) or done.stderr, "\n")
    return done.returncode


def main() -> None:
    """Refused, then granted, then used: the answer says that the saving is proved."""
    beside = [word for name in CHEAPER for word in ("--beside", name)]
    with tempfile.TemporaryDirectory() as folder:
        for count in (60, 400):
            rows = "\n".join(json.dumps(row) for row in labelled(count))
            Path(folder, "mine.jsonl").write_text(rows, encoding="utf-8")
            run(folder, "models", "profile", REFERENCE, "--tasks", "mine.jsonl", *beside)
            run(folder, "certify", "--max-loss", "0.02", "--reference", REFERENCE, "--models", "pocket")
        run(folder, "run", "Add 47 and 38", "--models", "pocket")


if __name__ == "__main__":
    main()
