import random
from collections import defaultdict, deque, namedtuple

import numpy as np

Transition = namedtuple("Transition", "state action reward next_state done")


class Corridor:
    def __init__(self, n, seed):
        self.n = n
        self.rng = np.random.default_rng(seed)
        self.position = 0

    def reset(self):
        self.position = int(self.rng.integers(0, 2))
        return self.position

    def step(self, action):
        slip = self.rng.random() < 0.1
        self.position = max(0, self.position + (1 if action != slip else -1))
        done = self.position >= self.n
        return self.position, float(done) - 0.01, done


class ReplayBuffer:
    def __init__(self, capacity):
        self.memory = deque(maxlen=capacity)

    def push(self, *args):
        self.memory.append(Transition(*args))

    def sample(self, k):
        return random.sample(self.memory, k)

    def __len__(self):
        return len(self.memory)


random.seed(0)
env = Corridor(3, seed=1)
buffer = ReplayBuffer(12)
q = defaultdict(lambda: np.zeros(2))
epsilon = 0.9
returns = []
for episode in range(4):
    state = env.reset()
    done, total, steps = False, 0.0, 0
    while not done and steps < 6:
        action = random.randrange(2) if random.random() < epsilon else int(np.argmax(q[state]))
        next_state, reward, done = env.step(action)
        buffer.push(state, action, reward, next_state, done)
        state = next_state
        total += reward
        steps += 1
        if len(buffer) >= 4:
            for t in buffer.sample(3):
                target = t.reward + (0 if t.done else 0.9 * q[t.next_state].max())
                q[t.state][t.action] += 0.5 * (target - q[t.state][t.action])
    epsilon *= 0.8
    returns.append(total)
    print(episode, steps, round(total, 4))
print({k: v.tolist() for k, v in sorted(q.items())}, returns, epsilon, len(buffer), buffer.memory[-1], random.random())
