"""MTGRU, one sequence and one step at a time, from its equations."""

import torch


def loop(module, shape):
    def answer(weights, x):
        C, a = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            below = list(sequence)
            for layer, tau in enumerate((1, 2, 4)):
                (W_r, W_z, W_u), (U_r, U_z, U_u), (b_r, b_z, b_u) = (
                    weights[f"rnns.{layer}.{name}"].chunk(3) for name in ("weight_x", "weight_h", "bias")
                )
                h, history = b_u.new_zeros(len(b_u)), []
                for x_t in below:
                    r = torch.sigmoid(W_r @ x_t + U_r @ h + b_r)
                    z = torch.sigmoid(W_z @ x_t + U_z @ h + b_z)
                    u = torch.tanh(W_u @ x_t + U_u @ (r * h) + b_u)
                    h = (1 - 1 / tau) * h + (z * h + (1 - z) * u) / tau
                    history.append(h)
                below = history
            row = torch.stack([C @ h + a for h in below])
            answers.append(row if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"mtgru": loop}
