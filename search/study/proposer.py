"""Proposers of trials."""

from __future__ import annotations

from typing import Literal

Proposer = Literal["baseline", "sampler", "suffix", "warm_start", "first"]
"""Who proposes a recipe: nobody, for the uncompressed teacher; the sampler; `search.suggest.suffix_variants`;
the front of an earlier sweep; or `search.suggest.first_batch`."""
