"""Price an Asian option and a random walk by Monte Carlo.

No machine learning here, just NumPy. Stops when the confidence interval is narrow enough.
"""

import csv
import math
import os

import matplotlib.pyplot as plt
import numpy as np

S0 = 100.0  # spot
STRIKE = 105.0
RATE = 0.03
SIGMA = 0.2
MATURITY = 1.0
N_STEPS = 128
BATCH = 4000
MAX_BATCHES = 400
TOLERANCE = 0.014  # half width of the 95 % interval

rng = np.random.default_rng(2024)
discount = math.exp(-RATE * MATURITY)


def simulate_paths(generator, n):
    dt = MATURITY / N_STEPS
    z = generator.standard_normal((n, N_STEPS))
    increments = (RATE - 0.5 * SIGMA**2) * dt + SIGMA * np.sqrt(dt) * z
    return S0 * np.exp(np.cumsum(increments, axis=1))


def payoff(paths):
    return discount * np.maximum(paths.mean(axis=1) - STRIKE, 0.0)


# Monte Carlo until the interval is narrow
count = 0
batches = 0
total = 0.0
total_sq = 0.0
half_width = float("inf")
trace = []
sample = []
while half_width > TOLERANCE and batches < MAX_BATCHES:
    values = payoff(simulate_paths(rng, BATCH))
    count += len(values)
    total += values.sum()
    total_sq += (values**2).sum()
    mean = total / count
    variance = total_sq / count - mean**2
    half_width = 1.96 * math.sqrt(variance / count)
    batches += 1
    trace.append((count, mean, half_width))
    sample.extend(values[:50].tolist())
    if batches % 10 == 0:
        print(f"{count:7d} paths: {mean:.4f} +- {half_width:.4f}")

print(f"price {mean:.5f} +- {half_width:.5f} after {batches} batches")

# how far does a walker with a reflecting wall get?
position = 0
furthest = 0
hits = 0
for step in range(20000):
    position += 1 if rng.random() < 0.5 else -1
    if position < 0:
        position = 0
        hits += 1
    furthest = max(furthest, position)
print("walker:", position, furthest, hits)

# save everything
os.makedirs("results", exist_ok=True)
with open("results/trace.csv", "w", newline="") as f:
    writer = csv.writer(f)
    writer.writerow(["paths", "mean", "half_width"])
    writer.writerows(trace)
np.savez("results/sample.npz", sample=np.array(sample), position=position)

quantiles = np.quantile(sample, [0.05, 0.5, 0.95])
print("quantiles:", np.round(quantiles, 4))
plt.hist(sample, bins=40)
plt.title("discounted payoff")
plt.show()
