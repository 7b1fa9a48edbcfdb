# ruff: noqa: E501
"""Programs that loop themselves, over the steps of a library: JAX with Optax and Flax, `partial_fit`, `train_on_batch`.

As in `fit_cases.py` each counts by `tick`, and its last lines hold all that it has come to.
"""

from __future__ import annotations

_TICK = """\
import os, signal, hashlib
import numpy as np

count = 0
counted = []
def tick():
    global count
    count += 1
    counted.append(count)
    if count == int(os.environ["KILL_AT"] if "KILL_AT" in os.environ else -1):
        os.kill(os.getpid(), getattr(signal, os.environ["KILL_BY"]))

"""

JAX_TREE = (
    _TICK
    + """\
import jax
import jax.numpy as jnp


def init(key, sizes):
    params = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:]):
        key, sub = jax.random.split(key)
        params.append({"w": jax.random.normal(sub, (n_in, n_out)) / jnp.sqrt(n_in), "b": jnp.zeros(n_out)})
    return params

def forward(params, x, key):
    for layer in params[:-1]:
        x = jax.nn.relu(x @ layer["w"] + layer["b"])
    x = jnp.where(jax.random.bernoulli(key, 0.8, x.shape), x, 0.0)
    return x @ params[-1]["w"] + params[-1]["b"]

def loss_fn(params, x, y, key):
    return jnp.mean((forward(params, x, key)[:, 0] - y) ** 2)

@jax.jit
def update(params, momentum, x, y, key):
    loss, grads = jax.value_and_grad(loss_fn)(params, x, y, key)
    momentum = jax.tree.map(lambda m, g: 0.9 * m + g, momentum, grads)
    params = jax.tree.map(lambda p, m: p - 0.01 * m, params, momentum)
    return params, momentum, loss

# data
key = jax.random.PRNGKey(0)
key, data_key, init_key = jax.random.split(key, 3)
x = jax.random.normal(data_key, (64, 8))
y = jnp.sin(x[:, 0]) + x[:, 1]
# train
params = init(init_key, [8, 16, 1])
momentum = jax.tree.map(jnp.zeros_like, params)
losses = []
for epoch in range(5):
    key, shuffle_key = jax.random.split(key)
    order = jax.random.permutation(shuffle_key, len(x))
    total = 0.0
    for start in range(0, len(x), 16):
        batch = order[start:start + 16]
        key, drop_key = jax.random.split(key)
        params, momentum, loss = update(params, momentum, x[batch], y[batch], drop_key)
        total += loss.item()
        tick()
    losses.append(total)
    print("epoch", epoch, repr(total))
# evaluate
print(losses, key)
print(hashlib.md5(b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((params, momentum)))).hexdigest())
print(count, counted)
"""
)

OPTAX = (
    _TICK
    + """\
import jax
import jax.numpy as jnp
import optax
from functools import partial

def loss_fn(params, batch):
    x, y = batch
    h = jnp.tanh(x @ params["hidden"]["w"] + params["hidden"]["b"])
    logits = h @ params["out"]["w"] + params["out"]["b"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

def make_step(optimizer):
    @jax.jit
    def step(params, opt_state, batch, rng):
        x, y = batch
        x = x + 0.1 * jax.random.normal(rng, x.shape)
        loss, grads = jax.value_and_grad(loss_fn)(params, (x, y))
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, loss
    return step

def batches(rng, x, y, size):
    order = rng.permutation(len(x))
    for i in range(0, len(x), size):
        yield x[order[i:i + size]], y[order[i:i + size]]

def train(params, x, y, epochs=4):
    schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-2, 3, 20)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=1e-3))
    opt_state = optimizer.init(params)
    ema = params
    step = make_step(optimizer)
    rng = np.random.default_rng(3)
    key = jax.random.key(7)
    best, best_params, history = float("inf"), params, {"loss": [], "lr": []}
    for epoch in range(epochs):
        for batch in batches(rng, x, y, 16):
            key, sub = jax.random.split(key)
            params, opt_state, loss = step(params, opt_state, batch, sub)
            ema = optax.incremental_update(params, ema, 0.1)
            history["loss"].append(float(loss))
            history["lr"].append(float(schedule(len(history["loss"]))))
            tick()
        if loss < best:
            best, best_params = loss, params
        print(f"{epoch=} {float(loss)!r} {float(best)!r}")
    return params, best_params, ema, opt_state, history, key

# data
np.random.seed(0)
x = np.random.randn(64, 6).astype("float32")
y = (x[:, 0] > x[:, 1]).astype("int32")
k1, k2 = jax.random.split(jax.random.PRNGKey(1))
params = {"hidden": {"w": jax.random.normal(k1, (6, 12)), "b": jnp.zeros(12)}, "out": {"w": jax.random.normal(k2, (12, 2)), "b": jnp.zeros(2)}}
# train
params, best_params, ema, opt_state, history, key = train(params, x, y)
# evaluate
print(history)
print(jax.random.key_data(key), jax.random.uniform(key))
print(hashlib.md5(b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((params, best_params, ema, opt_state)))).hexdigest())
print(count, counted)
"""
)

