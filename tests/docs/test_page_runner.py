"""The tool that runs our pages notices what goes wrong in one, and goes on with the next."""

from pathlib import Path

import pytest

from tests.docs.fences import END, FENCE, outputs_of, python_of
from tests.docs.page_runner import PageRunner

PAGE = """# A page

```python
word = "lantern"
print(word)
```

<!-- output -->
```text
lantern
```

<!-- skip: there is no such module -->
```python
import no_such_module
```

```python
print(word[::-1])
```

<!-- output -->
```text
nretnal
```
"""


def test_blocks_share_one_program_and_each_has_its_output(tmp_path: Path) -> None:
    page, program = tmp_path / "page.md", tmp_path / "page.py"
    page.write_text(PAGE, encoding="utf-8")
    program.write_text(python_of(page), encoding="utf-8")
    assert python_of(page).splitlines()[3] == PAGE.splitlines()[3], "the program's line numbers are the page's"
    runner = PageRunner(tmp_path)
    try:
        done = runner.run(program, tmp_path)
    finally:
        runner.close()
    assert done == {"error": None, "printed": f"lantern\n{END}nretnal\n{END}"}
    assert outputs_of(page) == [(0, "lantern\n"), (1, "nretnal\n")]
    assert [found["mark"] for found in FENCE.finditer(PAGE)][2] == "skip: there is no such module"


@pytest.mark.parametrize("wrong", ["raise ValueError('wrong')", "raise SystemExit(3)", "import os; os._exit(3)"])
def test_a_page_that_fails_is_told_and_the_next_one_runs(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(wrong, encoding="utf-8")
    (tmp_path / "right.py").write_text("print('still here')", encoding="utf-8")
    runner = PageRunner(tmp_path)
    try:
        assert runner.run(tmp_path / "wrong.py", tmp_path)["error"]
        assert runner.run(tmp_path / "right.py", tmp_path) == {"error": None, "printed": "still here\n"}
    finally:
        runner.close()
