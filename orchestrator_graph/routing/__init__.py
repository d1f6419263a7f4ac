"""Choosing: constraints, estimates, selection. Pure functions over values; knows neither memory nor gateway."""
