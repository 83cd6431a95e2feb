"""A choice of workflows that runs every node in every way in which a workflow uses it."""

TEXTS = ("prompt", "words", "prompts", "title", "filename_prefix", "name", "wanted")
"""Inputs whose words change no code path."""


def use_of(node):
    """A node of a graph in API format without what only changes numbers.

    Choices, switches and links are kept; of a number, whether it is 0, since a 0 turns a term off.
    """

    def way(name, value):
        if name in TEXTS or name.endswith("seed"):
            return None
        if isinstance(value, list):
            return "link"
        return value if isinstance(value, (bool, str)) or value is None else value != 0

    inputs = ((name, way(name, value)) for name, value in node["inputs"].items())
    return node["class_type"], frozenset(inputs)


def uses_of(api):
    """All uses of nodes in a graph."""
    return {use_of(node) for node in api.values()}


def covering(graphs):
    """Names of few graphs that have every use of all: each has the most that are left, in turn.

    Then each graph is left out whose uses the others have, the largest first.
    """
    uses = {name: uses_of(api) for name, api in graphs.items()}
    left, chosen = set().union(*uses.values()), set()
    while left:
        most = max(uses, key=lambda name: (len(uses[name] & left), -len(graphs[name])))
        chosen.add(most)
        left -= uses[most]
    for name in sorted(chosen, key=lambda name: (-len(graphs[name]), name)):
        others = set().union(*(uses[other] for other in chosen if other != name))
        if uses[name] <= others:
            chosen.remove(name)
    return chosen
