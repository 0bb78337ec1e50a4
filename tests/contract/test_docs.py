"""What README, docs/ and examples/ show is true: definitions, Python, commands, workflows, links, the plan comment."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from dynatus_ci import cli, engine, report
from dynatus_ci.definitions import loader
from dynatus_ci.errors import FailureReason, InvalidDefinitions
from dynatus_ci.inputs import NAMES, Inputs, Mode
from dynatus_ci.table import emulators
from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.validation import members

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted(ROOT.glob("docs/*.md"))]
EXAMPLES = sorted(ROOT.glob("examples/workflows/*.yml"))
OURS = "org/dynatus-action@v1"
FOLDER = "resources/dynamo"

each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)


@dataclass(frozen=True)
class Block:
    """A fenced block; the words after its language are for this test, and are not shown."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    def values(self, name: str) -> list[str]:
        """The values of the words `name=…`."""
        return [word.partition("=")[2] for word in self.words if word.startswith(f"{name}=")]

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for fence in re.finditer(r"^```(\w+)(.*)\n((?s:.*?))^```$", text, re.MULTILINE):
        line = text.count("\n", 0, fence.start()) + 1
        yield Block(page, line, fence[1], tuple(fence[2].split()), fence[3])


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def each_block(*languages: str) -> Callable[[Callable[..., None]], pytest.MarkDecorator | Callable[..., None]]:
    found = [block for block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize("block", found, ids=str)


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```(?s:.*?)^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


def table(page: Path, heading: str) -> dict[str, list[str]]:
    """The rows of the table under a header row that begins so, by their first cell, without backticks."""
    text = page.read_text(encoding="utf-8").partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    return {first: rest for first, *rest in rows}


# --- definitions -----------------------------------------------------------------------------------------------------

REST = {
    ":TableName": '"users"',
    ":KeySchema": '[{:AttributeName "user_id" :KeyType "HASH"}]',
    ":AttributeDefinitions": '[{:AttributeName "user_id" :AttributeType "S"}]',
    ":BillingMode": '"PAY_PER_REQUEST"',
}
"""The rest of a definition, for blocks that show a part of one."""


def completed(part: str) -> str:
    rest = " ".join(f"{key} {value}" for key, value in REST.items() if not re.search(f"^{key} ", part, re.MULTILINE))
    return f"{{{part} {rest}}}"


def load(block: Block, root: Path) -> loader.Loaded:
    text = completed(block.text) if "part" in block.words else block.text
    file = root / FOLDER / f"users.{block.language}"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    environment = next(iter(block.values("environment")), None)
    params = dict(param.split("=", 1) for param in block.values("param"))
    return loader.load(FOLDER, root=root, environment=environment, params=params)


def faults_of(block: Block, root: Path) -> InvalidDefinitions:
    with pytest.raises(InvalidDefinitions) as found:
        load(block, root)
    return found.value


@each_block("edn")
def test_a_definition_is_valid_or_has_the_faults_that_it_is_shown_for(block: Block, tmp_path: Path) -> None:
    expected = [code for codes in block.values("fault") for code in codes.split(",")]
    if expected:
        assert [fault.code for fault in faults_of(block, tmp_path).faults] == expected
    else:
        assert load(block, tmp_path).notes == ()


@pytest.mark.parametrize("block", [block for block in BLOCKS if "definition" in block.words], ids=str)
def test_a_definition_in_another_format_is_valid(block: Block, tmp_path: Path) -> None:
    assert load(block, tmp_path).notes == ()


@pytest.mark.parametrize("number", [n for n, block in enumerate(BLOCKS) if "faults" in block.words])
def test_faults_are_shown_as_the_command_prints_them(number: int, tmp_path: Path) -> None:
    assert BLOCKS[number].text.splitlines() == list(map(str, faults_of(BLOCKS[number - 1], tmp_path).faults))


def test_definitions_md_has_an_example_of_every_setting() -> None:
    shown = "".join(block.text for block in BLOCKS if block.page.name == "definitions.md" and not block.values("fault"))
    assert {name for name in members.TABLE.members if f":{name} " not in shown} == set()


def test_every_example_definition_is_valid_in_every_environment() -> None:
    for environment in (None, "prod", "staging", "test"):
        assert loader.load("examples/tables", root=ROOT, environment=environment).definitions
        assert loader.load("examples/environments", root=ROOT, environment=environment).definitions


def test_the_readme_shows_a_definition_of_the_examples() -> None:
    shown = next(block.text for block in BLOCKS if block.language == "edn")
    assert shown == (ROOT / "examples/tables/users.edn").read_text(encoding="utf-8")


def test_the_readme_shows_the_same_definition_in_all_formats(tmp_path: Path) -> None:
    (edn,) = loader.load("examples/tables/users.edn", root=ROOT).definitions
    others = [block for block in BLOCKS if block.page == README and "definition" in block.words]
    assert [block.language for block in others] == ["yaml", "json"]
    for number, block in enumerate(others):
        (other,) = load(block, tmp_path / str(number)).definitions
        assert other.body == edn.body


def test_the_readme_shows_the_comment_that_the_tool_writes(tmp_path: Path) -> None:
    changed, readme = tmp_path / FOLDER, README.read_text(encoding="utf-8")
    changed.mkdir(parents=True)
    for file in (ROOT / "examples/tables").iterdir():
        text = file.read_text(encoding="utf-8")
        (changed / file.name).write_text(patched(text) if file.stem == "users" else text, encoding="utf-8")
    before, after = loader.load("examples/tables", root=ROOT).tables, loader.load(FOLDER, root=tmp_path).tables
    context = report.ReportContext(
        environment="production", commit="4f2c9e1", approval="reviewed-plan", record=True, label_on="this pull request",
        in_github=True,
    )  # fmt: skip
    plan = engine.plan_against(before, after, region="eu-west-1", endpoint=None)
    comment = report.markdown(report.plan(plan, context))
    shown = readme.partition("<!-- The comment:")[2].partition("-->\n")[2].partition("<!-- The comment ends")[0]
    if os.environ.get("APPROVE"):
        README.write_text(readme.replace(shown, comment), encoding="utf-8")
    assert shown.strip() == comment.strip(), f"APPROVE=1 writes the comment into README.md:\n{comment}"


def patched(text: str) -> str:
    """The example's text with the change that the README shows."""
    diff = next(block.text.splitlines() for block in BLOCKS if block.page == README and block.language == "diff")
    old, new = ([line[1:] for line in diff if line[0] == sign] for sign in "-+")
    for gone, come in zip(old, new, strict=True):
        assert gone in text
        text = text.replace(gone, come)
    return text


# --- Python and the command ------------------------------------------------------------------------------------------


SHOWN_FILES = {Path(name).stem for block in BLOCKS for name in block.values("file")}


def imported(tree: ast.Module) -> dict[str, Any]:
    """What a block imports of ours, by the names that it uses. Its other imports must exist."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name not in SHOWN_FILES:
                    importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
                found[alias.asname or alias.name] = getattr(module, alias.name)
    return found


@each_block("python")
def test_python_compiles_and_calls_functions_that_are_there_with_arguments_that_they_take(block: Block) -> None:
    tree = ast.parse(block.text)
    compile(tree, str(block), "exec")
    names = imported(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        function = callee(call.func, names)
        if function is not None:
            keywords = {keyword.arg: None for keyword in call.keywords if keyword.arg}
            inspect.signature(function).bind(*call.args, **keywords)


def callee(function: ast.expr, names: dict[str, Any]) -> Any:
    match function:
        case ast.Name(name):
            return names.get(name)
        case ast.Attribute(ast.Name(name), attribute) if name in names:
            return getattr(names[name], attribute)
    return None


def commands() -> Iterator[tuple[str, str]]:
    """Every command line of ours: in blocks, and in code spans, where [PATH] and the like stand for nothing."""
    for block in BLOCKS:
        if block.language in {"sh", "console", "text"}:
            for line in block.text.replace("\\\n", " ").splitlines():
                if line.removeprefix("$ ").startswith("dynatus "):
                    yield str(block), line.removeprefix("$ ")
    for page in PAGES:
        for span in re.findall(r"`(dynatus [^`]+)`", prose(page).replace("\n", " ")):
            yield page.name, re.sub(r" ?\[[^]]*\]", "", span)


@pytest.mark.parametrize(("where", "line"), list(commands()))
def test_a_command_is_one_that_the_command_line_takes(where: str, line: str) -> None:
    words = shlex.split(re.split(r" [>|] ", line, maxsplit=1)[0], comments=True)[1:]
    parser = cli.options.parsers()[0]
    if len(words) == 1:
        with pytest.raises(SystemExit):  # a mention of the command by name: its help is there
            parser.parse_args([*words, "--help"])
    else:
        assert parser.parse_args(words).command in words, where


# --- workflows -------------------------------------------------------------------------------------------------------


def steps(document: object) -> Iterator[dict[str, Any]]:
    """Every step that uses our action, wherever it stands."""
    if isinstance(document, dict):
        if document.get("uses") == OURS:
            yield document
        for inner in document.values():
            yield from steps(inner)
    elif isinstance(document, list):
        for inner in document:
            yield from steps(inner)


def inputs_of(step: dict[str, Any]) -> Inputs:
    """A step's inputs as the code reads them; what GitHub fills in is left out."""
    given = {name: str(value) for name, value in step.get("with", {}).items()}
    assert set(given) <= set(NAMES)
    return Inputs.from_texts({name: value for name, value in given.items() if "${{" not in value})


@each_block("yaml")
def test_a_workflow_on_a_page_is_one_of_the_examples(block: Block) -> None:
    if "definition" in block.words:
        return
    if "jobs:" in block.text:
        assert block.text in {example.read_text(encoding="utf-8") for example in EXAMPLES}
    else:
        assert set(yaml.safe_load(block.text)) <= set(NAMES)


def test_the_readme_has_the_two_workflows_to_copy() -> None:
    shown = [block.text for block in BLOCKS if block.page == README and block.language == "yaml"]
    wanted = [(ROOT / "examples/workflows" / name).read_text(encoding="utf-8") for name in ("plan.yml", "apply.yml")]
    assert [text for text in shown if "jobs:" in text] == wanted


@each_example
def test_an_example_uses_inputs_that_are_there(example: Path) -> None:
    found = list(steps(yaml.safe_load(example.read_text(encoding="utf-8"))))
    assert found
    assert [inputs_of(step).path for step in found] == [FOLDER] * len(found)


@each_example
def test_an_apply_on_aws_is_never_cancelled_and_never_runs_for_a_pull_request(example: Path) -> None:
    document = yaml.safe_load(example.read_text(encoding="utf-8"))
    triggers = document[True]  # YAML 1.1 reads `on` so
    for job in document["jobs"].values():
        for inputs in map(inputs_of, steps(job)):
            if inputs.mode is Mode.APPLY and inputs.endpoint_url is None:
                limits = job.get("concurrency") or document["concurrency"]
                assert limits["cancel-in-progress"] is False
                guarded = "github.ref == 'refs/heads/main'" in job.get("if", "") or "plan" in job.get("needs", "")
                assert guarded, "a run for another branch would apply it"
    assert "closed" not in ((triggers.get("pull_request") or {}).get("types") or [])


@each_example
def test_a_plan_that_comments_runs_when_a_label_comes_or_goes(example: Path) -> None:
    document = yaml.safe_load(example.read_text(encoding="utf-8"))
    plans = [inputs for inputs in map(inputs_of, steps(document)) if inputs.mode is Mode.PLAN]
    if any(inputs.comment for inputs in plans) and "pull_request" in document[True]:
        assert {"labeled", "unlabeled"} <= set(document[True]["pull_request"]["types"])


def test_recipes_md_lists_every_example() -> None:
    recipes = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[([\w.-]+)\]\(\.\./examples/workflows/\1\)", recipes, re.MULTILINE)
    assert sorted(listed) == [example.name for example in EXAMPLES]


# --- pages -----------------------------------------------------------------------------------------------------------

LINKED = [
    *PAGES,
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "tests/README.md", "tests/simulator/README.md")),
]
"""Pages with links; those beside `PAGES` are for people who work on the code."""
SOURCES = [
    ROOT / "pyproject.toml",
    ROOT / "Makefile",
    *(file for folder in ("dynatus_ci", "tests", "benchmarks") for file in sorted((ROOT / folder).rglob("*.py"))),
]
REFERENCE = re.compile(r"(?<![\w/.])(docs/[\w-]+\.md|(?:README|CONTRIBUTING)\.md(?=#))(?:#([\w-]+))?")
"""How code refers to a page of ours: its path from the root, and a heading."""
ELSEWHERE = re.compile(r"DES[I]GN|\b[Pp]art [A-F]\b|\b[A-F][0-9]{1,2}\b")
"""References to documents that are not in this repository."""


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(<?([^)>]+)>?\)", prose(page)):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_every_setting_says_where_its_facts_are() -> None:
    modules = {type(aspect).__module__: importlib.import_module(type(aspect).__module__) for aspect in ASPECTS}
    assert [name for name, module in modules.items() if "docs/dynamodb.md#" not in (module.__doc__ or "")] == []


