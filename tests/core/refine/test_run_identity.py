"""The identity of a run: every field of rules, directions and refiners changes it."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields, is_dataclass, replace
from importlib import import_module
from pkgutil import iter_modules
from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

import pytest
import torch
from latentsteer.core import refine as package
from latentsteer.core.energy import Term
from latentsteer.core.errors import InvalidInput, ResumeMismatch
from latentsteer.core.identity import identity_of
from latentsteer.core.krr.flow import FlowDirection
from latentsteer.core.krr.kernel import Mollifier
from latentsteer.core.krr.settings import FlowSettings
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.refine import (
    barrier,
    cma_es,
    examples,
    first_order,
    kernel,
    ordered,
    refinement,
    rules,
    schedule,
)
from latentsteer.core.refine.kernel import Direction, Refiner, Rule
from latentsteer.core.refine.refinement import refine
from latentsteer.core.spaces import IMAGES, Block, Space

SPACE = Space((Block("a", (2,)), Block("b", (3,), role="class")))
TERM = Term("nothing", IMAGES, lambda v, rng: v.new_zeros(len(v)))


def values():
    """Returns the examples of all rules and refiners, with their parts, built at every call."""
    settings = FlowSettings(mollifier=Mollifier("feature"))
    made = [make(SPACE) for _, make in examples.RULES] + [one for _, one in examples.REFINERS]
    return [
        *map(deepcopy, made),
        rules.ClipNorm(0.5),
        schedule.Schedule("cosine", 10, 0.5),
        kernel.Gradient(),
        ordered.Ordered(kernel.Gradient(), (2, 2, 3)),
        barrier.Barrier("linear"),
        barrier.DynamicBarrier(TERM, barrier.Barrier(), "pixels"),
        settings,
        FlowDirection(settings),
    ]


def named(value):
    return type(value).__name__


FIELDS = [
    pytest.param(number, one.name, id=f"{number} {named(value)}.{one.name}")
    for number, value in enumerate(values())
    for one in fields(value)
    if one.compare
]


def changed(value, hint):
    """Another value of a field of this type that the field's class accepts."""
    kinds = get_args(hint) if get_origin(hint) in (UnionType, Union) else [hint]
    choices = [one for kind in kinds if get_origin(kind) is Literal for one in get_args(kind)]
    if value in choices:
        return next(one for one in choices if one != value)
    value = float(value) if hint is float else value
    for kind, other in OTHERS:
        if isinstance(value, kind):
            return other(value)
    assert is_dataclass(value), f"no other value of {value!r} is known: add one to OTHERS"
    own = next(one for one in fields(value) if one.compare)
    hint = get_type_hints(type(value))[own.name]
    return replace(value, **{own.name: changed(getattr(value, own.name), hint)})


OTHERS = (
    (bool, lambda value: not value),
    (int, lambda value: value + 2),
    (float, lambda value: 0.9 * value + 0.013),
    (str, lambda value: value + "x"),
    (type(None), lambda value: rules.Descent()),
    (kernel.Gradient, lambda value: FlowDirection(FlowSettings())),
    (tuple, lambda value: (changed(value[0], type(value[0])), *value[1:])),
    (Mapping, lambda value: {**value, next(iter(value)): rules.Descent()}),
    (Space, lambda value: Space(tuple(replace(b, shape=(*b.shape, 2)) for b in value.blocks))),
)
"""Another value of each type, the first type that fits."""


def test_every_rule_refiner_and_direction_is_looked_at():
    """Every public class of core/refine is in the examples or among the values above."""
    modules = [
        import_module(one.name) for one in iter_modules(package.__path__, f"{package.__name__}.")
    ]
    offered = [getattr(module, name) for module in modules for name in module.__all__]
    moving = {
        one
        for one in offered
        if isinstance(one, type)
        and is_dataclass(one)
        and issubclass(one, Rule | Refiner | Direction)
    }
    assert {rules.Adam, first_order.FirstOrder, barrier.DynamicBarrier} <= moving
    assert moving <= {type(value) for value in values()}


