"""Keras code that augment, tune and train share: networks, augmentation layers, fitting, export. No step.

Nothing here names a back end: Keras 3 runs it on TensorFlow or JAX.
"""
