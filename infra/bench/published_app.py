"""The published app's way to serve, written again from its description: Flask, an image to an array, `model.predict` per request.

Decoded with Pillow where the published app takes OpenCV: 0.2 to 0.7 ms of the 128 x 128 uploads either way, of 50 ms and more.
The model is the Keras file of the very network whose bundle Lobule serves. `BENCH_MODEL` names it.
"""

import base64
import io
import os

import keras
import numpy as np
from flask import Flask, Response, jsonify, request
from PIL import Image

model = keras.models.load_model(os.environ["BENCH_MODEL"])
side = model.input_shape[1]
app = Flask(__name__)


@app.get("/health")
def health() -> Response:
    """Say that the model is loaded."""
    return jsonify(status="healthy", model_loaded=True)


@app.post("/predict")
def predict() -> Response:
    """Classify the upload."""
    data = request.files["image"].read()
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((side, side)))
    logits = model.predict(pixels[None], verbose=0)[0].astype(np.float64)
    powers = np.exp(logits - logits.max())
    negative, positive = (100 * powers / powers.sum()).tolist()
    chosen = int(positive > negative)
    return jsonify(
        predicted_class=chosen,
        class_name=("benign", "malignant")[chosen],
        confidence=round(max(negative, positive), 2),
        probability_positive=round(positive, 2),
        probability_negative=round(negative, 2),
        image="data:image/png;base64," + base64.b64encode(data).decode(),
    )


if __name__ == "__main__":
    app.run(port=int(os.environ["BENCH_PORT"]), threaded=True)
