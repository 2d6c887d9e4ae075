"""An index as it is written: one spelling with search settings, and what cannot be read is refused in one sentence."""

import pytest

from miner.config import MiningConfig
from miner.errors import ConfigError
from miner.indexes import IndexSpec, check_factory, check_name
from miner.indexes.opening import EXACT_PASSAGES, automatic

SPELLINGS = {
    "exact": "exact",
    "IVF64,Flat": "IVF64,Flat",
    "IVF4096,Flat:nprobe=64": "IVF4096,Flat:nprobe=64",
    " IVF64,Flat : nprobe = 064 ".replace(" :", ":"): "IVF64,Flat:nprobe=64",
    "IVF256,PQ32x4fs,RFlat:nprobe=16,k_factor_rf=2.5": "IVF256,PQ32x4fs,RFlat:nprobe=16,k_factor_rf=2.5",
}


@pytest.mark.parametrize(("text", "written"), SPELLINGS.items())
def test_one_spelling(text, written):
    """What is parsed is written the same way, by a config too; FAISS' string is left as it is."""
    assert str(IndexSpec.parse(text)) == written == MiningConfig.of(index=text).index
    assert IndexSpec.parse(written).factory == written.partition(":")[0]


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "IVF64,Flat:64": "'IVF64,Flat:64' is not an index: write IVF64,Flat:setting=value,setting=value",
        "IVF64,Flat:": "'IVF64,Flat:' is not an index",
        "IVF9999999999,Flat": "there is no index 'IVF9999999999,Flat': the number after IVF is from 1 to 1,000,000,000, not 9999999999",
        "HNSW0": "there is no index 'HNSW0': the number after HNSW is from 2 to 1,024, not 0",
        "IVF64_HNSW1,Flat": "the number after HNSW is from 2",
        "NSG8": "the number after NSG is from 16",
        "IVF64,Flat:nprobe=many": "index 'IVF64,Flat': nprobe is a number, not 'many'",
        "IVF64,Flat:nprobe=inf": "index 'IVF64,Flat': nprobe is a number, not 'inf'",
        "IVF64,Flat:nprobe=2,nprobe=3": "index 'IVF64,Flat' is given 'nprobe' twice",
        "exact:nprobe=2": "index 'exact' has no search settings, and 'nprobe' is given: write exact alone",
        "auto": "index 'auto' is chosen for the recall asked for: give recall too, or name an index",
    }.items(),
)
def test_what_is_not_an_index(text, message):
    """A config refuses it, without FAISS."""
    with pytest.raises(ConfigError) as caught:
        MiningConfig.of(index=text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("index", "message"),
    {
        "IVF64,Flat:efSearch=3": "index 'IVF64,Flat' has no search setting 'efSearch'; it has: nprobe (a whole number from 1 to 64)",
        "HNSW32:nprobe=3": "index 'HNSW32' has no search setting 'nprobe'; it has: efSearch (a whole number from 1 to 1000000)",
        "Flat:nprobe=3": "index 'Flat' has no search setting 'nprobe'; it has: none",
        "IVF64,Flat:verbose=1": "no search setting 'verbose'",
        "IVF64,Flat:nprobe=65": "nprobe of index 'IVF64,Flat' is a whole number from 1 to 64, not 65",
        "IVF64,Flat:nprobe=0": "not 0",
        "IVF64,Flat:nprobe=1.5": "not 1.5",
        "IVF64,PQ8x4fs,RFlat:k_factor_rf=0.5": "k_factor_rf of index 'IVF64,PQ8x4fs,RFlat' is a number from 1 to 1000, not 0.5",
        "IVF64(IVF8,Flat),Flat:quantizer_nprobe=9": "is a whole number from 1 to 8, not 9",
    }.items(),
)
def test_settings_that_an_index_does_not_have(index, message):
    """Known before anything is encoded, with what the index has."""
    for check in (check_name, lambda name: check_factory(64, "dot", name)):
        with pytest.raises(ConfigError) as caught:
            check(index)
        assert message in str(caught.value)


def test_settings_that_an_index_has():
    """FAISS' own names."""
    for index in (*list(SPELLINGS)[1:], "HNSW32:efSearch=256", "IVF64_HNSW32,Flat:nprobe=8,quantizer_efSearch=99", "PQ8:ht=64"):
        check_name(index)


def test_an_automatic_index_suits_the_number_of_passages():
    """Exact for few; four square roots of lists for many."""
    assert automatic(EXACT_PASSAGES) == "exact"
    assert automatic(1_000_000) == "IVF4000,Flat"
    assert MiningConfig.of(recall=0.98).index == "auto"
    assert MiningConfig.of(recall=0.98, index="exact").index == "exact"
