"""The folders of labelled pictures that one workflow expects to be the user's."""

from pathlib import Path

from latentsteer.core.zoo import shipped as catalogue
from latentsteer.workflows.recipes.files import WITH, WITHOUT
from PIL import Image


def labelled_pictures(folder: Path) -> None:
    """Writes twenty avatars with sunglasses and twenty without into an input folder."""
    for name, text in ((WITH, "sunglasses"), (WITHOUT, "not sunglasses")):
        images = catalogue.reference_portion("avatars held out (embedded)", showing=text)[:20]
        place = folder / name
        place.mkdir(parents=True)
        for number, image in enumerate(images):
            pixels = image.mul(255).byte().permute(1, 2, 0).numpy()
            Image.fromarray(pixels).save(place / f"{number}.png")
