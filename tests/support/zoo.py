"""How the models of the zoo stand for the code that made their cases: a mapping of weights for each source."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

Arrays = dict[str, Tensor]


@dataclass(frozen=True)
class Source:
    """How a model stands for the code that made a case.

    weights: var -> ours, without the classifier where `out` is h at all steps. options: the file -> the model's.
    prepare: (module, the file), for what is no option. out: what follows R, loss and grad in the names of the file.
    """

    model: str
    weights: Callable[[Arrays, Arrays], Arrays]
    classifier: Callable[[Arrays], tuple[Tensor, Tensor]] | None = None
    options: Callable[[Arrays], dict[str, object]] = lambda case: {}
    prepare: Callable[[torch.nn.Module, Arrays], None] = lambda module, case: None
    per_step: bool = True
    out: str = ""


def simple(var: Arrays, case: Arrays) -> Arrays:
    return {
        "h_0": var["h_0"][0],
        "rnn.weight_x": var["V"].t(),
        "rnn.weight_h": var["W"].t(),
        "rnn.bias": var["hidden_bias"],
    }


def mgu(var: Arrays, case: Arrays) -> Arrays:
    return {
        "rnn.weight_x": var["weight_ih"],
        "rnn.weight_h": var["weight_hh"],
        "rnn.bias": var["bias_ih"] + var["bias_hh"],
    }


def mgu_of_flax(var: Arrays, case: Arrays) -> Arrays:
    return {
        "rnn.weight_x": torch.cat([var["if.kernel"], var["in.kernel"]], dim=1).t(),
        "rnn.weight_h": torch.cat([var["hf.kernel"], var["hn.kernel"]], dim=1).t(),
        "rnn.bias": torch.cat([var["if.bias"], var["in.bias"]]),
        "rnn.b_n": var["hn.bias"],
    }


def highway(var: Arrays, case: Arrays) -> Arrays:
    d, layers = case["x"].shape[2], range(int(case["hyper/depth"]))
    kernels = [torch.cat([var[f"h_{l}.Matrix"], var[f"t_{l}.Matrix"]], dim=1).t() for l in layers]
    return {
        "W": kernels[0][:, :d],
        "R": torch.cat([kernels[0][:, d:], *kernels[1:]]),
        "b": torch.cat([var[f"{part}_{l}.Bias"] for l in layers for part in "ht"]),
    }


def masked(module: torch.nn.Module, case: Arrays) -> None:
    module.masks = lambda *_: (case["noise_i"], case["noise_h"])


def feedback(var: Arrays, case: Arrays) -> Arrays:
    """Their feedback gates are in the order self, then the other layers."""
    widths = case["hidden"].tolist()
    layers = range(len(widths))
    ours = {}
    for j in layers:
        theirs = [j, *(i for i in layers if i != j)]

        def ordered(entry: Tensor, theirs=theirs) -> Tensor:
            *parts, gates = entry.split([len(entry) - len(widths), len(widths)])
            return torch.cat([*parts, gates[[theirs.index(i) for i in layers]]])

        below = f"h{j}" if j else "x"
        ours[f"W.{j}"] = ordered(var[f"W_{below}__h{j + 1}"].t())
        ours[f"U.{j}"] = ordered(torch.cat([var[f"U_h{i + 1}__h{j + 1}"] for i in layers]).t())
        ours[f"b.{j}"] = ordered(var[f"b_h{j + 1}"])
    return ours


def as_wide(module: torch.nn.Module, case: Arrays) -> None:
    module.widths = case["hidden"].tolist()


def timescale(var: Arrays, case: Arrays) -> Arrays:
    """Their gates are z, r; ours r, z."""
    ours = {}
    for layer in range(len(case["tau_in_code"])):
        for name, gates, u in (("weight_x", "W_xh", "W_xu"), ("weight_h", "W_hh", "W_hu"), ("bias", "bias", "bias1")):
            z, r = var[f"layer_{layer + 1}/MTGRUCell/{gates}"].chunk(2, dim=-1)
            joined = torch.cat([r, z, var[f"layer_{layer + 1}/MTGRUCell/{u}"]], dim=-1)
            ours[f"rnns.{layer}.{name}"] = joined.t()
    return ours


def dilated(kind: str) -> Callable[[Arrays, Arrays], Arrays]:
    """Their kernels are [x, h] -> units; the LSTM's gates i, j, f, o, and its forget bias 1 is added in the cell."""

    def weights(var: Arrays, case: Arrays) -> Arrays:
        ours, d = {}, case["x"].shape[2]
        for layer, (s, n) in enumerate(zip(case["dilations"].tolist(), case["hidden"].tolist(), strict=True)):
            cell = f"multi_dRNN_dilation_{s}/{kind}_cell"
            if kind == "gru":
                kernel, bias = (
                    torch.cat([var[f"{cell}/gates/{name}"], var[f"{cell}/candidate/{name}"]], dim=-1)
                    for name in ("kernel", "bias")
                )
            else:
                kernel, bias = var[f"{cell}/kernel"], var[f"{cell}/bias"]
            kernel = kernel.t()
            names = ("weight_x", "weight_h", "bias")
            if kind == "basic_lstm":
                (i, j, f, o), (b_i, b_j, b_f, b_o) = kernel.chunk(4), bias.chunk(4)
                kernel, bias = torch.cat([i, f, j, o]), torch.cat([b_i, b_f + 1, b_j, b_o])
                names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0")
                ours[f"rnns.{layer}.bias_hh_l0"] = torch.zeros_like(bias)
            ours |= {
                f"rnns.{layer}.{name}": w for name, w in zip(names, (kernel[:, :d], kernel[:, d:], bias), strict=True)
            }
            d = n
        return ours

    return weights


def dilations(case: Arrays) -> dict[str, object]:
    return {"dilations": tuple(case["dilations"].tolist())}


def answers(*names: str) -> Callable[[Arrays], tuple[Tensor, Tensor]]:
    return lambda var: tuple(var[name] for name in names)


def dilated_sources(kind: str, cell: str) -> list[Source]:
    """The answer to a sequence, and the h of the last layer at all steps, which have a cotangent each."""
    every = partial(Source, f"dilated-{kind}", dilated(cell), options=dilations)
    return [every(classifier=answers("output/weights", "output/bias"), per_step=False), every(out="_layer")]


plain_source = partial(Source, options=lambda case: {"start": "trained"}, classifier=answers("out_mat", "out_bias"))
feedback_source = partial(Source, options=lambda case: {"layers": len(case["hidden"])}, prepare=as_wide)
SOURCES = {
    "tanhrnn": [plain_source("tanh-rnn", simple)],
    "irnn": [plain_source("irnn", simple)],
    "mgu": [Source("mgu", mgu)],
    "mguflax": [Source("mgu", mgu_of_flax, options=lambda case: {"form": "after"})],
    "rhn": [Source("rhn", highway, options=lambda case: {"depth": int(case["hyper/depth"])}, prepare=masked)],
    "gflstm": [feedback_source("gf-lstm", feedback)],
    "gfgru": [feedback_source("gf-gru", feedback)],
    "mtgru": [Source("mtgru", timescale, options=lambda case: {"taus": (1 / case["tau_in_code"]).tolist()})],
    "dilated_rnn": dilated_sources("rnn", "basic_rnn"),
    "dilated_lstm": dilated_sources("lstm", "basic_lstm"),
    "dilated_gru": dilated_sources("gru", "gru"),
}
"""By what stands before the dash in the name of a file."""
