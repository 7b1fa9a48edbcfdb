import numpy as np

np.random.seed(0)
X = np.random.randn(24, 3)
y = X @ np.array([1.0, -2.0, 0.5]) + 0.1 * np.random.randn(24)

w = np.zeros(3)
best, best_w, patience = float("inf"), None, 0
history = []
for epoch in range(8):
    order = np.random.permutation(len(X))
    running = 0.0
    for start in range(0, len(X), 8):
        batch = order[start:start + 8]
        error = X[batch] @ w - y[batch]
        if np.abs(error).max() > 50:
            continue
        w -= 0.1 * X[batch].T @ error / len(batch)
        running += (error ** 2).mean()
    noise = np.random.rand() * 0.5
    history.append(running + noise)
    print(f"epoch {epoch}: {running:.6f}")
    if running + noise < best:
        best, best_w, patience = running + noise, w.copy(), 0
    else:
        patience += 1
        if patience >= 2:
            print("stopped early at", epoch)
            break
print(best, best_w.tolist(), w.tolist(), history)
print(np.random.rand())
