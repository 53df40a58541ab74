"""LEM, one sequence and one step at a time, from its equations."""

import torch


def loop(module, shape):
    def answer(weights, x):
        (V_1, V_2, V_z, V_y), (W_1, W_2, W_z, W_y), (b_1, b_2, b_z, b_y) = (
            weights[f"rnn.{name}"].chunk(4) for name in ("weight_x", "weight_h", "bias")
        )
        C, a = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            y = z = b_y.new_zeros(len(b_y))
            row = []
            for x_t in sequence:
                for_z = 0.21 * torch.sigmoid(W_1 @ y + V_1 @ x_t + b_1)
                for_y = 0.21 * torch.sigmoid(W_2 @ y + V_2 @ x_t + b_2)
                z = (1 - for_z) * z + for_z * torch.tanh(W_z @ y + V_z @ x_t + b_z)
                y = (1 - for_y) * y + for_y * torch.tanh(W_y @ z + V_y @ x_t + b_y)
                row.append(C @ y + a)
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"lem": loop}
