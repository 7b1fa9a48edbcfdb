"""Operations on a batch: on plain tensors and on rows that several processes share, the same must come out.

Run by torchrun (test_rows.py); each process holds all inputs, so each can compare.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from graduate.runtime import batch_rows, distributed
from graduate.runtime.batch_rows import is_rows, own_part, share, whole_of, wrap

N = 7
torch.set_num_threads(1)


def inputs() -> dict[str, Tensor]:
    made = torch.Generator().manual_seed(1)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=made, dtype=torch.float64)

    return {
        "x": randn(N, 6),
        "z": randn(N, 6),
        "s": randn(N),
        "p": torch.sigmoid(randn(N, 4)),
        "i": randn(N, 3, 8, 8),
        "q": randn(N, 5, 8),
        "y": torch.randint(0, 4, (N,), generator=made),
        "t": torch.randint(0, 9, (N, 5), generator=made),
    }


def parameters() -> dict[str, Tensor]:
    made = torch.Generator().manual_seed(2)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=made, dtype=torch.float64).requires_grad_()

    return {
        "w": randn(4, 6),
        "b": randn(6),
        "k": randn(2, 3, 3, 3),
        "e": randn(9, 8),
        "g": randn(N, 6),
        "n": randn(3),
        "m": randn(8, 8),
    }


class Twice(torch.autograd.Function):
    """An operation with a gradient of its own, which looks at all rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * b * x.sum()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return gradient * x.sum(), (gradient * x * x.sum()).sum(0)


def vae(x: Tensor, w: Tensor) -> Tensor:
    h = F.linear(x, w)
    mean, log = h[:, :2], h[:, 2:]
    code = mean + torch.randn_like(log) * torch.exp(0.5 * log)
    return ((code**2).sum() - 0.5 * torch.sum(1 + log - mean.pow(2) - log.exp())) / x.size(0)


