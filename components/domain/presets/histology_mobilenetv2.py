"""MobileNetV2 on breast histopathology, one folder per class: frozen backbone first, then its last layers.

Command:   lobule run --data FOLDER --recipe histology-mobilenetv2 --weights imagenet
Cost:      as ultrasound-mobilenetv2 for as many images
Expected:  not measured: no histology data set of its own size has been run on it yet
Source:    Sandler et al., CVPR 2018 (backbone)
"""

from components.domain.presets._shared import TISSUE, transfer

RECIPE = transfer("histology-mobilenetv2", "histology", "mobilenetv2", TISSUE)
