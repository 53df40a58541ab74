"""TP-RNN's released code: its trained variables in our module, and our gradients under its names."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from harness import catalog
from models.tprnn import TPRNN


def from_official(variables: Mapping[str, Any], window: Sequence[int], granularity: Sequence[int]) -> TPRNN:
    """The authors' variables as a TPRNN with the released code's arithmetic.

    variables: name in the authors' graph -> array. window, granularity: one integer for each layer.
    """
    plain = {name.removesuffix(":0"): array for name, array in variables.items()}

    def tensor(name: str) -> Tensor:
        return torch.as_tensor(plain[name], dtype=torch.float32)

    layers = len(window)
    width = tensor("Softmax/softmax_w").shape[0]
    shape = catalog.sequence_shape(1, 1, 10)  # windows are given, so the length does not matter
    module = TPRNN(
        shape,
        width,
        layers=layers,
        window=tuple(int(L) for L in window),
        granularity=tuple(int(g) for g in granularity),
        weights="released",
        official_tail=True,
    )
    with torch.no_grad():
        for k, layer in enumerate(module.layers):
            kernel = _gates(tensor(f"MultiLSTM/LSTM_{k}/lstm_cell/kernel"))
            layer.cell.weight_x.copy_(kernel[: -width or None].T)
            layer.cell.weight_h.copy_(kernel[-width:].T)
            layer.cell.bias.copy_(_gates(tensor(f"MultiLSTM/LSTM_{k}/lstm_cell/bias")))
            layer.cell.bias[width : 2 * width] += 0.1  # the released cell adds its forget bias at each step
            for weight, side in ((layer.tree.w_in, "in"), (layer.tree.w_out, "out")):
                weight.copy_(torch.stack([tensor(f"w_{side}_{state}_{k}") for state in "hc"]))
            layer.path.w_in.copy_(tensor(f"w_in_ite_{k}"))
            layer.path.w_out.copy_(tensor(f"w_out_ite_{k}"))
            if module.head is not None:
                module.head.maps[k].copy_(tensor(f"map_{k}"))
        if module.head is not None:
            module.head.theta.w_in.copy_(tensor("ouput_up_w"))
            module.head.theta.w_out.copy_(tensor("ouput_do_w"))
        module.classifier.weight.copy_(tensor("Softmax/softmax_w").T)
        module.classifier.bias.copy_(tensor("Softmax/softmax_b"))
    return module


def official_names(module: TPRNN) -> dict[str, Any]:
    """Our gradients under the names and in the layout of the authors' variables."""
    found = {
        "Softmax/softmax_w": module.classifier.weight.grad.T,
        "Softmax/softmax_b": module.classifier.bias.grad,
    }
    for k, layer in enumerate(module.layers):
        joint = torch.cat([layer.cell.weight_x.grad, layer.cell.weight_h.grad], dim=1)
        found[f"MultiLSTM/LSTM_{k}/lstm_cell/kernel"] = _gates(joint.T)
        found[f"MultiLSTM/LSTM_{k}/lstm_cell/bias"] = _gates(layer.cell.bias.grad)
        for side, weight in (("in", layer.tree.w_in), ("out", layer.tree.w_out)):
            found[f"w_{side}_h_{k}"], found[f"w_{side}_c_{k}"] = weight.grad.unbind(0)
        found[f"w_in_ite_{k}"], found[f"w_out_ite_{k}"] = layer.path.w_in.grad[0], layer.path.w_out.grad[0]
        if module.head is not None:
            found[f"map_{k}"] = module.head.maps[k].grad
    if module.head is not None:
        found["ouput_up_w"] = module.head.theta.w_in.grad[0]
        found["ouput_do_w"] = module.head.theta.w_out.grad[0]
    return {name: gradient.numpy() for name, gradient in found.items()}


def _gates(kernel: Tensor) -> Tensor:
    """TensorFlow's gates i, candidate, f, o along the last axis become our i, f, candidate, o, and back."""
    i, g, f, o = kernel.chunk(4, dim=-1)
    return torch.cat([i, f, g, o], dim=-1)
