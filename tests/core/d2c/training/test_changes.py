"""Changes of a configuration by text; the table of losses."""

import pytest
from latentsteer.core.d2c.training.changes import changed_configuration
from latentsteer.core.d2c.training.configurations import CONFIGURATIONS
from latentsteer.core.d2c.training.loss_table import LossTable
from latentsteer.core.d2c.training.steps import Losses
from latentsteer.core.errors import InvalidInput

OWN = CONFIGURATIONS["small 32"]


def test_values_take_the_kind_of_their_field():
    found = changed_configuration(
        OWN,
        [
            *("steps=7", "learning_rate=1", "bf16=true", "reconstructed=clean"),
            *("diffusion_batch_size=9", "contrast.hidden=none", "views.area=[0.5, 1]"),
        ],
    )
    training = found.training
    assert (training.steps, training.learning_rate, training.bf16) == (7, 1.0, True)
    assert (training.diffusion_batch_size, found.contrast.hidden) == (9, None)
    assert found.contrast.views.area == (0.5, 1.0)
    assert found.autoencoder == OWN.autoencoder
    assert changed_configuration(OWN, []) == OWN


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("step=7", "expected NAME=VALUE with a name among scheme, steps"),
        ("steps", "expected NAME=VALUE"),
        ("contrast.views=1", "a name among dim, hidden"),
        ("denoiser.width=1", "among training, contrast and views"),
        ("steps=many", "expected a value like 20000"),
        ("steps=true", "expected a value like 20000"),
        ("bf16=1", "expected a value like False"),
        ("views.area=[1]", "expected a value like"),
        ("learning_rate=-1", "learning_rate is -1"),
    ],
)
def test_bad_changes_are_refused(setting, message):
    with pytest.raises(InvalidInput, match=message):
        changed_configuration(OWN, [setting])


def test_the_table_has_means_and_forgets_what_is_repeated(tmp_path):
    path = tmp_path / "losses.csv"
    table = LossTable(path, every=2)
    for done in range(1, 6):
        table.add(done, Losses(reconstruction=float(done), contrastive=0.5))
    table.close()
    rows = ["2,1.5,,0.5", "4,3.5,,0.5", "5,5,,0.5"]
    head = "batches,reconstruction,diffusion,contrastive"
    assert path.read_text().splitlines() == [head, *rows]
    again = LossTable(path, every=2)
    again.add(4, Losses())
    for done in (5, 6):
        again.add(done, Losses(diffusion=float(done)))
    assert path.read_text().splitlines() == [head, *rows[:2], "6,,5.5,"]
