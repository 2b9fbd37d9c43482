"""Turns a data set into a training set: the train and validation splits, and the augmentation policy that training applies."""
