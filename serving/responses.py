"""The JSON documents of the service."""

from pathlib import Path

from serving.contract import Card
from serving.imaging import FORMATS
from serving.predictor import Prediction
from serving.settings import ServiceSettings
from serving.slot import Served, Slot

Json = dict[str, object]
DASHBOARD = Path(__file__).parent / "dashboard"


def percent(share: float) -> float:
    """Return a share of one in percent, to two decimals."""
    return round(100.0 * share, 2)


def prediction_document(prediction: Prediction, served: Served, *, image: str | None, heatmap: str | None) -> Json:
    """Describe one prediction. `image` and `heatmap` are data URIs."""
    card = served.predictor.card
    positive = float(prediction.probabilities[card.positive_index])
    return {
        "predicted_class": prediction.predicted_class,
        "class_name": card.classes[prediction.predicted_class],
        "confidence": percent(prediction.confidence),
        "probability_positive": percent(positive),
        "probability_negative": percent(1.0 - positive),
        "probabilities": {name: round(float(value), 6) for name, value in zip(card.classes, prediction.probabilities, strict=True)},
        "verdict": prediction.verdict.value,
        "reasons": list(prediction.reasons),
        "image": image,
        "heatmap": heatmap,
    }


def model_document(served: Served) -> Json:
    """Describe the model of an answer."""
    card = served.predictor.card
    return {
        "name": served.name,
        "version": version_number(served),
        "bundle": served.predictor.digest,
        "dataset": card.dataset,
        "certificate": card.certificate,
        "operating_point": card.operating_point.threshold,
        "leaking": card.leaking,
        "oracle": card.oracle,
    }


def envelope(served: Served, request_id: str) -> Json:
    """Return what every answer ends with: the model, the request's id and the disclaimer."""
    return {"model": model_document(served), "request_id": request_id, "disclaimer": served.predictor.card.disclaimer}


def version_number(served: Served) -> int | str | None:
    """Return the registered version as a number where it is one; None for a bundle from a directory."""
    return int(served.version) if served.version and served.version.isdigit() else served.version


def health_document(slot: Slot, settings: ServiceSettings) -> Json:
    """Describe the service: what it serves, since when, within which limits."""
    limits = {
        "max_bytes": settings.max_bytes,
        "max_pixels": settings.max_pixels,
        "max_images": settings.max_images,
        "formats": list(FORMATS),
    }
    registry = {"asked": slot.asked.isoformat(timespec="seconds") if slot.asked else None, "unreachable": slot.unreachable}
    base: Json = {
        "refused": slot.refused,
        "registry": registry,
        "uploads": limits,
        "api_key_required": bool(settings.api_keys),
        "links": _links(settings),
    }
    served = slot.current
    if served is None:
        return {"status": "no_model", "reason": slot.refused, **base}
    return {
        "status": "ok",
        "name": served.name,
        "version": version_number(served),
        "alias": served.alias,
        "followed": served.followed,
        "loaded_since": served.since.isoformat(timespec="seconds"),
        "bundle": served.predictor.digest,
        **_card_document(served.predictor.card),
        **base,
    }


def _links(settings: ServiceSettings) -> Json:
    return {name: url for name, url in (("mlflow", settings.mlflow_url), ("drift", settings.drift_url)) if url}


def _card_document(card: Card) -> Json:
    shown = card.model_dump(mode="json")
    left_out = {"schema_version", "name", "canary_scores"}
    return {key: value for key, value in shown.items() if key not in left_out}
