import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset


class Noisy(Dataset):
    def __init__(self, size):
        self.size = size
        self.asked = []

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        self.asked.append(i)
        return torch.randn(2) * random.random() + np.random.rand() * len(self.asked)


class Stream(IterableDataset):
    def __init__(self):
        self.begun = 0

    def __iter__(self):
        self.begun += 1
        for _ in range(4):
            yield torch.rand(1) * self.begun


def evaluate(loader):
    total = 0.0
    for x in loader:
        total += x.sum().item()
    return total


torch.manual_seed(3)
torch.set_num_threads(1)
train = DataLoader(Noisy(8), batch_size=2, shuffle=True, num_workers=2, persistent_workers=True)
held = DataLoader(Noisy(4), batch_size=2, num_workers=1, persistent_workers=True)
stream = DataLoader(Stream(), batch_size=2, num_workers=2, persistent_workers=True)
weight = torch.zeros(2, requires_grad=True)
optimizer = torch.optim.SGD([weight], lr=0.1)
seen = next(iter(held)).sum().item()
for epoch in range(3):
    for x in train:
        optimizer.zero_grad()
        ((x.mean(0) - weight) * torch.rand(2)).pow(2).sum().backward()
        optimizer.step()
        if epoch == 1 and weight[0] > -9 and x.sum() > 0:
            break
    print(epoch, weight.tolist(), evaluate(held))
batches = iter(stream)
for step in range(6):
    try:
        x = next(batches)
    except StopIteration:
        batches = iter(stream)
        x = next(batches)
    weight.data += x.mean()
    print(step, weight.tolist())
print(seen, evaluate(train), evaluate(held), torch.rand(1).item())
