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

    weights: var -> ours, without the classifier. classifier: var -> one or no (weight, bias), which gives the
    answers, or the file's `logits`; where there is none or the file has both, `out` is h at all steps.
    options: the file -> the model's. prepare: (module, the file), for what is no option.
    state: (the file, its initial states) -> ours. serves: may this source be asked for a file of that name?
    out: what follows out, R, loss and grad in the names of the file.
    """

    model: str
    weights: Callable[[Arrays, Arrays], Arrays]
    classifier: Callable[[Arrays], list[tuple[Tensor, Tensor]]] = lambda var: []
    options: Callable[[Arrays], dict[str, object]] = lambda case: {}
    prepare: Callable[[torch.nn.Module, Arrays], None] = lambda module, case: None
    state: Callable[[Arrays, list[Tensor]], tuple[Tensor, ...]] = lambda case, given: tuple(given)
    serves: Callable[[str], bool] = lambda name: True
    per_step: bool = True
    out: str = ""
    width: int = 5  # of the module; its weights are those of the case

    def answers(self, case: Arrays) -> Tensor:
        return case[f"layer_outputs/{len(case['hidden'])}" if self.out == "_layer" else f"out{self.out}"]


def simple(var: Arrays, case: Arrays) -> Arrays:
    return {
        "h_0": var["h_0"][0],
        "rnn.weight_x": var["V"].t(),
        "rnn.weight_h": var["W"].t(),
        "rnn.bias": var["hidden_bias"],
    }


def unitary(var: Arrays, case: Arrays) -> Arrays:
    return {
        "h_0": var["h_0"][0],
        "rnn.V": var["V"].t(),
        "rnn.theta": var["theta"],
        "rnn.reflection": var["reflection"],
        "rnn.b": var["hidden_bias"],
    }


def full_unitary(var: Arrays, case: Arrays) -> Arrays:
    """Of W all four blocks, each with a gradient of its own."""
    return {"h_0": var["h_0"][0], "rnn.V": var["V"].t(), "rnn.W": var["Waug"], "rnn.b": var["hidden_bias"]}


def as_blocks(module: torch.nn.Module, case: Arrays) -> None:
    module.rnn.augmented = lambda W: W


def permuted(module: torch.nn.Module, case: Arrays) -> None:
    module.rnn.permutation = case["permutation"]


def frequency(var: Arrays, case: Arrays) -> Arrays:
    parts = ["ste", "fre", "g", "i", "o", *(["omg"] if "b_omg" in var else [])]
    joined = {letter: torch.cat([var[f"{letter}_{part}"].flatten(0, -2) for part in parts]) for letter in "WV"}
    return {
        **{f"rnn.{letter}": weight for letter, weight in joined.items()},
        "rnn.b": torch.cat([var[f"b_{part}"].flatten() for part in parts]),
        "rnn.W_A": torch.cat([var["W_z"], var["U_o"]], dim=1),
        "rnn.b_z": var["b_z"],
    }


def frequency_source(clock: str, adaptive: bool = False) -> list[Source]:
    def options(case: Arrays) -> dict[str, object]:
        size = {"units": len(case["var/b_g"]), "frequencies": len(case["omega"])}
        return {"clock": clock, "adaptive": adaptive} | size

    return [Source("sfm", frequency, options=options)]


def nonsaturating(var: Arrays, case: Arrays) -> Arrays:
    """Their columns are x, h, m and h, m."""
    parts = [f"cells.0.hm2{part}" for part in ("alpha", "beta", "v_alpha", "v_beta")]
    d = case["x"].shape[2]
    return {
        "rnn.W_x": var["cells.0.hmi2h.weight"][:, :d],
        "rnn.W": var["cells.0.hmi2h.weight"][:, d:],
        "rnn.b": var["cells.0.hmi2h.bias"],
        "rnn.A": torch.cat([var[f"{part}.weight"] for part in parts]),
        "rnn.a": torch.cat([var[f"{part}.bias"] for part in parts]),
    }


def nonsaturating_options(case: Arrays) -> dict[str, object]:
    return {
        "heads": int(case["hyper/k"]),
        "memory": int(case["hyper/memory_size"]),
        "relu": bool(case["hyper/use_relu"]),
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


def clockwork(var: Arrays, case: Arrays) -> Arrays:
    """Their modules are from the slowest to the fastest, and so are the slower ones that a kernel reads after x."""
    d, units, ours = case["x"].shape[2], case["units"].tolist(), {}
    modules = [f"T{period}" for period in case["periods"].tolist()]
    kernels = [var[f"{module}/kernel"] for module in modules]
    for i, (module, kernel) in enumerate(zip(modules, kernels, strict=True)):
        slower = kernel[d:].split(units[:i])[::-1]
        ours[f"W_H.{len(units) - 1 - i}"] = torch.cat([var[f"{module}/recurrent_kernel"], *slower]).t()
    ours["W_I"] = torch.cat([kernel[:d] for kernel in kernels[::-1]], dim=1).t()
    return ours | {"b": torch.cat([var[f"{module}/bias"] for module in modules[::-1]])}


def clockwork_answers(var: Arrays) -> list[tuple[Tensor, Tensor]]:
    periods = sorted((int(name[1:-5]) for name in var if name.endswith("/bias") and name[0] == "T"), reverse=True)
    rows = var["dense/kernel"].split([len(var[f"T{period}/bias"]) for period in periods])
    return [(torch.cat(rows[::-1]), var["dense/bias"])]


def as_wide_clocks(module: torch.nn.Module, case: Arrays) -> None:
    module.widths = case["units"].tolist()[::-1]


def recalling(var: Arrays, case: Arrays) -> Arrays:
    """One embedding serves both networks."""
    cells = [("rnn", "main.rnn", 0), ("recall.0", "aux.rnn", 0), ("recall.1", "aux.rnn", 1)]
    linears = [("head.inner", "main.pre_decoder"), ("classifier", "main.decoder")]
    linears += [("recall_head.inner", "aux.pre_decoder"), ("told", "aux.decoder")]
    ours = {"encoder.weight": var["main.encoder.weight"]}
    for name, theirs, l in cells:
        ours |= {
            f"{name}.weight_{our}": var[f"{theirs}.weight_{their}_l{l}"] for our, their in (("x", "ih"), ("h", "hh"))
        }
        ours[f"{name}.bias"] = var[f"{theirs}.bias_ih_l{l}"] + var[f"{theirs}.bias_hh_l{l}"]
    return ours | {f"{name}.{part}": var[f"{theirs}.{part}"] for name, theirs in linears for part in ("weight", "bias")}


def recalling_options(case: Arrays) -> dict[str, object]:
    classes, embedding = case["var/main.encoder.weight"].shape
    return {
        "segment": int(case["aux_length"]),
        "bptt": int(case["bptt"]),
        "reverse": bool(case["reverse"]),
        "classes": classes,
        "embedding": embedding,
        "released": True,
        "dropout": 0.0,
    }


def answers(weight: str, bias: str) -> Callable[[Arrays], list[tuple[Tensor, Tensor]]]:
    return lambda var: [(var[weight], var[bias])]


def logits(name: str) -> Callable[[Arrays], list[tuple[Tensor, Tensor]]]:
    """Of a torch Linear."""
    return lambda var: [(var[f"{name}.weight"].t(), var[f"{name}.bias"])]


def dilated_sources(kind: str, cell: str) -> list[Source]:
    """The answer to a sequence, and the h of the last layer at all steps, which have a cotangent each."""
    every = partial(Source, f"dilated-{kind}", dilated(cell), options=dilations)
    return [
        every(classifier=answers("output/weights", "output/bias"), per_step=False),
        every(out="_layer", serves=lambda name: not name.endswith("first2")),  # whose outputs are joined
    ]


def hornn(var: Arrays, case: Arrays) -> Arrays:
    n = range(1, int(case["order"]) + 1)
    gated = "b_g1" in var
    return {
        "rnn.W": torch.cat([var["W_in"], *(var[f"W_g{i}"] for i in n if gated)]),
        "rnn.b": torch.cat([var["b"], *(var[f"b_g{i}"] for i in n if gated)]),
        "rnn.U": torch.stack([torch.cat([var[f"W_h{i}"], *([var[f"U_g{i}"]] if gated else [])]) for i in n]),
    }


def hornn_source(kind: str) -> list[Source]:
    options = ["order", "alpha"] if kind == "fofe" else ["order"]
    return [Source("hornn", hornn, options=lambda case: {"kind": kind} | {key: case[key].item() for key in options})]


def skip_tanh(var: Arrays, case: Arrays) -> Arrays:
    return {
        "rnn.weight_x": torch.cat([var["U"], var["W_s"]], dim=1),
        "rnn.weight_h": var["W"],
        "rnn.bias": var["b"],
    }


def mist(var: Arrays, case: Arrays) -> Arrays:
    parts = ("rnn/pre_act/coefs", "rnn/pre_act/r", "rnn/mist")
    return {
        ours: torch.cat([var[f"{part}/{theirs}"] for part in parts], dim=-1).t()
        for ours, theirs in (("W", "W_x"), ("U", "W_h"))
    } | {"b": torch.cat([var[f"{part}/b"] for part in parts])}


def quasi(var: Arrays, case: Arrays) -> Arrays:
    """Their f is 1 - f."""
    ours = {}
    for layer in range(int(case["hyper/layers"])):
        for name, theirs in (("W", "weight"), ("b", "bias")):
            z, f, o = var[f"layers.{layer}.linear.{theirs}"].chunk(3)
            ours[f"rnns.{layer}.{name}"] = torch.cat([z, -f, o])
    return ours


def quasi_options(case: Arrays) -> dict[str, object]:
    zoneout = {"zoneout": case["hyper/zoneout"].item()} if "hyper/zoneout" in case else {}
    return {"layers": int(case["hyper/layers"]), "window": int(case["hyper/window"])} | zoneout


def quasi_state(case: Arrays, given: list[Tensor]) -> tuple[Tensor, ...]:
    """Before the first x of each layer there is 0."""
    if not given:
        return ()
    x = case["x"]
    return tuple(
        part
        for layer, c in enumerate(given[0])
        for part in (c, torch.zeros_like(c) if layer else x.new_zeros(len(x), x.shape[2]))
    )


def minimal(name: str) -> Callable[[Arrays, Arrays], Arrays]:
    """Without biases."""

    def weights(var: Arrays, case: Arrays) -> Arrays:
        return {"rnns.0.W": var[name], "rnns.0.b": var[name].new_zeros(len(var[name]))}

    return weights


def projection(var: Arrays) -> list[tuple[Tensor, Tensor]]:
    return [(W.t(), W.new_zeros(len(W))) for name, W in var.items() if name == "to_out.weight"]


def expressive(var: Arrays, case: Arrays) -> Arrays:
    """Their parts are 2, 1, y, z and 2, 1, z; ours 1, 2, z, y."""
    ours = {}
    for name, theirs in (("weight", "weight"), ("bias", "bias")):
        x_2, x_1, x_y, x_z = var[f"cell.inp2hid.{theirs}"].chunk(4)
        h_2, h_1, h_z = var[f"cell.hid2hid.{theirs}"].chunk(3)
        h_y = var[f"cell.transform_z.{theirs}"]
        ours[f"{name}_x"], ours[f"{name}_h"] = torch.cat([x_1, x_2, x_z, x_y]), torch.cat([h_1, h_2, h_z, h_y])
    return {
        "rnn.weight_x": ours["weight_x"],
        "rnn.weight_h": ours["weight_h"],
        "rnn.bias": ours["bias_x"] + ours["bias_h"],
    }


def oscillators(var: Arrays, case: Arrays) -> Arrays:
    """Their columns are x, z, y."""
    h = len(var["cell.i2h.bias"])
    x, z, y = var["cell.i2h.weight"].split([case["x"].shape[2], h, h], dim=1)
    return {"rnn.weight_x": x, "rnn.weight_z": z, "rnn.weight_h": y, "rnn.bias": var["cell.i2h.bias"]}


def undamped(var: Arrays, case: Arrays) -> Arrays:
    names = {"V": "DIs.{}.weight", "b": "DIs.{}.bias", "w": "RNNs.{}.weight_hh", "c": "RNNs.{}.c_"}
    layers = range(int(case["hyper/layers"]))
    return {f"rnns.{l}.{ours}": var[theirs.format(l)] for l in layers for ours, theirs in names.items()}


def extended(var: Arrays, case: Arrays) -> Arrays:
    """Alone, or in a block: what their code calls the map of f is that of i. Their x is read as it is."""
    x = case["x"]
    cell = {"R": var["recurrent"], "b": var["bias"]}
    if "xlstm_norm.weight" not in var:
        return {f"blocks.0.cell.{name}": value for name, value in cell.items()} | {"blocks.0.W.weight": seen(x)}
    block = {
        "before.w": var["xlstm_norm.weight"],
        "after.w": var["group_norm.weight"],
        "inside.w": var["ffn_norm.weight"],
        "taps": var["conv.weight"][:, 0].t(),
        "shift": var["conv.bias"],
        "W": torch.stack([var[f"{gate}gate.weight"] for gate in "fizo"]),
        "up": var["ffn.proj_up.weight"],
        "down": var["ffn.proj_down.weight"],
    } | {f"cell.{name}": value for name, value in cell.items()}
    encoder = {"encoder.weight": seen(x), "encoder.bias": x.new_zeros(x.shape[2])}
    return {f"blocks.0.{name}": value for name, value in block.items()} | encoder


def seen(x: Tensor) -> Tensor:
    """The matrix that leaves x as it is."""
    return torch.eye(x.shape[2], dtype=x.dtype)


def extended_options(case: Arrays) -> dict[str, object]:
    options = {"heads": int(case["hyper/heads"]), "blocks": 1, "multiple": 64}
    return options | ({} if "hyper/kernel" in case else {"form": "cell"})


def diagonal(var: Arrays, case: Arrays) -> Arrays:
    """Of one layer, or of the whole net."""
    if "nu_log" in var:
        return {f"blocks.0.{name}": value for name, value in diagonal_layer(var, "").items()}
    ours = {"encoder.weight": var["encoder.encoder.kernel"].t(), "encoder.bias": var["encoder.encoder.bias"]}
    for l in range(int(case["hyper/layers"])):
        block = f"encoder.layers_{l}"
        ours |= {f"blocks.{l}.rnn.{name}": value for name, value in diagonal_layer(var, f"{block}.seq.").items()} | {
            f"blocks.{l}.norm.weight": var[f"{block}.normalization.scale"],
            f"blocks.{l}.norm.bias": var[f"{block}.normalization.bias"],
            f"blocks.{l}.out.weight": torch.cat([var[f"{block}.out{part}.kernel"] for part in (1, 2)], dim=1).t(),
            f"blocks.{l}.out.bias": torch.cat([var[f"{block}.out{part}.bias"] for part in (1, 2)]),
        }
    return ours


def diagonal_layer(var: Arrays, prefix: str) -> Arrays:
    ours = {name: var[f"{prefix}{name}_log"] for name in ("nu", "theta", "gamma")} | {"D": var[f"{prefix}D"]}
    for name, dim in (("B", 0), ("C", 1)):
        ours[name] = torch.cat([var[f"{prefix}{name}_{part}"] for part in ("re", "im")], dim=dim)
    return ours


class OverTheBatch(torch.nn.Module):
    """Batch normalisation over all sequences and steps, in the place of a LayerNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.empty(()))
        self.bias = torch.nn.Parameter(torch.empty(()))

    def forward(self, v: Tensor) -> Tensor:
        variance, mean = torch.var_mean(v, dim=(0, 1), correction=0)
        return (v - mean) / torch.sqrt(variance + 1e-5) * self.weight + self.bias


