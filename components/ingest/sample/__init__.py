"""Procedural sample data: stained tissue, ultrasound and IDC patches, for trying everything without a download.

Made to be learnable but not easy, in the layouts that real data sets have. It shows the way, not a result.
"""

from components.ingest.sample.write import SampleSummary, write_sample

__all__ = ["SampleSummary", "write_sample"]
