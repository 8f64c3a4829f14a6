"""Small random networks of the transformers library: vision, text encoders, decoders, audio."""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

__all__ = ["MODELS", "Recipe", "make"]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to build one model.

    Attributes:
        task: suffix of the auto class (``ForCausalLM``).
        settings: of its configuration, all small.
        shape: of one example; whole numbers below the vocabulary where it is one axis of words.
        kind: ``words``, ``image``, ``sound`` (a wave) or ``spectrum``.

    """

    task: str
    settings: Mapping[str, Any]
    shape: tuple[int, ...]
    kind: str


class Logits(nn.Module):
    """A model as a function of one tensor."""

    def __init__(self, model: nn.Module, argument: str) -> None:
        super().__init__()
        self.model = model
        self.argument = argument

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores."""
        return self.model(**{self.argument: x}).logits


_ARGUMENTS = {"words": "input_ids", "image": "pixel_values", "sound": "input_values", "spectrum": "input_values"}
_SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
_WORDS = {**_SIZES, "vocab_size": 128, "max_position_embeddings": 64, "pad_token_id": 0}
_DECODER = {**_WORDS, "num_key_value_heads": 2, "use_cache": False, "bos_token_id": 1, "eos_token_id": 2}
_HEAD = {**_DECODER, "head_dim": 16}
_PICTURE = {**_SIZES, "image_size": 32, "patch_size": 8}
_WAVE = {
    **_SIZES,
    "vocab_size": 32,
    "conv_dim": (32, 32, 32),
    "conv_stride": (4, 4, 2),
    "conv_kernel": (8, 8, 4),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 32,
    "apply_spec_augment": False,
}


def _text(**settings: Any) -> Recipe:
    return Recipe("ForSequenceClassification", {**_WORDS, **settings}, (16,), "words")


def _masked(**settings: Any) -> Recipe:
    return Recipe("ForMaskedLM", {**_WORDS, **settings}, (16,), "words")


def _decoder(base: Mapping[str, Any] = _DECODER, **settings: Any) -> Recipe:
    return Recipe("ForCausalLM", {**base, **settings}, (16,), "words")


def _picture(base: Mapping[str, Any] = _PICTURE, size: int = 32, **settings: Any) -> Recipe:
    return Recipe("ForImageClassification", {**base, **settings}, (3, size, size), "image")


def _wave(**settings: Any) -> Recipe:
    return Recipe("ForAudioClassification", {**_WAVE, **settings}, (2048,), "sound")


_STAGES = {"depths": [1, 1], "hidden_sizes": [16, 32], "num_stages": 2}