def as_port(module: torch.nn.Module, case: Arrays) -> None:
    """With batch normalisation, and the logarithm of the softmax as the answer."""
    module.register_forward_hook(lambda module, given, answers: torch.log_softmax(answers, dim=-1))
    for block in module.blocks:
        block.norm = OverTheBatch()


def only_the_layer(module: torch.nn.Module, case: Arrays) -> None:
    module.encoder = torch.nn.Identity()
    module.blocks = torch.nn.ModuleList([module.blocks[0].rnn])
    module.norm = None


def state_space(var: Arrays, case: Arrays) -> Arrays:
    if "encoder.weight" not in var:
        return {f"blocks.0.{name}": value for name, value in state_space_layer(var, "").items()}
    ours = {f"encoder.{name}": var[f"encoder.{name}"] for name in ("weight", "bias")}
    for l in range(int(case["hyper/layers"])):
        layer = state_space_layer(var, f"s4_layers.{l}.")
        ours |= {f"blocks.{l}.rnn.{name}": value for name, value in layer.items()}
        ours |= {f"blocks.{l}.norm.{name}": var[f"norms.{l}.{name}"] for name in ("weight", "bias")}
    return ours


def state_space_layer(var: Arrays, prefix: str) -> Arrays:
    return {
        "D": var[f"{prefix}D"],
        **{name: var[f"{prefix}kernel.{name}"] for name in ("C", "log_dt", "log_A_real", "A_imag")},
        "out.weight": var[f"{prefix}output_linear.0.weight"].squeeze(2),
        "out.bias": var[f"{prefix}output_linear.0.bias"],
    }