LINEN = (
    _TICK
    + """\
from typing import Any
import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax.training import train_state

class TrainState(train_state.TrainState):
    batch_stats: Any
    key: jax.Array

class Net(nn.Module):
    width: int = 16
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(self.width)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        x = nn.relu(x)
        x = nn.Dropout(0.2, deterministic=not train)(x)
        return nn.Dense(2)(x)

def create_state(rng, model, x):
    p_key, s_key = jax.random.split(rng)
    variables = model.init(p_key, x, train=False)
    tx = optax.adam(optax.exponential_decay(1e-2, 4, 0.9))
    return TrainState.create(apply_fn=model.apply, params=variables["params"], tx=tx, batch_stats=variables["batch_stats"], key=s_key)

@jax.jit
def train_step(state, x, y):
    key = jax.random.fold_in(state.key, state.step)
    def loss_fn(params):
        logits, updates = state.apply_fn({"params": params, "batch_stats": state.batch_stats}, x, train=True, rngs={"dropout": key}, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), updates
    (loss, updates), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads)
    return state.replace(batch_stats=updates["batch_stats"]), loss

@jax.jit
def accuracy(state, x, y):
    logits = state.apply_fn({"params": state.params, "batch_stats": state.batch_stats}, x, train=False)
    return (logits.argmax(-1) == y).mean()

# data
rng = jax.random.PRNGKey(4)
rng, data_rng, init_rng = jax.random.split(rng, 3)
x = jax.random.normal(data_rng, (60, 8))
y = (x.sum(1) > 0).astype(jnp.int32)
# model
model = Net()
state = create_state(init_rng, model, x[:1])
# train
for epoch in range(5):
    rng, epoch_rng = jax.random.split(rng)
    perm = jax.random.permutation(epoch_rng, 60).reshape(5, 12)
    epoch_losses = []
    for p in perm:
        state, loss = train_step(state, x[p], y[p])
        epoch_losses.append(loss)
        tick()
    print("epoch", epoch, np.mean([float(each) for each in epoch_losses]), accuracy(state, x, y))
# evaluate
print(state.step, accuracy(state, x, y))
print(rng, state.key, sorted(state.params))
print(hashlib.md5(b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((state.params, state.opt_state, state.batch_stats)))).hexdigest())
print(count, counted)
"""
)

