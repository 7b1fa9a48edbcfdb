import torch.nn as nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


class SpiralNet(nn.Module):
    def __init__(self, hidden, classes, activation="relu", dropout=0.0):
        super().__init__()
        layers, size = [], 2
        for width in hidden:
            layers += [nn.Linear(size, width), ACTIVATIONS[activation](), nn.Dropout(dropout)]
            size = width
        layers.append(nn.Linear(size, classes))
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)


if __name__ == "__main__":
    print(SpiralNet([8], 3))
