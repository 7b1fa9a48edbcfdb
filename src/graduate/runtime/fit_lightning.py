"""`Trainer.fit` of PyTorch Lightning: epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .fit_parts import Plain, entries, remove_later
from .paths import PROJECT_ROOT
from .problems import NotResumable

if TYPE_CHECKING:
    from .fit_block import FitBlock


def knows(call: Any) -> bool:
    """Whether this is a call that `prepare` understands."""
    is_own = call.__name__ == "fit" and call.__module__.startswith(("lightning.", "pytorch_lightning."))
    return is_own and hasattr(getattr(call, "__self__", None), "fit_loop")


def prepare(
    block: FitBlock, fit: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> Callable[[], Any]:
    """The same call, told by the loop over the epochs when one is over. Raises `NotResumable`."""
    trainer: Any = fit.__self__  # type: ignore[attr-defined]
    # The signals are the pipeline's: with handlers of its own, Lightning would end the program in the middle.
    trainer._signal_connector.register_signal_handlers = lambda: None
    if trainer.world_size > 1:
        raise NotResumable("it runs in several processes")
    if trainer.reload_dataloaders_every_n_epochs:
        raise NotResumable("its loaders are made anew between epochs")
    for logger in trainer.loggers:
        _keep_folder(block, logger)
    loop = trainer.fit_loop
    starts, epoch_ends, ends = loop.on_run_start, loop.on_advance_end, loop.on_run_end

    def on_run_start() -> None:
        starts()
        attached = [each for each in _parts(trainer) if vars(each).get("_trainer") is trainer]
        block.begin(**_roots(trainer))
        block.go_on()
        for each in attached:  # what is saved of a module does not hold its trainer
            each._trainer = trainer
        if block.rounds:
            remove_later(_checkpoints(trainer), block.state.files)

    def on_advance_end() -> None:
        epoch_ends()
        block.keep(files=_checkpoints(trainer))
        block.round_over()

    def on_run_end() -> None:
        block.finish()
        ends()

    def call() -> Any:
        vars(loop).update(on_run_start=on_run_start, on_advance_end=on_advance_end, on_run_end=on_run_end)
        try:
            return fit(*arguments, **named)
        finally:
            for name in ("on_run_start", "on_advance_end", "on_run_end"):
                del vars(loop)[name]

    return call


def _roots(trainer: Any) -> dict[str, Any]:
    """What epochs change: the model, what optimizes it, callbacks, counters, and what was logged last."""
    bar = trainer.progress_bar_callback
    loop = trainer.fit_loop
    inner = loop.epoch_loop
    loops = [loop, inner, inner.val_loop, inner.automatic_optimization, inner.manual_optimization]
    connector = trainer._logger_connector
    return {
        "model": trainer.lightning_module,
        "optimizers": trainer.optimizers,
        "schedulers": trainer.lr_scheduler_configs,
        "callbacks": [each for each in trainer.callbacks if each is not bar],
        "data": trainer.datamodule,
        "scaler": getattr(trainer.precision_plugin, "scaler", None),
        "counters": [Plain(each) for each in (trainer, *loops)],
        "progress": [
            value
            for each in loops
            for value in vars(each).values()
            if type(value).__name__.endswith("Progress")
        ],
        "logged": [value for name, value in vars(connector).items() if name.endswith("_metrics")],
        "connector": Plain(connector, also=("_metrics",)),
        "written": [
            each._experiment for each in trainer.loggers if hasattr(each, "_flush_logs_every_n_steps")
        ],
    }


def _parts(trainer: Any) -> list[Any]:
    return [
        *trainer.lightning_module.modules(),
        *([trainer.datamodule] if trainer.datamodule is not None else []),
    ]


def _keep_folder(block: FitBlock, logger: Any) -> None:
    """A logger takes the first `version_N` that is free: in a process that goes on, the one that it took before."""
    if getattr(logger, "_version", "") is not None or not hasattr(logger, "_get_next_version"):
        return
    journal = block.run.journal
    known = journal.folders().get(block.path, "")
    if known:
        logger._version = int(known.rpartition("_")[2])
        return
    folder = Path(logger.log_dir).resolve()
    if not folder.exists() and folder.is_relative_to(PROJECT_ROOT) and "_" in folder.name:
        journal.note_folder(block.path, str(folder.relative_to(PROJECT_ROOT)))


def _checkpoints(trainer: Any) -> list[str]:
    """The checkpoints of Lightning's own that there are."""
    found = (getattr(each, "dirpath", None) for each in trainer.checkpoint_callbacks)
    return entries({Path(each) for each in found if each})
