"""Recorded runs: what is written passes every check, each check sees its planted error, and the
real runs stand.
"""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache, partial
from types import SimpleNamespace

import pytest
import torch

from trm_minimal.engine import checkpoint
from trm_minimal.errors import BadInput
from trm_minimal.lab import puzzles, recipes, weights
from trm_minimal.lab.parts.rounds import one_step
from trm_minimal.lab.records import adopt, check, provenance, replay, runs, score
from trm_minimal.lab.records.runs import Run
from trm_minimal.lab.weights import CHECKPOINTS, load_model, save_weights
from trm_minimal.layers import mlp_mixer
from trm_minimal.recursion import deep_recursion
from trm_minimal.schedules import constant
from trm_minimal.tasks import files, no_puzzles
from trm_minimal.train import train

FOLDERS = sorted(path for path in runs.RUNS.glob("[!.]*/[!.]*") if path.is_dir())
NAMES = [f"{path.parent.name}/{path.name}" for path in FOLDERS]


def tiny():
    """A 4x4 recipe of seconds."""
    return replace(
        recipes.sudoku_4x4(),
        dim=16,
        block=partial(mlp_mixer, multiple=16),
        depth=constant(2, 2),
        N_sup=3,
        steps=40,
        batch=16,
        eval_every=15,  # does not divide the steps
        eval_puzzles=40,
        ema=0.5,
    )


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(recipes.RECIPES, "tiny", tiny)


@pytest.fixture(scope="module")
def task():
    every = tiny().task()
    return replace(every, test=every.test[:120])


@pytest.fixture(scope="module")
def written(tmp_path_factory, task):
    """A record, and what it was written from."""
    folder = tmp_path_factory.mktemp("runs") / "tiny" / "cpu-3"
    state = train(tiny(), task, seed=3)
    env = {"device": "a CPU", "commit": None, "sources": {}}
    runs.write_run(folder, "tiny", tiny(), task, state, 3, env)
    return SimpleNamespace(folder=folder, state=state, env=env)


@pytest.fixture
def folder(written, tmp_path, registered):
    """A copy of the record, to spoil."""
    return shutil.copytree(written.folder, tmp_path / "cpu-3")


def red(folder, task) -> set[str]:
    """Which checks complain."""
    run = Run(folder)
    found = {
        "files": check.check_files(run),
        "recipe": check.check_recipe(run),
        "curve": check.check_curve(run),
        "weights": check.check_weights(run, task),
        "first steps": check.check_first_steps(run, task),
    }
    return {name for name, complaints in found.items() if complaints}


def edit(path, change):
    """Change a JSON file in place."""
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value, indent=1) + "\n")


def turn(flags: str, places: range) -> str:
    return "".join("10"[int(flag)] if i in places else flag for i, flag in enumerate(flags))


def test_what_is_written_passes_every_check(folder, task, written):
    assert red(folder, task) == set()
    run = Run(folder)
    assert [row["step"] for row in run.curve] == [15, 30, 40] and run.curve[-1][
        "ema"
    ] == written.state.curve[-1]["ema"]
    assert (
        len(run.eval["test"]["raw"]["exact"]) == 3
        and len(run.eval["test"]["ema"]["any_solution"]) == 120
    )
    model, recipe, facts = load_model(folder / "weights.safetensors")
    assert facts["step"] == 40 and recipes.describe(recipe) == recipes.describe(tiny())
    for name, tensor in written.state.ema.model.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])


def test_an_edited_curve(folder, task):
    path = folder / "curve.csv"
    lines = path.read_text().splitlines()
    row = dict(zip(lines[0].split(","), lines[-1].split(","), strict=True))
    row["ema"] = str(float(row["ema"]) + 0.025)
    path.write_text("\n".join([*lines[:-1], ",".join(row.values())]) + "\n")
    assert red(folder, task) == {"files", "curve"}
    runs.write_sums(folder)
    assert red(folder, task) == {"curve"}
    path.write_text("\n".join([lines[0], *lines[2:]]) + "\n")  # a row less
    runs.write_sums(folder)
    assert red(folder, task) == {"curve"}


