"""How sure one may be of an answer: checks, signals and how they add up. Uncalibrated here, and says so."""
