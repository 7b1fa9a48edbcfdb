# Fit a line by gradient descent.   python fit_line.py
import csv
import random

RATE = 0.05  # found by trying
EPOCHS = 200
random.seed(3)

# load data
rows = []
with open("points.csv") as f:
    for row in csv.DictReader(f):
        rows.append((float(row["x"]), float(row["y"])))
print("points:", len(rows))


def loss(a, b):
    return sum((a * x + b - y) ** 2 for x, y in rows) / len(rows)


# train
a, b = random.random(), 0.0
best = float("inf")
for epoch in range(EPOCHS):
    random.shuffle(rows)
    for x, y in rows:
        error = a * x + b - y
        a -= RATE * error * x
        b -= RATE * error
    best = min(best, loss(a, b))
    if epoch % 50 == 0:
        print(f"{epoch:3d} {loss(a, b):.5f}")

# report
print(f"y = {a:.3f} x + {b:.3f}, best loss {best:.5f}")
with open("line.txt", "w") as f:
    f.write(f"{a} {b}\n")
