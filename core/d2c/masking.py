"""Edits within masks: composition of edited images and the images that they are made from."""

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor

from ..errors import DomainMismatch, InvalidInput
from ..images import resized

__all__ = ["check_masks", "composed"]

Images4 = Float[Tensor, "batch 3 height width"]
Masks = Float[Tensor, "masks rows columns"]


def check_masks(masks: Masks, images: Images4) -> None:
    """Checks masks of images to edit.

    Args:
        masks: 1 where pixels may change.
        images: the images.

    Raises:
        DomainMismatch: masks of another size than the images.
        InvalidInput: neither one mask nor one each, or a mask that is 0 everywhere.
    """
    if masks.shape[1:] != images.shape[2:]:
        high, wide = masks.shape[1:]
        raise DomainMismatch(
            f"The mask is {wide} x {high} pixels and the images are {images.shape[3]} x "
            f"{images.shape[2]}. Give a mask of the images' size. (Load Image gives an empty one "
            "of 64 x 64 for a picture without transparency.)"
        )
    if len(masks) not in (1, len(images)):
        raise InvalidInput(
            f"{len(masks)} masks for {len(images)} images. Give one for all, or one each."
        )
    if not bool((masks > 0).flatten(1).any(dim=1).all()):
        raise InvalidInput(
            "The mask is 0 (black) everywhere, so nothing may change. Paint the part to edit, or "
            "leave the mask out."
        )


def composed(
    images: Images4, made: Float[Tensor, "results 3 _ _"], masks: Masks, results: int
) -> Float[Tensor, "results 3 height width"]:
    """Returns the images with the made ones in the masks, bit for bit as they were elsewhere.

    Args:
        images: the images.
        made: results of each image, of any size; resized to that of the images.
        masks: share of the made image at each pixel, one for all images or one each.
        results: number of results per image.
    """
    size = (images.shape[2], images.shape[3])
    own = images.float().cpu().repeat_interleave(results, dim=0)
    new = torch.cat([resized(one[None], size) for one in made])
    each = repeat(masks.float().cpu(), "masks height width -> masks 1 height width")
    share = each.expand(len(images), -1, -1, -1).repeat_interleave(results, dim=0)
    return torch.lerp(own, new, share.clamp(0, 1))
