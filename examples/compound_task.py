"""A compound task on the embedded models: plan, answers, reasons and bill. Needs no network, key or Ollama."""

from orchestrator_graph import Policy, create_orchestrator, format_bill

TASK = "Reverse lantern, then count the letter n in the result; meanwhile add 47 and 38"


def main() -> None:
    """Runs one task and prints everything that comes back."""
    graph = create_orchestrator("pocket")
    out = graph.invoke({"messages": [("user", TASK)]}, context=Policy(tradeoff="balanced"))
    print(out["messages"][-1].content)
    for step in out["plan"]:
        print(step["id"], step["brief"], "needs", step["needs"], "->", out["results"][step["id"]]["answer"])
    print(format_bill(out))


if __name__ == "__main__":
    main()
