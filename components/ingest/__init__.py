"""From a source of images to a certified data set: split by group, decoded once, checked for leakage."""
