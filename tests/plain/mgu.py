"""The minimal gated unit, one sequence and one step at a time, from its equations."""

import torch


def loop(module, shape):
    def answer(weights, x):
        (W_f, W_h), (U_f, U_h), (b_f, b_h) = (
            weights[f"rnn.{name}"].chunk(2) for name in ("weight_x", "weight_h", "bias")
        )
        C, a = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            h = b_f.new_zeros(len(b_f))
            row = []
            for x_t in sequence:
                f = torch.sigmoid(W_f @ x_t + U_f @ h + b_f)
                if "rnn.b_n" in weights:  # the gate acts after the product, and keeps
                    new = torch.tanh(W_h @ x_t + b_h + f * (U_h @ h + weights["rnn.b_n"]))
                    h = (1 - f) * new + f * h
                else:
                    new = torch.tanh(W_h @ x_t + U_h @ (f * h) + b_h)
                    h = (1 - f) * h + f * new
                row.append(C @ h + a)
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"mgu": loop}
