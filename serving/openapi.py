"""What the OpenAPI document tells beside the routes: bodies, and answers with examples."""

from serving.contract import DISCLAIMER

Document = dict[str, object]
_DIGEST = "sha256:" + "5f" * 32
MODEL: Document = {
    "name": "lobule-ultrasound",
    "version": 7,
    "bundle": _DIGEST,
    "dataset": _DIGEST,
    "certificate": _DIGEST,
    "operating_point": 0.31,
    "leaking": False,
    "oracle": False,
}
PREDICTION: Document = {
    "predicted_class": 1,
    "class_name": "malignant",
    "confidence": 87.34,
    "probability_positive": 87.34,
    "probability_negative": 12.66,
    "probabilities": {"benign": 0.1266, "malignant": 0.8734},
    "verdict": "accept",
    "reasons": [],
    "image": "data:image/jpeg;base64,...",
    "heatmap": "data:image/jpeg;base64,...",
}
ENVELOPE: Document = {"model": MODEL, "request_id": "0123456789abcdef0123456789abcdef", "disclaimer": DISCLAIMER}
_NO_IMAGE: Document = {
    "error": {
        "code": "not_an_image",
        "message": "the bytes are no PNG, JPEG, TIFF, BMP, WEBP, DICOM image",
        "remedy": "send an image file of one of these types",
    }
}
_REFUSALS = {
    400: "not an image, damaged, or broken multipart",
    401: "no valid API key, where keys are set",
    408: "the upload came too slowly",
    413: "too many bytes, pixels or images",
    415: "unsupported content type",
    422: "wrong field or parameter",
    429: "overloaded; try again after the seconds in Retry-After",
    503: "no model is loaded, or too many uploads; try again after the seconds in Retry-After",
    504: "the answer took too long",
}


def responses(*, several: bool) -> dict[int | str, dict[str, object]]:
    """Return the answers of a call that predicts, each with its meaning, the good one with an example."""
    answer = {"results": [PREDICTION, _NO_IMAGE], **ENVELOPE} if several else {**PREDICTION, **ENVELOPE}
    told: dict[int | str, dict[str, object]] = {200: {"description": "the answer", **_json(answer)}}
    told |= {status: {"description": meaning} for status, meaning in _REFUSALS.items()}
    told[400] |= _json(_NO_IMAGE)
    return told


def request_body(name: str, *, several: bool) -> Document:
    """Describe the body of a call that predicts: a form with the field `name`, or one image alone."""
    image = {"type": "string", "format": "binary"}
    field = {"type": "array", "items": image} if several else image
    form = {"schema": {"type": "object", "required": [name], "properties": {name: field}}}
    raw = {} if several else {"image/*": {"schema": image}, "application/dicom": {"schema": image}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": form, **raw}}}


def _json(example: Document) -> Document:
    return {"content": {"application/json": {"schema": {"type": "object"}, "example": example}}}
