"""From probabilities to an answer: which class is predicted, and whether the service stands behind it."""

from serving.contract import Card, Verdict
from serving.runtime import Floats


def predicted_class(probabilities: Floats, card: Card) -> int:
    """Return the index of the predicted class of one image, probabilities [K].

    The positive class is predicted when its probability reaches the threshold of the operating point, whatever the others
    are; otherwise the most probable of the other classes. With two classes this is the usual threshold.
    """
    positive = card.positive_index
    if probabilities[positive] >= card.operating_point.threshold:
        return positive
    others = [index for index in range(len(card.classes)) if index != positive]
    return max(others, key=lambda index: float(probabilities[index]))


def judge(probabilities: Floats, distance: float, card: Card) -> tuple[Verdict, tuple[str, ...]]:
    """Say what the caller may do with one image's scores.

    Args:
        probabilities: [K], after the temperature.
        distance: to the reference images (`serving.reference.knn_distance`).
        card: holds the limits.

    Returns:
        The verdict, and every reason for it in words; no reasons for `accept`. Out of distribution comes before
        abstention: the scores of an image unlike any seen mean nothing.
    """
    limits, threshold = card.limits, card.operating_point.threshold
    abstain: list[str] = []
    positive, largest = float(probabilities[card.positive_index]), float(probabilities.max())
    if abs(positive - threshold) < limits.margin:
        abstain.append(
            f"The probability of {card.positive} ({positive:.1%}) is within {limits.margin:.1%} "
            f"of the decision threshold ({threshold:.1%})."
        )
    if largest < limits.min_confidence:
        abstain.append(f"No class is probable enough: the largest is {largest:.1%}, at least {limits.min_confidence:.1%} is required.")
    if distance > limits.out_of_distribution:
        far = (
            f"The image is unlike those the model was made from: its distance is {distance:.3f}, "
            f"the limit {limits.out_of_distribution:.3f} is passed by {_share(limits.false_alarm_rate)}."
        )
        return Verdict.OUT_OF_DISTRIBUTION, (far, *abstain)
    return (Verdict.ABSTAIN if abstain else Verdict.ACCEPT), tuple(abstain)


def _share(rate: float) -> str:
    """Say how many images like those seen are refused. Older bundles state the share of validation images, which may be none."""
    return f"{rate:.1%} of images like those" if rate else "none of the images it was set on"
