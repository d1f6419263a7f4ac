"""orchestrator.toml: where it is looked for, what it says, and what its mistakes say."""

import re
import tomllib
from pathlib import Path

import pytest

from orchestrator_graph import Orchestrator
from orchestrator_graph.config import FILE_NAME, BudgetLimit, Config, find, load, template, user_folder
from orchestrator_graph.errors import ConfigError, MemoryStoreError
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.rules import parse_rules
from orchestrator_graph.wiring import checked_place


def read(tmp_path: Path, text: str) -> Config:
    path = tmp_path / FILE_NAME
    path.write_text(text, encoding="utf-8")
    return load(path)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load(environ={"HOME": str(tmp_path)}, cwd=tmp_path) == Config()


def test_working_folder_then_variable_then_the_users_folder(tmp_path: Path) -> None:
    named, here = tmp_path / "named.toml", tmp_path / "here"
    environ = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "ORCHESTRATOR_CONFIG": str(named)}
    own = user_folder("config", environ) / FILE_NAME
    for path in (named, here / FILE_NAME, own):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert find(environ, here) == here / FILE_NAME
    assert find(environ, tmp_path) == named
    assert find({**environ, "ORCHESTRATOR_CONFIG": ""}, tmp_path) == own


def test_a_named_file_that_is_missing_is_an_error_and_not_a_default(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
        load(environ={"ORCHESTRATOR_CONFIG": str(tmp_path / "nowhere.toml")}, cwd=tmp_path)


def test_everything_that_a_file_may_say(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        """
        memory = "kept"
        [policy]
        tradeoff = "cheap"
        [budgets.team]
        max_usd = 5
        [[models]]
        model = "ollama:qwen3:4b"
        [[models]]
        model = "openai:mine"
        alias = "lab:mine"
        local = true
        capabilities = ["chat", "json"]
        price = { input_usd = 0.1, output_usd = 0.4, billed = false }
        priors = { "*" = 0.7, code = { quality = 0.9, n = 40, source = "our tests" } }
        """,
    )
    assert config.models == list(config.model_specs)
    assert config.memory == str(tmp_path / "kept")
    assert config.policy.tradeoff == 0.1
    assert config.budgets == {"team": BudgetLimit(5.0, "day")}
    spec = config.model_specs[1]
    assert (spec.id, spec.model, spec.is_local, spec.billed) == ("lab:mine", "openai:mine", True, False)
    assert spec.capabilities == {"chat", "json"}
    assert (spec.priors["*"].quality, spec.priors["code"].n) == (0.7, 40)


def test_a_list_of_names_and_a_url_stay_as_they_are(tmp_path: Path) -> None:
    config = read(tmp_path, 'models = ["a:b", {model = "c:d", context = 9}]\nmemory = "postgresql://h/d"')
    assert config.models == ["a:b", ModelSpec("c:d", context=9)]
    assert [spec.id for spec in config.model_specs] == ["c:d"]
    assert config.memory == "postgresql://h/d"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('memory = "x"\nmodels = [\n"a:b"\nmemory = 3', 4, "The line reads: memory = 3"),
        ('a = "', 1, 'The line reads: a = "'),
        ('[policy]\n\nmodls = "x"', 3, "policy.modls: unknown field. Known fields: allow"),
        ("modls = []", 1, "modls: unknown key. Known keys: budgets, certificate, memory, models, policy, rules"),
        ("# max_cost_usd\n[policy]\nmax_cost_usd = -1", 3, "policy.max_cost_usd = -1: .*greater than or equal to 0"),
        ("[budgets.x]\nmax_usd = 'much'", 2, "budgets.x.max_usd: 'much' is no amount"),
        ("[budgets.x]\nmax_usd = true", 2, "True is no amount"),
        ("[budgets.x]\nmax_usd = 1\nper = 'week'", 3, "neither 'day' nor 'total'"),
        ("[budgets.x]\nmax = 1", 2, "budgets.x.max: unknown key. Known keys: max_j, max_usd, per, requests"),
        ("[[models]]\nmodel = 'a:b'\ncontext = 'big'", 3, "models.context: 'big'"),
        ("[[models]]\nmodel = 'a:b'\napi_key = 'sk-123'", 3, "name its variable in api_key_env"),
        ("[[models]]\nmodel = 'a:b'\nprice = {input = 3}", 3, "models.price.input: unknown key"),
        ("[[models]]\nmodel = 'a:b'\npriors = {code = 'x'}", 3, "models.priors: 'x'"),
        ("[[models]]\ncontext = 1", None, "each table needs model"),
        ("models = 3", 1, "no list of 'provider:name'"),
        ("memory = 3", 1, "no path or URL"),
        ("certificate = 3", 1, "certificate: 3 is no path in quotes, nor true or false"),
        ("policy = 3", 1, "policy: 3 is no table"),
    ],
)
def test_a_mistake_names_file_line_key_and_way_out(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        read(tmp_path, text)
    where = str(tmp_path / FILE_NAME)
    assert str(caught.value).startswith(f"{where}, line {line}:" if line else where)
    assert "sk-123" not in str(caught.value)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(cwd=tmp_path)


@pytest.mark.parametrize(
    "where", ["postgersql://me:secret@h/x", "postgresql:/h/x", "postgresql//me:secret@h/x", "mysql://h/x"]
)
def test_a_memory_that_is_no_folder_and_no_known_database_is_refused_at_once(where: str) -> None:
    with pytest.raises(MemoryStoreError, match="neither a folder nor a database") as caught:
        Orchestrator("pocket", memory=where).run("Add 1 and 2")
    assert "secret" not in str(caught.value)
    for fine in (None, "./here", Path("/there"), "C:/data", "postgresql://u:p@h/x"):
        assert checked_place(fine) == fine


def test_the_template_is_valid_as_it_is_and_with_every_setting_switched_on(tmp_path: Path) -> None:
    assert read(tmp_path, template()).models is None
    full = re.sub(r"^#(?! )", "", template(), flags=re.MULTILINE)
    tables = "\n".join(row for row in full.splitlines() if not row.startswith("models = "))
    config = read(tmp_path, tables)
    assert [spec.id for spec in config.model_specs] == ["ollama:qwen3:4b", "lab:my-model"]
    assert config.budgets["team"] == BudgetLimit(5.0, "day", 500, 50_000.0)
    assert len(parse_rules(config.rules)) == 1
    one_line = next(row for row in full.splitlines() if row.startswith("models = "))
    assert tomllib.loads(one_line)["models"]


def test_a_budget_that_the_file_does_not_describe_is_an_error_at_load(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"toml, line 2: policy\.budget: 'team' is no .*Known budgets: lab, own$"):
        read(tmp_path, '[policy]\nbudget = "team"\n[budgets.own]\nmax_usd = 1\n[budgets.lab]\nmax_usd = 1\n')
    with pytest.raises(ConfigError, match=r"none; add \[budgets\.team\]"):
        read(tmp_path, '[policy]\nbudget = "team"\n')
    assert read(tmp_path, '[policy]\nbudget = "t"\n[budgets.t]\nmax_usd = 1\n').policy.budget == "t"