@pytest.mark.parametrize("number", range(len(values())), ids=[named(one) for one in values()])
def test_equal_settings_have_one_identity(number):
    first, second = identity_of(values()[number]), identity_of(values()[number])
    assert first == second
    text = json.dumps(first, allow_nan=False)
    assert text == json.dumps(second)
    assert json.loads(text) == first


@pytest.mark.parametrize(("number", "name"), FIELDS)
def test_every_field_changes_the_identity(number, name):
    value = values()[number]
    hint = get_type_hints(type(value))[name]
    other = replace(value, **{name: changed(getattr(value, name), hint)})
    assert identity_of(other) != identity_of(value)
    assert other != value


def test_rules_of_the_same_numbers_differ_by_their_kind():
    assert identity_of(rules.Descent()) != identity_of(rules.Descent(step_size=0.2))
    own, theirs = identity_of(rules.Descent()), identity_of(rules.Adam())
    assert (own["kind"], theirs["kind"]) == ("Descent", "Adam")


def test_fields_that_are_not_compared_are_no_part_of_the_identity():
    @dataclass(frozen=True)
    class Watched:
        number: int
        watch: object = field(default=print, compare=False)

    assert identity_of(Watched(1)) == {"kind": "Watched", "number": 1}


def test_identities_are_json():
    given = {"b": (1, 2.5, "x", None, True), "a": [float("inf"), float("-inf")]}
    assert identity_of(given) == {"a": ["inf", "-inf"], "b": [1, 2.5, "x", None, True]}
    assert list(identity_of(given)) == ["a", "b"]


@pytest.mark.parametrize("value", [print, torch.zeros(2), {1, 2}, object])
def test_what_has_no_identity_is_refused(value):
    with pytest.raises(InvalidInput, match="has no identity; expected None, a boolean"):
        identity_of({"x": value})


RUN = {
    "title": "other",
    "steps": 11,
    "seed": 4,
    "clamp": False,
    "keep_best": True,
    "latent_noise": 0.1,
    "returned": "last but one",
}


def test_every_field_of_a_refinement_is_in_its_identity_but_for_places(toys):
    job = toys.job()
    names = {one.name for one in fields(refinement.Refinement)}
    assert set(job.identity()) == names - {"device", "names"}
    assert json.loads(json.dumps(job.identity())) == job.identity()
    for name, value in RUN.items():
        other = replace(job, **{name: value}).identity()
        assert {key for key in other if other[key] != job.identity()[key]} == {name}
    for name in ("generator", "energy", "refiner", "chunking"):
        others = {
            "generator": replace(job.generator, id="another"),
            "energy": 2 * job.energy,
            "refiner": cma_es.CmaEs(),
            "chunking": replace(job.chunking, padded=False),
        }
        other = replace(job, **{name: others[name]}).identity()
        assert {key for key in other if other[key] != job.identity()[key]} == {name}


class StopError(Exception):
    """The user's interrupt."""


def test_a_run_of_an_earlier_version_is_refused_as_such(toys, tmp_path):
    """Its settings were flat, with the names of a node's widgets."""
    job, latents = toys.job(), toys.latents(toys.generator(), toys.normal(2, 12))
    left = []

    def stop(snapshot):
        raise StopError

    with pytest.raises(StopError):
        refine(job, latents, on_step=stop, on_stop=left.append)
    old = {**job.identity(), "step_size": 0.01, "momentum": 0.5}
    del old["refiner"]
    interrupted = replace(left[0], interrupted=replace(left[0].interrupted, settings=old))
    save_latents(tmp_path / "old.safetensors", interrupted)
    opened = load_latents(tmp_path / "old.safetensors")
    with pytest.raises(ResumeMismatch, match=r"step 1 of a run of an earlier version"):
        refine(job, opened)
    moved, _ = refine(job, opened, resume=False)
    assert bool(moved.values.isfinite().all())
