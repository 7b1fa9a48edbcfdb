import itertools

import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset


def weights_init(m):
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight, 0.0, 0.02)


def sample_noise(n):
    return torch.randn(n, 3)


manual_seed = 999
torch.manual_seed(manual_seed)
torch.set_num_threads(1)
real = torch.randn(12, 2) * 0.5 + 1
dataloader = DataLoader(TensorDataset(real), batch_size=4, shuffle=True)
netG = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2))
netD = nn.Sequential(nn.Linear(2, 6), nn.LeakyReLU(0.2), nn.Linear(6, 1))
netG.apply(weights_init)
netD.apply(weights_init)
criterion = nn.BCEWithLogitsLoss()
fixed_noise = sample_noise(2)
optimizerD = optim.Adam(netD.parameters(), lr=0.01, betas=(0.5, 0.999))
optimizerG = optim.RMSprop(netG.parameters(), lr=0.01, momentum=0.5)
both = optim.SGD(itertools.chain(netG.parameters(), netD.parameters()), lr=1e-3)
G_losses, D_losses, samples = [], [], []
iters = 0
for epoch in range(2):
    for i, (data,) in enumerate(dataloader, 0):
        for _ in range(2):
            netD.zero_grad()
            errD = criterion(netD(data).view(-1), torch.ones(len(data)))
            fake = netG(sample_noise(len(data)))
            errD = errD + criterion(netD(fake.detach()).view(-1), torch.zeros(len(data)))
            errD.backward()
            optimizerD.step()
        netG.zero_grad()
        errG = criterion(netD(fake).view(-1), torch.ones(len(data)))
        errG.backward()
        optimizerG.step()
        both.step()
        G_losses.append(errG.item())
        D_losses.append(errD.item())
        if iters % 3 == 0 or (epoch == 1 and i == len(dataloader) - 1):
            with torch.no_grad():
                samples.append(netG(fixed_noise).detach())
        iters += 1
    print(f"[{epoch}/2] {errD.item():.6f} {errG.item():.6f}")
print(G_losses, D_losses, torch.stack(samples).tolist(), iters)
print([p.tolist() for p in itertools.chain(netG.parameters(), netD.parameters())], torch.rand(1))
