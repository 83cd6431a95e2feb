"""KRR Flow Refine with its conditions, pictures and masks in a running ComfyUI."""

import pytest
from latentsteer.nodes.standalone.registry import load_nodes
from latentsteer.nodes.standalone.values import default_of, widgets
from PIL import Image

pytestmark = pytest.mark.host
NODES = load_nodes()


@pytest.fixture
def api(server):
    """Graph that inpaints a digit with real digits, on pictures of the input folder."""
    folder = server.base / "input" / "digits"
    folder.mkdir(exist_ok=True)
    for number in range(4):
        Image.new("L", (30, 28 + number), 60 * number).save(folder / f"{number}.png")
    (folder / "captions.txt").write_text("one\ntwo\nthree\nfour\n", "utf-8")
    graph = {}

    def add(kind, **inputs):
        name = kind if kind in NODES else f"LatentSteer_{kind}"
        defaults = {w.id: default_of(w) for w in widgets(NODES[name].schema())}
        number = str(len(graph) + 1)
        graph[number] = {"class_type": name, "inputs": {**defaults, **inputs}}
        return [number, 0]

    generator = add("LoadGenerator", file="digits (embedded)")
    classifier = add("LoadAuxModel", file="digits classifier (embedded)")
    real = add("LoadImageSet", folder="digits", width=28)
    add("PreviewAny", source=[real[0], 1])
    source = add("ReferenceImages", reference="digits held out (embedded)", count=1)
    black = add("SolidMask", value=0.0, width=28, height=28)
    white = add("SolidMask", value=1.0, width=8, height=12)
    mask = add("MaskComposite", destination=black, source=white, x=10, y=6, operation="add")
    energy = add("EnergyDiscriminator", generator=generator, form="log-sigmoid")
    energy = add("EnergyMasked", images=source, mask=mask, energy=energy)
    start = add("PriorInit", generator=generator, samples=3)
    refined = add(
        "KRRFlowRefine",
        **{"generator": generator, "start": start, "auxiliary": classifier, "real": real},
        **{"energy": energy, "steps": 4, "preview_every": 2, "eta": 10.0, "xi": 10.0},
    )
    decoded = add("Decode", generator=generator, latents=refined)
    known = add("InvertMask", mask=mask)
    pasted = add("ImageCompositeMasked", destination=decoded, source=source, mask=known)
    add("SaveImage", images=pasted)
    add("EnergyReport", trace=[refined[0], 1])
    return graph


def test_a_flow_inpaints_with_real_images_of_the_input_folder(client, api):
    run = client.run(api)
    assert run.outcome == "execution_success", run.history["status"]
    said = str(run.history["outputs"])
    assert "one\\ntwo\\nthree\\nfour" in said or "one\\\\ntwo" in said
    assert "4 pictures of 28 x 28" in said
    assert all(name in said for name in ("log q(x)", "-log p(x)", "known pixels"))
    assert len(run.previews) == 2
    (saved,) = [images for node, images in run.images.items() if len(images) == 3]
    assert {picture.size for picture in saved} == {(28, 28)}


def test_an_interrupted_flow_is_kept(client, server, api):
    (refiner,) = [n for n, node in api.items() if node["class_type"].endswith("KRRFlowRefine")]
    api[refiner]["inputs"] |= {"steps": 5000, "seed": 5}
    before = set((server.base / "output" / "interrupted").glob("*"))
    run = client.run(
        api,
        stop=lambda kind, data: kind == "progress" and data["node"] == refiner,
    )
    assert run.outcome == "execution_interrupted"
    assert len(set((server.base / "output" / "interrupted").glob("*")) - before) == 1


def test_a_folder_that_is_not_there_is_refused(client, api):
    (loader,) = [n for n, node in api.items() if node["class_type"].endswith("LoadImageSet")]
    api[loader]["inputs"]["folder"] = "../.."
    with pytest.raises(Exception, match="leads out of"):
        client.run(api)
