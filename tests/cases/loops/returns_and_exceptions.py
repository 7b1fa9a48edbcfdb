import random


class Diverged(Exception):
    pass


def search(limit):
    x = 0.0
    for i in range(10):
        for j in range(3):
            x += random.random()
            if x > limit:
                return i, j, x
    return None


def train(steps):
    losses, skipped = [], []
    loss = 1.0
    try:
        for step in range(steps):
            try:
                r = random.random()
                if r < 0.3:
                    raise ValueError(f"bad batch {step}")
                loss *= 0.5 + r
            except ValueError as error:
                skipped.append(str(error))
                continue
            finally:
                losses.append(loss)
            if loss > 2.2:
                raise Diverged(step)
    except Diverged as end:
        print("diverged at", end)
    return losses, skipped


random.seed(12)
print(search(2.5))
print(search(5.5))
for attempt in range(3):
    losses, skipped = train(6)
    print(attempt, losses, skipped)
    for value in losses:
        if value > 1.5:
            print("high", value)
            break
    else:
        print("all low", random.random())
print(random.random())
