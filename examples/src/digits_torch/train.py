# Small MLP on the 8x8 digits. Run: python train.py
import os
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

SEED = 7
BATCH_SIZE = 32
EPOCHS = 12
LR = 2e-3  # tuned by hand
HIDDEN = 256
DROPOUT = 0.3
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

torch.manual_seed(SEED)
np.random.seed(SEED)

# ---------------------------------------------------------------- data
digits = load_digits()
X = (digits.data / 16.0).astype(np.float32)
y = digits.target
print("digits:", X.shape, "classes:", len(set(y)))
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=SEED, stratify=y)
mean, std = X_train.mean(axis=0), X_train.std(axis=0) + 1e-6
X_train = (X_train - mean) / std
X_test = (X_test - mean) / std

train_set = TensorDataset(torch.from_numpy(X_train), torch.from_numpy(y_train))
test_set = TensorDataset(torch.from_numpy(X_test), torch.from_numpy(y_test))
train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True)
test_loader = DataLoader(test_set, batch_size=256)


class Net(nn.Module):
    """Two hidden layers with dropout."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, HIDDEN)
        self.out = nn.Linear(HIDDEN, 10)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x):
        x = self.drop(F.relu(self.fc1(x)))
        x = self.drop(F.relu(self.fc2(x)))
        return self.out(x)


def evaluate(loader):
    # uses the global model, as notebooks taught us
    model.eval()
    correct, total, loss_sum = 0, 0, 0.0
    with torch.no_grad():
        for xb, yb in loader:
            xb, yb = xb.to(device), yb.to(device)
            logits = model(xb)
            loss_sum += F.cross_entropy(logits, yb, reduction="sum").item()
            correct += (logits.argmax(1) == yb).sum().item()
            total += len(yb)
    return loss_sum / total, correct / total


# ---------------------------------------------------------------- model
model = Net().to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=LR)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)
n_params = sum(p.numel() for p in model.parameters())
print(f"parameters: {n_params}")

# ---------------------------------------------------------------- training
os.makedirs("outputs", exist_ok=True)
best_acc = 0.0
best_epoch = -1
history = {"loss": [], "acc": []}
start = time.time()
for epoch in range(EPOCHS):
    model.train()
    running = 0.0
    for i, (xb, yb) in enumerate(train_loader):
        xb, yb = xb.to(device), yb.to(device)
        xb = xb + 0.05 * torch.randn_like(xb)  # a bit of noise
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(yb)
        time.sleep(0.004)  # stands in for a bigger model
    scheduler.step()
    test_loss, test_acc = evaluate(test_loader)
    history["loss"].append(running / len(train_set))
    history["acc"].append(test_acc)
    if test_acc > best_acc:
        best_acc, best_epoch = test_acc, epoch
        torch.save(model.state_dict(), "outputs/best.pt")
    print(f"epoch {epoch + 1:2d}/{EPOCHS}  loss {running / len(train_set):.4f}  test {test_loss:.4f}  acc {test_acc:.4f}")
elapsed = time.time() - start

# ---------------------------------------------------------------- results
model.load_state_dict(torch.load("outputs/best.pt"))
final_loss, final_acc = evaluate(test_loader)
print(f"best epoch {best_epoch + 1}: accuracy {final_acc:.4f}, last batch loss {loss.item():.4f}")
with torch.no_grad():
    predictions = model(torch.from_numpy(X_test).to(device)).argmax(1).cpu().numpy()
print(confusion_matrix(y_test, predictions))

plt.figure(figsize=(6, 3))
plt.plot(history["loss"], label="train loss")
plt.plot(history["acc"], label="test accuracy")
plt.legend()
plt.savefig("outputs/history.png")
