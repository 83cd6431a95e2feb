"""What the loaders offer, open and load again."""

from latentsteer.core.rng import SampleRng
from latentsteer.core.zoo import shipped as catalogue


def test_loaders_offer_what_lies_in_their_folders(graph, new_host):
    from latentsteer.nodes.standalone.host import use
    from latentsteer.nodes.standalone.registry import load_nodes, schemas_of

    with use(new_host()):
        schemas = schemas_of(load_nodes())
    offered = {
        kind: schemas[f"LatentSteer_{kind}"].inputs[0].options
        for kind in (
            "LoadGenerator",
            "LoadAuxModel",
            "LoadTranslator",
            "LoadPairs",
            "LoadDiffusionPrior",
        )
    }
    # Other tests save priors there.
    assert offered.pop("LoadDiffusionPrior")[: len(catalogue.PRIORS)] == list(catalogue.PRIORS)
    assert offered == {
        "LoadGenerator": [*catalogue.GENERATORS, "other.safetensors"],
        "LoadAuxModel": list(catalogue.AUXILIARIES),
        "LoadTranslator": [*catalogue.TRANSLATORS, "tiny.safetensors"],
        "LoadPairs": list(catalogue.PAIRS),
    }


def test_shipped_pairs_and_translators_serve_their_models(graph, run):
    generator = graph.add("LoadGenerator", file="digits (embedded)")
    classifier = graph.add("LoadAuxModel", file="digits classifier (embedded)")
    condition = graph.add("ClassCondition", auxiliary=classifier, classes="7", samples_per_class=3)
    pairs = graph.add("LoadPairs", file="digits pairs (embedded)")
    translator = graph.add("LoadTranslator", file="digits translator (embedded)")
    models = {"generator": generator, "condition": condition}
    near = graph.add("NearestPairsInit", pairs=pairs, **models)
    drawn = graph.add("TranslatorInit", translator=translator, **models)
    found = run(graph)
    seven = found[classifier].embed(found[generator](found[near].values, SampleRng.of(0, 3)))[:, 7]
    assert bool((seven > 0.99).all())
    assert found[drawn].values.shape == found[near].values.shape == (3, 32)


def test_a_model_may_be_linked_from_another_disk(graph, run, new_host, tmp_path):
    """A loader opens every file that it lists."""
    base, elsewhere = tmp_path / "base", tmp_path / "disk" / "x.safetensors"
    folder = base / "models" / "latentsteer_generators"
    folder.mkdir(parents=True)
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(catalogue.embedded("digits (embedded)").read_bytes())
    (folder / "linked.safetensors").symlink_to(elsewhere)
    host = new_host(base)
    assert host.list_files("latentsteer_generators", (".safetensors",)) == ["linked.safetensors"]
    loaded = graph.add("LoadGenerator", file="linked.safetensors")
    assert run(graph, host)[loaded].name == "linked"


def test_a_changed_file_is_loaded_again(tmp_path, new_host):
    """The host runs a loader again when its fingerprint changes."""
    import shutil

    from latentsteer.nodes.load.generator import LoadGenerator
    from latentsteer.nodes.standalone.host import use

    path = tmp_path / "models" / "latentsteer_generators" / "mine.safetensors"
    path.parent.mkdir(parents=True)
    shutil.copy(catalogue.embedded("digits (embedded)"), path)
    with use(new_host(tmp_path)):
        before = LoadGenerator.fingerprint_inputs(path.name)
        assert LoadGenerator.fingerprint_inputs(path.name) == before
        path.write_bytes(path.read_bytes() + b" ")
        assert LoadGenerator.fingerprint_inputs(path.name) != before
