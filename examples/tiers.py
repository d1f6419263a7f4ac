"""Paid and free tiers: the same code for all users, another policy for each kind of user.

Runs on the embedded models. Your own pool, with the tiers that may use each model:
    MODELS = [ModelSpec("ollama:qwen3:4b", tiers=ALL), ModelSpec("openai:gpt-5", tiers=PAID_ONLY)]
"""

from orchestrator_graph import ModelSpec, Orchestrator, Policy

ALL, PAID_ONLY = frozenset({"free", "paid"}), frozenset({"paid"})
MODELS = [
    ModelSpec("pocket:small", tiers=ALL),
    ModelSpec("pocket:text", tiers=ALL),
    ModelSpec("pocket:maths", tiers=PAID_ONLY),
    ModelSpec("pocket:medium", tiers=PAID_ONLY),
]
POLICIES = {
    "free": Policy(tier="free", tradeoff="cheap", max_cost_usd=0.000_01),
    "paid": Policy(tier="paid", tradeoff="best"),
}
USERS = {"ann": "paid", "bob": "free"}
TASKS = ["Add 47 and 38", "Reverse the word lantern"]


def policy_of(user: str) -> Policy:
    """What this user may have; votes and memory are kept apart by `user_id`."""
    return POLICIES[USERS[user]].overlaid(Policy(user_id=user))


def main() -> None:
    """Asks the same tasks for a paying and a free user."""
    with Orchestrator(MODELS) as orc:
        for user, tier in USERS.items():
            spent = 0.0
            for task in TASKS:
                out = orc.run(task, policy_of(user))
                result, spent = out["results"]["1"], spent + out["bill"]["total_usd"]
                print(f"{user} ({tier}): {task} -> {result['answer']}  [{result['candidate']}, {result['status']}]")
                print(f"    {result['why']}")
            print(f"{user} cost ${spent:.8f}")
        excluded = orc.decide(TASKS[0], policy_of("bob")).excluded
        print("Not for bob:", ", ".join(f"{item.candidate} ({item.detail})" for item in excluded))


if __name__ == "__main__":
    main()
