"""Training loops as people write them, each to be run by one process and by several."""

from __future__ import annotations

HEAD = """
import copy
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split

torch.manual_seed(0)
np.random.seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
centres = torch.randn(4, 10) * 2
y = torch.randint(0, 4, (203,))
x = centres[y] + torch.randn(203, 10)
"""

LOOPS = {
    "plain": """
loader = DataLoader(TensorDataset(x, y), batch_size=50)
model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 4)).double()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
criterion = nn.CrossEntropyLoss(reduction="sum")
for epoch in range(2):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb.double()), yb)
        loss.backward()
        norm = sum(p.grad.pow(2).sum() for p in model.parameters()) ** 0.5
        print(f"{loss.item():.10f} {norm.item():.10f}")
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
""",
    "classifier": """
class Points(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __len__(self):
        return len(self.x)
    def __getitem__(self, i):
        return {"x": self.x[i], "y": self.y[i], "name": f"point {i}"}

train, val = random_split(Points(x, y), [150, 53])
train_loader = DataLoader(train, batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(val, batch_size=20)
model = nn.Sequential(nn.Linear(10, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 4))
model = model.to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
best, best_state, bad = 1e9, None, 0
for epoch in range(12):
    model.train()
    total, seen = 0.0, 0
    for batch in train_loader:
        xb, yb = batch["x"].to(device), batch["y"].to(device)
        xb = xb + 0.1 * torch.randn_like(xb)
        loss = F.cross_entropy(model(xb), yb, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * xb.size(0)
        seen += len(batch["name"])
    model.eval()
    losses, hits, names = [], 0, []
    with torch.no_grad():
        for batch in val_loader:
            out = model(batch["x"].to(device))
            losses.append(F.cross_entropy(out, batch["y"]).item())
            hits += (out.argmax(1) == batch["y"]).sum().item()
            names += batch["name"]
    val_loss = float(np.mean(losses))
    scheduler.step(val_loss)
    if val_loss < best - 1e-3:
        best, best_state, bad = val_loss, copy.deepcopy(model.state_dict()), 0
        torch.save(best_state, "best.pt")
    else:
        bad += 1
    lr = optimizer.param_groups[0]["lr"]
    print(f"{epoch} {total / seen:.5f} {val_loss:.5f} {hits / len(val):.5f} {lr:.5f} {names[:2]}")
    if bad >= 3:
        print("early stop")
        break
model.load_state_dict(torch.load("best.pt"))
print(f"{best:.5f} {sum(p.sum().item() for p in model.parameters()):.4f}")
""",
    "convolutions": """
images = F.interpolate(x.view(-1, 1, 2, 5), size=(12, 12)) + 0.1 * torch.randn(203, 1, 12, 12)
loader = DataLoader(TensorDataset(images, y), batch_size=64, shuffle=True)

class Block(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b)
        self.skip = nn.Conv2d(a, b, 1)
    def forward(self, x):
        return F.relu(self.norm(self.conv(x)) + self.skip(x))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(Block(1, 8), nn.MaxPool2d(2), Block(8, 8), nn.AdaptiveAvgPool2d(2))
        self.head = nn.Linear(32, 4)
    def forward(self, x):
        x = self.features(x)
        return self.head(x.view(x.size(0), -1))

net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=12)
for epoch in range(3):
    correct = 0
    for i, (inputs, labels) in enumerate(loader):
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 1.0, 1.0]))(outputs, labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        correct += outputs.max(1)[1].eq(labels).sum().item()
    print(f"{epoch} {loss.item():.4f} {correct}")
""",
    "autoencoder": """
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.mu, self.log = nn.Linear(10, 16), nn.Linear(16, 2), nn.Linear(16, 2)
        self.dec = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 10))
    def forward(self, x):
        h = F.relu(self.enc(x))
        mu, log = self.mu(h), self.log(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * log)
        return self.dec(z), mu, log

def loss_function(recon, x, mu, log):
    mse = F.mse_loss(recon, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + log - mu.pow(2) - log.exp())
    return mse + kld

def train(epoch):
    model.train()
    train_loss = 0
    for (data,) in loader:
        optimizer.zero_grad()
        recon, mu, log = model(data)
        loss = loss_function(recon, data, mu, log)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
    print(f"{epoch} {train_loss / len(loader.dataset):.4f}")

loader = DataLoader(TensorDataset(x), batch_size=40, shuffle=True)
model = VAE().to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(1, 5):
    train(epoch)
with torch.no_grad():
    print(model.dec(torch.zeros(1, 2)).sum().item() > -1e9)
""",
    "adversaries": """
loader = DataLoader(TensorDataset(x), batch_size=32, shuffle=True)
netG = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10))
netD = nn.Sequential(nn.Linear(10, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1), nn.Sigmoid())
optD = torch.optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
optG = torch.optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
criterion = nn.BCELoss()
for epoch in range(2):
    for i, (real,) in enumerate(loader):
        netD.zero_grad()
        b = real.size(0)
        label = torch.full((b,), 1.0)
        out = netD(real).view(-1)
        errD_real = criterion(out, label)
        errD_real.backward()
        D_x = out.mean().item()
        noise = torch.randn(b, 4)
        fake = netG(noise)
        label.fill_(0.0)
        out = netD(fake.detach()).view(-1)
        errD_fake = criterion(out, label)
        errD_fake.backward()
        errD = errD_real + errD_fake
        optD.step()
        if errD.item() < 5:
            netG.zero_grad()
            label.fill_(1.0)
            errG = criterion(netD(fake).view(-1), label)
            errG.backward()
            optG.step()
        print(f"{errD.item():.4f} {errG.item():.4f} {D_x:.4f}")
""",
    "sequences": """
text = torch.randint(0, 12, (203, 9))
loader = DataLoader(TensorDataset(text), batch_size=48, shuffle=True)

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.rnn, self.out = nn.Embedding(12, 8), nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 12)
    def forward(self, t, hidden=None):
        o, hidden = self.rnn(self.emb(t), hidden)
        return self.out(o), hidden

model = Model()
optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)
for epoch in range(3):
    total, words = 0.0, 0
    for step, (t,) in enumerate(loader):
        optimizer.zero_grad()
        logits, _ = model(t[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, 12), t[:, 1:].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        total += loss.item() * t.numel()
        words += t.numel()
    print(f"{epoch} {np.exp(total / words):.4f}")
""",
    "attention": """
text = torch.randint(0, 12, (203, 8))
loader = DataLoader(TensorDataset(text, y), batch_size=32, shuffle=True)

class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(12, 16)
        self.pos = nn.Parameter(torch.zeros(1, 8, 16))
        layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, batch_first=True)
        self.enc = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(16, 4)
    def forward(self, t):
        return self.head(self.enc(self.emb(t) + self.pos, src_key_padding_mask=(t == 0)).mean(dim=1))

model = Classifier()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
accumulate = 2
for epoch in range(2):
    optimizer.zero_grad()
    for i, (t, target) in enumerate(loader):
        loss = F.cross_entropy(model(t), target) / accumulate
        loss.backward()
        if (i + 1) % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
    model.eval()
    with torch.no_grad():
        predictions = torch.cat([model(t).argmax(1) for t, _ in loader])
    model.train()
    print(f"{epoch} {loss.item():.4f} {predictions.float().mean().item():.4f}")
""",
    "pairs": """
class Noisy(Dataset):
    def __len__(self):
        return 203
    def __getitem__(self, i):
        return x[i] * 0.9, x[i] * 1.1, int(y[i])

loader = DataLoader(Noisy(), batch_size=40, shuffle=True)
encoder = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 8))
optimizer = torch.optim.Adam(encoder.parameters(), lr=3e-3)

def contrastive(a, b, temperature=0.2):
    z = F.normalize(torch.cat([a, b]), dim=1)
    similarity = z @ z.t() / temperature
    similarity.fill_diagonal_(-1e9)
    n = a.size(0)
    target = torch.cat([torch.arange(n) + n, torch.arange(n)])
    return F.cross_entropy(similarity, target)

for epoch in range(3):
    running = 0.0
    for a, b, label in loader:
        lam = np.random.beta(0.4, 0.4)
        order = torch.randperm(a.size(0))
        mixed = lam * a + (1 - lam) * a[order]
        loss = contrastive(encoder(mixed), encoder(b)) + 0.1 * encoder(a).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    codes = [encoder(a).detach().numpy() for a, _, _ in loader]
    print(f"{epoch} {running / len(loader):.4f} {np.concatenate(codes).std():.4f}")
""",
    "penalised": """
loader = DataLoader(TensorDataset(x, y.float()), batch_size=64, shuffle=True)
critic = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
ema = copy.deepcopy(critic)
optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3)
history = {"loss": [], "penalty": []}
for epoch in range(3):
    for xb, yb in loader:
        alpha = torch.rand(xb.size(0), 1)
        between = (alpha * xb + (1 - alpha) * torch.randn_like(xb)).requires_grad_(True)
        out = critic(between)
        (slope,) = torch.autograd.grad(out, between, grad_outputs=torch.ones_like(out), create_graph=True)
        penalty = ((slope.norm(2, dim=1) - 1) ** 2).mean()
        error = yb.unsqueeze(1) - critic(xb)
        loss = (error**2).mean() + 0.5 * penalty
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for p, q in zip(ema.parameters(), critic.parameters()):
                p.mul_(0.9).add_(q, alpha=0.1)
        history["loss"].append(loss.item())
        history["penalty"].append(float(penalty))
    print(f"{epoch} {np.mean(history['loss']):.4f} {np.mean(history['penalty']):.4f} {ema[0].weight.sum().item():.4f}")
""",
    "workers": """
class Augmented(Dataset):
    def __len__(self):
        return 96
    def __getitem__(self, i):
        return x[i] + 0.05 * torch.randn(10), y[i]

def collate(items):
    return torch.stack([a for a, _ in items]), torch.tensor([int(b) for _, b in items])

loader = DataLoader(Augmented(), batch_size=16, shuffle=True, num_workers=2)
own = DataLoader(Augmented(), batch_size=16, shuffle=False, collate_fn=collate)
model = nn.Linear(10, 4)
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
for epoch in range(6):
    for xb, yb in loader:
        loss = F.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
model.eval()
hits = sum((model(a).argmax(1) == b).float().sum().item() for a, b in own)
print(f"{hits / 96:.2f}")
""",
    "sliced": """
model = nn.Sequential(nn.Linear(10, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(3):
    order = torch.randperm(len(x))
    total = 0.0
    for start in range(0, len(x), 40):
        at = order[start : start + 40]
        loss = nn.CrossEntropyLoss()(model(x[at]), y[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(at)
    model.eval()
    with torch.no_grad():
        right = (model(x).argmax(1) == y).float().mean()
    model.train()
    print(f"{epoch} {total / len(x):.4f} {right:.4f}")
""",
    "drawn": """
text = torch.randint(0, 12, (900,))

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.place = nn.Embedding(12, 16), nn.Embedding(8, 16)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
        self.head = nn.Linear(16, 12)

    def forward(self, idx, targets=None):
        mask = nn.Transformer.generate_square_subsequent_mask(idx.shape[1])
        found = self.embed(idx) + self.place(torch.arange(idx.shape[1]))
        logits = self.head(self.block(found, mask, is_causal=True))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.view(-1, 12), targets.view(-1))

model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
for step in range(12):
    at = torch.randint(len(text) - 8, (9,))
    xb = torch.stack([text[i : i + 8] for i in at])
    yb = torch.stack([text[i + 1 : i + 9] for i in at])
    logits, loss = model(xb, yb)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    print(f"{step} {loss.item():.4f} {logits.std().item():.4f}")
""",
    "physical": """
model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
t = torch.linspace(0, 1, 31).view(-1, 1).requires_grad_()
for step in range(10):
    u = model(t)
    (slope,) = torch.autograd.grad(u, t, torch.ones_like(u), create_graph=True)
    loss = ((slope + 2 * u) ** 2).mean() + (model(torch.zeros(1, 1)) - 1).pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{step} {loss.item():.5f}")
""",
    "two networks": """
maker = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 10))
judge = nn.Sequential(nn.Linear(10, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
makes, judges = (torch.optim.Adam(each.parameters(), lr=0.005) for each in (maker, judge))
ones, zeros = torch.ones(24, 1), torch.zeros(24, 1)
criterion = nn.BCEWithLogitsLoss()
for step in range(10):
    true = x[torch.randint(len(x), (24,))]
    judges.zero_grad()
    made = maker(torch.randn(24, 3))
    first = criterion(judge(true), ones) + criterion(judge(made.detach()), zeros)
    first.backward()
    judges.step()
    makes.zero_grad()
    second = criterion(judge(made), ones)
    second.backward()
    makes.step()
    print(f"{step} {first.item():.4f} {second.item():.4f} {made.mean().item():.4f}")
""",
}
