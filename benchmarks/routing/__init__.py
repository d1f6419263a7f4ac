"""Compares routers on recorded outcomes of real models."""
