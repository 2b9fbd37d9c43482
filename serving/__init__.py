"""What runs in production: model contract, image decoder, predictor, service. Imports nothing else of this project."""
