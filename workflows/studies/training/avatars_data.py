"""Training data of the shipped avatar models, drawn with npm packages for retraining only.

    python -m latentsteer.workflows.studies.training.avatars_data --out FOLDER

draws the splits of `SPLITS` into FOLDER, which takes a few minutes. Nothing here runs at import or
inside a node; the held-out split is shipped as `avatars_held_out.png` and its JSON.
"""

import argparse
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ....core.files import replacing
from ....core.zoo.avatars import ATTRIBUTES, Avatar, draw, sibling

__all__ = [
    "PACKAGES",
    "SIZE",
    "SPLITS",
    "Avatars",
    "options_of",
    "origin",
    "render",
    "split",
    "write_atlas",
]

SIZE: Final = 64
PACKAGES: Final = (
    "@dicebear/core@9.4.3",
    "@dicebear/avataaars@9.4.3",
    "@resvg/resvg-js@2.6.2",
)
SPLITS: Final = {"generator": (1, 60_000), "judge": (2, 40_000), "held_out": (3, 2_000)}
"""Seed and size of each split. The generator's split also trains its encoder and the CLIP."""
_HERE = Path(__file__).parent
_ZOO = Path(__file__).resolve().parents[3] / "core" / "zoo"

_PAINT: Final[Mapping[str, str]] = {
    "red": "e02b2b",
    "orange": "ff8c1a",
    "yellow": "ffe02e",
    "green": "2fb344",
    "blue": "3b6ff0",
    "purple": "8a3fd1",
    "pink": "ff7ac0",
    "white": "ffffff",
    "black": "22262b",
}
_HAIR_PAINT: Final[Mapping[str, str]] = {
    "black": "1c1714",
    "brown": "6b3f2a",
    "blonde": "e8c35a",
    "red": "c0391b",
    "pink": "f58ab0",
    "grey": "a9adb5",
}
_BACKGROUND: Final[Mapping[str, str]] = {
    "white": "f7f7f7",
    "grey": "9aa0a8",
    "pink": "ffc2dd",
    "yellow": "fff3a0",
    "green": "a9e6b0",
    "blue": "a8d4ff",
    "purple": "cdb4f0",
    "orange": "ffcf99",
}
_SKIN: Final[Mapping[str, str]] = {
    "light": "ffdbb4",
    "tan": "d9a066",
    "brown": "a05f2c",
    "dark": "5a3b2e",
    "yellow": "f8d25c",
}
_DRAWN: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "top": {
        "short": ("shortFlat", "shortWaved"),
        "long": ("straight01", "straight02"),
        "bob": ("bob",),
        "bun": ("bun",),
        "curly": ("curly",),
        "wavy": ("curvy",),
        "afro": ("fro",),
        "dreads": ("dreads",),
        "mohawk": ("frizzle",),
        "hat": ("hat",),
        "beanie": ("winterHat02",),
        "hijab": ("hijab",),
        "turban": ("turban",),
    },
    "clothes": {
        "shirt": ("shirtCrewNeck", "shirtVNeck"),
        "hoodie": ("hoodie",),
        "blazer": ("blazerAndShirt",),
        "sweater": ("collarAndSweater",),
        "overalls": ("overall",),
    },
    "mouth": {
        "smile": ("smile",),
        "serious": ("serious",),
        "sad": ("sad",),
        "scream": ("screamOpen",),
        "tongue": ("tongue",),
        "grimace": ("grimace",),
    },
    "eyes": {
        "plain": ("default",),
        "hearts": ("hearts",),
        "closed": ("closed",),
        "wide": ("surprised",),
        "wink": ("wink",),
        "dizzy": ("xDizzy",),
    },
    "accessory": {
        "glasses": ("round", "prescription02"),
        "sunglasses": ("sunglasses",),
        "eyepatch": ("eyepatch",),
    },
    "facial_hair": {"beard": ("beardMedium",), "moustache": ("moustacheMagnum",)},
}


class Avatars(NamedTuple):
    """Images, uint8 (count, size, size, 3), and value numbers (count, attributes), int8."""

    images: NDArray[np.uint8]
    values: NDArray[np.int8]

    def avatar(self, index: int) -> Avatar:
        """Attributes of one avatar by name."""
        pairs = zip(ATTRIBUTES.items(), self.values[index], strict=True)
        return {name: values[int(number)] for (name, values), number in pairs}


