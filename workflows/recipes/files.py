"""The models of the workflows: embedded ones, and official files that users provide."""

from typing import Any

__all__ = [
    "AFHQ",
    "ALEXNET",
    "AUTOGAN",
    "AVATARS",
    "AVATARS_CLIP",
    "AVATARS_CODES",
    "AVATARS_HELD_OUT",
    "AVATARS_JUDGE",
    "AVATARS_ONE_STEP",
    "AVATARS_PAIRS",
    "AVATARS_PRIOR",
    "AVATARS_TRANSLATOR",
    "BIGGAN",
    "BIGGAN_256",
    "BIRDS",
    "BLIP",
    "BLIP2",
    "CELEBA_HQ",
    "CIFAR",
    "CLIP_FILE",
    "CLIP_H",
    "CLIP_L",
    "COCO",
    "COMOD_FFHQ",
    "COMOD_PLACES",
    "D2C_BEARD",
    "D2C_BLOND",
    "D2C_CELEBA_64",
    "D2C_CELEBA_HQ",
    "D2C_CIFAR_10",
    "D2C_CIFAR_100",
    "D2C_FFHQ",
    "D2C_LIPSTICK",
    "DALLE",
    "DIGITS",
    "DIGITS_CLASSIFIER",
    "DIGITS_HELD_OUT",
    "DIGITS_JUDGE",
    "DIGITS_TRANSLATOR",
    "EXAMPLE",
    "EXAMPLE_MASKED",
    "FILES",
    "FLUX_SCHNELL",
    "FLUX_VAE",
    "FOLDERS",
    "HPS",
    "IMAGE_REWARD",
    "LABELLED",
    "LAION",
    "MMD_GAN",
    "NVAE_CIFAR",
    "NVAE_FFHQ",
    "OPENAI",
    "PICKSCORE",
    "PICTURE",
    "PICTURES",
    "QWEN",
    "REAL_AFHQ",
    "REAL_BIRDS",
    "REAL_CELEBA_HQ",
    "REAL_COCO",
    "REAL_FFHQ",
    "REAL_IMAGES",
    "REAL_PLACES",
    "REFERENCES",
    "RESNET50",
    "RESNET50_IMAGENET",
    "SDXL_TURBO",
    "SD_TURBO",
    "SN_GAN",
    "SOURCE",
    "STYLEGAN2",
    "STYLEGAN_XL",
    "T5",
    "TRANSGAN",
    "UNLABELLED",
    "UPSCALER",
    "WGAN_GP",
    "WITH",
    "WITHOUT",
    "Z_IMAGE_TURBO",
    "named",
]

