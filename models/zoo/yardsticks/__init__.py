"""Models without a recurrence, to be seen beside those with one.

tcn        layers of causal convolutions, each over twice the time of that below
attention  a small causal Transformer
"""