def mixed_up(x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    order = torch.randperm(x.size(0))
    out = F.linear(0.3 * x + 0.7 * x[order], w)
    return 0.3 * F.cross_entropy(out, y) + 0.7 * F.cross_entropy(out, y[order])


def contrasted(x: Tensor, z: Tensor, w: Tensor) -> Tensor:
    a, b = F.normalize(F.linear(x, w)), F.normalize(F.linear(z, w))
    return F.cross_entropy(a @ b.T / 0.1, torch.arange(len(a)))


def penalty(x: Tensor, w: Tensor) -> Tensor:
    x = x.clone().detach().requires_grad_(True)
    out = torch.tanh(F.linear(x, w)).sum(1)
    (slope,) = torch.autograd.grad(out, x, torch.ones(len(x), dtype=x.dtype), create_graph=True)
    return ((slope.norm(2, dim=1) - 1) ** 2).mean()


def in_place(x: Tensor, b: Tensor) -> Tensor:
    a = x * 2
    a += b
    a[:, 1] = 0
    a[0] = 1
    a.mul_(x)
    return a


def norm_layer(i: Tensor, n: Tensor) -> Tensor:
    mean, var = torch.zeros(3, dtype=i.dtype), torch.ones(3, dtype=i.dtype)
    out = F.batch_norm(i, mean, var, n, n, training=True)
    return out * mean[:, None, None] + var[:, None, None]


def attends(q: Tensor, m: Tensor) -> Tensor:
    heads = (q @ m).view(q.size(0), q.size(1), 2, 4).transpose(1, 2)
    mask = torch.tril(torch.ones(5, 5, dtype=torch.bool))
    out = F.scaled_dot_product_attention(heads, heads, heads, attn_mask=mask)
    scores = (heads @ heads.transpose(-2, -1)).masked_fill(~mask, float("-inf"))
    return (F.softmax(scores, dim=-1) @ heads + out).transpose(1, 2).contiguous().view(q.size(0), 5, -1)


def module(make: Callable[[], nn.Module], call: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A layer with its own parameters, whose gradients count in what comes out."""

    def run(**given: Tensor) -> Tensor:
        torch.manual_seed(5)
        layer = make().double()
        out = call(layer, **given)
        (out * out).mean().backward(retain_graph=True)
        total = torch.stack([p.grad.pow(2).sum() for p in layer.parameters() if p.grad is not None]).sum()
        return out * (1 + total.detach())

    return run


CASES: dict[str, tuple[str, Callable[..., Any]]] = {
    "linear": ("xwb", lambda x, w, b: F.linear(x + b, w)),
    "mean": ("xb", lambda x, b: (x * b).mean()),
    "mean over rows": ("xb", lambda x, b: (x * b).mean(0)),
    "sum over columns": ("xb", lambda x, b: (x * b).sum(dim=1)),
    "sum keepdim": ("xb", lambda x, b: (x * b) - (x * b).sum(0, keepdim=True)),
    "mean of tuple": ("in", lambda i, n: (i * n[:, None, None]).mean((0, 2, 3))),
    "global parameter of as many rows": ("xg", lambda x, g: (x * g).sum(1)),
    "python numbers": ("xb", lambda x, b: x * b * (x * b).mean().item() * x.size(0) + len(x)),
    "max": ("xb", lambda x, b: (x * b).max()),
    "max along": ("xb", lambda x, b: (x * b).max(1)[0]),
    "argmax": ("xy", lambda x, y: (x[:, :4].argmax(1) == y).float().mean()),
    "correct": ("xy", lambda x, y: (x.argmax(dim=1) == y).sum().item()),
    "clamp minimum": ("xz", lambda x, z: torch.max(x, z).clamp(min=0) + torch.minimum(x, z)),
    "where": ("xz", lambda x, z: torch.where(x > 0, x, z)),
    "where true": ("x", lambda x: torch.where(x > 0)[0]),
    "slice of rows": ("xb", lambda x, b: (x * b)[:3]),
    "one row": ("xb", lambda x, b: (x * b)[2]),
    "mask of rows": ("xyb", lambda x, y, b: (x * b)[y == 1]),
    "index by class": ("xyw", lambda x, y, w: F.linear(x, w)[torch.arange(len(x)), y]),
    "gather": ("xyw", lambda x, y, w: F.linear(x, w).gather(1, y.unsqueeze(1)).squeeze(1)),
    "flatten": ("ik", lambda i, k: F.conv2d(i, k, padding=1).flatten(1)),
    "view size": ("ik", lambda i, k: F.conv2d(i, k, padding=1).view(i.size(0), -1)),
    "view -1": ("i", lambda i: i.view(-1, 3 * 64) * 2),
    "pooling": ("ik", lambda i, k: F.max_pool2d(F.relu(F.conv2d(i, k)), 2)),
    "adaptive pooling": ("i", lambda i: F.adaptive_avg_pool2d(i, 1).squeeze()),
    "padding": ("i", lambda i: F.pad(i, (1, 1, 2, 2), mode="reflect")),
    "upsampling": ("i", lambda i: F.interpolate(i, scale_factor=2, mode="bilinear", align_corners=False)),
    "merge rows and time": (
        "te",
        lambda t, e: F.cross_entropy(F.embedding(t, e).view(-1, 8), t.view(-1) % 8),
    ),
    "merge and back": (
        "tem",
        lambda t, e, m: (F.embedding(t, e).reshape(-1, 8) @ m).reshape(t.size(0), t.size(1), 8),
    ),
    "cross entropy": ("xyw", lambda x, y, w: F.cross_entropy(F.linear(x, w), y)),
    "cross entropy and decay": (
        "xyw",
        lambda x, y, w: (
            F.cross_entropy(F.linear(x, w), y) + 0.1 * w.pow(2).sum() + F.linear(x.mean(0), w).sum()
        ),
    ),
    "cross entropy sum": ("xyw", lambda x, y, w: F.cross_entropy(F.linear(x, w), y, reduction="sum")),
    "cross entropy none": ("xyw", lambda x, y, w: F.cross_entropy(F.linear(x, w), y, reduction="none")),
    "cross entropy weights": (
        "xywp",
        lambda x, y, w, p: F.cross_entropy(F.linear(x, w), y, weight=torch.arange(1.0, 5).double()),
    ),
    "cross entropy ignore": ("xyw", lambda x, y, w: F.cross_entropy(F.linear(x, w), y, ignore_index=2)),
    "cross entropy smooth": (
        "xyw",
        lambda x, y, w: F.cross_entropy(F.linear(x, w), y, label_smoothing=0.1, ignore_index=1),
    ),
    "cross entropy soft": ("xpw", lambda x, p, w: F.cross_entropy(F.linear(x, w), F.softmax(p, 1))),
    "cross entropy of time": (
        "tem",
        lambda t, e, m: F.cross_entropy((F.embedding(t, e) @ m).transpose(1, 2), t % 8),
    ),
    "nll": ("xyw", lambda x, y, w: F.nll_loss(F.log_softmax(F.linear(x, w), dim=1), y)),
    "mse": ("xzb", lambda x, z, b: F.mse_loss(x * b, z)),
    "mse to number": ("xb", lambda x, b: F.mse_loss(x * b, torch.tensor(0.5).double().expand(N, 6))),
    "bce": ("pb", lambda p, b: F.binary_cross_entropy(p * torch.sigmoid(b[:4]), (p > 0.5).double())),
    "bce logits": (
        "xpw",
        lambda x, p, w: F.binary_cross_entropy_with_logits(
            F.linear(x, w), p, pos_weight=torch.full((4,), 2.0)
        ),
    ),
    "huber": ("xzb", lambda x, z, b: F.smooth_l1_loss(x * b, z) + F.huber_loss(x * b, z, reduction="sum")),
    "kl": (
        "xpw",
        lambda x, p, w: F.kl_div(F.log_softmax(F.linear(x, w), 1), F.softmax(p, 1), reduction="batchmean"),
    ),
    "sort": ("xb", lambda x, b: (x * b).sort(dim=1).values + (x * b).topk(2, dim=1)[0].sum(1, keepdim=True)),
    "cat columns": ("xzb", lambda x, z, b: torch.cat([x * b, z], dim=1)),
    "cat rows": ("xzb", lambda x, z, b: torch.cat([x * b, z])),
    "cat plain": ("xb", lambda x, b: torch.cat([x * b, torch.ones(x.size(0), 1).double()], 1)),
    "stack": ("xzb", lambda x, z, b: torch.stack([x * b, z], dim=1)),
    "stack in front": ("xzb", lambda x, z, b: torch.stack([x * b, z]).mean(0)),
    "chunks": ("xb", lambda x, b: sum(c * (j + 1) for j, c in enumerate((x * b).chunk(3, dim=-1)))),
    "unbind": ("qm", lambda q, m: sum((q @ m).unbind(1))),
    "rows times rows": ("xzb", lambda x, z, b: (x * b) @ z.T),
    "covariance": ("xb", lambda x, b: ((x - x.mean(0)) * b).T @ (x - x.mean(0)) / (x.shape[0] - 1)),
    "cdist": ("xzb", lambda x, z, b: torch.cdist(x * b, z)),
    "einsum": ("qm", lambda q, m: torch.einsum("nld,de->nle", q, m)),
    "batched matmul": ("qm", lambda q, m: torch.bmm(q @ m, q.transpose(1, 2))),
    "expand": ("xb", lambda x, b: (x * b).unsqueeze(1).expand(-1, 3, -1) + (x * b)[:, None].repeat(1, 3, 1)),
    "new": ("xb", lambda x, b: x.new_zeros(x.size(0), 6) + x * b + torch.zeros(x.size(0), 1)),
    "like another": (
        "xyb",
        lambda x, y, b: (
            torch.tensor(2).type_as(x) * x + torch.ones(6).to(x) + y.to(x).unsqueeze(1) * x.new_tensor(x * b)
        ),
    ),
    "in place": ("xb", in_place),
    "numpy": ("xb", lambda x, b: torch.from_numpy((x * b).detach().numpy()) * b),
    "lists": ("xb", lambda x, b: torch.tensor((x * b).tolist()).double() * b),
    "iterate": ("xb", lambda x, b: sum((j + 1) * row for j, row in enumerate(x * b))),
    "dropout": ("xb", lambda x, b: F.dropout(x * b, 0.4)),
    "dropout of turned": (
        "qm",
        lambda q, m: F.dropout((q @ m).transpose(1, 2), 0.4) + torch.randn_like(q.transpose(1, 2)),
    ),
    "dropout in place": ("xb", lambda x, b: F.dropout(x * b, 0.4, inplace=True)),
    "dropout2d": ("in", lambda i, n: F.dropout2d(i * n[:, None, None], 0.4)),
    "noise": ("xb", lambda x, b: x * b + torch.randn_like(x) + torch.rand(x.shape) + torch.rand_like(x)),
    "bernoulli": ("p", lambda p: torch.bernoulli(p)),
    "multinomial": ("p", lambda p: torch.multinomial(p, 2)),
    "vae": ("xw", vae),
    "mixup": ("xyw", mixed_up),
    "contrastive": ("xzw", contrasted),
    "gradient penalty": ("xw", penalty),
    "own function": ("xb", lambda x, b: Twice.apply(x * b, b)),
    "batch norm": ("in", norm_layer),
    "batch norm eval": ("in", lambda i, n: F.batch_norm(i, n.detach(), n.detach().exp(), n, n)),
    "layer norm": ("xb", lambda x, b: F.layer_norm(x, (6,), b, b)),
    "group norm": ("in", lambda i, n: F.group_norm(i, 3, n, n)),
    "normalize": ("xb", lambda x, b: F.normalize(x * b, dim=1) + F.normalize(x, dim=0)),
    "attention": ("qm", attends),
    "softmax of rows": ("xb", lambda x, b: F.softmax(x * b, dim=0)),
    "std": ("xb", lambda x, b: (x * b).std(dim=1) + (x * b).var() + (x * b).norm()),
    "one hot": ("xyb", lambda x, y, b: F.one_hot(y, 6).double() * b + F.one_hot(y).sum()),
    "permute": ("im", lambda i, m: (i.permute(0, 2, 3, 1).transpose(1, 3) @ m).transpose(0, 1)),
    "time first": ("qm", lambda q, m: F.relu(q.transpose(0, 1) @ m).mean(0).mean(1)),
    "sequential": (
        "xy",
        module(
            lambda: nn.Sequential(
                nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.3), nn.Linear(5, 4)
            ),
            lambda f, x, y: f(x),
        ),
    ),
    "lstm": ("q", module(lambda: nn.LSTM(8, 4, num_layers=2, batch_first=True), lambda f, q: f(q)[0][:, -1])),
    "lstm time first": ("q", module(lambda: nn.LSTM(8, 4), lambda f, q: f(q.permute(1, 0, 2))[1][0][-1])),
    "gru": (
        "q",
        module(lambda: nn.GRU(8, 4, bidirectional=True, batch_first=True), lambda f, q: f(q)[0].mean(1)),
    ),
    "transformer": (
        "q",
        module(
            lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True), lambda f, q: f(q)
        ),
    ),
    "attention dropout": (
        "qm",
        lambda q, m: (
            F.scaled_dot_product_attention(q @ m, q, q, dropout_p=0.3)
            + F.scaled_dot_product_attention(q @ m, q, q, dropout_p=0.3, is_causal=True)
        ),
    ),
    "attention with weights": (
        "qt",
        module(
            lambda: nn.MultiheadAttention(8, 2, dropout=0.2, batch_first=True),
            lambda f, q, t: f(q, q * 2, q, key_padding_mask=t == 0)[0] + f(q, q, q)[1].sum(),
        ),
    ),
    "padded transformer": (
        "qt",
        module(
            lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
            lambda f, q, t: f(
                q, mask=torch.ones(5, 5).triu(1).bool(), src_key_padding_mask=(t == 0).cumsum(1) > 2
            ),
        ),
    ),
    "decoder": (
        "q",
        module(lambda: nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), lambda f, q: f(q, q.flip(1))),
    ),
    "transformer time first": (
        "q",
        module(
            lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0),
            lambda f, q: f(q.transpose(0, 1)).transpose(0, 1),
        ),
    ),
}


class TwoFold(nn.Module):
    """Methods that are called instead of the module, and an input that is given back."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(6, 4), nn.Linear(2, 6)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log = self.encode(x).chunk(2, dim=1)
        return self.decode(mean + torch.randn_like(log) * torch.exp(0.5 * log)), x, mean


def two_fold(f: nn.Module, x: Tensor) -> Tensor:
    made, given, mean = f(x)
    return made - given + f.decode(mean) * 2 + x * f.encode(x)[:, :1]


def physical(f: nn.Module, x: Tensor) -> Tensor:
    """A residual of slopes with respect to an input that needs a gradient."""
    x = x.detach().clone().requires_grad_()
    out = f(x)
    (first,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first, x, torch.ones_like(first), create_graph=True)
    return second + first * out + x


def step_by_step(f: nn.Module, q: Tensor) -> Tensor:
    """A cell with a state that starts as a tensor that all have."""
    state = torch.zeros(q.size(0), 4, dtype=q.dtype)
    for each in range(q.size(1)):
        state = f(q[:, each], state)
    return state


def carried(f: nn.Module, q: Tensor) -> Tensor:
    """A recurrent layer that is given its state of the turn before."""
    state = None
    for part in q.split(2, dim=1):
        out, state = f(part, state)
    return out.mean(1)


MODULES: dict[str, tuple[str, Callable[..., Any]]] = {
    "two-fold": ("x", module(TwoFold, two_fold)),
    "physical": ("x", module(lambda: nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 6)), physical)),
    "step by step": ("q", module(lambda: nn.GRUCell(8, 4), step_by_step)),
    "two states": (
        "q",
        module(lambda: nn.LSTMCell(8, 4), lambda f, q: f(q[:, 1], f(q[:, 0]))[0] + f(q[:, 2])[1]),
    ),
    "carried": ("q", module(lambda: nn.LSTM(8, 4, batch_first=True), carried)),
    "convolutions": (
        "i",
        module(
            lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten()),
            lambda f, i: f(i),
        ),
    ),
    "by keyword": ("x", module(lambda: nn.Linear(6, 4), lambda f, x: f(input=x))),
    "places first": ("q", module(lambda: nn.LSTM(8, 4), lambda f, q: f(q)[0])),
    "one sample": ("x", module(lambda: nn.Linear(6, 4), lambda f, x: f(x[0]))),
    "few rows": ("x", module(lambda: nn.Linear(6, 4), lambda f, x: f(x[:1]))),
}
"""Also called with tensors that all have, and that become rows where a module is called."""