def shared(var: Arrays, case: Arrays) -> Arrays:
    """Of one layer, or of a block: their x is read as it is."""
    if "B" in var:
        return {f"blocks.0.{name}": value for name, value in shared_layer(var, "").items()}
    x = case["x"]
    block = {f"rnn.{name}": value for name, value in shared_layer(var, "seq.").items()} | {
        "norm.weight": var["norm.scale"],
        "norm.bias": var["norm.bias"],
        "out.weight": var["out2.kernel"].t(),
        "out.bias": var["out2.bias"],
    }
    encoder = {"encoder.weight": seen(x), "encoder.bias": x.new_zeros(x.shape[2])}
    return {f"blocks.0.{name}": value for name, value in block.items()} | encoder


def shared_layer(var: Arrays, prefix: str) -> Arrays:
    return {
        **{name: var[f"{prefix}{name}"] for name in ("Lambda_re", "Lambda_im", "D")},
        "log_step": var[f"{prefix}log_step"].squeeze(1),
        "B": torch.cat(var[f"{prefix}B"].unbind(2)),
        "C": torch.cat(var[f"{prefix}C"].unbind(2), dim=1),
    }


def shared_options(case: Arrays) -> dict[str, object]:
    return {
        "layers": 1,
        "clip": bool(case["hyper/clip_eigs"]),
        "discretization": case["hyper/discretization"].item(),
    }


