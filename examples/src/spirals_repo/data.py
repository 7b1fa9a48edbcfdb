import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, random_split


class Spirals(Dataset):
    """Interleaved spirals in the plane."""

    def __init__(self, n_points, classes, noise):
        xs, ys = [], []
        for c in range(classes):
            r = np.linspace(0.1, 1.0, n_points)
            t = np.linspace(c * 4, (c + 1) * 4, n_points) + np.random.randn(n_points) * noise
            xs.append(np.c_[r * np.sin(t), r * np.cos(t)])
            ys.append(np.full(n_points, c))
        self.x = torch.tensor(np.concatenate(xs), dtype=torch.float32)
        self.y = torch.tensor(np.concatenate(ys), dtype=torch.long)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def make_loaders(cfg, batch_size):
    dataset = Spirals(cfg["n_points"], cfg["classes"], cfg["noise"])
    n_val = len(dataset) // 5
    train, val = random_split(dataset, [len(dataset) - n_val, n_val])
    return DataLoader(train, batch_size=batch_size, shuffle=True), DataLoader(val, batch_size=256)
