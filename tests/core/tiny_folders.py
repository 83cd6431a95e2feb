"""Tiny model folders of transformers, with random weights and eleven words."""

import json

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = ["[PAD]", "[CLS]", "[SEP]", "<image>", "a", "picture", "of", "red", "blue", "hat", "cat"]
WIDTHS = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
VISION = {**WIDTHS, "num_attention_heads": 2, "image_size": 16, "patch_size": 8}
TEXT = {
    **WIDTHS,
    "num_attention_heads": 2,
    "vocab_size": len(WORDS),
    "max_position_embeddings": 6,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def tokenizer():
    known = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, unk_token="[PAD]"))
    known.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    known.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=known,
        pad_token="[PAD]",
        unk_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        bos_token="[CLS]",
        eos_token="[SEP]",
        model_max_length=64,
    )


def made(kind, config):
    """A model with random weights large enough to affect results."""
    with torch.random.fork_rng():
        model = kind(config).eval()
    stream = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            size = parameter[0].numel() ** -0.5
            parameter.data = size * torch.randn(parameter.shape, generator=stream)
    return model


def saved(model, folder, *, words=True, colours=None, **options):
    model.save_pretrained(folder, **options)
    if words:
        tokenizer().save_pretrained(folder)
    if colours is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(colours), "utf-8")
    return folder


def clip_model():
    config = transformers.CLIPConfig(vision_config=VISION, text_config=TEXT, projection_dim=12)
    return made(transformers.CLIPModel, config)


def siglip_model():
    vision, text = {**VISION}, {**TEXT, "projection_size": 16}
    config = transformers.SiglipConfig(vision_config=vision, text_config=text)
    return made(transformers.SiglipModel, config)


def siglip2_model():
    vision = {**VISION, "num_patches": 4}
    vision.pop("image_size")
    config = transformers.Siglip2Config(
        vision_config=vision, text_config={**TEXT, "projection_size": 16}
    )
    return made(transformers.Siglip2Model, config)


def blip_model():
    text = {**TEXT, "max_position_embeddings": 32, "encoder_hidden_size": 16}
    text |= {"sep_token_id": 2, "is_decoder": True}
    config = transformers.BlipConfig(vision_config=VISION, text_config=text, projection_dim=12)
    return made(transformers.BlipForConditionalGeneration, config)


def blip2_model():
    text = transformers.OPTConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        word_embed_proj_dim=16,
        ffn_dim=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    asking = {**WIDTHS, "num_attention_heads": 2, "encoder_hidden_size": 16, "vocab_size": 11}
    config = transformers.Blip2Config(
        vision_config=VISION,
        qformer_config=asking,
        text_config=text.to_dict(),
        num_query_tokens=3,
        image_token_index=3,
    )
    return made(transformers.Blip2ForConditionalGeneration, config)
