"""Dense prediction: a small U-Net says of each pixel whether it is background, a square or a disc."""

import torch
from torch import nn


def block(inside: int, outside: int) -> nn.Sequential:
    """Two 3×3 convolutions."""
    layers = ((inside, outside), (outside, outside))
    return nn.Sequential(*(nn.Sequential(nn.Conv2d(*each, 3, padding=1), nn.ReLU()) for each in layers))


class UNet(nn.Module):
    """One level down and up again."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down, self.inner = block(1, width), block(width, 2 * width)
        self.up, self.out = block(3 * width, width), nn.Conv2d(width, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (N, 1, H, W) to logits (N, 3, H, W)."""
        fine = self.down(x)
        coarse = self.inner(nn.functional.max_pool2d(fine, 2))
        return self.out(self.up(torch.cat([fine, nn.functional.interpolate(coarse, scale_factor=2.0)], 1)))


class Shapes:
    """Drawn shapes: intervals of the mean intersection over union count images, not pixels."""

    scores = ("miou",)

    def teacher(self) -> nn.Module:
        return UNet(16)

    def student(self, depth: int) -> nn.Module:
        return UNet(4 * depth)

    def batches(self, split: str):
        chance = torch.Generator().manual_seed(("train", "calibration", "validation", "test").index(split))
        for _ in range(8 if split == "train" else 2):
            yield drawn(16, chance)

    def example_input(self) -> torch.Tensor:
        return torch.zeros(1, 1, 16, 16)


def drawn(count: int, chance: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (count, 1, 16, 16) and the class of each pixel (count, 16, 16)."""
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    at = torch.randint(4, 12, (count, 2, 1, 1), generator=chance)
    down, right = (rows - at[:, 0]).abs(), (columns - at[:, 1]).abs()
    square, disc = torch.maximum(down, right) < 3, down**2 + right**2 < 10
    kinds = torch.randint(1, 3, (count, 1, 1), generator=chance)
    masks = torch.where(kinds == 1, square, disc).long() * kinds
    noise = 0.2 * torch.randn(count, 1, 16, 16, generator=chance)
    return (masks[:, None] > 0).float() + noise, masks
