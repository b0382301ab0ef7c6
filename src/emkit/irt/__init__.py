"""Item response theory: what answers to a test tell of people and items."""

from emkit.irt.cdm import CognitiveDiagnosis

__all__ = ["CognitiveDiagnosis"]
