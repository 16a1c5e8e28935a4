"""Keyword audio: which word is spoken? WAV files in a folder for each word, log spectrograms, convolutions."""

from pathlib import Path

import torch
from scipy.io import wavfile
from torch import nn

from pipelines.tasks.labels import labels_of
from pipelines.tasks.parts import divided


def block(channels: int) -> nn.Sequential:
    """A depthwise and a pointwise convolution, as keyword spotters are made of."""
    depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
    return nn.Sequential(depthwise, nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 1), nn.ReLU())


class Keywords:
    """Words of one second at one rate; loud enough or not, each is scaled to its own level."""

    scores = ("f1",)

    def __init__(self, data: str, rate: int = 16_000) -> None:
        files = sorted(Path(data).glob("*/*.wav"))
        self.labels = labels_of([file.parent.name for file in files])
        waves = torch.zeros(len(files), rate)
        for wave, file in zip(waves, files, strict=True):
            read = torch.from_numpy(wavfile.read(file)[1].copy()).float()[:rate]
            wave[: len(read)] = read / read.abs().max().clamp(min=1)
        power = torch.stft(waves, 512, 256, window=torch.hann_window(512), return_complex=True).abs()[:, None] ** 2
        self.inputs = torch.log(nn.functional.avg_pool2d(power, (8, 1)) + 1e-6)  # 32 bands, 8 bins each
        self.rows, self.drawn = divided({"train": torch.arange(len(files)).numpy()}, self.labels.targets.tolist())

    def teacher(self) -> nn.Module:
        blocks, head = nn.Sequential(*(block(32) for _ in range(4))), nn.Linear(32, self.labels.outputs)
        return nn.Sequential(nn.Conv2d(1, 32, 5, 2, 2), blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)

    def batches(self, split: str):
        rows = torch.from_numpy(self.rows[split])
        order = torch.randperm(len(rows)) if split == "train" else torch.arange(len(rows))
        return ((self.inputs[each], self.labels.targets[each]) for each in rows[order].split(32))

    def example_input(self) -> torch.Tensor:
        return self.inputs[:1]
