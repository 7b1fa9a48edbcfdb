# ruff: noqa: E501
"""Programs that hand their training to a library, small enough to be stopped at many places.

Each counts its rounds by `tick`, and stops itself at the one that KILL_AT names, by the signal KILL_BY. The last lines that it
prints hold all that it has come to.
"""

from __future__ import annotations

XGBOOST = """\
import os, signal, hashlib
import numpy as np
import xgboost as xgb
count = 0
counted = []
def tick():
    global count
    count += 1
    counted.append(count)
    if count == int(os.environ["KILL_AT"] if "KILL_AT" in os.environ else -1):
        os.kill(os.getpid(), getattr(signal, os.environ["KILL_BY"]))


class Tick(xgb.callback.TrainingCallback):
    def __init__(self):
        self.seen = []
    def after_iteration(self, model, epoch, evals_log):
        tick()
        self.seen.append(evals_log["validation_0" if "validation_0" in evals_log else "valid"]["rmse"][-1])
        return False

# data
rng = np.random.RandomState(0)
x = rng.normal(size=(400, 6))
y = x[:, 0] * 2 + np.sin(x[:, 1]) + rng.normal(size=400)
# train
rate = xgb.callback.LearningRateScheduler(lambda i: 0.3 * 0.97 ** i)
ticker = Tick()
results = {}
booster = xgb.train({"max_depth": 3, "seed": 1}, xgb.DMatrix(x[:300], y[:300]), 12, evals=[(xgb.DMatrix(x[300:], y[300:]), "valid")],
    callbacks=[rate, ticker], evals_result=results, early_stopping_rounds=4, verbose_eval=2)
print(hashlib.md5(booster.save_raw()).hexdigest(), booster.best_iteration, ticker.seen, results)
model = xgb.XGBRegressor(n_estimators=10, max_depth=3, callbacks=[Tick()], early_stopping_rounds=3)
model.fit(x[:300], y[:300], eval_set=[(x[300:], y[300:])], verbose=False)
print(hashlib.md5(model.get_booster().save_raw()).hexdigest(), model.evals_result(), model.best_iteration, hashlib.md5(model.predict(x)).hexdigest())
print(count, counted)
"""

LIGHTGBM = """\
import os, signal, hashlib
import numpy as np
import lightgbm as lgb
count = 0
counted = []
def tick():
    global count
    count += 1
    counted.append(count)
    if count == int(os.environ["KILL_AT"] if "KILL_AT" in os.environ else -1):
        os.kill(os.getpid(), getattr(signal, os.environ["KILL_BY"]))


def tock(env):
    tick()
    if env.iteration % 2 == 0:
        print(env.iteration, env.begin_iteration, env.evaluation_result_list)

# data
rng = np.random.RandomState(0)
x = rng.normal(size=(400, 6))
y = x[:, 0] * 2 + np.sin(x[:, 1]) + rng.normal(size=400)
# train
recorded = {}
forest = lgb.train({"max_depth": 3, "seed": 1, "verbose": 0, "num_iterations": 12}, lgb.Dataset(x[:300], y[:300]),
    valid_sets=[lgb.Dataset(x[300:], y[300:])], callbacks=[tock, lgb.record_evaluation(recorded), lgb.early_stopping(3)])
print(hashlib.md5(forest.model_to_string().encode()).hexdigest(), forest.best_iteration, dict(forest.best_score), recorded)
other = lgb.LGBMClassifier(n_estimators=9, max_depth=3)
other.fit(x[:300], y[:300] > 0, eval_set=[(x[300:], y[300:] > 0)], callbacks=[tock])
print(hashlib.md5(other.booster_.model_to_string().encode()).hexdigest(), other.evals_result_, other.best_iteration_, hashlib.md5(np.ascontiguousarray(other.predict_proba(x))).hexdigest(), other.get_params())
print(count, counted)
"""

KERAS = """\
import os, signal, hashlib
os.environ["KERAS_BACKEND"] = "BELOW"
import numpy as np
import keras
from keras import layers

count = 0
counted = []
def tick():
    global count
    count += 1
    counted.append(count)
    if count == int(os.environ["KILL_AT"] if "KILL_AT" in os.environ else -1):
        os.kill(os.getpid(), getattr(signal, os.environ["KILL_BY"]))


class Tick(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []
    def on_train_batch_end(self, batch, logs=None):
        tick()
    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(logs["loss"])
        print("epoch", epoch, len(self.seen), repr(float(logs["loss"])))

# data
keras.utils.set_random_seed(1)
x = np.random.normal(size=(60, 8)).astype("float32")
y = (x[:, 0] > 0).astype("int32")
# model
model = keras.Sequential([layers.Dense(16, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(2)])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
# train
stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True, monitor="val_loss")
ticker = Tick()
history = model.fit(x, y, batch_size=16, epochs=6, validation_split=0.2, verbose=0,
    callbacks=[ticker, stop, keras.callbacks.ReduceLROnPlateau(patience=1), keras.callbacks.CSVLogger("log.csv")])
# evaluate
print(history.history)
print(hashlib.md5(b"".join(np.asarray(w).tobytes() for w in model.get_weights())).hexdigest(), np.random.rand(), stop.best, ticker.seen)
print(open("log.csv").read())
print(count, counted)
"""