def test_edited_flags(folder, task):
    """Of validation: the curve knows better.

    Of the first test puzzles: the weights do. Of a later one: the sum.
    """
    path = folder / "eval.json"
    untouched = path.read_text()

    def validation(scores):
        row = scores["validation"]["ema"]["exact"]
        row[-1] = turn(row[-1], range(1))

    def test(scores, places):
        for part in (scores["test"]["ema"], scores["test"]["raw"]):
            part["exact"][-1] = turn(part["exact"][-1], places)
            part["any_solution"] = "1" * 120

    edit(path, validation)
    assert red(folder, task) >= {"files", "curve"}
    path.write_text(untouched)
    edit(path, partial(test, places=range(3)))
    runs.write_sums(folder)
    assert red(folder, task) == {"weights"}
    path.write_text(untouched)
    edit(path, partial(test, places=range(110, 120)))
    assert red(folder, task) == {"files"}


@pytest.mark.parametrize(
    ("file", "change", "check_of"),
    [
        ("eval.json", lambda scores: scores.pop("test"), check.check_weights),
        ("eval.json", lambda scores: scores["validation"].pop("ema"), check.check_curve),
        ("recipe.json", lambda recipe: recipe.pop("N_sup"), check.check_curve),
        ("recipe.json", lambda recipe: recipe.update(name=7), check.check_recipe),
        ("first_steps.json", lambda losses: losses.__setitem__(0, None), check.check_first_steps),
    ],
)
def test_a_record_edited_at_will_is_complained_of(folder, task, file, change, check_of):
    edit(folder / file, change)
    run = Run(folder)
    own = (check.check_weights, check.check_first_steps)
    complaints = check_of(run, task) if check_of in own else check_of(run)
    assert len(complaints) == 1 and "cannot be checked" in complaints[0]


def test_an_exact_answer_that_is_no_solution(folder, task):
    def contradict(scores):
        scores["test"]["raw"]["exact"][-1] = "1" + "0" * 119
        scores["test"]["raw"]["any_solution"] = "0" * 120

    edit(folder / "eval.json", contradict)
    runs.write_sums(folder)
    assert red(folder, task) == {"curve"}


def test_a_changed_recipe_and_what_superseded_silences(folder, task, monkeypatch):
    monkeypatch.setitem(recipes.RECIPES, "tiny", lambda: replace(tiny(), clip=0.5))
    assert check.check_recipe(Run(folder)) == ["today's recipe differs in clip"]
    monkeypatch.setitem(
        recipes.RECIPES,
        "tiny",
        lambda: replace(tiny(), recursion=partial(deep_recursion, one_round=one_step)),
    )
    # as if recorded before there was a choice
    edit(folder / "recipe.json", lambda recipe: recipe.pop("recursion"))
    assert check.check_recipe(Run(folder)) == ["today's recipe differs in recursion"]
    monkeypatch.setitem(recipes.RECIPES, "tiny", tiny)
    assert check.check_recipe(Run(folder)) == []
    runs.write_sums(folder)
    (folder / "superseded.txt").write_text("clipped harder since\n")
    assert Run(folder).superseded and red(folder, task) == set()
    edit(folder / "first_steps.json", lambda losses: losses.reverse())
    assert red(folder, task) == {"files", "first steps"}  # it silences no other check
    monkeypatch.delitem(recipes.RECIPES, "tiny")
    assert check.check_recipe(Run(folder)) == []


@pytest.mark.parametrize(
    "name",
    ["output_head.weight", "net.blocks.0.1.inner.down.weight", "init_y.vector_D", "q_head.bias"],
)
def test_flipped_weights_that_only_their_behaviour_betrays(folder, task, name):
    path = folder / "weights.safetensors"
    tensors, facts = checkpoint.load(path)
    checkpoint.save(path, tensors | {name: -tensors[name]}, facts)  # with a digest that fits
    assert red(folder, task) == {"files", "weights"}
    runs.write_sums(folder)
    assert red(folder, task) == {"weights"}


def test_weights_of_another_seed(folder, task, written):
    path = folder / "weights.safetensors"
    save_weights(path, written.state.ema.model, {"recipe": "tiny", "seed": 4, "step": 40})
    runs.write_sums(folder)
    assert check.check_weights(Run(folder), task) == ["the weights are of another seed"]


def test_another_order_of_the_data_or_another_seed(folder, task):
    turned = replace(task, train=type(task.train)(*(tokens_NL.flip(0) for tokens_NL in task.train)))
    assert check.check_first_steps(Run(folder), turned) and not check.check_first_steps(
        Run(folder), task
    )
    edit(folder / "recipe.json", lambda recipe: recipe.update(seed=4))
    assert check.check_first_steps(Run(folder), task)


