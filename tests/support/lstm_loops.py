"""Plain loops of the two LSTMs with replicas, and the comparison of the Triton kernels with them."""

import pytest
import torch

from models.engine.triton import lstm as triton_lstm

from .agreement import assert_close, gradients, weighted

GATES = 4


def plain(projected, U, h, c):
    """What triton_lstm.lstm computes."""
    hs, cs = [], []
    for frame in projected.unbind(1):
        i, f, g, o = (frame + h @ U.mT).chunk(GATES, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        hs.append(h)
        cs.append(c)
    return torch.stack(hs, 1), torch.stack(cs, 1)


def scaled(z, X, W_z, W, b, U, hard, h, c):
    """What triton_lstm.scaled_lstm computes."""
    hs, cs, ys = [], [], []
    for logits, frame in zip(z.unbind(1), X.unbind(1), strict=True):
        logits = logits + h @ W_z.mT
        y = torch.softmax(logits, -1)
        if hard:
            y = torch.zeros_like(y).scatter(-1, logits.argmax(-1, keepdim=True), 1.0)
        mixed = (y.unsqueeze(-1) * frame).sum(-2)
        one_step = (b.unsqueeze(1) + mixed @ W.mT).unsqueeze(1)
        h, c = (state[:, 0] for state in plain(one_step, U, h, c))
        hs.append(h)
        cs.append(c)
        ys.append(y)
    return torch.stack(hs, 1), torch.stack(cs, 1), torch.stack(ys, 1)


def plain_example(R, time, batch, h, **kind):
    """projected, U, h0, c0."""
    sizes = [(R, time, batch, GATES * h), (R, GATES * h, h), (R, batch, h), (R, batch, h)]
    return _drawn(sizes, [1, h**-0.5, 1, 1], **kind)


def scaled_example(R, time, batch, h, J, d, **kind):
    """z, X, W_z, W, b, U, h0, c0."""
    sizes = [(R, time, batch, J), (R, time, batch, J, d), (R, J, h), (R, GATES * h, d), (R, GATES * h)]
    sizes += [(R, GATES * h, h), (R, batch, h), (R, batch, h)]
    return _drawn(sizes, [1, 1, h**-0.5, d**-0.5, 1, h**-0.5, 1, 1], **kind)


def _drawn(sizes, scales, *, dtype=torch.float64, device="cpu"):
    source = torch.Generator().manual_seed(3)
    return [
        (scale * torch.randn(size, generator=source, dtype=dtype)).to(device).requires_grad_()
        for size, scale in zip(sizes, scales, strict=True)
    ]


def agree(fast, slow, inputs, used, tolerance):
    """Both give the same outputs, and the same gradients of a weighted sum of the used ones by the inputs."""
    values, expected = fast(), slow()
    assert_close(values, expected, tolerance, 1.0)
    assert_close(*(gradients(weighted(outputs, used), inputs) for outputs in (values, expected)), tolerance, 1.0)


def check_lstm(given, used=(0, 1), tolerance=1e-10):
    """given: what plain_example gives."""
    agree(lambda: triton_lstm.lstm(*given), lambda: plain(*given), given, used, tolerance)


def check_scaled(given, tolerance=1e-10):
    """given: what scaled_example gives."""
    *others, h, c = given
    agree(
        lambda: triton_lstm.scaled_lstm(*others, False, h, c),
        lambda: scaled(*others, False, h, c),
        given,
        (0, 1),
        tolerance,
    )


def check_hard(given, tolerance=1e-10):
    """A hard choice gives what the loop gives, and no gradient."""
    *others, h, c = given
    with torch.no_grad():
        ours, expected = (f(*others, True, h, c) for f in (triton_lstm.scaled_lstm, scaled))
    for value, right in zip(ours, expected, strict=True):
        assert torch.allclose(value, right, rtol=tolerance, atol=tolerance)
    with pytest.raises(ValueError, match="a hard choice of scales has no gradient"):
        triton_lstm.scaled_lstm(*others, True, h, c)


def check_nan(h, device="cpu"):
    """What is no number at the second step of the first sequence stays none there and in no other sequence."""
    gates = torch.zeros(1, 3, 2, 4 * h, device=device)
    gates[0, 1, 0] = torch.nan
    U, states = torch.ones(1, 4 * h, h, device=device), torch.zeros(2, 1, 2, h, device=device)
    out, _ = triton_lstm.lstm(gates, U, *states)
    assert out[0, 0].isfinite().all()
    assert out[0, 1:, 0].isnan().all()
    assert out[0, :, 1].isfinite().all()