AVATARS, AVATARS_CLIP = "avatars (embedded)", "avatars CLIP (embedded)"
AVATARS_JUDGE, AVATARS_HELD_OUT = "avatars judge (embedded)", "avatars held out (embedded)"
AVATARS_CODES = "avatars codes (embedded)"
AVATARS_PAIRS = "avatars pairs (embedded)"
AVATARS_ONE_STEP = "avatars one step (embedded)"
AVATARS_TRANSLATOR = "avatars translator (embedded)"
AVATARS_PRIOR = "avatars prior (embedded)"
DIGITS, DIGITS_CLASSIFIER = "digits (embedded)", "digits classifier (embedded)"
DIGITS_JUDGE, DIGITS_HELD_OUT = "digits judge (embedded)", "digits held out (embedded)"
DIGITS_TRANSLATOR = "digits translator (embedded)"
BIGGAN, BIGGAN_256 = "biggan-512.pth", "biggan-256.pth"
STYLEGAN2, STYLEGAN_XL = "ffhq.pkl", "imagenet512.pkl"
OPENAI, LAION = "clip-vit-base-patch32", "CLIP-ViT-B-32-laion2B-s34B-b79K"
CLIP_FILE = "open_clip_model.safetensors"
CIFAR = "cifar10u-cifar-ada-best-fid.pkl"
SN_GAN, WGAN_GP = "DCGAN_G_CIFAR_SN-GAN.npz", "DCGAN_G_CIFAR_WGAN-GP.npz"
MMD_GAN, TRANSGAN = "MMDGAN_CIFAR.pth", "transgan_cifar10.pth"
NVAE_CIFAR, NVAE_FFHQ = "nvae_cifar10.safetensors", "nvae_ffhq.safetensors"
AUTOGAN, RESNET50 = "autogan_cifar10_a.pth", "resnet50_cifar10.pth"
RESNET50_IMAGENET = "resnet50-11ad3fa6.pth"
BIRDS, COCO = "birds_netG.pth", "coco_netG.pth"
COMOD_FFHQ = "co-mod-gan-ffhq-9-025000.pkl"
COMOD_PLACES = "co-mod-gan-places2-050000.pkl"
DALLE = "dalle_decoder.pkl"
CELEBA_HQ, AFHQ = "celeba_hq_nets_ema.ckpt", "afhq_nets_ema.ckpt"
BLIP, BLIP2 = "blip-image-captioning-base", "blip2-opt-2.7b"
ALEXNET, UPSCALER = "alexnet-owt-7be5be79.pth", "RealESRGAN_x4plus.pth"
D2C_FFHQ, D2C_CELEBA_HQ = "d2c_ffhq_256.ckpt", "d2c_celeba_hq_256.safetensors"
D2C_CELEBA_64 = "d2c_celeba_64.safetensors"
D2C_CIFAR_10, D2C_CIFAR_100 = "d2c_cifar10.safetensors", "d2c_cifar100.safetensors"
D2C_LIPSTICK, D2C_BEARD, D2C_BLOND = "red_lipstick.ckpt", "beard.ckpt", "blond.ckpt"
CHAINER = (
    "{} of CIFAR-10, a `DCGAN_G_*.npz` of DOT or DGflow; beside it its `DCGAN_D_*.npz` under the "
    "same name with `_D_`"
)
BOUNDARY = "a boundary of D2C's authors, of `ffhq_256` in their checkpoints"
DFGAN_PARTS = (
    "DF-GAN of {0} of 2021; beside it `{1}_netD.pth`, and `{1}_text_encoder.pth` and "
    "`{1}_captions.pickle` of AttnGAN's DAMSM"
)
STARGAN = "StarGAN v2 of {}: `100000_nets_ema.ckpt`; beside it `{}_nets.ckpt` of your own training"
SD_TURBO, SDXL_TURBO = "sd_turbo.safetensors", "sd_xl_turbo_1.0_fp16.safetensors"
FLUX_SCHNELL, FLUX_VAE = "flux1-schnell.safetensors", "ae.safetensors"
Z_IMAGE_TURBO, QWEN = "z_image_turbo_bf16.safetensors", "qwen_3_4b.safetensors"
CLIP_L, T5 = "clip_l.safetensors", "t5xxl_fp8_e4m3fn.safetensors"
HPS, IMAGE_REWARD, PICKSCORE = "HPS_v2.1_compressed.pt", "ImageReward.pt", "PickScore_v1"
CLIP_H = "CLIP-ViT-H-14-laion2B-s32B-b79K"
FILES = {
    BIGGAN: "BigGAN-512, as FuseDream and TR0N link it (converted from TFHub)",
    BIGGAN_256: "BigGAN-256, as FuseDream links it (converted from TFHub)",
    STYLEGAN2: "StyleGAN2 of FFHQ at 1024, from NVlabs' stylegan2-ada-pytorch",
    CIFAR: "StyleGAN2-ADA of CIFAR-10 without classes, from NVlabs' stylegan2-ada-pytorch",
    SN_GAN: CHAINER.format("SN-GAN"),
    WGAN_GP: CHAINER.format("WGAN-GP"),
    MMD_GAN: "MMD-GAN of CIFAR-10 from DGflow; beside it DGflow's density ratio of it as "
    "`MMDGAN_CIFAR_DRC.pth`",
    TRANSGAN: "TransGAN of CIFAR-10, the checkpoint of VITA-Group's TransGAN",
    NVAE_CIFAR: "NVAE of CIFAR-10: `cifar10/checkpoint.pt` of NVlabs' NVAE, through `latentsteer "
    "convert --readjust 0.7`",
    NVAE_FFHQ: "NVAE of FFHQ at 256: `ffhq/checkpoint.pt` of NVlabs' NVAE, through `latentsteer "
    "convert --readjust 0.6`",
    AUTOGAN: "AutoGAN-A of CIFAR-10, from VITA-Group's AutoGAN",
    RESNET50: "a ResNet50 trained on CIFAR-10, in torchvision's layout; the paper's is not public",
    RESNET50_IMAGENET: "ResNet-50 of ImageNet, torchvision's second weights",
    STYLEGAN_XL: "StyleGAN-XL of ImageNet at 512, from autonomousvision's stylegan-xl",
    OPENAI: "the folder of openai/clip-vit-base-patch32 on the Hugging Face hub",
    LAION: "the folder of laion/CLIP-ViT-B-32-laion2B-s34B-b79K on the Hugging Face hub",
    CLIP_FILE: "this file of laion/CLIP-ViT-B-32-laion2B-s34B-b79K on the Hugging Face hub",
    BLIP: "the folder of Salesforce/blip-image-captioning-base on the Hugging Face hub",
    BLIP2: "the folder of Salesforce/blip2-opt-2.7b on the Hugging Face hub",
    ALEXNET: "AlexNet of torchvision, for LPIPS; `pip install lpips` brings the rest",
    D2C_FFHQ: "D2C of FFHQ at 256: `ffhq_256/model.ckpt` of the authors' checkpoints",
    D2C_CELEBA_HQ: "D2C of CelebA-HQ at 256",
    D2C_CELEBA_64: "D2C of CelebA at 64",
    D2C_CIFAR_10: "D2C of CIFAR-10",
    D2C_CIFAR_100: "D2C of CIFAR-100",
    **dict.fromkeys((D2C_LIPSTICK, D2C_BEARD, D2C_BLOND), BOUNDARY),
    BIRDS: DFGAN_PARTS.format("CUB's birds", "birds"),
    COCO: DFGAN_PARTS.format("COCO", "coco"),
    COMOD_FFHQ: "Co-Mod-GAN of FFHQ at 512, of the authors' checkpoints",
    COMOD_PLACES: "Co-Mod-GAN of Places2 at 512, of the authors' checkpoints",
    DALLE: "`decoder.pkl` of openai/DALL-E; beside it its `encoder.pkl` as `dalle_encoder.pkl`",
    CELEBA_HQ: STARGAN.format("CelebA-HQ", "celeba_hq"),
    AFHQ: STARGAN.format("AFHQ", "afhq"),
    UPSCALER: "Real-ESRGAN x4 from xinntao's Real-ESRGAN",
    SD_TURBO: "SD-Turbo, stabilityai/sd-turbo on the Hugging Face hub",
    SDXL_TURBO: "SDXL-Turbo, stabilityai/sdxl-turbo on the Hugging Face hub",
    FLUX_SCHNELL: "FLUX.1 schnell, black-forest-labs/FLUX.1-schnell on the Hugging Face hub",
    FLUX_VAE: "FLUX's VAE, which Z-Image shares",
    CLIP_L: "FLUX's first text encoder, comfyanonymous/flux_text_encoders on the hub",
    T5: "FLUX's second text encoder, in the same place",
    Z_IMAGE_TURBO: "Z-Image-Turbo, Comfy-Org/z_image_turbo on the Hugging Face hub",
    QWEN: "its text encoder, in the same place",
    HPS: "HPSv2.1, xswu/HPSv2 on the Hugging Face hub",
    IMAGE_REWARD: "ImageReward, THUDM/ImageReward on the hub; with vocab.txt of bert-base-uncased "
    "beside it",
    PICKSCORE: "the folder of yuvalkirstain/PickScore_v1 on the hub, with its tokenizer",
    CLIP_H: "the folder of laion/CLIP-ViT-H-14-laion2B-s32B-b79K on the Hugging Face hub",
}
FOLDERS = {
    **dict.fromkeys((BIGGAN, BIGGAN_256, CIFAR, STYLEGAN2, STYLEGAN_XL), "latentsteer_generators"),
    **dict.fromkeys((D2C_FFHQ, D2C_CELEBA_HQ, D2C_CELEBA_64), "latentsteer_generators"),
    **dict.fromkeys((D2C_CIFAR_10, D2C_CIFAR_100), "latentsteer_generators"),
    **dict.fromkeys((D2C_LIPSTICK, D2C_BEARD, D2C_BLOND), "latentsteer_generators"),
    **dict.fromkeys((NVAE_CIFAR, NVAE_FFHQ, AUTOGAN), "latentsteer_generators"),
    **dict.fromkeys((SN_GAN, WGAN_GP, MMD_GAN, TRANSGAN), "latentsteer_generators"),
    **dict.fromkeys((BIRDS, COCO, COMOD_FFHQ, COMOD_PLACES), "latentsteer_generators"),
    **dict.fromkeys((CELEBA_HQ, AFHQ, DALLE), "latentsteer_generators"),
    UPSCALER: "upscale_models",
    **dict.fromkeys((SD_TURBO, SDXL_TURBO), "checkpoints"),
    **dict.fromkeys((FLUX_SCHNELL, Z_IMAGE_TURBO), "diffusion_models"),
    **dict.fromkeys((CLIP_L, T5, QWEN), "text_encoders"),
    FLUX_VAE: "vae",
}
"""Folder of each file under models; others are in latentsteer_aux."""
REAL_IMAGES = "cifar10"
"""Folder of real images, in the input folder."""
WITH, WITHOUT = "few_shot/with", "few_shot/without"
"""Folders of labelled pictures, in the input folder: some show what is wanted, others do not."""
UNLABELLED = "few_shot/unlabelled"
"""Folder of pictures without labels, in the input folder."""
LABELLED = {
    WITH: "50 or 100 pictures that show what is wanted",
    WITHOUT: "50 pictures without it",
    UNLABELLED: "up to 10,000 pictures of which nothing is known",
}
"""What the three folders hold."""
REAL_BIRDS, REAL_COCO, REAL_FFHQ, REAL_PLACES = "birds", "coco", "ffhq", "places2"
REAL_CELEBA_HQ, REAL_AFHQ = "celeba_hq", "afhq"
SOURCE, REFERENCES = "source", "references"
PICTURES = {
    REAL_BIRDS: "CUB's birds",
    REAL_COCO: "COCO's training images",
    REAL_FFHQ: "faces of FFHQ",
    REAL_PLACES: "images of Places2",
    REAL_CELEBA_HQ: "the domain's images of CelebA-HQ",
    REAL_AFHQ: "the domain's images of AFHQ",
    SOURCE: "the picture that is filled or translated",
    REFERENCES: "eight images of the domain, whose styles are taken",
}
"""What other folders hold, in the input folder."""
PICTURE = "example.png"
"""Picture in ComfyUI's own input folder."""
EXAMPLE, EXAMPLE_MASKED = "latentsteer_avatar.png", "latentsteer_avatar_masked.png"
"""An avatar that is shipped, and the same with a mask; hosts find them in the input folder."""


def named(api: dict[str, Any]) -> list[str]:
    """Returns the official files that a graph names."""
    values = [value for node in api.values() for value in node["inputs"].values()]
    return [file for file in FILES if file in values]
