"""Train a classifier on spirals. See run.sh for the settings of the paper."""
import argparse
import json
import os

import torch
import torch.nn as nn

from data import make_loaders
from model import SpiralNet
from utils import AverageMeter, accuracy, load_config, seed_everything


class Trainer:
    def __init__(self, model, loaders, args):
        self.model = model
        self.train_loader, self.val_loader = loaders
        self.args = args
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
        if args.scheduler == "cosine":
            self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, args.epochs)
        else:
            self.scheduler = None
        self.best = 0.0
        self.log = []

    def train_epoch(self):
        self.model.train()
        meter = AverageMeter("loss")
        for x, y in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            meter.update(loss.item(), len(y))
        return meter.avg

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        meter = AverageMeter("acc")
        for x, y in self.val_loader:
            meter.update(accuracy(self.model(x), y), len(y))
        return meter.avg

    def fit(self):
        patience = 0
        for epoch in range(self.args.epochs):
            loss = self.train_epoch()
            acc = self.validate()
            if self.scheduler is not None:
                self.scheduler.step()
            self.log.append({"epoch": epoch, "loss": loss, "acc": acc})
            if acc > self.best:
                self.best = acc
                patience = 0
                torch.save(self.model.state_dict(), os.path.join(self.args.out, "best.pt"))
            else:
                patience += 1
            if epoch % self.args.print_every == 0:
                print(f"[{epoch:3d}] loss={loss:.4f} acc={acc:.4f} best={self.best:.4f}")
            if patience > self.args.patience:
                print("early stop at", epoch)
                break
        return self.best


def get_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="config.yaml")
    parser.add_argument("--epochs", type=int, default=100, help="passes over the data")
    parser.add_argument("--lr", type=float, default=0.05, help="learning rate")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--scheduler", choices=["none", "cosine"], default="none")
    parser.add_argument("--patience", type=int, default=25)
    parser.add_argument("--print-every", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="runs")
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args()


def main():
    args = get_args()
    seed_everything(args.seed)
    cfg = load_config(args.config)
    os.makedirs(args.out, exist_ok=True)

    # data
    loaders = make_loaders(cfg, args.batch_size)
    print("train batches:", len(loaders[0]), "val samples:", len(loaders[1].dataset))

    # model
    model = SpiralNet(cfg["hidden"], cfg["classes"], cfg["activation"])
    if not args.quiet:
        print(model)

    # training
    trainer = Trainer(model, loaders, args)
    best = trainer.fit()

    # report
    print(f"best accuracy {best:.4f}")
    with open(os.path.join(args.out, "log.json"), "w") as f:
        json.dump({"args": vars(args), "log": trainer.log, "best": best}, f, indent=1)


if __name__ == "__main__":
    main()
