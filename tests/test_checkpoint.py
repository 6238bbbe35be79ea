"""Checkpoint files: whole or not there, readable by all, and any damage is noticed."""

import json
import os
import random
import stat
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from trm_minimal.engine import checkpoint
from trm_minimal.errors import BadInput

TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "flags": torch.tensor([True, False]),
    "scalar": torch.tensor(7),
    "nothing": torch.zeros(0, 2),
}
FACTS = {"kind": "test", "pair": (1, 2), "large": 1e300, "not a number": float("nan")}


@pytest.fixture
def path(tmp_path):
    checkpoint.save(tmp_path / "a.safetensors", TENSORS, FACTS)
    return tmp_path / "a.safetensors"


def test_what_is_saved_is_loaded_and_the_same_twice(path):
    tensors, facts = checkpoint.load(path)
    assert json.dumps(facts) == json.dumps(FACTS)
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())
    before = path.read_bytes()
    checkpoint.save(path, dict(reversed(TENSORS.items())), FACTS)
    assert path.read_bytes() == before


def test_every_flipped_bit_of_a_file_is_noticed(path):
    """Each bit of the numbers, and some of what describes them."""
    content = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    bits = [8 * byte + bit for byte in range(start, len(content)) for bit in range(8)]
    bits += random.Random(0).sample(range(8 * start), 200)
    unnoticed = []
    for bit in bits:
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        content[bit // 8] ^= 1 << bit % 8
        try:
            tensors, _ = checkpoint.load(path)
        except BadInput:
            continue
        unnoticed.append((bit, tensors))
    # A letter of the word "sha256", or of "facts", makes the file an older or a foreign one.
    assert len(unnoticed) <= 2 and all(bit < 8 * start for bit, _ in unnoticed), unnoticed


def test_a_file_of_before_digests_is_read(path):
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
    del facts["sha256"]
    save_file(TENSORS, path, metadata={"facts": json.dumps(facts)})
    assert json.dumps(checkpoint.load(path)[1]) == json.dumps(FACTS)


def test_the_digest_is_of_names_shapes_types_and_facts():
    base = checkpoint.digest(TENSORS, FACTS)
    others = [
        checkpoint.digest(TENSORS | {"b": torch.zeros(0)}, FACTS),
        checkpoint.digest(TENSORS | {"a": TENSORS["a"].reshape(3, 2)}, FACTS),
        checkpoint.digest(TENSORS | {"scalar": torch.tensor(7, dtype=torch.int32)}, FACTS),
        checkpoint.digest(TENSORS, FACTS | {"kind": "other"}),
    ]
    assert len({base, *others}) == 5
    turned = TENSORS["a"].T.contiguous().T  # the same numbers, laid out otherwise in memory
    assert checkpoint.digest(TENSORS | {"a": turned}, FACTS) == base


def test_others_may_read_what_the_umask_lets_them(path):
    before = os.umask(0o027)
    try:
        checkpoint.save(path, TENSORS, FACTS)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_a_write_that_is_broken_off_leaves_the_old_file_and_nothing_else(path, error, monkeypatch):
    def fail(*arguments):
        raise error

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(BadInput if error is OSError else error):
        checkpoint.save(path, {"a": torch.zeros(1)}, {})
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def test_the_file_is_on_the_disk_before_it_takes_its_name(path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def recorded(*arguments, name=name, real=real):
            done.append(name)
            return real(*arguments)

        monkeypatch.setattr(os, name, recorded)
    checkpoint.save(path, TENSORS, FACTS)
    assert done == ["fsync", "replace"]


def test_a_pickle_is_named_and_not_run(path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (path.with_name("ran"),)

    for legacy in (False, True):
        torch.save({"w": Bomb()}, path, _use_new_zipfile_serialization=not legacy)
        with pytest.raises(BadInput, match=r"is a pickle.* give a \.safetensors file"):
            checkpoint.load(path)
    assert not path.with_name("ran").exists()


def test_a_header_that_begins_like_a_pickle_is_none(tmp_path):
    """Its length ends in 0x80: in one file of 32."""
    path = tmp_path / "a.safetensors"
    for size in range(300):
        checkpoint.save(path, {"w": torch.ones(1)}, {"pad": "x" * size})
        if path.read_bytes()[0] == 0x80:
            break
    assert path.read_bytes()[0] == 0x80 and checkpoint.load(path)[1]["pad"] == "x" * size


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "[1]", "7", '"facts"'])
def test_facts_that_are_no_facts(path, text):
    save_file(TENSORS, path, metadata={"facts": text})
    with pytest.raises(BadInput, match=r"no JSON|without this project's facts"):
        checkpoint.load(path)


def test_a_fact_has_its_type():
    facts = {"step": 5, "flag": True, "deep": [[[1]]] * 1000}
    assert checkpoint.fact(facts, "step", int, Path("f")) == 5
    for name, words in (("none", "does not say its none"), ("flag", "flag True, which is no int")):
        with pytest.raises(BadInput, match=f"^f .*{words}"):
            checkpoint.fact(facts, name, int, Path("f"))
    with pytest.raises(BadInput) as told:
        checkpoint.fact(facts, "deep", str, Path("f"))
    assert len(str(told.value)) < 200


@pytest.mark.parametrize(
    "spoilt",
    [
        torch.ones(2, 3, dtype=torch.int64),
        torch.ones(2, 3, dtype=torch.bool),
        torch.full((2, 3), float("nan")),
        torch.tensor([[1.0, 1, 1], [1, 1, float("-inf")]]),
        torch.ones(2, 3, dtype=torch.complex64),
    ],
)
def test_weights_are_finite_floats(spoilt):
    model = torch.nn.Linear(3, 2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(BadInput, match=r"of the test holds torch.* in weight"):
        checkpoint.load_weights(model, before | {"weight": spoilt}, "the file of the test")
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    checkpoint.load_weights(model, before | {"weight": torch.ones(2, 3).half()}, "the file")
    assert model.weight.sum() == 6


def test_names_from_a_file_cannot_speak_to_the_terminal():
    model = torch.nn.Linear(1, 1, bias=False)
    with pytest.raises(BadInput) as told:
        checkpoint.load_weights(model, {"\x1b[2J" + "x" * 999: torch.ones(1)}, "f")
    assert "\x1b" not in str(told.value) and len(str(told.value)) < 250


@pytest.mark.skipif(sys.platform == "win32", reason="the writer is a forked process")
def test_a_reader_beside_a_writer_sees_one_file_or_the_other(tmp_path):
    """Header of the old file and tensors of the new would be neither: the digest would not fit."""
    path = tmp_path / "state.safetensors"

    def write(values: range) -> None:
        for value in values:
            tensors = {str(i): torch.full((300,), float(value)) for i in range(30)}
            checkpoint.save(path, tensors, {"value": value})

    write(range(1))
    writer = get_context("fork").Process(target=write, args=(range(1, 300),))
    writer.start()
    while writer.is_alive():
        tensors, facts = checkpoint.load(path)
        assert all((tensor == facts["value"]).all() for tensor in tensors.values())
    writer.join()
    assert writer.exitcode == 0 and checkpoint.load(path)[1] == {"value": 299}