class Writes(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input[:, :].mul_(2))


REFUSED: dict[str, tuple[str, Callable[..., Any]]] = {
    "writes": ("x", module(lambda: Writes(6, 4), lambda f, x: f(x) * x.sum()))
}
"""Only run by name, with tensors that all have."""


def run(call: Callable[..., Any], names: str, data: dict[str, Tensor]) -> tuple[Any, list[Any], Tensor, bool]:
    """The result, the gradients of the parameters, a random number drawn afterwards, and whether it was shared."""
    weights = parameters()
    torch.manual_seed(3)
    out = call(**{name: data[name] if name in data else weights[name] for name in names})
    whole = whole_of(out) if is_rows(out) else out
    if isinstance(whole, Tensor) and whole.requires_grad:
        (out * torch.cos(torch.arange(1, out.numel() + 1)).double().view(out.shape)).sum().backward()
    return whole, [each.grad for each in weights.values()], torch.rand(1), is_rows(out)


def differs(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is not other
    a, b = torch.as_tensor(one).detach(), torch.as_tensor(other).detach()
    return (
        a.shape != b.shape
        or a.dtype != b.dtype
        or not torch.allclose(a.double(), b.double(), rtol=1e-9, atol=1e-11)
    )


def main() -> int:
    wanted = sys.argv[1:]
    cases = CASES | MODULES | (REFUSED if wanted else {})
    plain = {name: run(call, names, inputs()) for name, (names, call) in cases.items()}
    distributed.start()
    bounds = share(N)
    failed = []
    lent = [name for name, (_, call) in cases.items() if call.__qualname__.startswith("module.")]
    for name in (*cases, *(f"{each}, lent" for each in lent)):
        if wanted and name not in wanted:
            continue
        known = name.removesuffix(", lent")
        names, call = cases[known]
        data = inputs()
        if name == known:
            data = {key: wrap(own_part(each, bounds), bounds) for key, each in data.items()}
        batch_rows._noted.clear()
        try:
            found = run(call, names, data)
        except Exception as error:
            failed.append(f"{name}: {type(error).__name__}: {error}")
            if wanted:
                raise
            continue
        before = plain[known]
        if differs(before[0], found[0]):
            failed.append(f"{name}: {before[0]} became {found[0]}")
        if any(differs(one, other) for one, other in zip(before[1], found[1], strict=True)):
            failed.append(f"{name}: other gradients")
        if differs(before[2], found[2]):
            failed.append(f"{name}: other random numbers afterwards")
        if distributed.world.RANK == 0:
            shared = ", shared" if found[3] else ""
            print(f"{name}: whole for {', '.join(sorted(batch_rows._noted)) or 'nothing'}{shared}")
    print("\n".join(failed), file=sys.stderr)
    distributed.end(bool(failed))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
