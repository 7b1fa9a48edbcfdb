import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, Sampler, TensorDataset
from torch.utils.data import WeightedRandomSampler, get_worker_info


class Noisy(Dataset):
    """Augments with the random numbers of the process that loads."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return torch.full((2,), float(i)) + torch.randn(2)


class Stream(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        first, by = (0, 1) if info is None else (info.id, info.num_workers)
        for i in range(first, self.n, by):
            yield torch.tensor([float(i)]) + torch.rand(1)


class Balanced(Sampler):
    def __init__(self, n, seed):
        self.n = n
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return self.n

    def __iter__(self):
        return iter(self.rng.permutation(self.n).tolist())


torch.manual_seed(1)
generator = torch.Generator().manual_seed(2)
data = TensorDataset(torch.arange(6).float())
loaders = {
    "shuffled": DataLoader(Noisy(6), batch_size=2, shuffle=True),
    "own generator": DataLoader(Noisy(6), batch_size=3, shuffle=True, generator=generator),
    "stream": DataLoader(Stream(5), batch_size=2),
    "balanced": DataLoader(data, batch_size=2, sampler=Balanced(6, 3)),
    "weighted": DataLoader(data, batch_size=3, sampler=WeightedRandomSampler(torch.ones(6), 6)),
    "replacement": DataLoader(data, batch_size=3, drop_last=True,
                              sampler=RandomSampler(data, replacement=True, num_samples=7)),
}
weight = torch.zeros(2, requires_grad=True)
optimizer = torch.optim.SGD([weight], lr=0.01)
seen = []


def distance(x):
    return ((x * weight).sum() - torch.rand(())) ** 2


for epoch in range(2):
    for i, x in enumerate(loaders["shuffled"]):
        optimizer.zero_grad()
        loss = distance(x * (i + 1))
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    for x in loaders["own generator"]:
        optimizer.zero_grad()
        distance(x.mean(0)).backward()
        optimizer.step()
    for x in loaders["stream"]:
        optimizer.zero_grad()
        distance(x).backward()
        optimizer.step()
    for (x,) in loaders["balanced"]:
        optimizer.zero_grad()
        distance(x.unsqueeze(1)).backward()
        optimizer.step()
        seen.append(x.tolist())
    for (x,), (z,) in zip(loaders["weighted"], loaders["replacement"]):
        optimizer.zero_grad()
        distance((x * z).unsqueeze(1)).backward()
        optimizer.step()
        seen.append((x.tolist(), z.tolist(), weight.tolist()))
    print(epoch, weight.tolist())
print(seen, torch.rand(2), torch.rand(1, generator=generator))
