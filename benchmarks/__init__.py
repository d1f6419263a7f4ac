"""Benchmarks print figures with their spread, as ratios in one run; they assert nothing about time."""