def options_of(avatar: Mapping[str, str], rng: np.random.Generator) -> dict[str, object]:
    """DiceBear's options for an avatar; a random one of several drawings of a value."""

    def drawn(name: str) -> list[str]:
        return [str(rng.choice(_DRAWN[name][avatar[name]]))]

    bald, plain = avatar["top"] == "bald", avatar["accessory"] == "none"
    shaved = avatar["facial_hair"] == "none"
    return {
        "seed": "latentsteer",
        "backgroundColor": [_BACKGROUND[avatar["background"]]],
        "top": ["shortFlat"] if bald else drawn("top"),
        "topProbability": 0 if bald else 100,
        "hairColor": [_HAIR_PAINT[avatar["hair_colour"]]],
        "hatColor": [_PAINT[avatar["hat_colour"]]],
        "clothing": drawn("clothes"),
        "clothesColor": [_PAINT[avatar["clothes_colour"]]],
        "skinColor": [_SKIN[avatar["skin"]]],
        "mouth": drawn("mouth"),
        "eyes": drawn("eyes"),
        "eyebrows": ["default"],
        "accessories": ["round"] if plain else drawn("accessory"),
        "accessoriesProbability": 0 if plain else 100,
        "accessoriesColor": ["262e33"],
        "facialHair": ["beardMedium"] if shaved else drawn("facial_hair"),
        "facialHairProbability": 0 if shaved else 100,
        "facialHairColor": [_HAIR_PAINT[avatar["facial_hair_colour"]]],
    }


def render(lines: list[dict[str, object]], folder: Path) -> NDArray[np.uint8]:
    """Draws avatars with node, in a folder with the packages, which are installed if missing.

    Raises:
        subprocess.CalledProcessError: npm or node failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "@resvg").exists():
        command = ["npm", "install", "--no-save", "--ignore-scripts", "--prefix", ".", *PACKAGES]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    shutil.copy(_HERE / "render_avatars.mjs", folder)
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    done = subprocess.run(
        ["node", "render_avatars.mjs", str(SIZE)],
        cwd=folder,
        input=text,
        check=True,
        stdout=subprocess.PIPE,
    )
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, SIZE, SIZE, 3)


def split(name: str, folder: Path) -> Avatars:
    """Returns a split, drawn at the first call and read from the folder afterwards.

    In the splits of the generator and the judge, avatars 2i and 2i + 1 are siblings.
    """
    path = folder / f"{name}.npz"
    if not path.exists():
        seed, count = SPLITS[name]
        rng = np.random.default_rng(seed)
        avatars: list[Avatar] = []
        while len(avatars) < count:
            avatars.append(draw(rng))
            if name != "held_out":
                avatars.append(sibling(avatars[-1], rng))
        images = render([options_of(avatar, rng) for avatar in avatars], folder)
        table = [[ATTRIBUTES[n].index(a[n]) for n in ATTRIBUTES] for a in avatars]
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, images=images, values=np.array(table, np.int8))
    with np.load(path, allow_pickle=False) as held:
        return Avatars(held["images"], held["values"])


def origin(name: str, script: str) -> dict[str, object]:
    """Manifest entry on the origin of a model trained on a split."""
    return {
        "trained_on": {"split": name, "count": SPLITS[name][1]},
        "source": f"drawn with npm {PACKAGES[1]} (avatars_data.py); trained by the project",
        "licence": "weights Apache-2.0; design: Avataaars by Pablo Stanley, free for personal and"
        " commercial use; DiceBear's code MIT",
        "script": f"python -m latentsteer.workflows.studies.training.{script} --data FOLDER",
    }


def write_atlas(held: Avatars, folder: Path) -> None:
    """Writes the held-out avatars as one picture, 50 per row, and their attributes as JSON."""
    count, columns = len(held.images), 50
    tiles = held.images.reshape(count // columns, columns, SIZE, SIZE, 3)
    sheet = tiles.transpose(0, 2, 1, 3, 4).reshape(-1, columns * SIZE, 3)
    with replacing(folder / "avatars_held_out.png") as temporary:
        Image.fromarray(sheet).save(temporary, format="PNG", optimize=True)
    shown = {"attributes": list(ATTRIBUTES), "values": held.values.tolist()}
    with replacing(folder / "avatars_held_out.json") as temporary:
        temporary.write_text(json.dumps(shown, separators=(",", ":")) + "\n", encoding="utf-8")


def main() -> None:
    """Draws every split."""
    parser = argparse.ArgumentParser(description="Draws the avatars that the zoo is trained on.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--atlas", action="store_true", help="write the shipped atlas as well")
    options = parser.parse_args()
    for name in SPLITS:
        print(name, len(split(name, options.out).images), flush=True)
    if options.atlas:
        write_atlas(split("held_out", options.out), _ZOO)


if __name__ == "__main__":
    main()
