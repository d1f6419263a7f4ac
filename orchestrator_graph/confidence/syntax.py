"""Python's syntax trees of answered code: whether it parses, and what two programs must share to be the same."""

import ast
import textwrap
import warnings
from threading import Lock

__all__ = ["canonical", "tree_of"]

DOCUMENTED = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_quiet = Lock()


def tree_of(code: str) -> ast.Module | None:
    """The syntax tree, `None` where it is no Python or too deeply nested to be read.

    >>> tree_of("def f(:") is None
    True
    """
    # What Python would warn of in a stranger's code is not for the user's terminal. The filters are the process's.
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def canonical(code: str) -> str:
    r"""Python by its tree, without comments, docstrings and layout; other languages word for word, case kept.

    >>> canonical("def f( x ): return x # twice") == canonical('def f(x):\n    "Doc."\n    return x')
    True
    """
    bare = textwrap.dedent(code)
    tree = tree_of(bare)
    if tree is None:
        return " ".join(bare.split())
    try:
        for node in ast.walk(tree):
            if not isinstance(node, DOCUMENTED) or len(node.body) < 2:
                continue
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:]
        return ast.dump(tree, annotate_fields=False)
    except RecursionError:
        return " ".join(bare.split())
