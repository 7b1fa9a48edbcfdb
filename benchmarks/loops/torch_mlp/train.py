"""A small network in PyTorch. Prints the seconds of its training loop: of the clock, and of the processor."""

import time

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 20
BATCH_SIZE = 64
HIDDEN = 512

torch.manual_seed(0)
X = torch.randn(6400, 64)
y = (X[:, :8].sum(dim=1) > 0).long()
loader = DataLoader(TensorDataset(X, y), batch_size=BATCH_SIZE, shuffle=True)
model = nn.Sequential(
    nn.Linear(64, HIDDEN),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(HIDDEN, HIDDEN),
    nn.ReLU(),
    nn.Linear(HIDDEN, 2),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

losses = []
started, started_cpu = time.perf_counter(), time.process_time()
for epoch in range(EPOCHS):
    running = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item()
    losses.append(running)
print("seconds", time.perf_counter() - started, time.process_time() - started_cpu)
print("loss", losses[-1])
