"""Models without a recurrence, to be seen beside those with one.

tcn        layers of causal convolutions, each over twice the time of that below
attention  a small causal Transformer
gmm        a mixture of Gaussians for the single steps of each class
rawcnn     convolutions over raw sound and a layer over all that they leave
"""
