"""The hierarchical RNN, one sequence, one step and one level at a time, from its equations."""

import torch


def loop(module, shape):
    def answer(weights, x):
        levels = [[weights[f"{name}.{l}"] for name in "WU"] for l in range(len(module.widths))]
        biases = weights["b"].split([len(W) for W, _ in levels])
        answers = []
        for sequence in x:
            y, row = [torch.zeros(len(b), dtype=x.dtype) for b in biases], []
            for t, below in enumerate(sequence):
                before, now = y, []
                for l, ((W, U), b) in enumerate(zip(levels, biases, strict=True)):
                    due = t % 4**l == 0
                    below = torch.tanh(W @ below + U @ torch.cat(before[l:]) + b) if due else before[l]
                    now.append(below)
                y = now
                row.append(weights["classifier.weight"] @ torch.cat(y) + weights["classifier.bias"])
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"hierarchical-rnn": loop}
