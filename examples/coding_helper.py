"""A coding helper: the unit tests in the task are run against each answer; what fails them is escalated.

Runs on two stand-ins, of which the cheap one makes a typical mistake. Meant for any models that write code:
    MODELS = ["ollama:qwen2.5-coder:1.5b", "openai:gpt-5"]
"""

from orchestrator_graph import ModelSpec, Policy, Price, Prior, create_orchestrator, format_bill
from orchestrator_graph.testing import ScriptedChat

TASK = """Write a Python function slug(title) that makes a title into a part of a web address. It must pass:
```python
assert slug("Hello World") == "hello-world"
assert slug("  Two  spaces ") == "two-spaces"
```"""
FORGETFUL = "```python\ndef slug(title):\n    return title.lower().replace(' ', '-')\n```"
CAREFUL = "```python\ndef slug(title):\n    return '-'.join(title.lower().split())\n```"


def stand_in(name: str, code: str, quality: float, usd: float) -> ModelSpec:
    """With a price per million tokens and a guess of its quality, as the router needs them."""
    return ModelSpec(
        ScriptedChat(model=name, script=code),
        price=Price(usd, usd),
        priors={"*": Prior(quality, 20, "a guess")},
    )


MODELS = [stand_in("small", FORGETFUL, 0.85, 0.1), stand_in("large", CAREFUL, 0.95, 10.0)]


def main() -> None:
    """One function, with its tests run in a confined process."""
    graph = create_orchestrator(MODELS)
    policy = Policy(run_code=True, strategy="cascade")  # small models first; code is run only if you say so
    out = graph.invoke({"messages": [("user", TASK)]}, context=policy)
    result = out["results"]["1"]
    print(out["messages"][-1].text)
    print(f"{result['status']}, by {result['candidate']} after {result['tries']} tries: {result['why']}")
    for evidence in result["verdict"]["evidence"]:
        print(f"    {evidence['name']}: {evidence['detail']}")
    print(format_bill(out))


if __name__ == "__main__":
    main()
