"""What one does with models, memory and policy: ask, decide, watch, vote. Sync and async."""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Self

from orchestrator_graph.assembly import Assembly
from orchestrator_graph.drive import ASYNC, SYNC, Effects, drive
from orchestrator_graph.memory.feedback import Vote, count
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.types import Decision, new_id

if TYPE_CHECKING:
    from orchestrator_graph.assembly import Models
    from orchestrator_graph.confidence.certificate import Certificate, Refusal

__all__ = ["Orchestrator"]


class Orchestrator(Assembly):
    """Models, memory and policy behind one graph. Also a (sync and async) context manager.

    Args:
        models: `"provider:name"` strings, LangChain chat models or `ModelSpec`s; `"pocket"` for the embedded ones;
            `None` = what is found (Ollama, cloud keys) at first use.
        memory: `None` = in RAM; a folder = kept there; or a `Memory`.
        embedder: Any LangChain `Embeddings`, or `"ollama:all-minilm"`; `"auto"`, and `None` where the models are found,
            too: what is there already (Ollama's, Chroma's own MiniLM), else the built-in one; `None` = that one.
        policy: The default for every call; a call's own fields are laid over it.
        config: As read from `orchestrator.toml`; explicit arguments win over it.
        system_prompt: Put before every subtask's prompt.
        estimators: Replaces the default estimators; any callable of that shape will do.
        certificate: A promise's file; True = the newest in memory; `None` = that, if any; False = none. Implies strict.
        checks: Name -> check of an answer: `(answer) -> bool, number from 0 to 1, or None`, or `{"schema": {...}}` etc.
        tools, response_format: What models may call, and the form of `structured_response`: docs/attach/tools.md.
        compile_options: `checkpointer, store, cache, name, debug`, passed to LangGraph.
    """

    def portfolio(self) -> Portfolio:
        """The models that one may choose from; `RegistryError` where a named one, or any, is missing."""
        return drive(self.gateway.portfolio(SYNC))

    def set_models(self, models: "Models") -> Portfolio:
        """Adds, replaces or removes models and prices while running: what is given is the whole new portfolio.

        Runs under way keep theirs; a wrong name changes nothing.

        Raises:
            RegistryError: A model that is named is not there.
        """
        return self._exchanged(models, drive(self.gateway.replace(SYNC, models)))

    async def aset_models(self, models: "Models") -> Portfolio:
        """`set_models`, async."""
        return self._exchanged(models, await self.gateway.replace(ASYNC, models))

    def stats(self) -> dict[str, Any]:
        """What the memory holds, and what was done ahead: hits, misses, measured milliseconds saved."""
        from orchestrator_graph.nodes.ahead import report

        return {"memory": self.memory.stats(), "ahead": report(self.services)}

    def decide(self, text: str, policy: Policy | dict[str, Any] | None = None) -> Decision:
        """The decision for the task as a whole. Calls no model; refuses what `run` would refuse."""
        return drive(self._advice(SYNC, text, policy))

    async def adecide(self, text: str, policy: Policy | dict[str, Any] | None = None) -> Decision:
        """`decide`, async."""
        return await self._advice(ASYNC, text, policy)

    async def _advice(self, fx: Effects, text: str, policy: Policy | dict[str, Any] | None) -> Decision:
        from orchestrator_graph.advice import Case, advise

        return (await advise(fx, self.services, Case.of(text, self._over(policy), self.services))).decision

    def run(self, text: str, policy: Policy | dict[str, Any] | None = None) -> dict[str, Any]:
        """The graph's output for one task: `messages, plan, results, bill`."""
        return dict(self.graph.invoke(**self._ask(text, policy)))

    async def arun(self, text: str, policy: Policy | dict[str, Any] | None = None) -> dict[str, Any]:
        """`run`, async."""
        return dict(await self.graph.ainvoke(**self._ask(text, policy)))

    def stream(self, text: str, policy: Policy | dict[str, Any] | None = None) -> Iterator[tuple[str, Any]]:
        """`(mode, chunk)` as it happens: `custom` events, `messages` tokens, `values`."""
        stream: Any = self.graph.stream(**self._ask(text, policy), **self._streamed)
        return stream  # type: ignore[no-any-return]

    def astream(self, text: str, policy: Policy | dict[str, Any] | None = None) -> AsyncIterator[tuple[str, Any]]:
        """`stream`, async."""
        stream: Any = self.graph.astream(**self._ask(text, policy), **self._streamed)
        return stream  # type: ignore[no-any-return]

    def _ask(self, text: str, policy: Policy | dict[str, Any] | None) -> dict[str, Any]:
        # A checkpointer wants a thread: each of these runs has its own. For conversations there is `graph`.
        thread = {"configurable": {"thread_id": new_id()}} if self._compile_options.get("checkpointer") else None
        said = {"messages": [{"role": "user", "content": text}]}
        return {"input": said, "config": thread, "context": Policy.parse(policy)}

    @property
    def _streamed(self) -> dict[str, Any]:
        return {"stream_mode": ["custom", "messages", "values"], "output_keys": self.graph.output_channels}

    def _over(self, policy: Policy | dict[str, Any] | None) -> Policy:
        return self.policy.overlaid(Policy.parse(policy))

    def route(self, text: str, policy: Policy | dict[str, Any] | None = None) -> dict[str, Any]:
        """One routed call: the task is left whole and nothing is escalated."""
        return self.run(text, Policy.parse(policy).overlaid(Policy(strategy="route", decompose="never")))

    def cascade(self, text: str, policy: Policy | dict[str, Any] | None = None) -> dict[str, Any]:
        """Small, medium, large: the next level is asked while an answer is not sure enough."""
        return self.run(text, Policy.parse(policy).overlaid(Policy(strategy="cascade", decompose="never")))

    def certify(self, max_loss: float = 0.02, confidence: float = 0.95, **options: Any) -> "Certificate | Refusal":
        """The promise "at most so much worse than the reference", stored, or why not; options: `evaluation.issue`."""
        from orchestrator_graph.evaluation.issue import issue

        return drive(issue(SYNC, self.services, max_loss, confidence, **options))

    async def acertify(self, *given: Any, **options: Any) -> "Certificate | Refusal":
        """`certify`, async."""
        from orchestrator_graph.evaluation.issue import issue

        return await issue(ASYNC, self.services, *given, **options)

    def feedback(
        self,
        run_id_or_decision_id: str,
        score: float,
        key: str = "user",
        comment: str | None = None,
        subtask: str | None = None,
        *,
        user: str | None = None,
        tenant: str | None = None,
    ) -> dict[str, str]:
        """Commits a vote on an answer, whenever it comes; the next decision knows of it.

        A run's id means the final answer of each of its subtasks (or of `subtask`), a decision's id that subtask's.

        Args:
            run_id_or_decision_id: As in `response_metadata` (`run_id`, `decisions`), of any process's run.
            score: From 0 (useless) to 1 (right), or a bool.
            key: What it is about; a later vote with this key by the same user replaces the earlier one.
            comment: Kept beside it.
            subtask: Only this one.
            user: Who votes; `None` = whoever asked.
            tenant: Refuses what belongs to another one; `None` = the id is permission enough.

        Returns:
            Subtask id -> the candidate whose answer it counts for.

        Raises:
            InputError: A field that makes no sense.
            FeedbackError: Nothing of that id is remembered here, or no model answered it.
            MemoryStoreError: It could not be committed.
        """
        vote = Vote(run_id_or_decision_id, score, key, comment, subtask, user, tenant)
        return drive(count(SYNC, self.memory, vote))

    async def afeedback(
        self,
        run_id_or_decision_id: str,
        score: float,
        key: str = "user",
        comment: str | None = None,
        subtask: str | None = None,
        *,
        user: str | None = None,
        tenant: str | None = None,
    ) -> dict[str, str]:
        """`feedback`, async."""
        vote = Vote(run_id_or_decision_id, score, key, comment, subtask, user, tenant)
        return await count(ASYNC, self.memory, vote)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
