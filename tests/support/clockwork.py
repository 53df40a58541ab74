"""The weights of a Clockwork RNN in the form that its plain loop takes."""

import torch


def as_the_paper_draws_it(weights, widths):
    """W_I (n, d), W_H (n, n) with zeros below its diagonal blocks, b (n), the classifier."""
    W_H = torch.zeros(sum(widths), sum(widths), dtype=torch.float64)
    for i, k in enumerate(widths):
        start = sum(widths[:i])
        W_H[start : start + k, start:] = weights[f"W_H.{i}"]
    return weights["W_I"], W_H, weights["b"], weights["classifier.weight"], weights["classifier.bias"]