NNX = (
    _TICK
    + """\
import jax
import jax.numpy as jnp
import optax
from flax import nnx

class Net(nnx.Module):
    def __init__(self, width, rngs):
        self.first = nnx.Linear(8, width, rngs=rngs)
        self.norm = nnx.BatchNorm(width, rngs=rngs)
        self.drop = nnx.Dropout(0.2, rngs=rngs)
        self.last = nnx.Linear(width, 2, rngs=rngs)
    def __call__(self, x):
        return self.last(self.drop(nnx.relu(self.norm(self.first(x)))))

def loss_fn(model, x, y):
    logits = model(x)
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits

@nnx.jit
def train_step(model, optimizer, metrics, x, y):
    (loss, logits), grads = nnx.value_and_grad(loss_fn, has_aux=True)(model, x, y)
    metrics.update(loss=loss, logits=logits, labels=y)
    optimizer.update(model, grads)
    return loss

# data
rng = np.random.RandomState(2)
x = rng.randn(60, 8).astype("float32")
y = (x.sum(1) > 0).astype("int32")
# model
model = Net(16, rngs=nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adamw(5e-3), wrt=nnx.Param)
metrics = nnx.MultiMetric(accuracy=nnx.metrics.Accuracy(), loss=nnx.metrics.Average("loss"))
# train
history = {"loss": [], "accuracy": []}
for epoch in range(5):
    model.train()
    for p in rng.permutation(60).reshape(5, 12):
        train_step(model, optimizer, metrics, x[p], y[p])
        tick()
    for name, value in metrics.compute().items():
        history[name].append(float(value))
    metrics.reset()
    model.eval()
    print("epoch", epoch, history["loss"][-1], history["accuracy"][-1], float(loss_fn(model, x, y)[0]))
# evaluate
print(history)
print(rng.rand())
print(hashlib.md5(b"".join(np.asarray(jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf).tobytes() for leaf in jax.tree.leaves((nnx.state(model), nnx.state(optimizer))))).hexdigest())
print(count, counted)
"""
)

WARM_START = (
    _TICK
    + """\
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier

# data
rng = np.random.RandomState(0)
x = rng.normal(size=(200, 5))
y = x[:, 0] * 2 + np.sin(x[:, 1])
labels = (y > 0).astype(int)
# grow
forest = RandomForestClassifier(n_estimators=2, warm_start=True, oob_score=False, random_state=np.random.RandomState(4), bootstrap=True)
boosted = GradientBoostingRegressor(n_estimators=2, warm_start=True, subsample=0.5, random_state=3, max_depth=2)
scores = []
for size in range(2, 12, 2):
    forest.set_params(n_estimators=size)
    forest.fit(x[:150], labels[:150])
    boosted.n_estimators = size
    boosted.fit(x[:150], y[:150])
    scores.append((forest.score(x[150:], labels[150:]), boosted.score(x[150:], y[150:])))
    tick()
    print(size, scores[-1])
# warm
net = MLPClassifier((8,), max_iter=1, warm_start=True, random_state=1)
import warnings
warnings.filterwarnings("ignore")
for epoch in range(5):
    net.fit(x[:150], labels[:150])
    tick()
    print(epoch, net.loss_, net.t_)
# partial
model = SGDClassifier(loss="log_loss", random_state=rng, average=True)
other = MLPClassifier((6,), random_state=rng)
for epoch in range(3):
    order = rng.permutation(150)
    for start in range(0, 150, 50):
        rows = order[start:start + 50]
        model.partial_fit(x[rows], labels[rows], classes=[0, 1])
        other.partial_fit(x[rows], labels[rows], classes=[0, 1])
        tick()
    print(epoch, model.score(x[150:], labels[150:]), other.loss_)
# evaluate
print(scores, rng.rand())
print(hashlib.md5(model.coef_.tobytes() + b"".join(each.tobytes() for each in other.coefs_ + net.coefs_)).hexdigest(), net.loss_curve_, other.loss_curve_)
print(hashlib.md5(forest.predict_proba(x).tobytes() + boosted.predict(x).tobytes()).hexdigest())
print(count, counted)
"""
)

