import csv
import json
import os
import pickle
import random

import numpy as np

random.seed(1)
np.random.seed(1)
with open("data.txt", "w") as out:
    out.write("".join(f"{i} {random.random()}\n" for i in range(12)))
w = np.zeros(2)
start, history = 0, []
if os.path.exists("own.pkl"):
    with open("own.pkl", "rb") as source:
        start, w, history = pickle.load(source)
    print("going on from", start)
os.makedirs("figures", exist_ok=True)
log = open("log.csv", "w", newline="")
writer = csv.DictWriter(log, fieldnames=["epoch", "loss"])
writer.writeheader()
source = open("data.txt")
for epoch in range(start, 4):
    for _ in range(3):
        line = source.readline()
        x = np.array([float(v) for v in line.split()])
        w += 0.1 * x * np.random.rand()
    loss = float(w.sum()) + random.random()
    history.append(loss)
    writer.writerow({"epoch": epoch, "loss": loss})
    with open("own.pkl", "wb") as target:
        pickle.dump((epoch + 1, w, history), target)
    with open("lines.txt", "a") as lines:
        lines.write(f"{epoch} {loss}\n")
    np.save(f"figures/w{epoch}.npy", w)
    if epoch and os.path.exists(f"figures/w{epoch - 1}.npy"):
        os.remove(f"figures/w{epoch - 1}.npy")
    with open("newest.json.part", "w") as part:
        json.dump(history, part)
    os.replace("newest.json.part", "newest.json")
    print("epoch", epoch, loss)
log.close()
source.close()
print(w, history, open("lines.txt").read(), sorted(os.listdir("figures")), random.random())
