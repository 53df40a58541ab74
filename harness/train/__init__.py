"""The training loop. It knows no names and no files.

loop       one seed or several, with evaluations, checkpoints and divergence
fitting    a model that is fitted to the data at once, in place of the steps
replicas   several modules of one model in one pass
alike      which modules may be that, though they were made with other options
graph      a training step that is recorded once and replayed
optimizer  the protocol's, and what a model says of single parameters
feed       batches, in order, from the device or from the host
evaluate   losses and metrics over a split
insight    what a trained model does with time
"""
