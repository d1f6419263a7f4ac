"""What `import` may load, and that `__all__` is the truth."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import orchestrator_graph

LOADED = """
import sys
before = set(sys.modules)
import {module}
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
"""
PACKAGE = "orchestrator_graph"
PYDANTIC = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}
MAY_LOAD: dict[str, set[str]] = {
    PACKAGE: set(),
    f"{PACKAGE}.errors": set(),
    f"{PACKAGE}.types": set(),
    f"{PACKAGE}.bill": set(),
    f"{PACKAGE}.registry.catalogue": set(),
    f"{PACKAGE}.config": PYDANTIC,
}


@pytest.mark.parametrize("module", MAY_LOAD)
def test_an_import_loads_only_what_it_needs(module: str) -> None:
    code = LOADED.format(module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = {name for name in done.stdout.split() if not name.startswith("_sysconfigdata")}
    foreign = loaded - set(sys.stdlib_module_names) - {PACKAGE}
    assert foreign <= MAY_LOAD[module]


FIRST = ("cli.app", "orchestrator", "surfaces.chat_model", "surfaces.middleware", "surfaces.server")


@pytest.mark.parametrize("module", [f"orchestrator_graph.{name}" for name in FIRST])
def test_no_provider_no_server_and_no_index_before_it_is_needed(module: str) -> None:
    code = LOADED.format(module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    heavy = {
        "chromadb",
        "genai_prices",
        "langchain_ollama",
        "langchain_openai",
        "ollama",
        "onnxruntime",
        "openai",
        "sqlalchemy",
    }
    assert not heavy & set(done.stdout.split())


def test_all_is_exactly_what_can_be_imported() -> None:
    assert sorted(orchestrator_graph.__all__) == orchestrator_graph.__all__
    for name in orchestrator_graph.__all__:
        assert getattr(orchestrator_graph, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        orchestrator_graph.nothing  # noqa: B018


def test_every_modules_all_names_things_that_are_there() -> None:
    for found in pkgutil.walk_packages(orchestrator_graph.__path__, f"{PACKAGE}."):
        if found.name == f"{PACKAGE}.studio":  # building the graph is its purpose
            continue
        module = importlib.import_module(found.name)
        missing = [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)]
        assert missing == [], found.name
