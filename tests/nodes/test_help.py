"""What the help pages name is what the canvas shows."""

import re

import pytest
from latentsteer.nodes.catalogue import ALL_NODES
from latentsteer.nodes.pages import help_of, page

CODE = re.compile(r"`([^`]+)`")
SCHEMAS = {node.__name__: node.GET_SCHEMA() for node in ALL_NODES}


def sockets(schema):
    return [*schema.inputs, *schema.outputs]


def shown(schema):
    """The names on the canvas, and the values that its combos offer."""
    names = {s.display_name or s.id for s in sockets(schema)}
    return names | {str(o) for s in schema.inputs for o in getattr(s, "options", None) or ()}


KNOWN = {s.id for schema in SCHEMAS.values() for s in sockets(schema)} | {
    s.display_name or s.id for schema in SCHEMAS.values() for s in sockets(schema)
}


def told(node, schema):
    text = help_of(node)
    own = [schema.description, text.about, text.example, *(s.tooltip for s in sockets(schema))]
    return "\n".join(filter(None, own))


@pytest.mark.parametrize("node", ALL_NODES, ids=lambda node: node.__name__)
def test_every_name_in_the_help_is_on_the_canvas(node):
    """On the node itself, or on another one that the help names."""
    schema = SCHEMAS[node.__name__]
    text = told(node, schema)
    others = [s for s in SCHEMAS.values() if s.display_name in text]
    visible = shown(schema).union(*map(shown, others))
    named = {name for name in CODE.findall(text) if name in KNOWN}
    assert named - visible == set()


ENDINGS = "Refine|Init|Condition|Sample|Prior|Generator|Report|Direction|Latents|Translator"
NAMED = re.compile(rf"(?:[A-Z][\w-]* )+(?:{ENDINGS})\b")
"""Words that read as the name of a node, after others perhaps."""


def test_every_node_that_a_help_names_is_there():
    names = tuple(schema.display_name for schema in SCHEMAS.values())
    for node in ALL_NODES:
        found = NAMED.findall(told(node, SCHEMAS[node.__name__]))
        assert [name for name in found if not name.endswith(names)] == [], node.__name__


@pytest.mark.parametrize("node", ALL_NODES, ids=lambda node: node.__name__)
def test_every_input_and_output_is_explained_under_the_name_that_is_shown(node):
    schema, text = SCHEMAS[node.__name__], page(node)
    inputs = re.findall(r"^\| \*\*(.+?)\*\*", text, re.MULTILINE)
    outputs = re.findall(r"^- \*\*(.+?)\*\*: .+\.$", text, re.MULTILINE)
    assert inputs == [s.display_name or s.id for s in schema.inputs]
    assert outputs == [s.display_name or s.id for s in schema.outputs]
