"""Gated-feedback LSTM and GRU, one sequence, step, layer and source layer at a time, from the equations."""

import torch


def run(weights, x, widths, lstm, per_step):
    layers, parts = len(widths), 4 if lstm else 3
    C, a = weights["classifier.weight"], weights["classifier.bias"]
    answers = []
    for sequence in x:
        h, c = ([C.new_zeros(n) for n in widths] for _ in range(2))
        row = []
        for x_t in sequence:
            new_h, new_c = [], []
            for j, n in enumerate(widths):
                W, b = (weights[f"{name}.{j}"].split([n] * parts + [layers]) for name in "Wb")
                U = [of_i.split([n] * parts + [layers]) for of_i in weights[f"U.{j}"].split(widths, dim=1)]
                below = new_h[-1] if new_h else x_t
                candidate, *gates, feedback = range(parts + 1)

                def gate(part, below=below, W=W, U=U, b=b, h=h):
                    return torch.sigmoid(W[part] @ below + sum(U[i][part] @ h[i] for i in range(layers)) + b[part])

                g = gate(feedback)
                m = sum(g[i] * (U[i][candidate] @ h[i]) for i in range(layers))
                if lstm:
                    i_t, f_t, o_t = map(gate, gates)
                    new_c.append(f_t * c[j] + i_t * torch.tanh(W[candidate] @ below + m + b[candidate]))
                    new_h.append(o_t * torch.tanh(new_c[-1]))
                else:
                    r_t, u_t = map(gate, gates)
                    new = torch.tanh(W[candidate] @ below + r_t * m + b[candidate])
                    new_h.append(u_t * h[j] + (1 - u_t) * new)
            h, c = new_h, new_c
            row.append(C @ torch.cat(h) + a)
        answers.append(torch.stack(row) if per_step else row[-1])
    return torch.stack(answers)


def loop(*, lstm):
    return lambda module, shape: lambda weights, x: run(weights, x, module.widths, lstm, shape.per_step)


LOOPS = {"gf-lstm": loop(lstm=True), "gf-gru": loop(lstm=False)}
