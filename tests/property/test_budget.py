"""The budget's invariant under any order of reserving and settling: never over the cap, nothing lost."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from orchestrator_graph.gateway.budget import Budget, hold

AMOUNT = st.integers(0, 1000)


class BudgetMachine(RuleBasedStateMachine):
    holds = Bundle("holds")

    @initialize(cap=AMOUNT, shared=AMOUNT, spent=st.integers(0, 100))
    def open(self, cap, shared, spent):
        self.task, self.shared = Budget(cap + spent, spent), Budget(shared)
        self.spent, self.open_holds = spent, []

    @rule(target=holds, amount=AMOUNT)
    def reserve(self, amount):
        room = min(self.task.left_nusd, self.shared.left_nusd)
        held = hold([self.task, self.shared], amount)
        assert (held is not None) == (amount <= room)
        if held is not None:
            self.open_holds.append(held)
        return held

    @rule(held=consumes(holds), share=st.floats(0, 1))
    def settle(self, held, share):
        if held is None:
            return
        used = int(held.nusd * share)
        held.settle(used)
        held.settle(used)  # a second time changes nothing
        self.spent += used
        self.open_holds.remove(held)

    @invariant()
    def never_over_the_cap(self):
        if not hasattr(self, "task"):
            return
        reserved = sum(held.nusd for held in self.open_holds)
        assert self.task.spent_nusd == self.spent
        assert self.task.spent_nusd + reserved <= self.task.cap_nusd
        assert self.task.left_nusd == self.task.cap_nusd - self.spent - reserved


BudgetMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestBudget = BudgetMachine.TestCase
