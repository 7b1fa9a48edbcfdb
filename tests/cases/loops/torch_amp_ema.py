import copy
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
random.seed(0)
torch.set_num_threads(1)
x = torch.randn(16, 4)
y = (x.sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True)
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.2), nn.Linear(8, 2))
ema = copy.deepcopy(model)
for p in ema.parameters():
    p.requires_grad_(False)
swa = torch.optim.swa_utils.AveragedModel(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3)
cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)
scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, cosine], milestones=[3])
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
accumulate = 2
best, best_state, step = 1e9, None, 0
for epoch in range(2):
    model.train()
    optimizer.zero_grad(set_to_none=True)
    for i, (xb, yb) in enumerate(loader):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=random.random() < 0.8):
            loss = criterion(model(xb), yb) / accumulate
        scaler.scale(loss).backward()
        if (i + 1) % accumulate == 0:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            scheduler.step()
            swa.update_parameters(model)
            with torch.no_grad():
                for e, p in zip(ema.parameters(), model.parameters()):
                    e.lerp_(p, 0.1)
            step += 1
    ema.eval()
    with torch.no_grad():
        score = criterion(ema(x), y).item()
    plateau.step(score)
    if score < best:
        best, best_state = score, copy.deepcopy(ema.state_dict())
        torch.save({"model": best_state, "step": step}, "best.pt")
    print(epoch, step, score, scaler.get_scale(), optimizer.param_groups[0]["lr"])
ema.load_state_dict(best_state)
print([p.tolist() for p in model.parameters()])
print([p.tolist() for p in ema.parameters()], [b.tolist() for b in swa.buffers()])
print(scaler.state_dict(), scheduler.last_epoch, plateau.num_bad_epochs, torch.rand(1))
print(sorted(torch.load("best.pt")["model"]))
