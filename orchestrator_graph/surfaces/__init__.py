"""Where other people's apps meet the orchestrator: a chat model, a middleware, an endpoint.

Each is thin: what one call takes is `exchange`'s business, and all of them share it.
"""
