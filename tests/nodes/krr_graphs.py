"""Graphs with a KRR flow on the digits."""

JUDGE = "digits judge (embedded)"
REAL = "digits held out (embedded)"


def particles(graph, made, samples=6, seed=3):
    return graph.add("PriorInit", generator=made.generator, samples=samples, seed=seed)


def real(graph, count=12):
    return graph.add("ReferenceImages", reference=REAL, first=0, count=count)


def flow(graph, made, start, **inputs):
    inputs = {"steps": 3, "eta": 50.0, "xi": 50.0, "auxiliary": made.classifier, **inputs}
    return graph.add("KRRFlowRefine", generator=made.generator, start=start, **inputs)


def whole(graph, **inputs):
    """Particles, real images and the discriminator: A + B + C."""
    made = graph.models()
    made.start = particles(graph, made)
    energy = graph.add("EnergyDiscriminator", generator=made.generator, form="log-sigmoid")
    made.refined = flow(graph, made, made.start, real=real(graph), energy=energy, **inputs)
    return made
