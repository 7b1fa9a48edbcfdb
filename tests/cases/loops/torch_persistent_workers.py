import torch
from torch.utils.data import DataLoader, Dataset


class Noisy(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        return torch.full((2,), float(i)) + torch.randn(2)


torch.manual_seed(1)
torch.set_num_threads(1)
plain = DataLoader(Noisy(), batch_size=3, shuffle=True)
kept = DataLoader(Noisy(), batch_size=3, shuffle=True, num_workers=2, persistent_workers=True)
weight = torch.zeros(2, requires_grad=True)
optimizer = torch.optim.Adam([weight], lr=0.01)
seen = []
for x in plain:
    optimizer.zero_grad()
    ((x.mean(0) - weight) * torch.rand(2)).pow(2).sum().backward()
    optimizer.step()
for epoch in range(2):
    for step, x in enumerate(kept):
        optimizer.zero_grad()
        loss = ((x.mean(0) - weight) * torch.rand(2)).pow(2).sum() * step
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    print(epoch, weight.tolist())
print(seen, torch.rand(1))
