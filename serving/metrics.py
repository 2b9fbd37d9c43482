"""What Prometheus learns beside the counts and times of requests that BentoML keeps: what was answered."""


class Metrics:
    """The service's own counters. Created in the server process, because BentoML prepares the client before."""

    def __init__(self) -> None:
        from prometheus_client import Counter

        self.predictions = Counter(
            "lobule_predictions_total", "Predictions by model version, class and verdict", ["version", "predicted_class", "verdict"]
        )
        self.refusals = Counter("lobule_refused_images_total", "Images that were refused, by code", ["code"])
        self.lost_rows = Counter("lobule_prediction_log_lost_rows_total", "Rows that the prediction log could not keep", [])
