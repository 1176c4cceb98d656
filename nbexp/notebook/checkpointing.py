"""Register what snapshots keep."""

from __future__ import annotations

from typing import Any

from nbexp.checkpoints import capture
from nbexp.errors import CheckpointError, did_you_mean
from nbexp.notebook import session


class State:
    """The registered objects as attributes.

    Values that can't be changed in place (numbers, texts, None, tuples) are kept and restored
    here: ``state.best = max(state.best, accuracy)``.
    """

    def __init__(self, objects: dict[str, Any]) -> None:
        vars(self).update(objects)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in vars(self):
            raise CheckpointError(
                f"{name!r} is not registered. {did_you_mean(name, vars(self))} A new one is "
                f"registered by nbexp.checkpoint({name}=…)."
            )
        check(name, value)
        vars(self)[name] = value

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({inside})"


def checkpoint(*unnamed: object, **objects: Any) -> State:
    """Register what the snapshots of the loops that follow keep.

    Call it before the loop. `nbexp.loop` then takes snapshots of all that is registered, and a
    variant that died goes on from the newest of them, with all of it set back. Called again (a
    cell is run again), names are replaced. What is registered inside of a loop's body belongs to
    that iteration and to the loops in it. By hand nothing is kept.

    Args:
        unnamed: Not allowed; each object needs a name.
        objects: By name: anything with ``state_dict`` and ``load_state_dict`` (models,
            optimizers, schedulers, samplers); generators of torch, numpy and Python; tensors,
            arrays, lists, dicts, sets and deques of plain data, which are restored in place; and
            numbers, texts, None and tuples, which are restored in what is returned.

    Returns:
        An object with all of them as attributes.

    Raises:
        CheckpointError: An object can't be kept, or has no name.

    Example:
        >>> import nbexp
        >>> state = nbexp.checkpoint(best=0.0, history=[])
        >>> for epoch in nbexp.loop("epoch", 3):
        ...     accuracy = 0.5 + epoch / 10
        ...     state.history.append(accuracy)
        ...     state.best = max(state.best, accuracy)
        >>> state.best
        0.7
    """
    if unnamed or not objects:
        raise CheckpointError(
            "Each object needs a name, such as nbexp.checkpoint(model=model, best=0.0)."
        )
    now = session.current()
    kept = {name: check(name, value) for name, value in objects.items()}
    now.settings.update({name: capture.settings_of(each) for name, each in kept.items()})
    state = State(objects)
    now.register(state, list(objects))
    return state


def check(name: str, value: Any) -> capture.Captured:
    """Return what snapshots keep of an object, and refuse what can't be kept.

    Raises:
        CheckpointError: It can't be kept.
    """
    from nbexp import artifacts
    from nbexp.checkpoints.copying import tagged

    kept = capture.captured(name, value)
    try:
        culprit = artifacts.culprit(tagged(kept.state))
    except RecursionError:
        culprit = "itself, or is nested too deeply"
    if culprit is not None:
        raise CheckpointError(
            f"nbexp.checkpoint({name}=…): it holds {culprit}, which snapshots can't keep. Register "
            "models, optimizers and the like each under a name of its own, and of other objects "
            "what they are made of."
        )
    return kept
