import numpy as np

rng = np.random.default_rng(4)
x = rng.normal(size=(12, 2))
y = (x[:, 0] + 0.3 * x[:, 1] > 0).astype(float)


def sgd(w, rows, epochs, lr):
    losses = []
    for _ in range(epochs):
        for i in rng.permutation(rows):
            p = 1 / (1 + np.exp(-x[i] @ w))
            w = w + lr * (y[i] - p) * x[i]
            losses.append(float(-np.log(p if y[i] else 1 - p)))
    return w, losses


# pretraining
weights = np.zeros(2)
weights, pretrain_losses = sgd(weights, 3, 2, 0.5)
print("pretrained", weights)
# fine-tuning
for stage, lr in enumerate((0.1, 0.01)):
    weights, losses = sgd(weights, 2, 1, lr)
    print("stage", stage, weights, sum(losses))
# cross validation
scores = {}
for fold in range(3):
    held = set(range(fold, 12, 3))
    w = weights.copy()
    for epoch in range(2):
        for i in range(12):
            if i in held or i % 2:
                continue
            w += 0.05 * (y[i] - 1 / (1 + np.exp(-x[i] @ w))) * x[i] * rng.random()
    correct = 0
    for i in held:
        correct += int((x[i] @ w > 0) == y[i])
    scores[fold] = correct / len(held)
print(scores, weights, len(pretrain_losses), rng.random())
