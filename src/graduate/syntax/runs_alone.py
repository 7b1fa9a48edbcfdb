"""What in a program cannot be shared out among several processes, or leaves nothing to share.

The processes of a run do the same on the same values (docs/distributed.md). So nothing may depend on which of
them it is, or on when it runs; and what is to be shared are the batches of a DataLoader, or what modules are
called with.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from graduate.syntax.imports import bindings, qualify
from graduate.syntax.nodes import dotted, list_nodes

OTHER_MEANS = {
    "lightning": "Lightning shares work out by its own settings",
    "pytorch_lightning": "Lightning shares work out by its own settings",
    "tensorflow": "TensorFlow shares work out by its own settings",
    "keras": "Keras shares work out by its own settings",
    "jax": "JAX shares work out by its own settings",
    "accelerate": "Accelerate starts and joins processes of its own",
    "deepspeed": "DeepSpeed starts and joins processes of its own",
    "horovod": "Horovod starts and joins processes of its own",
    "ray": "Ray starts processes of its own",
    "transformers.Trainer": "the Trainer shares work out by its own settings",
    "torch.distributed": "it joins processes of its own",
    "torch.nn.parallel.DistributedDataParallel": "it joins processes of its own",
    "torch.multiprocessing.spawn": "it starts processes of its own",
    "torch.multiprocessing.Process": "it starts processes of its own",
    "multiprocessing.Process": "it starts processes of its own",
    "multiprocessing.Pool": "it starts processes of its own",
    "concurrent.futures": "it starts threads or processes of its own",
    "threading.Thread": "it starts threads of its own, which need not keep the same order everywhere",
    "torch.func": "functions of torch.func do not see which rows of a batch a process has",
    "torch.vmap": "functions of torch.func do not see which rows of a batch a process has",
    "functorch": "functions of torch.func do not see which rows of a batch a process has",
    "torch.cuda.graph": "a recorded CUDA graph does not see which rows of a batch a process has",
    "torch.cuda.CUDAGraph": "a recorded CUDA graph does not see which rows of a batch a process has",
    "torch.jit.script": "compiled code does not see which rows of a batch a process has",
    "torch.jit.trace": "compiled code does not see which rows of a batch a process has",
    "torch.utils.cpp_extension": "compiled code does not see which rows of a batch a process has",
    "input": "it asks a person",
}
ENVIRONMENTS = frozenset(
    {"gym", "gymnasium", "pettingzoo", "dm_control", "procgen", "stable_baselines3", "gym_minigrid"}
)
MODEL_LIBRARIES = frozenset(
    {"torchvision", "timm", "transformers", "torch_geometric", "segmentation_models_pytorch", "monai"}
)
"""Libraries that make modules of PyTorch."""
CLOCKS = frozenset(
    {
        *(
            "time.time",
            "time.perf_counter",
            "time.monotonic",
            "time.process_time",
            "time.time_ns",
            "time.perf_counter_ns",
        ),
        *(
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.datetime.today",
            "timeit.default_timer",
        ),
        *("os.getpid", "os.urandom", "uuid.uuid4", "uuid.uuid1"),
    }
)
"""What is another value in each process."""
SEEDS = frozenset(
    {
        *(
            "random.seed",
            "random.Random",
            "numpy.random.seed",
            "numpy.random.default_rng",
            "numpy.random.RandomState",
        ),
        *("numpy.random.SeedSequence", "torch.manual_seed"),
    }
)
FRESH_SEEDS = frozenset({"torch.seed", "random.SystemRandom", "torch.random.seed", "secrets.randbits"})
HARMLESS = frozenset(
    {"print", "round", "int", "float", "str", "len", "format", "max", "min", "divmod", "timedelta"}
)
LOGS = frozenset(
    {
        "info",
        "debug",
        "warning",
        "error",
        "write",
        "format",
        "total_seconds",
        "set_postfix",
        "set_description",
    }
)


@dataclass(frozen=True, slots=True)
class Alone:
    """A place that keeps a program to one process, and why."""

    path: str
    line: int
    why: str


@dataclass(frozen=True)
class SourceTree:
    """A module of the program, as a tree, and what it does that matters here."""

    path: str
    tree: ast.Module

    @cached_property
    def imports(self) -> dict[str, str]:
        """What its imports stand for."""
        return {b.name: b.qualified for b in bindings(self.tree) if b.name != "*"}

    @cached_property
    def reasons(self) -> list[Alone]:
        """Everything in it that keeps a program to one process, in the order of lines."""
        return sorted(set(_in_module(self)), key=lambda each: each.line)

    @cached_property
    def makes_loader(self) -> bool:
        return _makes_loader(self.tree)

    @cached_property
    def has_modules(self) -> bool:
        """Whether it has to do with modules that have parameters."""
        names = (dotted(each) for each in list_nodes(self.tree) if isinstance(each, ast.Attribute | ast.Name))
        return any(_is_layer(qualify(name, self.imports)) for name in names if name)

    @cached_property
    def training(self) -> Alone | None:
        """The place of its training loop."""
        return _training(self)


def find_alone(modules: Sequence[SourceTree]) -> list[Alone]:
    """Everything in a program (its modules, the entry first) that keeps it to one process; [] when nothing does."""
    found: list[Alone] = []
    for module in modules:
        found += module.reasons
    return found or _nothing_to_share(modules)


def _in_module(module: SourceTree) -> Iterator[Alone]:
    imports = module.imports
    for node in list_nodes(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (Alone(module.path, node.lineno, why) for why in _imported(node))
        elif isinstance(node, ast.Attribute | ast.Name):
            why = OTHER_MEANS.get(qualify(dotted(node), imports))
            if why and not isinstance(node.ctx, ast.Store):
                yield Alone(module.path, node.lineno, why)
        elif isinstance(node, ast.Call) and (why := _fresh_seed(node, imports)):
            yield Alone(module.path, node.lineno, why)
    yield from (Alone(module.path, line, why) for line, why in _clock_decisions(module.tree, imports))


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    for binding in bindings(node):
        names = [binding.module, binding.qualified] if not binding.level else []
        for name in names:
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                why = OTHER_MEANS.get(".".join(parts[:end]))
                if why:
                    yield why


def _fresh_seed(node: ast.Call, imports: dict[str, str]) -> str:
    """Why a call makes random numbers that are others in each process; "" when it does not."""
    name = qualify(dotted(node.func), imports)
    if name in FRESH_SEEDS or (name in SEEDS and not node.args and not node.keywords):
        return f"{name}() takes its seed from the system, so each process would have another"
    if name in SEEDS and any(_reads_clock(each, imports, set()) for each in (*node.args, *node.keywords)):
        return f"{name}() takes its seed from the time or the process, so each process would have another"
    return ""


def _reads_clock(node: ast.AST, imports: dict[str, str], known: set[str]) -> bool:
    for each in list_nodes(node):
        if isinstance(each, ast.Call) and qualify(dotted(each.func), imports) in CLOCKS:
            return True
        if isinstance(each, ast.Name | ast.Attribute) and dotted(each) in known:
            return True
    return False


def _clock_decisions(tree: ast.Module, imports: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Decisions that depend on how long something took, unless all that follows is a message."""
    timed: set[str] = set()
    nodes = list_nodes(tree)
    for _ in range(3):
        for node in nodes:
            if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if _reads_clock(node.value, imports, timed):
                    timed |= {dotted(each) for each in targets if dotted(each)}
    for node in nodes:
        if isinstance(node, ast.If | ast.While | ast.IfExp) and _reads_clock(node.test, imports, timed):
            body = [] if isinstance(node, ast.IfExp) else [*node.body, *node.orelse]
            if isinstance(node, ast.While) or not all(_only_tells(each, imports, timed) for each in body):
                yield node.lineno, "it decides by the time, which is another in each process"