def selective(var: Arrays, case: Arrays) -> Arrays:
    names = {"into": "in_proj", "select": "x_proj", "step": "dt_proj", "out": "out_proj"}
    maps = {f"{name}.{part}": f"{names[name]}.{part}" for name in names for part in ("weight", "bias")}
    ours = {name: var[theirs] for name, theirs in maps.items() if theirs in var} | {
        "A_log": var["A_log"],
        "D": var["D"],
        "taps": var["conv1d.weight"][:, 0].t(),
        "shift": var["conv1d.bias"],
    }
    return {f"blocks.0.{name}": value for name, value in ours.items()}


def selective_options(case: Arrays) -> dict[str, object]:
    theirs = {"states": "d_state", "taps": "d_conv", "rank": "dt_rank"}
    sizes = {name: int(case[f"hyper/{key}"]) for name, key in theirs.items()}
    return {"layers": 1, "bias": "var/in_proj.bias" in case} | sizes


def rotations(var: Arrays, case: Arrays) -> Arrays:
    """Their layers of two kinds take turns."""
    turns = zip(var["theta_A"], var["theta_B"], strict=True) if "theta_A" in var else [tuple(var["theta"])]
    return {
        "rnn.U": var["U"].t(),
        "rnn.W": torch.cat([var["W_r"], var["W_g"]], dim=1).t(),
        "rnn.b": torch.cat([var[f"bias_{part}"] for part in "crg"]),
        "rnn.theta": torch.cat([angles for turn in turns for angles in turn]),
    }


