import random
from collections import defaultdict, deque

import gymnasium as gym
import numpy as np

random.seed(0)
np.random.seed(0)
env = gym.make("CartPole-v1", max_episode_steps=4)
env = gym.wrappers.RecordEpisodeStatistics(env)
env.action_space.seed(3)
q = defaultdict(lambda: np.zeros(env.action_space.n))
memory = deque(maxlen=20)
epsilon, rewards = 1.0, []


def bucket(observation):
    return tuple(np.round(observation, 1))


for episode in range(3):
    observation, info = env.reset(seed=7 if episode == 0 else None)
    state, done, total = bucket(observation), False, 0.0
    while not done:
        if random.random() < epsilon:
            action = env.action_space.sample()
        else:
            action = int(np.argmax(q[state]))
        observation, reward, terminated, truncated, info = env.step(action)
        done = terminated or truncated
        next_state = bucket(observation)
        memory.append((state, action, float(reward), next_state, done))
        for s, a, r, n, d in random.sample(memory, min(3, len(memory))):
            q[s][a] += 0.3 * (r + (0.0 if d else 0.9 * q[n].max()) - q[s][a])
        state = next_state
        total += float(reward) + float(observation[0])
    epsilon *= 0.7
    rewards.append(total)
    print(episode, total, info["episode"]["l"])
print(rewards, sorted((k, v.tolist()) for k, v in q.items()), env.action_space.sample(), random.random())