def test_a_missing_file_and_one_without_a_checksum(folder, task):
    (folder / "notes.txt").write_text("mine\n")
    assert check.check_files(Run(folder)) == ["notes.txt is missing or has no checksum"]
    (folder / "notes.txt").unlink()
    (folder / "weights.safetensors").unlink()
    assert check.check_files(Run(folder)) == ["weights.safetensors is missing or has no checksum"]
    (folder / "SHA256SUMS").unlink()
    assert len(check.check_files(Run(folder))) == 5
    for part in ("recipe.json", "eval.json", "curve.csv"):
        spoilt = shutil.copytree(folder, folder.with_name(part))
        (spoilt / part).unlink()
        with pytest.raises(BadInput, match=f"no whole record.*{part}"):
            Run(spoilt)
    (folder / "env.json").write_text('{"device": ')
    with pytest.raises(BadInput, match="no whole record"):
        Run(folder)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_record_leaves_nothing(written, task, tmp_path, monkeypatch, error):
    def stop(folder):
        raise error

    monkeypatch.setattr(runs, "write_sums", stop)
    with pytest.raises((KeyboardInterrupt, BadInput)):
        runs.write_run(
            tmp_path / "tiny" / "cpu-3", "tiny", tiny(), task, written.state, 3, written.env
        )
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_never_written_over(folder, task, written):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(BadInput, match="is there already"):
        runs.write_run(folder, "tiny", tiny(), task, written.state, 3, {})
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_a_killed_process_left_is_not_read(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNS", tmp_path / "all")
    shutil.copytree(folder, tmp_path / "all" / "tiny" / "cpu-3")
    for rest in (
        tmp_path / "all" / ".unfinished-1" / "new",
        tmp_path / "all" / "tiny" / ".unfinished-2" / "new",
    ):
        rest.mkdir(parents=True)
    (tmp_path / "all" / "README.md").write_text("")
    assert (
        [run.recipe["seed"] for run in runs.read_runs()]
        == [3]
        == [run.recipe["seed"] for run in runs.read_runs("tiny")]
    )
    assert runs.read_runs("tin") == []
    (tmp_path / "all" / "tiny" / "cpu-4").mkdir()  # a damaged record is not passed over
    with pytest.raises(BadInput, match="no whole record"):
        runs.read_runs()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository of one source file, in the place of this one."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    root = tmp_path / "repository"
    (root / "trm_minimal").mkdir(parents=True)
    (root / "trm_minimal" / "a.py").write_text("x = 1\n")

    def git(*arguments):
        who = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit():
        git("add", "-A")
        git("commit", "-q", "-m", "c")
        return git("rev-parse", "HEAD")

    git("init", "-q")
    monkeypatch.setattr(provenance, "ROOT", root)
    return SimpleNamespace(root=root, git=git, commit=commit, source=root / "trm_minimal" / "a.py")


def test_a_clean_tree_is_required_but_records_may_lie_in_it(repository):
    repository.commit()
    provenance.require_clean_tree()
    record = repository.root / "data" / "runs" / "r" / "cpu-0" / "env.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    provenance.require_clean_tree()
    (repository.root / "new.txt").write_text("")  # an untracked file may be what made the run
    with pytest.raises(BadInput, match=r"uncommitted changes \(\?\? new.txt\)"):
        provenance.require_clean_tree()
    (repository.root / "new.txt").unlink()
    repository.source.write_text("x = 2\n")
    with pytest.raises(BadInput, match=r"a\.py"):
        provenance.require_clean_tree()


def test_without_git_the_record_has_digests_and_no_commit(repository, tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "elsewhere")
    shutil.copytree(repository.root / "trm_minimal", tmp_path / "elsewhere" / "trm_minimal")
    provenance.require_clean_tree()
    env = provenance.environment("cpu", "train tiny --record")
    assert env["commit"] is None and env["sources"] == {
        "trm_minimal/a.py": provenance.sha256(repository.source)
    }


def test_a_record_made_without_git_takes_its_first_steps_when_adopted(
    repository, tmp_path, task, written, registered, monkeypatch
):
    commit = repository.commit()
    env = provenance.environment("cpu", "train tiny --record")
    with monkeypatch.context() as patch:
        patch.setattr(runs, "has_git", lambda: False)
        runs.write_run(
            tmp_path / "tiny" / "cpu-3",
            "tiny",
            tiny(),
            task,
            written.state,
            3,
            env | {"commit": None},
        )
    folder = tmp_path / "tiny" / "cpu-3"
    assert Run(folder).first_steps is None and red(folder, task) == {"first steps"}
    adopt.adopt(folder, commit)
    assert Run(folder).first_steps == Run(written.folder).first_steps and red(folder, task) == set()


def test_a_large_net_is_kept_in_half_and_scored_as_it_is_kept(
    tmp_path, task, written, registered, monkeypatch
):
    folder = tmp_path / "tiny" / "cpu-3"
    monkeypatch.setattr(weights, "LARGE", 1000)
    runs.write_run(folder, "tiny", tiny(), task, written.state, 3, written.env)
    sizes = [(path / "weights.safetensors").stat().st_size for path in (folder, written.folder)]
    assert sizes[0] < 0.6 * sizes[1] and red(folder, task) == set()
    model, recipe, _ = load_model(folder / "weights.safetensors")
    for name, tensor in written.state.ema.model.state_dict().items():
        assert torch.equal(tensor.half().float(), model.state_dict()[name])
    again = score.score(recipe, task, model, score.scored_sets(tiny(), task)["validation"])
    assert again == Run(folder).eval["validation"]["ema"]


def test_of_a_costly_net_the_first_puzzles_are_scored_after_every_step(folder, task, monkeypatch):
    """Of 40 and 120 puzzles the first 16; a turned flag is seen there, after any step, and not
    beyond.
    """
    monkeypatch.setattr(replay, "MINUTE", 0)
    asked = []

    def counted(*given):
        asked.append(len(given[3]))
        return score.score(*given)

    monkeypatch.setattr(check, "score", counted)
    assert check.check_weights(Run(folder), task) == [] and asked == [16, 16]
    path = folder / "eval.json"
    untouched = path.read_text()
    for places, seen in ((range(2), True), (range(20, 30), False)):
        path.write_text(untouched)
        edit(path, lambda scores, places=places: scores["test"]["ema"]["exact"].__setitem__(
            1, turn(scores["test"]["ema"]["exact"][1], places)))  # fmt: skip
        assert bool(check.check_weights(Run(folder), task)) == seen


def test_exact_accuracy_by_rating_by_hand():
    rows = score.by_rating({"exact": ["00000", "11001"]}, [0, 9, 10, 300, 80])
    assert [(row["rating_from"], row["n"], row["exact"]) for row in rows] == [
        (0, 1, 1.0), (1, 1, 1.0), (10, 1, 0.0), (80, 2, 0.5)
    ]  # fmt: skip
    assert rows[3]["exact_95"] == score.interval(1, 2)


def test_adopt_takes_matching_sources_only(repository, folder, task):
    first = repository.commit()
    env = provenance.environment("cpu", "train tiny --record")
    assert env["commit"] == first
    (folder / "env.json").write_text(json.dumps(env | {"commit": None}))
    runs.write_sums(folder)
    repository.source.write_text("x = 2\n")
    second = repository.commit()
    before = (folder / "env.json").read_bytes()
    for commit, reason in ((second, "another trm_minimal/a.py"), ("f" * 40, "git rev-parse")):
        with pytest.raises(BadInput, match=reason):
            adopt.adopt(folder, commit)
        assert (folder / "env.json").read_bytes() == before
    adopt.adopt(folder, "HEAD~1")
    assert Run(folder).env == env and red(folder, task) == set()

    repository.git("rm", "-q", "trm_minimal/a.py")
    (repository.root / "trm_minimal").mkdir(exist_ok=True)
    (repository.root / "trm_minimal" / "b.py").write_text("")
    assert provenance.check_sources(env, repository.commit())  # the file is not there at all
    (folder / "curve.csv").write_text("step\n")
    with pytest.raises(BadInput, match=r"curve\.csv differs"):  # and it blesses no damaged record
        adopt.adopt(folder, first)


# The real runs.


@cache
def shipped_task(name):
    return recipes.by_name(name).task()


def task_of(run, request):
    """The run's task.

    Where its puzzles are not ours to ship and not here, the shipped ones that validated it.
    """
    recipe = recipes.by_name(run.recipe["name"])
    try:
        return shipped_task(run.recipe["name"])
    except BadInput:
        if folder := request.getfixturevalue("published_if_here"):
            return recipe.task(data_dir=folder)
    task = puzzles.task_of_csv(files.PUZZLES / recipe.task.keywords["validation"])
    return replace(task, validation=task.test, test=no_puzzles(task.length))


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_record_is_whole_and_of_todays_recipe(folder):
    run = Run(folder)
    assert [run.recipe["name"], folder.name.split("-")[1]] == [
        folder.parent.name,
        str(run.recipe["seed"]),
    ]
    assert check.check_files(run) + check.check_recipe(run) + check.check_curve(run) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_record_names_the_commit_that_made_it(folder):
    env = Run(folder).env
    assert re.fullmatch("[0-9a-f]{40}", env["commit"]) and env["sources"]
    if (
        not provenance.has_git()
        or provenance.git("rev-parse", "--is-shallow-repository").strip() == b"true"
    ):
        pytest.skip("the history is not here: the sources of the commit cannot be compared")
    assert provenance.check_sources(env, env["commit"]) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_record_tells_nothing_of_the_machine(folder):
    for path in folder.glob("*.[jct]*"):  # JSON, CSV and text
        assert not re.search(r"/(home|root|work|tmp|Users)\b", path.read_text(encoding="utf-8")), (
            path
        )


@pytest.mark.records(dict(zip(NAMES, FOLDERS, strict=True)))
def test_recorded_weights_do_what_was_recorded(record, request):
    run = Run(record)
    assert check.check_weights(run, task_of(run, request)) == []


@pytest.mark.records(dict(zip(NAMES, FOLDERS, strict=True)))
def test_recorded_first_steps_are_taken_again(record, request, monkeypatch):
    run = Run(record)
    if run.superseded:  # the recipe has moved on: take its batch and steps from the record
        numbers = {name: run.recipe[name] for name in ("batch", "steps", "eval_every")}
        then = replace(recipes.by_name(run.recipe["name"]), **numbers)
        monkeypatch.setitem(recipes.RECIPES, run.recipe["name"], lambda: then)
    task = task_of(run, request)
    if not len(task.train):
        request.getfixturevalue("published")  # skips, and says why
    assert check.check_first_steps(run, task) == []


@pytest.mark.parametrize(
    "path", sorted(runs.RUNS.glob("*/*/harder.json")), ids=lambda path: path.parent.name
)
def test_scores_on_harder_puzzles_are_their_flags(path, published_if_here):
    """Counted again; and where the puzzles are here, the first are answered again, in float32."""
    for scored in json.loads(path.read_text(encoding="utf-8")):
        flags = scored["exact_flags"]
        right = flags.count("1")
        assert scored["n"] == len(flags) and scored["exact"] == right / len(flags)
        assert scored["exact_95"] == list(score.interval(right, len(flags)))
        assert scored["exact_by_step"][-1] == scored["exact"]
        assert sum(row["n"] for row in scored["by_rating"]) == len(flags)
        assert round(sum(row["n"] * row["exact"] for row in scored["by_rating"])) == right
        if published_if_here:
            csv = published_if_here / "sudoku-real" / scored["puzzles"]
            model, recipe, _ = load_model(path.with_name("weights.safetensors"))
            task, first = puzzles.task_of_csv(csv), slice(0, 8)
            again = score.score(
                recipe, task, model, type(task.test)(*(tokens_NL[first] for tokens_NL in task.test))
            )
            assert sum(a != b for a, b in zip(flags[first], again["exact"][-1], strict=True)) <= 1
            ratings = puzzles.ratings(csv)[: len(flags)]
            rows = score.by_rating({"exact": [flags]}, ratings)
            assert json.loads(json.dumps(rows)) == scored["by_rating"]


def test_the_list_of_done_runs_is_the_folders():
    text = (runs.RUNS / "README.md").read_text(encoding="utf-8").partition("## Wanted")[0]
    listed = re.findall(r"^\| \[([\w]+/[\w-]+)\]\(\1\) \|", text, re.MULTILINE)
    assert sorted(listed) == NAMES


def test_each_shipped_checkpoint_is_the_weights_of_its_run():
    text = (CHECKPOINTS / "README.md").read_text(encoding="utf-8")
    rows = dict(
        re.findall(
            r"^\| `?([\w.-]+\.safetensors)`? \| `?(data/runs/[\w/-]+)`? \|", text, re.MULTILINE
        )
    )
    assert sorted(rows) == sorted(path.name for path in CHECKPOINTS.glob("*.safetensors"))
    for name, run in rows.items():
        weights = provenance.ROOT / run / "weights.safetensors"
        assert weights.is_file() and provenance.sha256(CHECKPOINTS / name) == provenance.sha256(
            weights
        ), name
