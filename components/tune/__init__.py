"""Searches a recipe's hyper-parameters with Optuna on the train and validation splits."""