def rotations_options(case: Arrays) -> dict[str, object]:
    return {"style": "fft"} if case["hyper/fft"] else {"capacity": int(case["hyper/capacity"])}


def independent(var: Arrays, case: Arrays) -> Arrays:
    """Layers, or one recurrence alone, whose x is read as it is."""
    if "weight_hh" in var:
        x = case["x"]
        return {"rnns.0.W": seen(x), "rnns.0.b": x.new_zeros(x.shape[2]), "rnns.0.u": var["weight_hh"]}
    names = {"W": "DIs.{}.weight", "b": "DIs.{}.bias", "u": "RNNs.{}.weight_hh"}
    names |= {f"norm.{name}": f"RNNs.{{}}.bn.{name}" for name in ("weight", "bias")}
    layers = range(int(case["hyper/layers"]))
    return {f"rnns.{l}.{ours}": var[theirs.format(l)] for l in layers for ours, theirs in names.items()}


def independent_options(case: Arrays) -> dict[str, object]:
    if "hyper/layers" not in case:
        return {"layers": 1, "norm": "none"}
    return {"layers": int(case["hyper/layers"]), "before": not case["hyper/bn_after"]}


def normalised(var: Arrays, case: Arrays) -> Arrays:
    """Their columns are g, f, i, o."""

    def ordered(value: Tensor) -> Tensor:
        g, f, i, o = value.chunk(4, dim=-1)
        return torch.cat([i, f, g, o], dim=-1)

    gammas = {
        f"gamma_{our}": var[f"{their}_gammas"] for our, their in zip("xhc", "bac", strict=True) if "a_gammas" in var
    }
    return {
        "W_h": ordered(var["Wa"]).t(),
        "W_x": ordered(var["Wx"]).t(),
        "b": ordered(var["ab_betas"]),
        **{name: gamma if name == "gamma_c" else ordered(gamma) for name, gamma in gammas.items()},
        "b_c": var["c_betas"],
        "h_0": var["h0"],
        "c_0": var["c0"],
    }