LIGHTNING = """\
import os, signal, hashlib
import warnings
warnings.filterwarnings("ignore")
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
import lightning as L
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, Callback


count = 0
counted = []
def tick():
    global count
    count += 1
    counted.append(count)
    if count == int(os.environ["KILL_AT"] if "KILL_AT" in os.environ else -1):
        os.kill(os.getpid(), getattr(signal, os.environ["KILL_BY"]))


class Tick(Callback):
    def __init__(self):
        self.seen = []
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        tick()
    def on_train_epoch_end(self, trainer, pl_module):
        self.seen.append(float(trainer.callback_metrics["train_loss"]))
        print("epoch", trainer.current_epoch, trainer.global_step, self.seen[-1], float(trainer.callback_metrics.get("val_loss", -1)))

class Net(L.LightningModule):
    def __init__(self, width=16):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.BatchNorm1d(width), nn.Dropout(0.3), nn.Linear(width, 2))
        self.losses = []
    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = nn.functional.cross_entropy(self.net(x + 0.1 * torch.randn_like(x)), y)
        self.losses.append(loss.item())
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss
    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", nn.functional.cross_entropy(self.net(x), y))
    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)]

# data
L.seed_everything(3)
x = torch.randn(60, 8)
y = (x.sum(1) > 0).long()
train_set, val_set = random_split(TensorDataset(x, y), [48, 12])
# train
model = Net()
ticker = Tick()
trainer = L.Trainer(max_epochs=6, enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=2,
    callbacks=[ticker, EarlyStopping("val_loss", patience=3), ModelCheckpoint(monitor="val_loss", save_top_k=2)])
trainer.fit(model, DataLoader(train_set, batch_size=12, shuffle=True), DataLoader(val_set, batch_size=12))
# evaluate
print(hashlib.md5(b"".join(p.detach().numpy().tobytes() for p in model.state_dict().values())).hexdigest(), torch.rand(1).item(), ticker.seen)
print(len(model.losses), sum(model.losses), os.path.basename(trainer.checkpoint_callback.best_model_path), trainer.current_epoch, trainer.global_step)
print(sorted(os.path.join(r, f) for r, d, fs in os.walk("lightning_logs") for f in fs))
print(open("lightning_logs/version_0/metrics.csv").read())
print(count, counted)
"""

TRANSFORMERS = """\
import os, signal, hashlib
import torch
from transformers import Trainer, TrainingArguments, TrainerCallback, BertConfig, BertForSequenceClassification, set_seed, EarlyStoppingCallback


count = 0
counted = []
def tick():
    global count
    count += 1
    counted.append(count)
    if count == int(os.environ["KILL_AT"] if "KILL_AT" in os.environ else -1):
        os.kill(os.getpid(), getattr(signal, os.environ["KILL_BY"]))


class Tick(TrainerCallback):
    def __init__(self):
        self.seen = []
    def on_step_end(self, args, state, control, **kwargs):
        tick()
    def on_epoch_end(self, args, state, control, **kwargs):
        self.seen.append(state.global_step)
        print("epoch", state.epoch, self.seen, sum(p.sum().item() for p in kwargs["model"].parameters()))

# data
set_seed(5)
ids = torch.randint(0, 50, (40, 6))
labels = (ids.sum(1) % 2)
rows = [{"input_ids": i, "labels": l} for i, l in zip(ids, labels)]
# train
config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
model = BertForSequenceClassification(config)
args = TrainingArguments("out", num_train_epochs=4, per_device_train_batch_size=8, logging_steps=3, eval_strategy="epoch",
    save_strategy="epoch", save_total_limit=2, load_best_model_at_end=True, report_to=[], disable_tqdm=True, use_cpu=True, gradient_accumulation_steps=2)
trainer = Trainer(model, args, train_dataset=rows[:32], eval_dataset=rows[32:], callbacks=[Tick(), EarlyStoppingCallback(3)])
out = trainer.train()
# evaluate
print(out.global_step, out.training_loss, [{k: v for k, v in h.items() if "runtime" not in k and "per_second" not in k} for h in trainer.state.log_history])
print(hashlib.md5(b"".join(p.detach().numpy().tobytes() for p in model.state_dict().values())).hexdigest(), torch.rand(1).item(), sorted(os.listdir("out")))
print(count, counted)
"""