def test_emulators_md_has_a_row_for_every_aspect() -> None:
    rows = table(ROOT / "docs/emulators.md", "setting")
    assert {aspect.name for aspect in ASPECTS} <= rows.keys()


def test_every_reference_from_code_leads_to_a_heading() -> None:
    lost = []
    for source in SOURCES:
        for path, anchor in REFERENCE.findall(source.read_text(encoding="utf-8")):
            there = ROOT / path
            if not there.is_file() or (anchor and anchor not in anchors(there)):
                lost.append(f"{source.relative_to(ROOT)}: {path}#{anchor}")
    assert lost == []


def test_nothing_refers_to_a_paper_outside_the_repository() -> None:
    texts = {file: file.read_text(encoding="utf-8") for file in (*SOURCES, *LINKED)}
    lines = [f"{file.relative_to(ROOT)}: {line}" for file, text in texts.items() for line in text.splitlines()]
    assert [line for line in lines if ELSEWHERE.search(line)] == []


def test_a_link_to_code_is_called_as_the_file_is() -> None:
    links = re.findall(
        r"\[([^\]]+)\]\(\.\./dynatus_ci/([^)]+)\)", (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    )
    assert [link for link in links if not link[1].removesuffix("/__init__.py").endswith(link[0])] == []


def test_what_the_architecture_page_says_is_somewhere_is_there() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    places = re.findall(r"((?:`\w+`(?: and | or )?)+) in \[[^\]]+\]\(\.\./(dynatus_ci/[^)]+)\)", page)
    named = [(path, name) for names, path in places for name in re.findall(r"\w+", names) if name not in {"and", "or"}]
    missing = [
        (path, name)
        for path, name in named
        if not hasattr(
            importlib.import_module(path.removesuffix(".py").replace("/__init__", "").replace("/", ".")), name
        )
    ]
    assert len(named) > 20
    assert missing == []


def members_of_classes() -> set[str]:
    """`Class.member` for every method, field and attribute of the package."""
    nodes = (
        node
        for path in (ROOT / "dynatus_ci").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    return {f"{node.name}.{name}" for node in nodes for name in _names_inside(node)}


def _names_inside(node: ast.ClassDef) -> Iterator[str]:
    for inside in ast.walk(node):
        match inside:
            case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name)):
                yield name
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


