"""`Trainer.train` of Hugging Face transformers, and of what builds on it: epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .fit_parts import Plain, entries, remove_later
from .problems import NotResumable

if TYPE_CHECKING:
    from .fit_block import FitBlock

_BARS = ("ProgressCallback", "PrinterCallback", "NotebookProgressCallback")


def knows(call: Any) -> bool:
    """Whether this is a call that `prepare` understands."""
    return call.__name__ == "train" and hasattr(getattr(call, "__self__", None), "_inner_training_loop")


def prepare(
    block: FitBlock, train: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> Callable[[], Any]:
    """The same call, in which the epochs that are over are passed over. Raises `NotResumable`."""
    trainer: Any = train.__self__  # type: ignore[attr-defined]
    if not hasattr(trainer, "_run_epoch") or not hasattr(trainer, "_finalize_training"):
        raise NotResumable("this version of transformers does not run its epochs one by one")
    if trainer.args.world_size > 1:
        raise NotResumable("it runs in several processes")
    epochs = _Epochs(block, trainer)

    def call() -> Any:
        vars(trainer).update(_run_epoch=epochs.run, _finalize_training=epochs.finalize)
        try:
            return train(*arguments, **named)
        finally:
            del trainer._run_epoch, trainer._finalize_training

    return call


class _Epochs:
    """Stands for the trainer's method that runs an epoch, and the one that is called after the last."""

    def __init__(self, block: FitBlock, trainer: Any) -> None:
        self.block = block
        self.trainer = trainer
        self.run_epoch, self.end = trainer._run_epoch, trainer._finalize_training
        self.passed = 0
        self.stops: bool | None = None

    def run(self, *arguments: Any, **named: Any) -> None:
        if not self.block.has_begun:
            loader = named.get("train_dataloader", arguments[2] if len(arguments) > 2 else None)
            self.block.begin(**_roots(self.trainer, loader))
        if self.block.is_done:
            self.stops = self.trainer.control.should_training_stop
            self.trainer.control.should_training_stop = True
            return
        if self.passed < self.block.rounds:
            self.passed += 1
            if self.passed == self.block.rounds:
                self._go_on()
            return
        self.run_epoch(*arguments, **named)
        self.passed += 1
        self.block.keep(files=_checkpoints(self.trainer))
        self.block.round_over()

    def finalize(self, *arguments: Any, **named: Any) -> Any:
        if self.stops is not None:
            self.trainer.control.should_training_stop = self.stops
        if self.block.is_behind:  # it had been stopped after its last epoch
            self._go_on()
        if self.block.has_begun:
            self.block.finish()
        return self.end(*arguments, **named)

    def _go_on(self) -> None:
        self.block.go_on()
        remove_later(_checkpoints(self.trainer), self.block.state.files)


def _roots(trainer: Any, loader: Any) -> dict[str, Any]:
    """What epochs change: the model, what optimizes it, callbacks, counters, and the order of the data."""
    callbacks = [each for each in trainer.callback_handler.callbacks if type(each).__name__ not in _BARS]
    samplers = [
        getattr(loader, "sampler", None),
        getattr(getattr(loader, "batch_sampler", None), "sampler", None),
    ]
    return {
        "model": trainer.model,
        "optimizer": getattr(trainer.optimizer, "optimizer", trainer.optimizer),
        "scheduler": getattr(trainer.lr_scheduler, "scheduler", trainer.lr_scheduler),
        "callbacks": callbacks,
        "control": trainer.control,
        "history": trainer.state,
        "counters": [
            Plain(trainer, also=("_tr_loss",)),
            *(Plain(each) for each in (trainer.accelerator, loader, *samplers) if hasattr(each, "__dict__")),
        ],
        "generators": [getattr(each, "generator", None) for each in (loader, *samplers)],
    }


def _checkpoints(trainer: Any) -> list[str]:
    """The checkpoints of the trainer's own that there are."""
    return entries([Path(trainer.args.output_dir)], "checkpoint-*")
