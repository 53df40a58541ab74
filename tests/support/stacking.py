"""A model by itself, and as many of it stacked as replicas: their answers and gradients."""

import torch
from torch.func import functional_call

from harness import catalog
from harness.checks import models as checks
from models.engine import replicas, scan

SHAPE = checks.Example(23, 2, 3)
STANDS = {
    "mist": "mist@delays=(1,2,4,16)",  # a step of its 128 states takes minutes to compile
    # vmap alone does not part their statistics, nor can those be of one number
    "indrnn": "indrnn@norm=layer",
    "bn-lstm": "bn-lstm@norm=none",
}


def built(name, seed, shape=SHAPE):
    torch.manual_seed(seed)
    return catalog.find_model(STANDS.get(name, name)).build(shape, 9).double()


@torch.no_grad()
def drawn(module, std):
    """The module with trained weights so large that nothing of it goes unnoticed, biases included."""
    for parameter in trainable(module).values():
        parameter.normal_(std=std)
    return module


def trainable(module):
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}


def alone(module, seed, x):
    """The answer of a module that runs by itself on the eager back end; its gradients stay in it."""
    with torch.random.fork_rng(), scan.backend("eager"):
        torch.manual_seed(seed)
        y = module(x)
        y.square().sum().backward()
    return y.detach()


def together(modules, x, back_end, recompute):
    """The answers of stacked modules, and the gradients of the stacked weights."""
    names = trainable(modules[0])
    stacked = {n: torch.stack([trainable(m)[n].detach() for m in modules]).requires_grad_() for n in names}
    generators = [torch.Generator().manual_seed(seed) for seed in range(len(modules))]
    with scan.backend(back_end, recompute) as used, replicas.streams(generators):
        y = torch.vmap(lambda weights, x: functional_call(modules[0], weights, (x,)), randomness="error")(stacked, x)
        y.square().sum().backward()
    return y.detach(), {name: weight.grad for name, weight in stacked.items()}, used
