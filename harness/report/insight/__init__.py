"""What trained models do with time.

seen       what was recorded, read back
gradients  how much gradient reaches each step
scales     what a model's scales do
frames     both, as frames for charts
"""