def running(case: Arrays, when: str) -> Arrays:
    """The statistics of a file, by our names."""
    found = {}
    for our, their in zip("xhc", "bac", strict=True):
        for ours, theirs in (("mean", "mean"), ("variance", "var")):
            value = case[f"pop_{when}/{their}_{theirs}"]
            if their != "c":
                g, f, i, o = value.chunk(4, dim=-1)
                value = torch.cat([i, f, g, o], dim=-1)
            found[f"{ours}_{our}"] = value
    return found


def as_given(module: torch.nn.Module, case: Arrays) -> None:
    module.eval().load_state_dict(running(case, "given"), strict=False)


def some_stay(case: Arrays) -> dict[str, object]:
    return {"z_c": 0.15, "z_h": 0.15}


def zoned_bn(module: torch.nn.Module, case: Arrays) -> None:
    module.renewed = lambda *_: (case["update_mask_c"], case["update_mask_h"])


def as_given_and_zoned(module: torch.nn.Module, case: Arrays) -> None:
    """The file has its masks in evaluation too."""
    as_given(module, case)
    zoned_bn(module, case)


def skipping(var: Arrays, case: Arrays) -> Arrays:
    """Their kernels are [x, h] -> units; the LSTM's gates i, j, f, o, and its forget bias 1 is added in the cell."""
    end = "rnn/cell/state_update_prob"
    ours = {"update.weight": var[f"{end}/Weights"].t(), "update.bias": var[f"{end}/Biases"]}
    two = any("layer_2/" in name for name in var)
    for layer in range(1 + two):
        of = f"layer_{layer + 1}/" if two else ""
        starts = [var[f"m/{of}initial_{s}/initial_state"][0] for s in "hc" if f"m/{of}initial_{s}/initial_state" in var]
        parts = ("",) if len(starts) == 2 else ("gates/", "candidate/")
        kernels, biases = ([var[f"rnn/cell/{of}{part}{name}"] for part in parts] for name in ("Weights", "Biases"))
        h = len(starts[0])
        if len(starts) == 2:
            (kernel,), (bias,) = kernels, biases
            (i, j, f, o), (b_i, b_j, b_f, b_o) = kernel.chunk(4, dim=1), bias.chunk(4)
            kernels, biases = [torch.cat([i, f, j, o], dim=1)], [torch.cat([b_i, b_f + 1, b_j, b_o])]
        of_x, of_h = zip(*((kernel[:-h], kernel[-h:]) for kernel in kernels), strict=True)
        own = {"W": torch.cat(of_x, dim=1)} if not layer or len(of_x) == 1 else {"W": of_x[0], "W_g": of_x[1].t()}
        own |= {"W": own["W"].t(), "U": torch.cat(of_h, dim=1).t(), "b": torch.cat(biases), "s_0": torch.stack(starts)}
        ours |= {f"layers.{layer}.{name}": value for name, value in own.items()}
    return ours


def zoneout(var: Arrays, case: Arrays) -> Arrays:
    return {
        "start": torch.stack([var["h0"], var["c0"]]),
        "rnn.weight_x": var["Wx"].t(),
        "rnn.weight_h": var["Wa"].t(),
        "rnn.bias": var["ab_betas"],
        "rnn.beta": var["c_betas"],
    }


def zoned(module: torch.nn.Module, case: Arrays) -> None:
    module.rnn.renewed = lambda *_: (case["update_mask_c"], case["update_mask_h"])


def zoned_by_the_mean(module: torch.nn.Module, case: Arrays) -> None:
    module.eval()
    module.rnn.z_c, module.rnn.z_h = (1 - case[f"update_mask_{state}"][0, 0, 0].item() for state in "ch")


def phased(var: Arrays, case: Arrays) -> Arrays:
    """Their parts are i, f, g, o; ours g, f, i, o."""

    def ordered(entry: Tensor) -> Tensor:
        i, f, g, o = entry.chunk(4, dim=-1)
        return torch.cat([g, f, i, o], dim=-1).t() if entry.dim() == 2 else torch.cat([g, f, i, o])

    return {
        "rnn.weight_x": ordered(var["W"]),
        "rnn.weight_h": ordered(var["U"]),
        "rnn.bias": ordered(var["bias"]),
        "rnn.tau": var["Periods"][:, 0],
        "rnn.s": var["Shifts"][:, 0],
        "rnn.r": var["On_End"][:, 0],
    }