SKORCH = (
    _TICK
    + """\
import torch
from torch import nn
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, GradientNormClipping, LRScheduler
from skorch.dataset import ValidSplit


class Tick(Callback):
    def initialize(self):
        self.seen = []
        return self
    def on_batch_end(self, net, training, **kwargs):
        if training:
            tick()
    def on_epoch_end(self, net, **kwargs):
        self.seen.append(net.history[-1, "train_loss"])
        print("epoch", len(net.history), len(self.seen), repr(self.seen[-1]), net.optimizer_.param_groups[0]["lr"])

class Net(nn.Module):
    def __init__(self, width=8, out=2):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3), nn.Linear(width, out))
    def forward(self, x):
        return self.body(x)

# data
torch.manual_seed(0)
rng = np.random.RandomState(0)
x = rng.normal(size=(100, 5)).astype("float32")
y = (x[:, 0] + 0.3 * rng.normal(size=100) > 0).astype("int64")
# train
net = NeuralNetClassifier(Net, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=0.2, max_epochs=12, batch_size=20, iterator_train__shuffle=True,
    train_split=ValidSplit(0.2, stratified=True, random_state=1), verbose=0,
    callbacks=[Tick(), EarlyStopping(patience=2, load_best=True), EpochScoring("f1", lower_is_better=False), LRScheduler("StepLR", step_size=2, gamma=0.5), GradientNormClipping(1.0)])
net.fit(x, y)
other = NeuralNetRegressor(Net, module__out=1, max_epochs=3, batch_size=25, train_split=None, callbacks=[("tick", Tick())], verbose=0, warm_start=True)
other.fit(x, x[:, :1])
other.fit(x, x[:, :1])
# evaluate
print([{k: v for k, v in each.items() if k not in ("dur", "batches")} for each in net.history])
print(net.predict_proba(x)[:2].tolist(), dict(net.callbacks_)["Tick"].seen, dict(net.callbacks_)["EarlyStopping"].best_epoch_, torch.rand(1).item())
print(hashlib.md5(b"".join(p.detach().numpy().tobytes() for n in (net, other) for p in n.module_.state_dict().values())).hexdigest(), [each["train_loss"] for each in other.history])
print(count, counted)
"""
)

KERAS_GAN = (
    _TICK
    + """\
os.environ["KERAS_BACKEND"] = "torch"
import keras
from keras import layers

def make_generator():
    return keras.Sequential([keras.Input((4,)), layers.Dense(16), layers.LeakyReLU(0.2), layers.BatchNormalization(), layers.Dense(3)], name="generator")

def make_discriminator():
    inputs = keras.Input((3,))
    h = layers.Dense(16, activation=lambda t: keras.ops.tanh(t))(inputs)
    h = layers.Dropout(0.3)(h)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
    model.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", metrics=["accuracy"])
    return model

class Autoencoder(keras.Model):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.tracker = keras.metrics.Mean(name="seen")
    def call(self, x, training=False):
        return self.decoder(self.encoder(x, training=training))

def digest(*models):
    return hashlib.md5(b"".join(keras.ops.convert_to_numpy(w).tobytes() for m in models for w in [*m.variables, *(m.optimizer.variables if m.optimizer else [])])).hexdigest()

# data
keras.utils.set_random_seed(3)
x = np.random.normal(size=(64, 3)).astype("float32") * [1.0, 0.5, 2.0]
# model
generator = make_generator()
discriminator = make_discriminator()
discriminator.trainable = False
gan = keras.Sequential([generator, discriminator])
gan.compile(keras.optimizers.RMSprop(1e-2), "binary_crossentropy")
# train
for epoch in range(4):
    for i in range(3):
        real = x[np.random.randint(0, 64, 16)]
        fake = generator.predict_on_batch(np.random.normal(size=(16, 4)))
        d = discriminator.train_on_batch(np.concatenate([real, fake]), np.concatenate([np.ones((16, 1)), np.zeros((16, 1))]))
        g = gan.train_on_batch(np.random.normal(size=(16, 4)), np.ones((16, 1)))
        tick()
    print("epoch", epoch, [float(v) for v in d], float(np.asarray(g).ravel()[0]))
print(digest(gan, discriminator))
# folds
scores = []
for fold in range(2):
    encoder = keras.Sequential([layers.Dense(2, activation="tanh"), layers.GaussianNoise(0.1)])
    auto = Autoencoder(encoder, layers.Dense(3))
    auto.compile("adam", "mse", metrics=["mae"])
    for step in range(6):
        loss = auto.train_on_batch(x[fold::2][step * 5:step * 5 + 5], x[fold::2][step * 5:step * 5 + 5])
        auto.tracker.update_state(loss[0])
        tick()
    scores.append([float(v) for v in loss] + [float(auto.tracker.result())])
    print("fold", fold, scores[-1], digest(auto))
# evaluate
print(scores, np.random.rand())
print(digest(gan, discriminator, auto), float(np.sum(generator.predict_on_batch(np.ones((2, 4))))))
print(count, counted)
"""
)
