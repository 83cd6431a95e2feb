"""The models of the workflows: embedded ones, and official files that users provide."""

from typing import Any

__all__ = [
    "ALEXNET",
    "AVATARS",
    "AVATARS_CLIP",
    "AVATARS_HELD_OUT",
    "AVATARS_JUDGE",
    "AVATARS_PAIRS",
    "AVATARS_PRIOR_PAIRS",
    "AVATARS_PRIOR",
    "AVATARS_TRANSLATOR",
    "BIGGAN",
    "BIGGAN_256",
    "BLIP",
    "BLIP2",
    "CIFAR",
    "D2C_BEARD",
    "D2C_BLOND",
    "D2C_CELEBA_64",
    "D2C_CELEBA_HQ",
    "D2C_CIFAR_10",
    "D2C_CIFAR_100",
    "D2C_FFHQ",
    "D2C_LIPSTICK",
    "DIGITS",
    "DIGITS_CLASSIFIER",
    "DIGITS_HELD_OUT",
    "DIGITS_JUDGE",
    "DIGITS_TRANSLATOR",
    "FILES",
    "FOLDERS",
    "LABELLED",
    "LAION",
    "OPENAI",
    "PICTURE",
    "REAL_IMAGES",
    "STYLEGAN2",
    "STYLEGAN_XL",
    "UNLABELLED",
    "UPSCALER",
    "WITH",
    "WITHOUT",
    "named",
]

AVATARS, AVATARS_CLIP = "avatars (embedded)", "avatars CLIP (embedded)"
AVATARS_JUDGE, AVATARS_HELD_OUT = "avatars judge (embedded)", "avatars held out (embedded)"
AVATARS_PAIRS = "avatars pairs (embedded)"
AVATARS_PRIOR_PAIRS = "avatars pairs of the prior (embedded)"
AVATARS_TRANSLATOR = "avatars translator (embedded)"
AVATARS_PRIOR = "avatars prior (embedded)"
DIGITS, DIGITS_CLASSIFIER = "digits (embedded)", "digits classifier (embedded)"
DIGITS_JUDGE, DIGITS_HELD_OUT = "digits judge (embedded)", "digits held out (embedded)"
DIGITS_TRANSLATOR = "digits translator (embedded)"
BIGGAN, BIGGAN_256 = "biggan-512.pth", "biggan-256.pth"
STYLEGAN2, STYLEGAN_XL = "ffhq.pkl", "imagenet512.pkl"
OPENAI, LAION = "clip-vit-base-patch32", "CLIP-ViT-B-32-laion2B-s34B-b79K"
CIFAR = "cifar10u-cifar-ada-best-fid.pkl"
BLIP, BLIP2 = "blip-image-captioning-base", "blip2-opt-2.7b"
ALEXNET, UPSCALER = "alexnet-owt-7be5be79.pth", "RealESRGAN_x4plus.pth"
D2C_FFHQ, D2C_CELEBA_HQ = "d2c_ffhq_256.ckpt", "d2c_celeba_hq_256.safetensors"
D2C_CELEBA_64 = "d2c_celeba_64.safetensors"
D2C_CIFAR_10, D2C_CIFAR_100 = "d2c_cifar10.safetensors", "d2c_cifar100.safetensors"
D2C_LIPSTICK, D2C_BEARD, D2C_BLOND = "red_lipstick.ckpt", "beard.ckpt", "blond.ckpt"
BOUNDARY = "a boundary of D2C's authors, of `ffhq_256` in their checkpoints"
FILES = {
    BIGGAN: "BigGAN-512, as FuseDream and TR0N link it (converted from TFHub)",
    BIGGAN_256: "BigGAN-256, as FuseDream links it (converted from TFHub)",
    STYLEGAN2: "StyleGAN2 of FFHQ at 1024, from NVlabs' stylegan2-ada-pytorch",
    CIFAR: "StyleGAN2-ADA of CIFAR-10 without classes, from NVlabs' stylegan2-ada-pytorch",
    STYLEGAN_XL: "StyleGAN-XL of ImageNet at 512, from autonomousvision's stylegan-xl",
    OPENAI: "the folder of openai/clip-vit-base-patch32 on the Hugging Face hub",
    LAION: "the folder of laion/CLIP-ViT-B-32-laion2B-s34B-b79K on the Hugging Face hub",
    BLIP: "the folder of Salesforce/blip-image-captioning-base on the Hugging Face hub",
    BLIP2: "the folder of Salesforce/blip2-opt-2.7b on the Hugging Face hub",
    ALEXNET: "AlexNet of torchvision, for LPIPS; `pip install lpips` brings the rest",
    D2C_FFHQ: "D2C of FFHQ at 256: `ffhq_256/model.ckpt` of the authors' checkpoints",
    D2C_CELEBA_HQ: "D2C of CelebA-HQ at 256",
    D2C_CELEBA_64: "D2C of CelebA at 64",
    D2C_CIFAR_10: "D2C of CIFAR-10",
    D2C_CIFAR_100: "D2C of CIFAR-100",
    **dict.fromkeys((D2C_LIPSTICK, D2C_BEARD, D2C_BLOND), BOUNDARY),
    UPSCALER: "Real-ESRGAN x4 from xinntao's Real-ESRGAN",
}
FOLDERS = {
    **dict.fromkeys((BIGGAN, BIGGAN_256, CIFAR, STYLEGAN2, STYLEGAN_XL), "latentsteer_generators"),
    **dict.fromkeys((D2C_FFHQ, D2C_CELEBA_HQ, D2C_CELEBA_64), "latentsteer_generators"),
    **dict.fromkeys((D2C_CIFAR_10, D2C_CIFAR_100), "latentsteer_generators"),
    **dict.fromkeys((D2C_LIPSTICK, D2C_BEARD, D2C_BLOND), "latentsteer_generators"),
    UPSCALER: "upscale_models",
}
"""Folder of each file under models; others are in latentsteer_aux."""
REAL_IMAGES = "cifar10"
"""Folder of real images, in the input folder."""
WITH, WITHOUT = "few_shot/with", "few_shot/without"
"""Folders of labelled pictures, in the input folder: those that show the wanted, and others."""
UNLABELLED = "few_shot/unlabelled"
"""Folder of pictures without labels, in the input folder."""
LABELLED = {
    WITH: "pictures with the wanted, 50 or 100",
    WITHOUT: "50 pictures without it",
    UNLABELLED: "up to 10,000 pictures of which nothing is known",
}
"""What the three folders hold."""
PICTURE = "example.png"
"""Picture in ComfyUI's own input folder."""


def named(api: dict[str, Any]) -> list[str]:
    """Returns the official files that a graph names."""
    values = [value for node in api.values() for value in node["inputs"].values()]
    return [file for file in FILES if file in values]
