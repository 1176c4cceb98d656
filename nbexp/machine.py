"""What a pipeline asks of the machine, checked before it runs: kernels, resources, libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nbexp.errors import PipelineError, Problem, UsageError, did_you_mean
from nbexp.execute import check_inline_kernel
from nbexp.pipeline import Pipeline
from nbexp.run import local_node


def check_machine(spec: Pipeline, stages: set[str], *, is_local: bool) -> None:
    """Check that the kernels of stages are installed, and that this machine has their resources.

    Args:
        spec: The pipeline.
        stages: Names of the stages to check.
        is_local: Whether they run on this machine; else their resources are left to `check_nodes`.

    Raises:
        PipelineError: A kernel or a resource is missing.
    """
    _check_kernels(spec, stages)
    if is_local:
        check_nodes(spec, stages, [local_node()])


def check_inline(spec: Pipeline, stages: set[str]) -> None:
    """Check that the notebooks of stages can run in this process.

    Raises:
        PipelineError: A kernel is of another language or another Python.
    """
    file = spec.file.name if spec.file else "pipeline"
    problems = []
    for name in [name for name in spec.stages if name in stages]:
        stage = spec.stages[name]
        for kernel in {stage.kernel} if stage.kernel else {t.kernel for t in stage.templates}:
            try:
                check_inline_kernel(kernel)
            except UsageError as error:
                remedy = "Run it without --inline, or leave the stage out with --only."
                problems.append(Problem(f"{file}: stages.{name}.kernel", str(error), remedy))
    if problems:
        raise PipelineError(problems)


def check_nodes(spec: Pipeline, stages: set[str], nodes: Sequence[Mapping[str, float]]) -> None:
    """Check that at least one node has the resources of each stage.

    Args:
        spec: The pipeline.
        stages: Names of the stages to check.
        nodes: The resources of each node, by Ray's names.

    Raises:
        PipelineError: No node has them.
    """
    file = spec.file.name if spec.file else "pipeline"
    problems = []
    for name in [name for name in spec.stages if name in stages]:
        needs = spec.stages[name].resources
        if any(needs.fits(node) for node in nodes):
            continue
        most = {r: max(node.get(r, 0.0) for node in nodes) for r in needs.needs()}
        message = f"no node has {_amounts(needs.needs())} at once"
        remedy = f"Ask for less (the most is {_amounts(most)}), or set RAY_ADDRESS to a cluster."
        problems.append(Problem(f"{file}: stages.{name}.resources", message, remedy))
    if problems:
        raise PipelineError(problems)


def check_searches(spec: Pipeline, stages: set[str]) -> None:
    """Check that search algorithms and schedulers are installed, and take what they are given.

    Raises:
        PipelineError: Something is missing, or refused.
    """
    file = spec.file.name if spec.file else "pipeline"
    steered = [
        stage
        for name, stage in spec.stages.items()
        if name in stages and (stage.search.is_adaptive or stage.scheduler is not None)
    ]
    if not steered:
        return  # Ray Tune takes a while to import
    from nbexp.search import check_search

    problems = [
        Problem(f"{file}: stages.{stage.name}.{key}", message, remedy)
        for stage in steered
        for key, message, remedy in check_search(stage)
    ]
    if problems:
        raise PipelineError(problems)


def _amounts(needs: Mapping[str, float]) -> str:
    return ", ".join(
        f"{name} = {amount / 2**30:.3g} GiB" if name == "memory" else f"{name} = {amount:g}"
        for name, amount in needs.items()
    )


def _check_kernels(spec: Pipeline, stages: set[str]) -> None:
    from jupyter_client.kernelspec import KernelSpecManager

    installed = sorted(KernelSpecManager().find_kernel_specs())
    file = spec.file.name if spec.file else "pipeline"
    problems = []
    for name in stages:
        stage = spec.stages[name]
        for kernel in {stage.kernel} if stage.kernel else {t.kernel for t in stage.templates}:
            if kernel not in (*installed, "python"):
                remedy = f'{did_you_mean(kernel, installed)} Set it: kernel = "…" for the stage.'
                message = f"the kernel {kernel!r} is not installed"
                problems.append(Problem(f"{file}: stages.{name}.kernel", message, remedy))
    if problems:
        raise PipelineError(sorted(problems))