def timed(module: torch.nn.Module, case: Arrays) -> None:
    module.rnn.times = lambda *_: case["times"]


def backtracking(var: Arrays, case: Arrays) -> Arrays:
    return {
        "rnn.weight_x": var["lstm1.weight_ih"],
        "rnn.weight_h": var["lstm1.weight_hh"],
        "rnn.bias": var["lstm1.bias_ih"] + var["lstm1.bias_hh"],
        "rnn.w": var["w_t"][:, 0],
    }


def backtracking_options(case: Arrays) -> dict[str, object]:
    names = {"k_top": "top_k", "k_att": "attn_every_k", "k_trunc": "truncate_length"}
    counts = {ours: int(case[f"hyper/{theirs}"]) for ours, theirs in names.items()}
    return {**counts, "block": bool(case["hyper/block_attn_grad_past"])}


def exponential(var: Arrays, case: Arrays) -> Arrays:
    """Of their A the entries above the diagonal."""
    A = var["A"]
    return {"rnn.T": var["input"], "rnn.b": var["b"], "rnn.A": A[tuple(torch.triu_indices(*A.shape, 1))]}


def constants(*names: str) -> Callable[[Arrays], dict[str, object]]:
    return lambda case: {name: case[f"hyper/{name}"].item() for name in names}


