"""Graphs around a CLIP, here a toy instead of a judge."""

CLIP = "digits judge (embedded)"


def text(graph, prompts, **inputs):
    """Both models and a condition by text."""
    made = graph.models(classifier=CLIP)
    made.clip = made.classifier
    made.condition = graph.add("TextCondition", auxiliary=made.clip, prompts=prompts, **inputs)
    return made


def by_clip(graph, prompts="red\nbright blue", **inputs):
    """The same with its energy."""
    made = text(graph, prompts)
    made.energy = graph.add("EnergyCLIP", auxiliary=made.clip, condition=made.condition, **inputs)
    return made


def pictures(graph, made, samples=2, seed=7):
    """Returns images of the generator."""
    drawn = graph.add("PriorInit", generator=made.generator, samples=samples, seed=seed)
    return graph.add("Decode", generator=made.generator, latents=drawn)


def inverted(graph, *, samples=2, **inputs):
    made = graph.models(classifier=CLIP)
    made.images = pictures(graph, made, samples=samples)
    inputs = {"steps": 20, "auxiliary": made.classifier, **inputs}
    made.latents = graph.add(
        "ImageToLatents", generator=made.generator, images=made.images, **inputs
    )
    return made
