"""Small networks of many architectures with random weights, as tasks: those of timm and transformers need these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES, WORDS, LENGTH = 10, 64, 16
BATCHES, BATCH = 2, 16

Make = Callable[[], nn.Module]


def timm_network(name: str, **options: Any) -> nn.Module:
    """The network that timm calls `name`, smaller by `options`."""
    import timm

    return timm.create_model(name, num_classes=CLASSES, **options)  # type: ignore[no-any-return]


class Classifier(nn.Module):
    """A network of transformers that gives its logits alone."""

    def __init__(self, network: nn.Module, **options: Any) -> None:
        super().__init__()
        self.network, self.options = network, options

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The logits."""
        return self.network(input_ids=ids, attention_mask=mask, **self.options).logits  # type: ignore[no-any-return]


def hugging_face(kind: str, head: str = "ForSequenceClassification", **options: Any) -> nn.Module:
    """The classifier of transformers of that `kind`, with a configuration of `options`."""
    import transformers

    common = {"vocab_size": WORDS, "num_labels": CLASSES, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = getattr(transformers, f"{kind}Config")(**common, **options)
    return Classifier(getattr(transformers, f"{kind}{head}")(config), **({"use_cache": False} if "LM" in head else {}))


class UNet(nn.Module):
    """A U-Net of two levels: dense logits (batch, classes, height, width)."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()

        def part(given: int, made: int) -> nn.Sequential:
            layers = (nn.Conv2d(given, made, 3, padding=1), nn.BatchNorm2d(made), nn.ReLU())
            return nn.Sequential(*layers, nn.Conv2d(made, made, 3, padding=1), nn.BatchNorm2d(made), nn.ReLU())

        self.one, self.two, self.bottom = part(3, width), part(width, 2 * width), part(2 * width, 4 * width)
        self.up_two = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.back_two = part(4 * width, 2 * width)
        self.up_one, self.back_one = nn.ConvTranspose2d(2 * width, width, 2, stride=2), part(2 * width, width)
        self.head = nn.Conv2d(width, CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The logits of each pixel."""
        one = self.one(x)
        two = self.two(functional.max_pool2d(one, 2))
        deep = self.up_two(self.bottom(functional.max_pool2d(two, 2)))
        deep = self.up_one(self.back_two(torch.cat([two, deep], 1)))
        return self.head(self.back_one(torch.cat([one, deep], 1)))  # type: ignore[no-any-return]


class Detector(nn.Module):
    """A detector with two maps of anchors, as SSD: (batch, anchors, classes + 4)."""

    def __init__(self, width: int = 16, anchors: int = 3) -> None:
        super().__init__()

        def part(given: int, made: int) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(given, made, 3, 2, 1), nn.BatchNorm2d(made), nn.ReLU())

        self.stem = nn.Sequential(part(3, width), part(width, 2 * width), part(2 * width, 4 * width))
        self.extra = part(4 * width, 4 * width)
        self.classes = nn.ModuleList(nn.Conv2d(4 * width, anchors * CLASSES, 3, padding=1) for _ in range(2))
        self.boxes = nn.ModuleList(nn.Conv2d(4 * width, anchors * 4, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Classes and boxes of each anchor."""
        maps = [self.stem(x)]
        maps.append(self.extra(maps[0]))

        def heads(layers: nn.ModuleList, size: int) -> Tensor:
            found = (layer(one).permute(0, 2, 3, 1).flatten(1) for layer, one in zip(layers, maps, strict=True))
            return torch.cat([one.reshape(-1, one.shape[1] // size, size) for one in found], 1)

        return torch.cat([heads(self.classes, CLASSES), heads(self.boxes, 4)], 2)


class Recurrent(nn.Module):
    """Two recurrent layers and a linear one on the last position."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.before = nn.Linear(24, 32)
        self.layers, self.head = getattr(nn, kind)(32, 64, 2, batch_first=True), nn.Linear(64, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        return self.head(self.layers(torch.relu(self.before(x)))[0][:, -1])  # type: ignore[no-any-return]


def cnn_1d(width: int = 32) -> nn.Module:
    """A one-dimensional CNN for series of 24 channels."""

    def part(given: int, made: int) -> list[nn.Module]:
        return [nn.Conv1d(given, made, 5, 2, 2), nn.BatchNorm1d(made), nn.ReLU()]

    layers = [*part(24, width), *part(width, 2 * width), *part(2 * width, 2 * width)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(2 * width, CLASSES))


BERT = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}

IMAGES: Mapping[str, Make] = {
    **{
        name: partial(timm_network, name)
        for name in (
            "resnet18", "mobilenetv3_small_050", "mobilenetv4_conv_small_035", "efficientnet_lite0", "regnety_002",
            "densenet121", "repvgg_a0", "ghostnet_050", "convnext_atto", "convnextv2_atto", "mobilevit_xxs",
            "poolformer_s12", "edgenext_xx_small", "efficientvit_b0", "fastvit_t8",
        )
    },
    "vit_tiny_patch16_224": partial(timm_network, "vit_tiny_patch16_224", img_size=64, depth=3),
    "deit_tiny_distilled_patch16_224": partial(timm_network, "deit_tiny_distilled_patch16_224", img_size=64, depth=3),
    "swin_tiny_patch4_window7_224": partial(
        timm_network, "swin_tiny_patch4_window7_224", img_size=64, window_size=4, depths=(2, 2, 2), embed_dim=48,
        num_heads=(3, 6, 12),
    ),
    "mixer_s32_224": partial(timm_network, "mixer_s32_224", img_size=64),
    "levit_128s": partial(timm_network, "levit_128s", img_size=64),
    "unet": UNet,
    "ssd": Detector,
}  # fmt: skip

SERIES: Mapping[str, Make] = {
    "lstm": partial(Recurrent, "LSTM"),
    "gru": partial(Recurrent, "GRU"),
    "cnn_1d": cnn_1d,
}

TEXTS: Mapping[str, Make] = {
    "bert": partial(hugging_face, "Bert", **BERT),
    "roberta": partial(hugging_face, "Roberta", **BERT),
    "distilbert": partial(hugging_face, "DistilBert", dim=64, n_layers=2, n_heads=4, hidden_dim=128),
    "gpt2": partial(hugging_face, "GPT2", n_embd=64, n_layer=2, n_head=4, n_positions=LENGTH),
    "llama": partial(hugging_face, "Llama", "ForCausalLM", **BERT, num_key_value_heads=2),
    "t5_encoder": partial(
        hugging_face, "T5", "ForTokenClassification", d_model=64, num_layers=2, num_heads=4, d_kv=16, d_ff=128
    ),
}

NETWORKS: Mapping[str, Make] = {**IMAGES, **TEXTS, **SERIES}


class Zoo:
    """A task on random data for one of `NETWORKS`.

    Args:
        name: Which one.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def teacher(self) -> nn.Module:
        """The network, with the same random weights each time."""
        torch.manual_seed(0)
        return NETWORKS[self.name]()

    def student(self, depth: int) -> nn.Module:
        """The same network: none is smaller."""
        return self.teacher()

    def batches(self, split: str) -> Iterator[tuple[Any, Tensor]]:
        """A few random batches."""
        generator = torch.Generator().manual_seed(len(split))
        for _ in range(BATCHES):
            inputs = self._inputs(generator, BATCH)
            shape = self._target_shape()
            yield inputs, torch.randint(CLASSES, (BATCH, *shape), generator=generator)

    def example_input(self) -> Any:
        """One example."""
        return self._inputs(torch.Generator().manual_seed(0), 1)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross entropy, with the classes where the network has them."""
        if outputs.dim() == 3:
            return functional.cross_entropy(outputs.flatten(0, 1)[:, :CLASSES], targets.flatten())
        return functional.cross_entropy(outputs, targets)

    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The share of right answers of each example."""
        right = outputs.argmax(self._class_dim(outputs)) == targets
        return right.float().flatten(1).mean(1) if right.dim() > 1 else right.float()

    def _class_dim(self, outputs: Tensor) -> int:
        return -1 if outputs.dim() == 3 else 1

    def _target_shape(self) -> tuple[int, ...]:
        return {"unet": (64, 64), "ssd": (240,), "llama": (LENGTH,), "t5_encoder": (LENGTH,)}.get(self.name, ())

    def _inputs(self, generator: torch.Generator, count: int) -> Any:
        if self.name in IMAGES:
            return torch.randn(count, 3, 64, 64, generator=generator)
        if self.name in SERIES:
            length_last = self.name == "cnn_1d"
            return torch.randn(count, *((24, 32) if length_last else (32, 24)), generator=generator)
        lengths = torch.randint(LENGTH // 2, LENGTH + 1, (count, 1), generator=generator)
        mask = (torch.arange(LENGTH) < lengths).long()
        return torch.randint(3, WORDS, (count, LENGTH), generator=generator) * mask, mask
