import os

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split


class Toy(Dataset):
    def __init__(self, n):
        self.x = torch.randn(n, 3)
        self.y = (self.x[:, 0] > 0).long()

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index], self.y[index]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)
        self.head = nn.Linear(4, 2)
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x):
        self.seen += len(x)
        out, _ = self.lstm(x.unsqueeze(1))
        return self.head(F.dropout(out[:, -1], 0.25, self.training))


class EarlyStopping:
    def __init__(self, patience):
        self.patience = patience
        self.counter = 0
        self.best = None
        self.stop = False

    def __call__(self, loss):
        if self.best is None or loss < self.best:
            self.best, self.counter = loss, 0
        else:
            self.counter += 1
            self.stop = self.counter >= self.patience


class Trainer:
    def __init__(self, model, train_data, valid_data, lr=0.05):
        self.model = model
        self.train_loader = DataLoader(train_data, batch_size=4, shuffle=True)
        self.valid_loader = DataLoader(valid_data, batch_size=4)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 1, gamma=0.5)
        self.stopping = EarlyStopping(patience=2)
        self.history = {"train": [], "valid": []}
        self.epoch = 0

    def run_epoch(self, loader, train):
        self.model.train(train)
        losses = []
        with torch.set_grad_enabled(train):
            for x, y in loader:
                loss = F.cross_entropy(self.model(x), y)
                if train:
                    self.optimizer.zero_grad()
                    loss.backward()
                    self.optimizer.step()
                losses.append(loss.item())
        return sum(losses) / len(losses)

    def save(self):
        torch.save({"epoch": self.epoch, "model": self.model.state_dict(),
                    "optimizer": self.optimizer.state_dict()}, "checkpoint.pt")

    def load(self):
        state = torch.load("checkpoint.pt")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = state["epoch"]

    def fit(self, epochs):
        if os.path.exists("checkpoint.pt"):
            self.load()
            print("loaded", self.epoch)
        while self.epoch < epochs:
            train = self.run_epoch(self.train_loader, True)
            valid = self.run_epoch(self.valid_loader, False)
            self.history["train"].append(train)
            self.history["valid"].append(valid)
            self.scheduler.step()
            self.stopping(valid)
            self.epoch += 1
            self.save()
            with open("history.csv", "a") as log:
                log.write(f"{self.epoch},{train},{valid}\n")
            print("epoch", self.epoch, train, valid)
            if self.stopping.stop:
                break
        return self.history


torch.manual_seed(5)
torch.set_num_threads(1)
train_set, valid_set = random_split(Toy(16), [12, 4], generator=torch.Generator().manual_seed(1))
trainer = Trainer(Net(), train_set, valid_set)
print(trainer.fit(3), trainer.stopping.best, trainer.model.seen)
print([p.tolist() for p in trainer.model.parameters()], trainer.scheduler.get_last_lr(), torch.rand(1))
