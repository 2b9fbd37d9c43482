"""`augmentation_report.html`: what the training set holds and what augmentation does to it, in one file that needs no network."""

import base64
import json
from collections import Counter
from html import escape
from pathlib import Path

from components.augment.distribution import LIMIT, DistributionCheck, Share
from components.domain.artifacts import ROI_FILE, ROI_SHEET, Dataset
from components.domain.recipe import Recipe

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:78rem;padding:0 1rem;color:#1c1e21}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}img{max-width:100%;height:auto}.wide{overflow-x:auto}
table{border-collapse:collapse}th,td{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #ddd}
th:first-child,td:first-child{text-align:left}
.warn{background:#fff3cd;border-left:4px solid #b45309;padding:.6rem 1rem}.soft{color:#555}td.out{background:#fde2c4;font-weight:600}
"""


def render(training_set: Path, dataset: Dataset, check: DistributionCheck, *, recipe: Recipe) -> str:
    """Return the page.

    Args:
        training_set: the artifact; its pictures are embedded.
        dataset: the same, read.
        check: of the distribution.
        recipe: whose policy it is.
    """
    left = [
        f"{what} ({', '.join(share.leaves)})"
        for what, share in (("the policy", check.policy), ("the copies", check.copies))
        if share and share.leaves
    ]
    warning = (
        f'<p class="warn">Out of distribution: {escape(" and ".join(left))}. Training will see pictures that no patient has.</p>'
        if left
        else ""
    )
    sheet = _picture(training_set / "contact_sheet.png", "train images and what augmentation makes of them")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Augmentation of {escape(recipe.name)}</title><style>{_STYLE}</style></head><body>
<h1>Augmentation of {escape(recipe.name)}</h1>
{warning}{_region(training_set)}
<h2>Training set</h2><div class="wide">{_counts(dataset)}</div>
<p class="soft">Copies are made once, of train images alone; validation images are never changed, and test images are not here.
The policy below is drawn anew in every epoch.</p>
<h2>Before and after</h2><div class="wide">{sheet}</div>
<h2>Inside the source's distribution?</h2>
<p>Share of images outside the range that holds 99 % of {check.images} train images. Marked: more than {LIMIT:.0%} beyond the
validation images, which were not changed and are what chance and other patients do.</p>
<div class="wide">{_shares(check)}</div>
<p class="soft">embedding: mean distance to the nearest train images by histograms of gray value and edge strength and by colour.
MixUp and CutMix are left out: they make no pictures of patients on purpose.</p>
</body></html>
"""


def _region(training_set: Path) -> str:
    if not (training_set / ROI_FILE).exists():
        return ""
    counts = json.loads((training_set / ROI_FILE).read_text(encoding="utf-8"))
    whole = counts["blank"] + counts["missing"] + counts["unusable"]
    told = (
        f"ORACLE: {counts['cut']} images of all splits are cut to their lesion masks with a margin of {counts['margin']:.0%}; "
        f"{whole} stay whole (blank mask {counts['blank']}, no mask {counts['missing']}, unusable {counts['unusable']}). "
        "No user has a mask: the model is never champion."
    )
    sheet = training_set / ROI_SHEET
    return f'<p class="warn">{told}</p>' + (_picture(sheet, "whole images, and below them the part that is kept") if sheet.exists() else "")


def _counts(dataset: Dataset) -> str:
    made = dataset.table.column("augmented").to_pylist()
    counts = Counter(zip(dataset.column("label"), dataset.column("split"), made, strict=True))
    kinds = {"train images": ("train", False), "their copies": ("train", True), "validation images": ("validation", False)}
    head = "".join(f"<th>{name}</th>" for name in kinds)
    rows = "".join(
        f"<tr><td>{escape(label)}</td>{''.join(f'<td>{counts[label, *kind]}</td>' for kind in kinds.values())}</tr>"
        for label in dataset.classes
    )
    return f"<table><tr><th>class</th>{head}</tr>{rows}</table>"


def _shares(check: DistributionCheck) -> str:
    names = list(check.validation)
    rows = {"validation images": Share(0, check.validation, []), "whole policy": check.policy, **check.settings}
    if check.copies:
        rows["copies"] = check.copies
    lines = "".join(f"<tr><td>{escape(title)}</td>{''.join(_cell(share, name) for name in names)}</tr>" for title, share in rows.items())
    return f"<table><tr><th></th>{''.join(f'<th>{name}</th>' for name in names)}</tr>{lines}</table>"


def _cell(share: Share, name: str) -> str:
    mark = ' class="out"' if name in share.leaves else ""
    return f"<td{mark}>{share.outside[name]:.0%}</td>"


def _picture(path: Path, caption: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{escape(caption)}">'
