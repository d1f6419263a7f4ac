"""The only door to a model. No other package imports a provider SDK or httpx."""
