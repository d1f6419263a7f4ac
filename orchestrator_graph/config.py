"""`orchestrator.toml`: found, read and checked. Every mistake names the file, the line and the way out.

A call's arguments win over the file.
"""

import dataclasses
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from orchestrator_graph.budgets import BudgetLimit, read_budget
from orchestrator_graph.errors import ConfigError, PolicyError
from orchestrator_graph.folders import user_folder
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.spec import ModelSpec, Price
from orchestrator_graph.server_keys import ServerKey, read_server_keys

__all__ = ["FILE_NAME", "BudgetLimit", "Config", "find", "load", "template", "user_folder"]

FILE_NAME = "orchestrator.toml"
SPEC_FIELDS = frozenset(f.name for f in dataclasses.fields(ModelSpec)) - {"discovered", "remote_host"}


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says.

    Attributes:
        models: The portfolio in order; None = whatever is found.
        memory: Folder or URL.
        model_specs: The described ones alone (`[[models]]`).
        certificate: A promise's file; true = the newest in the memory, which has to be there; false = none.
        server_keys: Who may use `orchestrator serve`.
        rules: As in the file; `routing.rules.parse_rules` reads them.
        path: The file; None = there is none.
    """

    models: list[str | ModelSpec] | None = None
    memory: str | None = None
    policy: Policy = field(default_factory=Policy)
    budgets: Mapping[str, BudgetLimit] = field(default_factory=dict)
    model_specs: tuple[ModelSpec, ...] = ()
    certificate: str | bool | None = None
    rules: Any = ()
    server_keys: tuple[ServerKey, ...] = ()
    path: Path | None = None


def load(path: Path | None = None, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> Config:
    """The config from `path`, else from the first file found, else the defaults.

    Raises:
        ConfigError: The file is missing although it was named, cannot be read, is malformed or holds an unknown key.
    """
    if (path := path or find(os.environ if environ is None else environ, cwd)) is None:
        return Config()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from None
    return _Reader(path, text).config()


def find(environ: Mapping[str, str], cwd: Path | None = None) -> Path | None:
    """The file that counts: working folder, then $ORCHESTRATOR_CONFIG, then the user's config folder."""
    if (here := (cwd or Path.cwd()) / FILE_NAME).is_file():
        return here
    if named := environ.get("ORCHESTRATOR_CONFIG"):
        return Path(named).expanduser()  # a wrong name is an error, not a reason to look further
    own = user_folder("config", environ) / FILE_NAME
    return own if own.is_file() else None


def template() -> str:
    """What `orchestrator init` writes."""
    return resources.files("orchestrator_graph").joinpath("template.toml").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Reader:
    path: Path
    text: str

    def config(self) -> Config:
        data = self._parse()
        self._check_keys(data, ("models", "memory", "policy", "budgets", "rules", "certificate", "server"), "")
        promise = data.get("certificate")
        models, specs = self._models(data.get("models"))
        budgets = {k: self._budget(k, v) for k, v in self._table(data.get("budgets", {}), "budgets").items()}
        return Config(
            models=models,
            memory=self._place("memory", data.get("memory")),
            certificate=promise if isinstance(promise, bool) else self._place("certificate", promise),
            policy=self._policy(data.get("policy", {}), budgets),
            budgets=budgets,
            model_specs=specs,
            rules=data.get("rules", ()),
            server_keys=self._server_keys(data.get("server", {}), budgets),
            path=self.path,
        )

    def _parse(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            lines = self.text.splitlines() or [""]
            found = re.search(r"at line (\d+)", str(error))  # before Python 3.14 the message is all there is
            number = int(found.group(1)) if found else len(lines)
            line = lines[min(number, len(lines)) - 1].strip()
            raise ConfigError(f"{self.path}, line {number}: {error}. The line reads: {line}") from None

    def _at(self, name: str) -> str:
        key = re.escape(name.rpartition(".")[2])
        rows = enumerate(self.text.splitlines(), 1)
        number = next((n for n, row in rows if re.search(rf"(^|[\s\[{{.,]){key}\b", row.partition("#")[0])), None)
        return f"{self.path}, line {number}" if number else str(self.path)

    def _fail(self, name: str, problem: str) -> ConfigError:
        return ConfigError(f"{self._at(name)}: {name}: {problem}")

    def _check_keys(self, table: Mapping[str, Any], known: Collection[str], prefix: str) -> None:
        for key in table:
            if key not in known:
                hint = " A key does not belong in a file: name its variable in api_key_env." if key == "api_key" else ""
                raise self._fail(prefix + key, f"unknown key. Known keys: {', '.join(sorted(known))}.{hint}")

    def _table(self, value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._fail(name, f"{value!r} is no table")
        return value

    def _place(self, name: str, value: Any) -> str | None:
        if value is not None and not isinstance(value, str):
            other = "path or URL in quotes" if name == "memory" else "path in quotes, nor true or false"
            raise self._fail(name, f"{value!r} is no {other}")
        if value is None or "://" in value:
            return value
        return str(self.path.parent / Path(value).expanduser())

    def _policy(self, value: Any, budgets: Collection[str]) -> Policy:
        try:
            policy = Policy.parse(self._table(value, "policy"))
        except PolicyError as error:
            raise ConfigError(f"{self._at(re.split(r'[ :]', str(error), maxsplit=1)[0])}: {error}") from None
        if policy.budget is not None and policy.budget not in budgets:
            known = ", ".join(sorted(budgets)) or f"none; add [budgets.{policy.budget}] with its max_usd"
            raise self._fail("policy.budget", f"{policy.budget!r} is no budget of this file. Known budgets: {known}")
        return policy

    def _budget(self, name: str, value: Any) -> BudgetLimit:
        where = f"budgets.{name}"
        table = self._table(value, where)
        self._check_keys(table, BudgetLimit._fields, f"{where}.")
        try:
            return read_budget(table)
        except ValueError as error:
            key, problem = error.args
            raise self._fail(f"{where}.{key}", problem) from None

    def _server_keys(self, value: Any, budgets: Collection[str]) -> tuple[ServerKey, ...]:
        try:
            return read_server_keys(self._table(value, "server"), budgets)
        except ValueError as error:
            raise self._fail(*error.args) from None

    def _models(self, value: Any) -> tuple[list[str | ModelSpec] | None, tuple[ModelSpec, ...]]:
        if value is None:
            return None, ()
        entries = [value] if isinstance(value, str) else value
        if not isinstance(entries, list) or not all(isinstance(entry, (str, dict)) for entry in entries):
            raise self._fail("models", f"{value!r} is no list of 'provider:name' strings or tables")
        models = [entry if isinstance(entry, str) else self._spec(entry) for entry in entries]
        return models, tuple(model for model in models if isinstance(model, ModelSpec))

    def _spec(self, table: dict[str, Any]) -> ModelSpec:
        from pydantic import TypeAdapter, ValidationError

        self._check_keys(table, SPEC_FIELDS, "models.")
        if not isinstance(table.get("model"), str):
            raise self._fail("models.model", "each table needs model = 'provider:name'")
        priors = self._table(table.get("priors", {}), "models.priors")
        table["priors"] = {
            k: v if isinstance(v, dict) else {"quality": v, "n": 10, "source": "user"} for k, v in priors.items()
        }
        if isinstance(price := table.get("price"), dict):
            self._check_keys(price, [f.name for f in dataclasses.fields(Price)], "models.price.")
        try:
            return TypeAdapter(ModelSpec).validate_python(table)
        except ValidationError as error:
            first = error.errors()[0]
            raise self._fail(f"models.{first['loc'][0]}", f"{first['input']!r}: {first['msg']}") from None
