import random

random.seed(3)


def objective(x):
    return (x - 2) ** 2 + random.random() * 0.01


x, step, error, rounds = 10.0, 0.4, 1e9, 0
trace = []
while error > 1e-2 and rounds < 20:
    value = objective(x)
    tries = 0
    while True:
        tries += 1
        candidate = x - step * 2 * (x - 2)
        if objective(candidate) < value or tries > 3:
            break
        step /= 2
    error = abs(candidate - x)
    x = candidate
    rounds += 1
    trace.append((rounds, tries, round(x, 6)))
else:
    print("no break")
left = 3
while left:
    left -= 1
    if random.random() < 0.05:
        break
else:
    print("all used")
print(x, error, rounds, trace)
print(random.random())
