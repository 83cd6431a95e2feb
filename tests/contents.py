"""Whether a picture shows something."""

from PIL import Image, ImageStat

LEAST_SPAN, LEAST_SPREAD, SIDE = 128, 12, 8
"""Of 255: span of grey values, and standard deviation of the means of blocks of so many pixels.

The pictures of shipped workflows have at least 180 and 14, uniform noise of pixels has 255 and 9.
"""


def span(picture: Image.Image) -> int:
    """The difference of the lightest and the darkest grey value, up to 255."""
    darkest, lightest = picture.convert("L").getextrema()
    return lightest - darkest


def has_contents(picture: Image.Image) -> bool:
    """Whether a picture is neither flat nor faint, nor noise of pixels."""
    spread = ImageStat.Stat(picture.convert("L").reduce(SIDE)).stddev[0]
    return span(picture) > LEAST_SPAN and spread > LEAST_SPREAD
