"""What runs in production: model contract, image decoder, predictor, service. Imports nothing else of this project.

Others use `contract`, `imaging`, `predictor`, `reference`, `rows` and `openvino_graph` (training and evaluation finish and
score bundles with what will serve them), `registry` (finds a registered bundle), and `settings.SETTINGS`. These need numpy,
pillow, pydantic, pyarrow and OpenVINO only; `registry` needs mlflow-skinny when it is asked.
"""
