"""Makes photographs/*.jpg: grey pictures of 256 pixels' longer side, from those in skimage/data.

    pip download --no-deps scikit-image==0.26.0 -d wheel && unzip wheel/*.whl -d wheel
    python3 photographs.py wheel/skimage/data photographs        (needs Pillow)
"""
import pathlib
import sys

from PIL import Image

LONGER_SIDE = 256
NAMES = ["astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png",
         "coffee.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "rocket.jpg"]

source, target = map(pathlib.Path, sys.argv[1:])
for name in NAMES:
    picture = Image.open(source / name).convert("L")
    picture.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.BOX)
    picture.save(target / f"{name.split('.')[0].split('_')[0]}.jpg", quality=88, optimize=True)
