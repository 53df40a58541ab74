"""LRU, S4D and S5, one sequence and one step at a time, from their equations."""

import torch


def norm(v, weight, bias, eps):
    centred = v - v.mean()
    return centred / ((centred**2).mean() + eps) ** 0.5 * weight + bias


def mixed(get, g):
    W, b = get("weight"), get("bias")
    first, second = (W @ g + b).chunk(2)
    return first / (1 + torch.exp(-second))


def gelu(y):
    return y / 2 * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (y + 0.044715 * y**3)))


def lru(get, below):
    nu, theta, gamma, D = (get(f"rnn.{name}") for name in ("nu", "theta", "gamma", "D"))
    n = len(nu)
    B = get("rnn.B")[:n] + 1j * get("rnn.B")[n:]
    C = get("rnn.C")[:, :n] + 1j * get("rnn.C")[:, n:]
    decay = torch.exp(-torch.exp(nu) + 1j * torch.exp(theta))
    h, above = torch.zeros_like(decay), []
    for v in below:
        u = norm(v, get("norm.weight"), get("norm.bias"), 1e-6)
        h = decay * h + torch.exp(gamma) * (B @ u.to(B.dtype))
        y = (C @ h).real + D * u
        above.append(v + mixed(lambda name: get(f"out.{name}"), gelu(y)))
    return above


def s5(get, below):
    real, imaginary, log_step, D = (get(f"rnn.{name}") for name in ("Lambda_re", "Lambda_im", "log_step", "D"))
    Lambda, P = real + 1j * imaginary, len(real)
    B = get("rnn.B")[:P] + 1j * get("rnn.B")[P:]
    C = get("rnn.C")[:, :P] + 1j * get("rnn.C")[:, P:]
    now = torch.exp(Lambda * torch.exp(log_step))
    s, above = torch.zeros_like(now), []
    for v in below:
        u = norm(v, get("norm.weight"), get("norm.bias"), 1e-6)
        s = now * s + (now - 1) / Lambda * (B @ u.to(B.dtype))
        g = gelu(2 * (C @ s).real + D * u)
        above.append(v + g / (1 + torch.exp(-(get("out.weight") @ g + get("out.bias")))))
    return above


def s4d(get, below):
    log_dt, a, w, C, D = (get(f"rnn.{name}") for name in ("log_dt", "log_A_real", "A_imag", "C", "D"))
    A = -torch.exp(a) + 1j * w
    now = torch.exp(torch.exp(log_dt)[:, None] * A)
    B = (now - 1) / A
    s, above = torch.zeros_like(A), []
    for v in below:
        s = now * s + B * v[:, None]
        y = 2 * ((C[..., 0] + 1j * C[..., 1]) * s).sum(1).real + D * v
        g = y / 2 * (1 + torch.erf(y / 2**0.5))
        v = v + mixed(lambda name: get(f"rnn.out.{name}"), g)
        above.append(norm(v, get("norm.weight"), get("norm.bias"), 1e-5))
    return above


def loop(block):
    def of(module, shape):
        def answer(weights, x):
            C, a = weights["classifier.weight"], weights["classifier.bias"]
            answers = []
            for sequence in x:
                every = [weights["encoder.weight"] @ x_t + weights["encoder.bias"] for x_t in sequence]
                for number in range(len(module.blocks)):
                    every = block(lambda name, number=number: weights[f"blocks.{number}.{name}"], every)
                row = torch.stack(every) if shape.per_step else sum(every) / len(every)
                answers.append(row @ C.t() + a)
            return torch.stack(answers)

        return answer

    return of


LOOPS = {"lru": loop(lru), "s4d": loop(s4d), "s5": loop(s5)}
