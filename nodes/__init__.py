"""The graph's nodes, one file each. Import them as `orchestrator_graph.nodes`."""

if __name__ != "orchestrator_graph.nodes":
    raise ImportError("import orchestrator_graph.nodes, not nodes: a second copy would give every class twice")
