"""Proposers of trials."""

from __future__ import annotations

from typing import Literal

Proposer = Literal["baseline", "sampler", "suffix"]
"""Who proposes a recipe: nobody, for the uncompressed teacher; the sampler; or `search.suggest.suffix_variants`."""
