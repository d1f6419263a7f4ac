"""Measuring models on tasks whose answers can be checked: reading the tasks, scoring, profiling a new model."""
