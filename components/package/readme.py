"""The README of a Bento: for whom gets the directory or its image, and has neither this repository nor its registry."""

from serving.contract import Card

README = "README.md"


def readme(tag: str, card: Card, digest: str) -> str:
    """Return the README of a Bento, Markdown.

    Args:
        tag: of the Bento, `name:version`.
        card: of its bundle.
        digest: of its bundle.
    """
    image = tag.replace(":", "-")
    return f"""\
# {tag}

{card.disclaimer} For: {card.intended_use.purpose}. Not for: {card.intended_use.not_for}.

Answers {", ".join(card.classes)}; positive is {card.positive}, from a probability of {card.operating_point.threshold:.1%} on.
Recipe {card.recipe}, bundle `{digest}`.

    docker build -t {image} .
    docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges -v lobule:/data -p 3000:3000 {image}
    curl -F image=@scan.png http://127.0.0.1:3000/predict?image=false

The dashboard is at http://127.0.0.1:3000, the interface for programs at `/docs`, figures for Prometheus at `/metrics`.
`/livez` says that the process answers, `/readyz` that the model is loaded and its canary image gave its scores. Set `LOBULE_API_KEYS`
(separated by commas) before anybody else can reach it. The prediction log lies in `/data`.

On SIGTERM it finishes the requests that it has, writes the prediction log and ends; connections that arrive meanwhile are reset. So
whatever sends requests must stop before: behind a Kubernetes Service, give the container time to leave the list of its endpoints,

    lifecycle:
      preStop:
        exec: {{command: [sleep, "5"]}}
"""