def _only_tells(node: ast.stmt, imports: dict[str, str], timed: set[str]) -> bool:
    if isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not all(dotted(each) in timed for each in targets):
            return False
    elif not isinstance(node, ast.Expr | ast.Pass):
        return False
    for call in (each for each in list_nodes(node) if isinstance(each, ast.Call)):
        name = dotted(call.func)
        last = call.func.attr if isinstance(call.func, ast.Attribute) else name
        if qualify(name, imports) not in CLOCKS and last not in HARMLESS | LOGS:
            return False
    return True


def _nothing_to_share(modules: Sequence[SourceTree]) -> list[Alone]:
    """Why there is no work in a program that several processes could share; [] when there is."""
    makes_loader = any(module.makes_loader for module in modules)
    trains = next((module.training for module in modules if module.training is not None), None)
    if trains is None:
        entry = modules[0]
        return [Alone(entry.path, 1, "it has no training loop in PyTorch (no `backward()`)")]
    if makes_loader:
        return []
    steps = next((place for module in modules if (place := _environment(module)) is not None), None)
    if steps is not None:
        return [steps]
    return [] if any(module.has_modules for module in modules) else [trains]


def _is_layer(name: str) -> bool:
    if name.partition(".")[0] in MODEL_LIBRARIES:
        return True
    rest = name.removeprefix("torch.nn.")
    last = rest.rpartition(".")[2]
    return rest != name and last[:1].isupper() and last != "Parameter" and not last.endswith("Loss")


def _makes_loader(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.Call)
        and (dotted(node.func).rpartition(".")[2] or getattr(node.func, "attr", "")).endswith("DataLoader")
        for node in list_nodes(tree)
    )


def _training(module: SourceTree) -> Alone | None:
    """The place of a training loop: the innermost loop around a `backward()`, or the call itself."""
    found = None
    for node in list_nodes(module.tree):
        if isinstance(node, ast.For | ast.While) and any(_is_backward(each) for each in list_nodes(node)):
            found = node.lineno
        elif found is None and _is_backward(node):
            found = getattr(node, "lineno", 1)
    why = "its batches come from no DataLoader and go into no `nn.Module`, so there is nothing to share out"
    return None if found is None else Alone(module.path, found, why)


def _is_backward(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "backward"
    )


def _environment(module: SourceTree) -> Alone | None:
    """Where a program steps an environment of reinforcement learning."""
    if not any(binding.module.partition(".")[0] in ENVIRONMENTS for binding in bindings(module.tree)):
        return None
    for node in list_nodes(module.tree):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and isinstance(node.targets[0], ast.Tuple)
        ):
            called = node.value.func
            if isinstance(called, ast.Attribute) and called.attr == "step" and len(node.targets[0].elts) >= 4:
                return Alone(
                    module.path,
                    node.lineno,
                    "it steps an environment, which goes on from what one process did",
                )
    return None
