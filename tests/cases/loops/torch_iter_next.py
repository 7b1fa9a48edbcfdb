import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def infinite(loader):
    while True:
        for batch in loader:
            yield batch


torch.manual_seed(3)
torch.set_num_threads(1)
x = torch.randn(10, 3)
y = x.sum(1, keepdim=True)
labeled = DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True)
unlabeled = DataLoader(TensorDataset(torch.randn(6, 3)), batch_size=2, shuffle=True)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
labeled_iter = iter(labeled)
losses = []
for step in range(7):
    try:
        xb, yb = next(labeled_iter)
    except StopIteration:
        labeled_iter = iter(labeled)
        xb, yb = next(labeled_iter)
    loss = ((model(xb + 0.1 * torch.randn_like(xb)) - yb) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    losses.append(loss.item())
    print(step, loss.item())
endless = infinite(unlabeled)
for step in range(5):
    (u,) = next(endless)
    loss = model(u).pow(2).mean() * torch.rand(())
    opt.zero_grad()
    loss.backward()
    opt.step()
    losses.append(loss.item())
print(losses, [p.tolist() for p in model.parameters()], torch.rand(1))