def test_each_member_that_the_architecture_page_names_is_there() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = {f"{owner}.{name}" for owner, name in re.findall(r"`([A-Z]\w+)\.(\w+)(?:\(\))?`", page)}
    assert len(named) > 10
    assert named - members_of_classes() == set()


def test_the_picture_of_the_layers_is_the_one_that_import_linter_holds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(each["layers"] for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    pictures = [block.text for block in BLOCKS if block.page.name == "architecture.md" and block.language == "mermaid"]
    picture = next(text for text in pictures if text.startswith("flowchart TD"))
    shown = [re.findall(r"\w+", label) for label in re.findall(r'\["([^"]+)"\]', picture)]
    assert shown == [re.findall(r"\w+", layer) for layer in layers]


def test_the_readme_leads_to_every_page() -> None:
    assert {page.name for page in PAGES[1:]} <= set(re.findall(r"\(docs/([\w-]+\.md)\)", prose(README)))


@pytest.mark.parametrize("page", [*PAGES, *EXAMPLES], ids=lambda path: path.name)
def test_no_line_names_a_path_of_somebodys_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.:/~$}-])/(?:home|root|tmp|Users|work|var|opt|mnt)\b\S*|[A-Z]:\\\S+|~/\S+", text) == []


def test_troubleshooting_md_explains_every_failure_reason() -> None:
    assert list(table(ROOT / "docs/troubleshooting.md", "`failure-reason`")) == list(FailureReason)


@pytest.mark.parametrize("emulator", [emulators.DYNAMODB_LOCAL, emulators.MOTO])
def test_emulators_md_says_what_each_cannot_keep(emulator: str) -> None:
    column = list(emulators.NAMES).index(emulator)
    rows = table(ROOT / "docs/emulators.md", "setting")
    for kind in emulators.CANNOT_KEEP[emulator]:
        aspect, _, member = kind.partition(".")
        assert rows[f"{member}` of an index" if member else aspect][column] == "no", kind
    kept = members.TABLE.members.keys() - emulators.CANNOT_KEEP[emulator]
    assert {name for name in kept & rows.keys() if not rows[name][column].startswith("yes")} == set()