plain_source = partial(Source, options=lambda case: {"start": "trained"}, classifier=answers("out_mat", "out_bias"))
feedback_source = partial(Source, options=lambda case: {"layers": len(case["hidden"])}, prepare=as_wide)
minimal_source = partial(
    Source, classifier=projection, state=lambda case, given: tuple(h.squeeze(1) for h in given)
)  # of one layer
skipping_source = partial(Source, weights=skipping, options=lambda case: {"cost": case["lam"].item()})
zoneout_source = partial(Source, "zoneout-lstm", zoneout, options=lambda case: {"released": True})
selective_source = partial(Source, "mamba", selective, options=selective_options, prepare=only_the_layer)
min_lstm = partial(minimal_source, "minlstm", minimal("to_hidden_and_f_i_gate.weight"))
SOURCES = {
    "tanhrnn": [plain_source("tanh-rnn", simple)],
    "irnn": [plain_source("irnn", simple)],
    "mgu": [Source("mgu", mgu)],
    "mguflax": [Source("mgu", mgu_of_flax, options=lambda case: {"form": "after"})],
    "rhn": [Source("rhn", highway, options=lambda case: {"depth": int(case["hyper/depth"])}, prepare=masked)],
    "gflstm": [feedback_source("gf-lstm", feedback)],
    "gfgru": [feedback_source("gf-gru", feedback)],
    "mtgru": [Source("mtgru", timescale, options=lambda case: {"taus": (1 / case["tau_in_code"]).tolist()})],
    **{f"hornn_{kind}": hornn_source(kind) for kind in ("plain", "max", "fofe", "gated")},
    "stanh": [Source("stanh-rnn", skip_tanh, options=lambda case: {"skip": int(case["s"])})],
    "mist": [Source("mist", mist, options=lambda case: {"delays": tuple(case["delays"].tolist())})],
    "qrnn": [
        Source(
            "qrnn",
            quasi,
            options=quasi_options,
            prepare=lambda module, case: module.train("hyper/zoneout" not in case),
            state=quasi_state,
        )
    ],
    "mingru": [minimal_source("mingru", minimal("to_hidden_and_gate.weight"), options=lambda case: {"layers": 1})],
    "minlstm": [
        min_lstm(options=lambda case: {"layers": 1}),
        min_lstm(options=lambda case: {"layers": 1, "released": True}, out="_parallel", serves="minlstm-long".__eq__),
    ],
    "lem": [Source("lem", expressive, logits("classifier"), options=constants("dt"))],
    "cornn": [Source("cornn", oscillators, logits("readout"), options=constants("dt", "gamma", "epsilon"))],
    "fullurnn": [Source("full-urnn", full_unitary, answers("U", "out_bias"), prepare=as_blocks)],
    "urnn": [Source("urnn", unitary, answers("U", "out_bias"), prepare=permuted)],
    "sfm_time": frequency_source("fraction"),
    "sfm_released": frequency_source("released"),
    "sfm_adaptive": frequency_source("fraction", adaptive=True),
    "nru": [Source("nru", nonsaturating, answers("_W_h2o", "_b_o"), options=nonsaturating_options)],
    "unicornn": [Source("unicornn", undamped, logits("classifier"), options=constants("layers", "dt", "alpha"))],
    "bnlstm": [
        Source("bn-lstm", normalised, serves=f"bnlstm-{name}".__eq__, width=width, **evaluated)
        for name, width in (("short", 4), ("long", 3))
        for evaluated in ({}, {"prepare": as_given, "out": "_test"})
    ],
    "zoneout_bn": [
        Source("bn-lstm", normalised, options=some_stay, prepare=zoned_bn, width=3),
        Source("bn-lstm", normalised, options=some_stay, prepare=as_given_and_zoned, out="_test", width=3),
    ],
    "bnlstm_baseline": [Source("bn-lstm", normalised, options=lambda case: {"norm": "none"})],
    "indrnn": [
        Source("indrnn", independent, options=independent_options, serves="indrnn-recurrence".__eq__),
        Source(
            "indrnn",
            independent,
            logits("classifier"),
            options=independent_options,
            serves=lambda name: name != "indrnn-recurrence",
        ),
    ],
    "slstm": [Source("xlstm-s", extended, options=extended_options, width=6)],
    "lru": [
        Source("lru", diagonal, prepare=only_the_layer, serves=lambda name: name != "lru-classifier"),
        Source(
            "lru",
            diagonal,
            answers("decoder.kernel", "decoder.bias"),
            options=constants("layers"),
            prepare=as_port,
            serves="lru-classifier".__eq__,
            per_step=False,
            width=3,
        ),
    ],
    "s4d": [
        Source("s4d", state_space, prepare=only_the_layer, serves=lambda name: name != "s4d-net"),
        Source(
            "s4d",
            state_space,
            logits("decoder"),
            options=constants("layers"),
            serves="s4d-net".__eq__,
            per_step=False,
            width=3,
        ),
    ],
    "mamba": [
        selective_source(width=3, serves="mamba-long".__eq__),
        selective_source(width=4, serves="mamba-short".__eq__),
    ],
    "s5": [
        Source("s5", shared, options=shared_options, width=4, serves="s5-block".__eq__),
        Source("s5", shared, options=shared_options, prepare=only_the_layer, serves=lambda name: name != "s5-block"),
    ],
    "goru": [
        Source("goru", rotations, options=rotations_options, width=6, serves="goru-long".__eq__),
        Source("goru", rotations, options=rotations_options, width=8, serves="goru-short".__eq__),
    ],
    **{f"skip_{kind}": [skipping_source(f"skip-{kind}")] for kind in ("lstm", "gru")},
    "skip_lstm_2layers": [skipping_source("skip-lstm", options=lambda case: {"layers": 2, "cost": case["lam"].item()})],
    "skip_gru_2layers": [
        skipping_source("skip-gru", options=lambda case: {"layers": 2, "released": True, "cost": case["lam"].item()})
    ],
    "zoneout": [
        zoneout_source(prepare=zoned, serves=lambda name: name != "zoneout-expected"),
        zoneout_source(prepare=zoned_by_the_mean, serves="zoneout-expected".__eq__),
    ],
    "plstm": [Source("plstm", phased, options=lambda case: {"leak": case["hyper/off_slope"].item()}, prepare=timed)],
    "pointer_sentinel": [],  # of words: test_of_texts.py
    "neural_cache": [],
    "sab": [Source("sab", backtracking, logits("fc"), options=backtracking_options)],
    "exprnn": [Source("exprnn", exponential, options=lambda case: {"map": case["hyper/map"].item()})],
    # its x are no numbers that a gradient goes to: a test of its own
    "rlstm": [Source("r-lstm", recalling, options=recalling_options, serves=lambda name: False)],
    "clockwork_flandolfi": [
        Source(
            "clockwork",
            clockwork,
            clockwork_answers,
            options=lambda case: {"modules": len(case["units"])},
            prepare=as_wide_clocks,
        )
    ],
    "dilated_rnn": dilated_sources("rnn", "basic_rnn"),
    "dilated_lstm": dilated_sources("lstm", "basic_lstm"),
    "dilated_gru": dilated_sources("gru", "gru"),
}
"""By what stands before the dash in the name of a file."""
