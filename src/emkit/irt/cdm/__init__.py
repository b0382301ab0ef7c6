"""Cognitive diagnosis: attributes that people have and items ask for."""

from emkit.irt.cdm.estimator import CognitiveDiagnosis
from emkit.irt.cdm.model import Diagnosis, DiagnosisParameters, DiagnosisStatistics

__all__ = ["CognitiveDiagnosis", "Diagnosis", "DiagnosisParameters", "DiagnosisStatistics"]
