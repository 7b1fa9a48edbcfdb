import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info


class Noisy(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        return torch.full((2,), float(i)) + torch.randn(2) + random.random() + float(np.random.rand())


class Stream(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        for i in range(info.id, 6, info.num_workers):
            yield torch.tensor([float(i)]) + torch.rand(1)


def seed_worker(worker_id):
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)


torch.manual_seed(1)
torch.set_num_threads(1)
g = torch.Generator()
g.manual_seed(0)
train = DataLoader(Noisy(), batch_size=2, shuffle=True, num_workers=2, worker_init_fn=seed_worker, generator=g)
stream = DataLoader(Stream(), batch_size=1, num_workers=2)
weight = torch.zeros(2, requires_grad=True)
optimizer = torch.optim.Adam([weight], lr=0.01)
seen = []
for epoch in range(2):
    for x in train:
        optimizer.zero_grad()
        loss = ((x.mean(0) - weight) * torch.rand(2)).pow(2).sum()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    for x in stream:
        (weight * x).sum().backward()
        optimizer.step()
        seen.append(x.tolist())
    print(epoch, weight.tolist())
print(seen, torch.rand(1), g.get_state().sum())
