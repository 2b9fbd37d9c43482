"""MobileNetV2 on breast ultrasound (BUSI layout): frozen backbone first, then its last layers.

Command:   lobule run --data FOLDER --recipe ultrasound-mobilenetv2 --weights imagenet
Cost:      5 to 8 minutes on 2 CPU cores, for 622 images of 256 x 256
Expected:  macro test AUC about 0.94, interval 0.90 to 0.97, on 126 of those 622 BUSI images, in 94 groups
Source:    Sandler et al., CVPR 2018 (backbone); Al-Dhabyani et al., Data in Brief 28 (2020) 104863 (data)
"""

from components.domain.presets._shared import SCANS, transfer

RECIPE = transfer("ultrasound-mobilenetv2", "ultrasound", "mobilenetv2", SCANS)