MODELS: Mapping[str, Recipe] = {
    # Text encoders.
    "albert": _masked(embedding_size=32),
    "bert": _masked(),
    "big_bird": _text(attention_type="original_full"),
    "camembert": _text(),
    "convbert": _text(embedding_size=64, conv_kernel_size=3, head_ratio=2),
    "deberta": _text(relative_attention=True, pos_att_type=["c2p", "p2c"], type_vocab_size=0),
    "deberta-v2": _text(relative_attention=True, pos_att_type=["c2p", "p2c"], position_buckets=8, type_vocab_size=0),
    "distilbert": _masked(hidden_dim=128),
    "electra": _masked(embedding_size=32),
    "ernie": _text(),
    "esm": _masked(position_embedding_type="rotary", mask_token_id=3, token_dropout=False),
    "fnet": _text(),
    "layoutlm": _text(),
    "megatron-bert": _text(),
    "mobilebert": _text(
        embedding_size=32, intra_bottleneck_size=32, true_hidden_size=32, num_feedforward_networks=2
    ),
    "modernbert": _masked(cls_token_id=3, sep_token_id=4, bos_token_id=3, eos_token_id=4, local_attention=8),
    "mpnet": _masked(),
    "rembert": _text(input_embedding_size=32, output_embedding_size=48),
    "roberta": _masked(),
    "roformer": _masked(embedding_size=64),
    "squeezebert": _text(
        embedding_size=64, q_groups=2, k_groups=2, v_groups=2, post_attention_groups=1, intermediate_groups=2,
        output_groups=2,
    ),
    "xlm-roberta": _text(),
    # Decoders, most of them with fewer key heads than query heads.
    "bloom": _decoder(n_layer=2, n_head=4),
    "codegen": _decoder(n_embd=64, n_layer=2, n_head=4, rotary_dim=8, n_positions=64, n_ctx=64),
    "cohere": _decoder(),
    "falcon": _decoder(new_decoder_architecture=True, num_kv_heads=2, bias=False),
    "gemma": _decoder(_HEAD),
    "gemma2": _decoder(_HEAD, query_pre_attn_scalar=16, sliding_window=8),
    "gemma3_text": _decoder(_HEAD, query_pre_attn_scalar=16, sliding_window=8),
    "glm": _decoder(_HEAD),
    "gpt2": _decoder(n_embd=64, n_layer=2, n_head=4, n_positions=64),
    "gpt_bigcode": _decoder(n_embd=64, n_layer=2, n_head=4, n_positions=64, multi_query=True),
    "gpt_neo": _decoder(num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]], window_size=8),
    "gpt_neox": _decoder(rotary_pct=0.5),
    "gptj": _decoder(n_embd=64, n_layer=2, n_head=4, rotary_dim=8, n_positions=64),
    "granite": _decoder(),
    "llama": _decoder(),
    "mistral": _decoder(sliding_window=8),
    "nemotron": _decoder(),
    "olmo2": _decoder(),
    "opt": _decoder(ffn_dim=128, word_embed_proj_dim=64),
    "phi": _decoder(partial_rotary_factor=0.5),
    "phi3": _decoder(),
    "qwen2": _decoder(),
    "qwen3": _decoder(_HEAD),
    "smollm3": _decoder(),
    "stablelm": _decoder(),
    "starcoder2": _decoder(),
    # Vision.
    "beit": _picture(use_relative_position_bias=True),
    "bit": _picture({}, embedding_size=32, depths=[1, 1], hidden_sizes=[64, 128], num_groups=8),
    "convnext": _picture(_STAGES),
    "convnextv2": _picture(_STAGES),
    "cvt": _picture({}, 64, embed_dim=[16, 32, 48], num_heads=[1, 2, 3], depth=[1, 2, 3]),
    "data2vec-vision": _picture(),
    "deit": _picture(architectures=["DeiTForImageClassification"]),
    "dinov2": _picture(),
    "efficientnet": _picture({}, width_coefficient=0.25, depth_coefficient=0.3, image_size=32, hidden_dim=320),
    "focalnet": _picture({}, embed_dim=16, depths=[1, 1], focal_levels=[2, 2], focal_windows=[3, 3], image_size=32),
    "levit": _picture({}, 64, architectures=["LevitForImageClassification"], image_size=64, hidden_sizes=[32, 48, 64], num_attention_heads=[2, 3, 4], depths=[1, 1, 1],
                      key_dim=[8, 8, 8]),
    "mobilenet_v1": _picture({}, depth_multiplier=0.25, min_depth=8, image_size=32),
    "mobilenet_v2": _picture({}, 64, depth_multiplier=0.35, image_size=64),
    "mobilevit": _picture({}, 64, image_size=64, hidden_sizes=[24, 32, 40], neck_hidden_sizes=[8, 8, 16, 16, 24, 32, 48]),
    "mobilevitv2": _picture({}, 64, image_size=64, width_multiplier=0.25),
    "poolformer": _picture({}, 64, hidden_sizes=[16, 24, 32, 40], depths=[1, 1, 1, 1]),
    "pvt": _picture({}, 64, image_size=64, hidden_sizes=[16, 32, 40, 48], depths=[1, 1, 1, 1],
                    num_attention_heads=[1, 2, 5, 6]),
    "pvt_v2": _picture({}, 64, image_size=64, hidden_sizes=[16, 32, 40, 48], depths=[1, 1, 1, 1],
                       num_attention_heads=[1, 2, 5, 6]),
    "regnet": _picture({}, embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], groups_width=8),
    "resnet": _picture({}, embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], layer_type="basic"),
    "segformer": _picture({}, 64, hidden_sizes=[16, 32, 40, 48], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 5, 6],
                          decoder_hidden_size=32),
    "siglip": _picture({"vision_config": _PICTURE, "text_config": _WORDS}),
    "swiftformer": _picture({}, 64, image_size=64, depths=[1, 1, 1, 1], embed_dims=[16, 24, 32, 40]),
    "swin": _picture({}, embed_dim=16, depths=[1, 1], num_heads=[2, 4], window_size=4, image_size=32, patch_size=2),
    "swinv2": _picture({}, embed_dim=16, depths=[1, 1], num_heads=[2, 4], window_size=4, image_size=32, patch_size=2),
    "vit": _picture(),
    "vit_msn": _picture(),
    # Audio.
    "audio-spectrogram-transformer": Recipe(
        "ForAudioClassification", {**_SIZES, "num_mel_bins": 16, "max_length": 64, "patch_size": 8}, (64, 16), "spectrum"
    ),
    "data2vec-audio": _wave(),
    "hubert": _wave(),
    "sew": _wave(squeeze_factor=2),
    "unispeech": _wave(),
    "unispeech-sat": _wave(),
    "wav2vec2": _wave(),
    "wavlm": _wave(num_buckets=16, max_bucket_distance=32),
    "whisper": Recipe(
        "ForAudioClassification",
        {"d_model": 64, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 128, "num_mel_bins": 16,
         "max_source_positions": 32, "vocab_size": 128, "pad_token_id": 0, "classifier_proj_size": 32},
        (16, 64),
        "spectrum",
    ),
}  # fmt: skip
"""Family to recipe; a family is the ``model_type`` of its configuration."""


def make(name: str, *, fused: bool) -> tuple[nn.Module, torch.Tensor]:
    """A model with random weights in eval mode, and an example batch of two."""
    transformers = importlib.import_module("transformers")
    recipe = MODELS[name]
    settings = {"num_labels": 5} if "Classification" in recipe.task else {}
    settings |= {} if fused else {"attn_implementation": "eager"}
    config = transformers.AutoConfig.for_model(name, **recipe.settings, **settings)
    model = getattr(transformers, f"AutoModel{recipe.task}").from_config(config)
    argument = "input_features" if name == "whisper" else _ARGUMENTS[recipe.kind]
    if recipe.kind == "words":
        example = torch.randint(5, int(recipe.settings["vocab_size"]), (2, *recipe.shape))
    else:
        example = torch.randn(2, *recipe.shape)
    return Logits(model.eval(), argument), example
