"""Runs the tests of equal bits under the kernels of other machines, in separate processes.

The other tests use the machine's own kernels. These use the kernels for AVX2 and for SSE4, so that
a result that holds by chance on one machine fails there too.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OTHERS = {
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
    "oldest": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    },
}
SAME = (
    "test_reproducible.py::test_with_fixed_chunks_a_sample_is_the_same_alone_moved_or_in_any_batch"
)
IN_ANY_BATCH = (
    "test_contract_models.py::test_in_fixed_chunks_a_generators_samples_are_the_same_in_any_batch"
)
GENERATORS = ("avatars", "biggan", "biggan-deep", "dcgan", "stylegan2", "stylegan3", "stylegan-xl")
"""One file of each; the others differ only in the names of the tensors."""
CHOSEN = (
    f"{SAME}[toy-[9, 3]]",
    f"{SAME}[digits-[7]]",
    "composition/test_composition.py::test_a_batch_equals_its_members[what0]",
    "test_contract_rules.py::test_a_batch_under_a_rule_equals_its_members[adam-clipped]",
    "test_contract_rules.py::test_a_batch_under_a_rule_equals_its_members[langevin]",
    *(
        f"{IN_ANY_BATCH}[{name}{'' if 'biggan' in name else '-generator'}-0]"
        for name in GENERATORS
    ),
    "test_contract_energies.py::test_in_fixed_chunks_an_energys_samples_are_the_same_in_any_batch",
    "test_places.py::test_norms_and_clipping_of_long_rows",
    "test_places.py::test_readings_and_the_measures_made_of_them",
    "test_places.py::test_latents_that_are_written_plainly",
    "test_places.py::test_rows_of_a_condition_of_images",
    "energies/test_similarity.py::test_a_batch_equals_its_members_to_the_bit_in_fixed_chunks[0]",
    "test_reproducible.py::test_the_avatars_gradient_is_the_same_in_any_batch",
)
"""The tests that fail first when something differs; the slow test has all tests of the mark."""


def ran(kernels, *arguments):
    """Runs pytest under some kernels and one thread; returns its last lines and success."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=HERE.parents[1],
        env=os.environ | OTHERS[kernels] | {"OMP_NUM_THREADS": "1", "LATENTSTEER_UNCHECKED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("kernels", OTHERS)
def test_equal_bits_are_equal_under_other_kernels(kernels):
    code, said = ran(kernels, "-m", "bits", *(str(HERE / one) for one in CHOSEN))
    assert code == 0, said
    assert " passed" in said


@pytest.mark.slow
@pytest.mark.parametrize("kernels", OTHERS)
def test_all_equal_bits_are_equal_under_other_kernels(kernels):
    code, said = ran(kernels, "-m", "bits", str(HERE.parent))
    assert code == 0, said
