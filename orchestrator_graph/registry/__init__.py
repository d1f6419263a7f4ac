"""Pure data about models: what they are, cost and can do. Connects to nothing."""
