"""Writes every tests/golden/*.zip, or those named: python make.py [FAMILY ...] (needs TensorFlow 1.15.5)."""
import sys

from recorder import failed, family
from families import (aliases, array, cells, checks, composites, containers, data, elementwise, extremes, functions, image,
                      initializers, layers, lookup, matmul, nn, normalization, nothing, numeric, older, older_containers,
                      places, random, reduction, segments, shaping, signals, space, sparse, state, text, train, windows)

FAMILIES = [aliases, array, cells, checks, composites, containers, data, elementwise, extremes, functions, image, initializers,
            layers, lookup, matmul, nn, normalization, nothing, numeric, older, older_containers, places, random, reduction,
            segments, shaping, signals, space, sparse, state, text, train, windows]

for module in FAMILIES:
    for name, cases in module.CASES.items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            with family(name):
                cases()

sys.exit("%d cases failed" % len(failed) if failed else 0)
