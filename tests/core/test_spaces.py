"""Spaces, conditions, classifiers and chunks."""

import inspect

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.errors import ConditionMismatch, DomainMismatch, InvalidInput
from latentsteer.core.images import grey, resized, three_channels
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Identity, Space

SPACE = Space((Block("z", (2,), -1.0, 1.0), Block("noise", (2, 3)), Block("s", (), 0.0)))


def test_split_and_join_are_inverse(toys):
    v = toys.normal(4, SPACE.dim)
    parts = SPACE.split(v)
    assert {name: tuple(part.shape) for name, part in parts.items()} == {
        "z": (4, 2),
        "noise": (4, 2, 3),
        "s": (4,),
    }
    assert torch.equal(SPACE.join(parts), v)
    assert torch.equal(SPACE.join(dict(reversed(parts.items()))), v)
    for name, where in SPACE.slices().items():
        assert torch.equal(v[:, where], parts[name].reshape(4, -1))


def test_clamp_takes_each_block_to_its_own_bounds(toys):
    v = 5 * toys.normal(50, SPACE.dim)
    found, before = SPACE.split(SPACE.clamp(v)), SPACE.split(v)
    assert torch.equal(found["z"], before["z"].clamp(-1, 1))
    assert torch.equal(found["noise"], before["noise"])
    assert torch.equal(found["s"], before["s"].clamp_min(0))
    assert torch.equal(SPACE.clamp(SPACE.clamp(v)), SPACE.clamp(v))


def test_a_space_without_bounds_leaves_points_as_they_are(toys):
    v = toys.normal(3, 4)
    assert toys.vectors(4).clamp(v) is v


def test_bad_spaces_and_points_are_refused():
    with pytest.raises(InvalidInput, match=r"low 1\.0 is not below high 1\.0"):
        Block("z", (1,), 1.0, 1.0)
    with pytest.raises(InvalidInput, match="share a name"):
        Space((Block("z", (1,)), Block("z", (2,))))
    with pytest.raises(InvalidInput, match="No block 'w'"):
        SPACE.block("w")
    assert SPACE.block("noise").size == 6
    for wrong in (torch.zeros(2, 8), torch.zeros(9), torch.zeros(2, 9, 1)):
        with pytest.raises(DomainMismatch, match=r"expected \(batch, 9\)"):
            SPACE.check(wrong)
    with pytest.raises(DomainMismatch, match="expected"):
        SPACE.split(torch.zeros(2, 8))
    with pytest.raises(DomainMismatch, match="this space has z"):
        SPACE.join({"z": torch.zeros(1, 2)})


def test_the_identity_maps_points_to_themselves(toys):
    v = toys.normal(2, SPACE.dim)
    assert Identity(SPACE)(v, SampleRng.of(0, 2)) is v
    assert Identity(SPACE).target == SPACE


# Conditions


def condition(rows):
    names = tuple(str(n) for n in range(rows))
    return Condition(torch.eye(3)[:rows], names, "f-id", "f")


def test_one_row_serves_every_sample_and_more_go_one_each():
    like = torch.empty(0, dtype=torch.float64)
    assert torch.equal(
        condition(1).at([4, 0], like), torch.eye(3, dtype=like.dtype)[:1].repeat(2, 1)
    )
    assert torch.equal(condition(3).at([2, 0], like), torch.eye(3, dtype=like.dtype)[[2, 0]])


def test_a_batch_that_does_not_fit_the_rows_is_refused():
    for batch in (1, 3, 7):
        condition(1).check_batch(batch)
    condition(3).check_batch(3)
    with pytest.raises(ConditionMismatch, match="3 rows and the batch 4 samples"):
        condition(3).check_batch(4)
    with pytest.raises(ConditionMismatch, match="1 labels for 2 rows"):
        Condition(torch.eye(3)[:2], ("a",), "f-id", "f")


def test_a_classifier_makes_one_hot_rows_of_names_and_numbers(toys):
    classifier = toys.classifier()
    made = classifier.condition(["b", 0, "2"])
    assert torch.equal(made.embedding, torch.eye(3)[[1, 0, 2]])
    assert made.labels == ("b", "a", "c")
    assert (made.auxiliary, made.auxiliary_name) == (classifier.id, classifier.name)
    made.check_auxiliary(classifier.id, classifier.name)


@pytest.mark.parametrize("wrong", ["d", 3, -1, "-1", "", "1.5"])
def test_a_class_that_is_not_there_is_refused_with_those_that_are(wrong, toys):
    with pytest.raises(ConditionMismatch, match=r"no class .*There are 3.*: a, b, c\."):
        toys.classifier().condition(["a", wrong])


def test_no_class_at_all_is_refused(toys):
    with pytest.raises(ConditionMismatch, match="No class given"):
        toys.classifier().condition([])


# Chunks


@pytest.mark.parametrize(
    ("mode", "size", "expected"),
    [
        ("fixed", (28, 28), Chunking(8, True)),
        ("fixed", (64, 64), Chunking(8, True)),
        ("fixed", (64, 65), Chunking(1, True)),
        ("fast", (28, 28), Chunking(1337, False)),
        ("fast", (4096, 4096), Chunking(1, False)),
    ],
)
def test_a_mode_decides_how_many_samples_go_at_a_time(mode, size, expected):
    assert Chunking.of(mode, size) == expected


@pytest.mark.bits
@pytest.mark.parametrize("rows", [1, 3, 8, 9, 17])
@pytest.mark.parametrize("padded", [True, False])
def test_chunks_cover_the_rows_once_and_in_order(rows, padded, toys):
    chunking, seen = Chunking(4, padded), []
    assert [n for i, j in chunking.spans(rows) for n in range(i, j)] == list(range(rows))
    v = toys.normal(rows, 2)

    def double(part):
        seen.append(len(part))
        return 2 * part

    assert torch.equal(chunking.apply(double, v), 2 * v)
    assert set(seen) == ({4} if padded else {min(4, rows)} | ({rows % 4} - {0}))


@pytest.mark.bits
@pytest.mark.parametrize("padded", [True, False])
def test_random_chunks_draw_from_each_rows_stream(padded, toys):
    v = toys.normal(7, 2)
    whole = SampleRng.of(0, 7).normal(2, like=v)

    def shifted(part, rng):
        assert len(part) == len(rng)
        return part + rng.normal(2, like=part), torch.tensor([float(row) for row in rng.rows])

    moved, rows = Chunking(3, padded).apply_random(shifted, v, SampleRng.of(0, 7))
    assert torch.equal(moved, v + whole)
    assert rows.tolist() == list(range(7))


def test_an_unknown_mode_is_refused():
    unchecked = inspect.unwrap(Chunking.of.__func__)  # the type check of the tests reports it too
    with pytest.raises(InvalidInput, match="'slow'; expected 'fixed' or 'fast'"):
        unchecked(Chunking, "slow", (8, 8))


# Images


def test_images_turn_grey_and_back_and_keep_their_size_when_asked():
    images = torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(grey(images)[:, 0], images.mean(dim=1))
    assert torch.equal(three_channels(grey(images))[:, 2], grey(images)[:, 0])
    assert resized(images, (6, 8)) is images
    smaller = resized(images, (3, 4))
    assert smaller.shape == (2, 3, 3, 4)
    flat = torch.full((1, 3, 6, 8), 0.3)
    torch.testing.assert_close(resized(flat, (11, 5)), torch.full((1, 3, 11, 5), 0.3))
